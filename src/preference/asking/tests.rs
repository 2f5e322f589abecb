//! What every round of questions keeps to, whatever is answered.

use proptest::prelude::*;

use super::*;
use crate::{Extraction, Preference, Vocabulary};

fn candidate(id: &str, attributes: &[&str]) -> Candidate {
    Candidate {
        id: id.into(),
        attributes: attributes.iter().map(|it| (*it).to_owned()).collect(),
    }
}

fn liking(attributes: &[&str]) -> Extraction {
    let preference = |name: &&str| Preference {
        attribute: (*name).to_owned(),
        category: Vocabulary::embedded().get(name).unwrap().category.clone(),
        weight: 0.8,
        evidence: "x".into(),
    };
    Extraction {
        liked: attributes.iter().map(preference).collect(),
        disliked: Vec::new(),
    }
}

fn after(candidates: &[Candidate], answers: &[(usize, Option<Extraction>)]) -> (Beliefs, Vec<String>) {
    let mut beliefs = Beliefs::new(candidates);
    let mut shown = Vec::new();
    for (at, answer) in answers {
        let heard = answer.as_ref().map_or(Heard::Nothing, Heard::Words);
        beliefs.hear(&candidates[*at].attributes, heard);
        shown.push(candidates[*at].id.clone());
    }
    (beliefs, shown)
}

fn next(candidates: &[Candidate], answers: &[(usize, Option<Extraction>)]) -> Option<usize> {
    let (beliefs, shown) = after(candidates, answers);
    next_image(candidates, &shown, &beliefs).map(|choice| choice.index)
}

#[test]
fn an_image_that_shows_something_new_comes_before_one_that_repeats() {
    let images = [
        candidate("a", &["pastel colours", "soft lighting"]),
        candidate("b", &["pastel colours", "calm mood"]),
        candidate("c", &["dramatic lighting", "hatching"]),
    ];
    assert_eq!(next(&images, &[(0, Some(liking(&["pastel colours"])))]), Some(2));
}

#[test]
fn an_image_about_which_all_was_said_comes_last() {
    let images = [
        candidate("known", &["dramatic lighting", "hatching"]),
        candidate("unknown", &["pastel colours", "rounded shapes"]),
    ];
    let mut beliefs = Beliefs::new(&images);
    assert_eq!(next_image(&images, &[], &beliefs).unwrap().index, 0);
    beliefs.hear_in_general(&liking(&["dramatic lighting", "hatching"]));
    assert_eq!(next_image(&images, &[], &beliefs).unwrap().index, 1);
}

#[test]
fn what_a_person_talks_about_is_asked_about_more() {
    let images = [
        candidate("light", &["golden hour", "moonlight", "backlighting"]),
        candidate("line", &["fine lines", "hard edges", "angular lines"]),
        candidate("more light", &["rim lighting", "low-key lighting"]),
        candidate("more line", &["parallel lines", "soft edges"]),
    ];
    let light = |said| [(0, said), (1, None)];
    let said = liking(&["golden hour", "moonlight", "backlighting"]);
    assert_eq!(next(&images, &light(Some(said))), Some(2));
    let silent = [
        (0, None),
        (1, Some(liking(&["fine lines", "hard edges", "angular lines"]))),
    ];
    let mut reversed = after(&images, &silent).0;
    reversed.expect(&[]);
    assert_eq!(
        next_image(&images, &["light".into(), "line".into()], &reversed)
            .unwrap()
            .index,
        3
    );
}

#[test]
fn a_style_is_not_shown_twice_in_a_row_while_there_is_another() {
    let images = [
        candidate("a", &["watercolour", "calm mood"]),
        candidate(
            "b",
            &[
                "watercolour",
                "neon colours",
                "hatching",
                "moonlight",
                "1960s",
                "vignette",
            ],
        ),
        candidate("c", &["oil painting"]),
    ];
    assert_eq!(next(&images, &[(0, None)]), Some(2));
    assert_eq!(next(&images[..2], &[(0, None)]), Some(1), "nothing else is left");
    assert!(same_style(&images[0].attributes, &images[1].attributes));
    assert!(!same_style(&images[0].attributes, &images[2].attributes));
}

#[test]
fn opposites_and_shared_words_are_believed_to_hang_together() {
    let images = [
        candidate("a", &["warm colours", "neon colours"]),
        candidate("b", &["cool colours", "neon lighting"]),
    ];
    let means_after = |liked: &str| {
        let mut beliefs = Beliefs::new(&images);
        beliefs.hear_in_general(&liking(&[liked]));
        move |name: &str| beliefs.mean[beliefs.prior.index(name).unwrap()]
    };
    let mean = means_after("warm colours");
    assert!(mean("warm colours") > 1.0);
    assert!(mean("cool colours") < -0.05, "{}", mean("cool colours"));
    let mean = means_after("neon colours");
    assert!(mean("neon lighting") > 0.1, "{}", mean("neon lighting"));
}

#[test]
fn asking_ends_when_little_is_left_and_not_before() {
    let images = [
        candidate("a", &["pastel colours", "soft lighting", "hatching"]),
        candidate("b", &["neon colours", "clean lines", "moonlight"]),
    ];
    let (beliefs, shown) = after(&images, &[(0, Some(liking(&["soft lighting"])))]);
    assert!(!little_left(&images, &shown, &beliefs));
    let mut told = beliefs.clone();
    told.hear_in_general(&liking(&["neon colours", "clean lines", "moonlight"]));
    assert!(little_left(&images, &shown, &told));
    assert!(little_left(&images, &["a".into(), "b".into()], &beliefs));
}

/// Names that the vocabulary has, and one that it does not.
fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let names: Vec<String> = Vocabulary::embedded()
        .attributes()
        .iter()
        .step_by(9)
        .map(|it| it.name.clone())
        .chain(["sparkly zebra".to_owned()])
        .collect();
    let attributes = proptest::collection::vec(proptest::sample::select(names), 0..6);
    proptest::collection::vec(attributes, 1..12).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(at, attributes)| Candidate {
                id: at.to_string(),
                attributes,
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_round_shows_every_image_once_and_only_grows_surer(
        candidates in any_candidates(),
        answers in proptest::collection::vec((0..3u8, 0..6usize), 12),
    ) {
        let mut beliefs = Beliefs::new(&candidates);
        let mut shown: Vec<String> = Vec::new();
        let mut before = beliefs.confidence();
        for (kind, which) in answers {
            let Some(choice) = next_image(&candidates, &shown, &beliefs) else { break };
            prop_assert_eq!(next_image(&candidates, &shown, &beliefs), Some(choice));
            prop_assert!(choice.gain.is_finite() && choice.gain >= 0.0);
            let image = &candidates[choice.index];
            prop_assert!(!shown.contains(&image.id));
            if let Some(last) = beliefs.last_shown()
                && same_style(last, &image.attributes)
            {
                let other = candidates
                    .iter()
                    .any(|it| !shown.contains(&it.id) && !same_style(last, &it.attributes));
                prop_assert!(!other, "another style was left");
            }
            let known: Vec<&str> = image
                .attributes
                .iter()
                .filter(|it| Vocabulary::embedded().get(it).is_some())
                .map(String::as_str)
                .collect();
            let said = known.get(which).map(|name| liking(&[*name])).unwrap_or_default();
            let said = match kind {
                0 => said,
                _ => Extraction { disliked: said.liked, liked: Vec::new() },
            };
            let heard = if kind == 2 { Heard::Nothing } else { Heard::Words(&said) };
            beliefs.hear(&image.attributes, heard);
            shown.push(image.id.clone());

            let after = beliefs.confidence();
            for (before, after) in before.iter().zip(&after) {
                prop_assert!((0.0..=1.0).contains(&after.confidence));
                prop_assert!(after.confidence >= before.confidence - 1e-6, "{before:?} {after:?}");
            }
            before = after;
        }
        let all_shown = shown.len() == candidates.len();
        prop_assert!(all_shown || next_image(&candidates, &shown, &beliefs).is_some());
    }
}
