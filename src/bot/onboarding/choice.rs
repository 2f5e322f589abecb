//! Chooses the style image that is worth asking about next, and knows how sure the answers make one.
//!
//! The gallery and the stored record, read as beliefs (`tastemaker_preference::asking`); nothing is remembered beside the
//! record, so a restart changes no choice.

use tastemaker_preference::asking::{self, Beliefs, Candidate, CategoryConfidence, Heard};
use tastemaker_storage::{Answer, OnboardingRecord};

use crate::bot::gallery::Gallery;

/// Images with words on them before asking may end by itself: fewer say little, however silent a person is.
const FEWEST_COMMENTS: usize = 4;

/// Chooses up to `count` images to follow those in `shown`, given what was answered.
pub(super) fn choose(gallery: &Gallery, shown: &[String], answers: &[Answer], count: usize) -> Vec<String> {
    let candidates = candidates(gallery);
    let mut beliefs = beliefs(&candidates, shown, answers);
    let mut shown = shown.to_vec();
    let mut chosen = Vec::new();
    while chosen.len() < count {
        let Some(choice) = asking::next_image(&candidates, &shown, &beliefs) else {
            break;
        };
        let image = &candidates[choice.index];
        beliefs.expect(&image.attributes);
        shown.push(image.id.clone());
        chosen.push(image.id.clone());
    }
    chosen
}

/// Tells whether enough was said, and no image left is expected to tell much more.
pub(super) fn little_left(gallery: &Gallery, shown: &[String], answers: &[Answer]) -> bool {
    let with_words = |answer: &&Answer| !answer.image.is_empty() && !answer.extraction.is_empty();
    if answers.iter().filter(with_words).count() < FEWEST_COMMENTS {
        return false;
    }
    let candidates = candidates(gallery);
    let beliefs = beliefs(&candidates, shown, answers);
    asking::little_left(&candidates, shown, &beliefs)
}

/// Returns how sure one is of each category, given what was answered.
pub(super) fn confidence(gallery: &Gallery, record: &OnboardingRecord) -> Vec<CategoryConfidence> {
    let answered: Vec<String> = record
        .images
        .iter()
        .filter(|image| record.answers.iter().any(|answer| answer.image == **image))
        .cloned()
        .collect();
    beliefs(&candidates(gallery), &answered, &record.answers).confidence()
}

fn candidates(gallery: &Gallery) -> Vec<Candidate> {
    let candidate = |image: &crate::bot::gallery::StyleImage| Candidate {
        id: image.id.clone(),
        attributes: image.attributes.clone(),
    };
    gallery.images().iter().map(candidate).collect()
}

/// Everything that was heard: words about taste as such, then the images in their order.
fn beliefs(candidates: &[Candidate], shown: &[String], answers: &[Answer]) -> Beliefs {
    let mut beliefs = Beliefs::new(candidates);
    for answer in answers.iter().filter(|answer| answer.image.is_empty()) {
        beliefs.hear_in_general(&answer.extraction);
    }
    for id in shown {
        let Some(image) = candidates.iter().find(|candidate| candidate.id == *id) else {
            continue;
        };
        match answers.iter().find(|answer| answer.image == *id) {
            Some(answer) if answer.comment.is_some() => {
                beliefs.hear(&image.attributes, Heard::Words(&answer.extraction));
            }
            Some(_) => beliefs.hear(&image.attributes, Heard::Nothing),
            None => beliefs.expect(&image.attributes),
        }
    }
    beliefs
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tastemaker_preference::{Extraction, Preference};

    use super::*;

    fn gallery() -> Gallery {
        Gallery::of(&[
            ("a", &["pastel colours", "watercolour"]),
            ("b", &["neon colours", "watercolour"]),
            ("c", &["dramatic lighting", "oil painting"]),
            ("d", &["pastel colours", "oil painting"]),
        ])
    }

    fn liking(image: &str, attributes: &[&str]) -> Answer {
        let preference = |name: &&str| Preference {
            attribute: (*name).to_owned(),
            category: "other".into(),
            weight: 0.9,
            evidence: "x".into(),
        };
        Answer {
            image: image.into(),
            comment: Some("x".into()),
            unread: false,
            together: false,
            extraction: Extraction {
                liked: attributes.iter().map(preference).collect(),
                disliked: Vec::new(),
            },
        }
    }

    #[test]
    fn an_image_that_shows_something_new_comes_before_one_that_repeats() {
        assert_eq!(choose(&gallery(), &["a".into()], &[], 1), ["c"]);
    }

    #[test]
    fn every_image_comes_once_and_never_more_than_there_are() {
        let mut all = choose(&gallery(), &[], &[], 10);
        all.sort();
        assert_eq!(all, ["a", "b", "c", "d"]);
        assert_eq!(choose(&gallery(), &["a".into(), "c".into()], &[], 10).len(), 2);
    }

    #[test]
    fn an_image_about_which_all_is_known_can_wait() {
        let gallery = Gallery::of(&[
            ("known", &["dramatic lighting", "oil painting"]),
            ("unknown", &["pastel colours", "minimalism"]),
        ]);
        assert_eq!(choose(&gallery, &[], &[], 1), ["known"]);
        let said = liking("", &["dramatic lighting", "oil painting"]);
        assert_eq!(choose(&gallery, &[], &[said], 1), ["unknown"]);
    }

    #[test]
    fn asking_ends_only_after_some_comments() {
        let images: Vec<(String, [&str; 1])> = ["hatching", "moonlight", "1960s", "vignette", "sepia"]
            .iter()
            .map(|name| (format!("image {name}"), [*name]))
            .collect();
        let images: Vec<(&str, &[&str])> = images.iter().map(|(id, it)| (id.as_str(), &it[..])).collect();
        let gallery = Gallery::of(&images);
        let shown: Vec<String> = gallery.images()[..4]
            .iter()
            .map(|image| image.id.clone())
            .collect();
        let mut answers: Vec<Answer> = gallery.images()[..4]
            .iter()
            .map(|image| liking(&image.id, &[image.attributes[0].as_str()]))
            .collect();
        answers.push(liking("", &["sepia"]));
        assert!(little_left(&gallery, &shown, &answers));
        assert!(
            !little_left(&gallery, &shown, &answers[1..]),
            "three comments are too few"
        );
        assert!(
            !little_left(&gallery, &shown, &answers[..4]),
            "nothing was said of sepia"
        );
    }

    #[test]
    fn neighbours_in_the_gallery_that_comes_along_differ() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/onboarding");
        let gallery = Gallery::load(&folder).unwrap();
        let round = choose(&gallery, &[], &[], 8);
        for pair in round.windows(2) {
            let (one, other) = (gallery.get(&pair[0]).unwrap(), gallery.get(&pair[1]).unwrap());
            assert!(
                !asking::same_style(&one.attributes, &other.attributes),
                "{pair:?}"
            );
        }
    }
}
