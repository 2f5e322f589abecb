//! Chooses the style image that is worth asking about next.
//!
//! An image tells the more, the more of its attributes nobody has heard about yet: a category without an opinion weighs
//! most, then an attribute of which the opinion is still weak. What the image before it showed already weighs against
//! it, so that neighbours differ. Equal images come in the order of the gallery, so the choice is always the same.

use std::collections::HashSet;

use tastemaker_preference::{Profile, Vocabulary};

use crate::bot::gallery::{Gallery, StyleImage};

/// Worth of an attribute whose category no image has shown yet.
const NEW_CATEGORY: f32 = 1.0;
/// Worth of an attribute whose category was shown, and nothing said about it.
const SILENT_CATEGORY: f32 = 0.5;
/// Worth of an attribute about which something weak was said.
const WEAK_OPINION: f32 = 0.75;
/// Worth of an attribute that is new, in a category with opinions.
const NEW_ATTRIBUTE: f32 = 0.25;
/// Cost of an attribute that the image before has too.
const REPEATED: f32 = 1.5;
/// Opinions below this weight are weak.
const WEAK: f32 = 0.4;

/// Chooses up to `count` images to follow those in `shown`, given what is known of the person.
pub(super) fn choose(gallery: &Gallery, shown: &[String], known: &Profile, count: usize) -> Vec<String> {
    let mut sequence: Vec<&StyleImage> = shown.iter().filter_map(|id| gallery.get(id)).collect();
    let mut left: Vec<&StyleImage> = gallery
        .images()
        .iter()
        .filter(|image| !shown.contains(&image.id))
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < count && !left.is_empty() {
        let seen = Seen::of(&sequence);
        let mut best = (0, f32::MIN);
        for (at, image) in left.iter().enumerate() {
            let worth = seen.worth(image, known);
            if worth > best.1 {
                best = (at, worth);
            }
        }
        let image = left.remove(best.0);
        chosen.push(image.id.clone());
        sequence.push(image);
    }
    chosen
}

/// What the images so far have shown.
struct Seen<'a> {
    attributes: HashSet<&'a str>,
    categories: HashSet<&'static str>,
    last: &'a [String],
}

impl<'a> Seen<'a> {
    fn of(sequence: &[&'a StyleImage]) -> Self {
        let attributes: HashSet<&str> = sequence
            .iter()
            .flat_map(|image| &image.attributes)
            .map(String::as_str)
            .collect();
        Self {
            categories: attributes
                .iter()
                .filter_map(|attribute| category(attribute))
                .collect(),
            last: sequence.last().map_or(&[], |image| &image.attributes),
            attributes,
        }
    }

    /// Returns the mean worth of an image's attributes, so that long lists have no advantage.
    fn worth(&self, image: &StyleImage, known: &Profile) -> f32 {
        let worth: f32 = image
            .attributes
            .iter()
            .map(|attribute| self.worth_of(attribute, known))
            .sum();
        worth / image.attributes.len().max(1) as f32
    }

    fn worth_of(&self, attribute: &str, known: &Profile) -> f32 {
        let repeated = if self.last.iter().any(|last| last == attribute) {
            REPEATED
        } else {
            0.0
        };
        let gain = match (known.find(attribute), category(attribute)) {
            (Some((_, entry)), _) if entry.weight < WEAK => WEAK_OPINION,
            (Some(_), _) | (None, None) => 0.0,
            (None, Some(category)) if !self.categories.contains(category) => NEW_CATEGORY,
            (None, Some(category)) if !has_opinion(known, category) => SILENT_CATEGORY,
            (None, Some(_)) if !self.attributes.contains(attribute) => NEW_ATTRIBUTE,
            (None, Some(_)) => 0.0,
        };
        gain - repeated
    }
}

fn category(attribute: &str) -> Option<&'static str> {
    Vocabulary::embedded()
        .get(attribute)
        .map(|definition| definition.category.as_str())
}

fn has_opinion(known: &Profile, category: &str) -> bool {
    known
        .liked()
        .iter()
        .chain(known.disliked())
        .any(|entry| entry.category == category)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tastemaker_preference::Polarity;

    use super::*;

    fn gallery() -> Gallery {
        Gallery::of(&[
            ("a", &["pastel colours", "watercolour"]),
            ("b", &["neon colours", "watercolour"]),
            ("c", &["dramatic lighting", "oil painting"]),
            ("d", &["pastel colours", "oil painting"]),
        ])
    }

    #[test]
    fn an_image_that_shows_something_new_comes_before_one_that_repeats() {
        assert_eq!(choose(&gallery(), &["a".into()], &Profile::default(), 1), ["c"]);
    }

    #[test]
    fn every_image_comes_once_and_never_more_than_there_are() {
        let mut all = choose(&gallery(), &[], &Profile::default(), 10);
        all.sort();
        assert_eq!(all, ["a", "b", "c", "d"]);
        assert_eq!(
            choose(&gallery(), &["a".into(), "c".into()], &Profile::default(), 10).len(),
            2
        );
    }

    #[test]
    fn an_image_about_which_all_is_known_can_wait() {
        let gallery = Gallery::of(&[
            ("known", &["dramatic lighting", "oil painting"]),
            ("unknown", &["pastel colours", "minimalism"]),
        ]);
        let mut known = Profile::default();
        assert_eq!(choose(&gallery, &[], &known, 1), ["known"]);
        for attribute in ["dramatic lighting", "oil painting"] {
            known.set(Polarity::Liked, attribute, 0.9).unwrap();
        }
        assert_eq!(choose(&gallery, &[], &known, 1), ["unknown"]);
    }

    #[test]
    fn neighbours_in_the_gallery_that_comes_along_differ() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/onboarding");
        let gallery = Gallery::load(&folder).unwrap();
        let round = choose(&gallery, &[], &Profile::default(), 8);
        for pair in round.windows(2) {
            let (one, other) = (gallery.get(&pair[0]).unwrap(), gallery.get(&pair[1]).unwrap());
            assert!(
                one.attributes
                    .iter()
                    .filter(|it| other.attributes.contains(it))
                    .count()
                    <= 1,
                "{pair:?}"
            );
        }
    }
}
