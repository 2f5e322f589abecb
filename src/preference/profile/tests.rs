//! Properties of the profile that hold for any comments, and the cases people meet.

use proptest::prelude::*;

use super::*;
use crate::{Extraction, ImportError, Preference};

fn preference(attribute: &str, weight: f32, evidence: &str) -> Preference {
    let (attribute, category) = canonical(attribute, false).unwrap_or_default();
    Preference {
        attribute,
        category,
        weight,
        evidence: evidence.to_owned(),
    }
}

fn likes(attribute: &str, weight: f32) -> Extraction {
    Extraction {
        liked: vec![preference(attribute, weight, "love it")],
        disliked: vec![],
    }
}

fn dislikes(attribute: &str, weight: f32) -> Extraction {
    Extraction {
        liked: vec![],
        disliked: vec![preference(attribute, weight, "hate it")],
    }
}

#[test]
fn repetition_strengthens_and_stays_bounded() {
    let mut profile = Profile::default();
    profile.merge(Some("a"), &likes("film grain", 0.6));
    profile.merge(Some("b"), &likes("film grain", 0.6));
    assert_eq!(profile.liked()[0].weight, 0.72);
    for image in 0..100 {
        profile.merge(Some(&format!("more-{image}")), &likes("film grain", 1.0));
    }
    assert_eq!(profile.liked()[0].weight, 1.0);
    assert_eq!(profile.liked()[0].evidence.len(), MAX_EVIDENCE);
}

#[test]
fn later_words_outweigh_earlier_ones() {
    let mut profile = Profile::default();
    profile.merge(Some("a"), &likes("film grain", 0.9));
    profile.merge(Some("b"), &dislikes("film grain", 0.6));
    assert!(profile.liked().is_empty());
    assert_eq!(profile.disliked()[0].weight, 0.15);
    assert_eq!(profile.disliked()[0].evidence[0].quote, "hate it");
}

#[test]
fn faint_doubt_only_weakens_and_equal_doubt_cancels() {
    let mut profile = Profile::default();
    profile.merge(Some("a"), &likes("film grain", 0.9));
    profile.merge(Some("b"), &dislikes("film grain", 0.2));
    assert_eq!(profile.liked()[0].weight, 0.25);
    profile.merge(Some("c"), &dislikes("film grain", 0.125));
    assert!(profile.is_empty());
}

#[test]
fn an_extraction_that_contradicts_itself_counts_for_nothing() {
    let mut profile = Profile::default();
    let both = Extraction {
        disliked: dislikes("neon colours", 0.4).disliked,
        ..likes("neon colours", 0.9)
    };
    profile.merge(None, &both);
    assert!(profile.is_empty());
    assert_eq!(profile.version(), 0);
}

#[test]
fn setting_by_hand_understands_words_and_moves_sides() {
    let mut profile = Profile::default();
    assert_eq!(profile.set(Polarity::Liked, "B&W", 0.5), Ok(()));
    assert_eq!(profile.vp_plus(), "black and white");
    assert_eq!(profile.set(Polarity::Disliked, "monochrome", 1.0), Ok(()));
    assert_eq!(
        (profile.vp_plus().as_str(), profile.vp_minus().as_str()),
        ("", "black and white")
    );
    assert_eq!(profile.set(Polarity::Liked, "Foxes, in  Waistcoats", 0.7), Ok(()));
    assert_eq!(profile.vp_plus(), "foxes in waistcoats");
    assert_eq!(profile.liked()[0].category, FREE_CATEGORY);
    assert!(profile.remove("B&W"));
    assert!(!profile.remove("B&W"));
    assert_eq!(profile.version(), 4);
}

#[test]
fn refuses_what_is_no_attribute_or_weight() {
    let mut profile = Profile::default();
    for attribute in ["", "  ", &"x".repeat(81), "a\u{7}b"] {
        assert!(matches!(
            profile.set(Polarity::Liked, attribute, 0.5),
            Err(ProfileError::BadAttribute {
                limit: MAX_ATTRIBUTE_CHARS
            })
        ));
    }
    for weight in [0.0, -0.5, 1.01, f32::NAN, f32::INFINITY] {
        assert!(matches!(
            profile.set(Polarity::Liked, "film grain", weight),
            Err(ProfileError::BadWeight { .. })
        ));
    }
    assert!(profile.is_empty());
}

#[test]
fn a_full_list_refuses_more() {
    let mut profile = Profile::default();
    for number in 0..MAX_ENTRIES {
        assert_eq!(
            profile.set(Polarity::Liked, &format!("qqxx {number} zzww"), 0.5),
            Ok(())
        );
    }
    assert_eq!(
        profile.set(Polarity::Liked, "one too many qx", 0.5),
        Err(ProfileError::Full { limit: MAX_ENTRIES })
    );
}

#[test]
fn diff_tells_every_change() {
    let mut old = Profile::default();
    old.merge(None, &likes("film grain", 0.5));
    old.merge(None, &likes("neon colours", 0.5));
    old.merge(None, &likes("sepia", 0.5));
    let mut new = old.clone();
    assert_eq!(new.set(Polarity::Liked, "film grain", 0.75), Ok(()));
    assert_eq!(new.set(Polarity::Disliked, "neon colours", 0.5), Ok(()));
    assert_eq!(new.set(Polarity::Liked, "fine lines", 0.5), Ok(()));
    assert!(new.remove("sepia"));
    let told: Vec<String> = new.diff(&old).iter().map(Change::to_string).collect();
    assert_eq!(
        told,
        [
            "film grain: stronger (0.50 → 0.75)",
            "now liked: fine lines",
            "neon colours: from liked to disliked",
            "no longer liked: sepia",
        ]
    );
    assert!(new.diff(&new).is_empty());
}

#[test]
fn import_names_what_is_wrong() {
    let entry = r#"{"attribute":"film grain","category":"texture","weight":0.5,"evidence":[]}"#;
    let cases = [
        (
            r#"{"schema":1,"liked":[],"disliked":[],"colour":1}"#.to_owned(),
            "colour",
        ),
        (r#"{"schema":2,"liked":[],"disliked":[]}"#.to_owned(), "schema 2"),
        (
            format!(r#"{{"schema":1,"liked":[{entry}],"disliked":[{entry}]}}"#),
            "film grain",
        ),
        (
            format!(
                r#"{{"schema":1,"liked":[{}],"disliked":[]}}"#,
                entry.replace("0.5", "7")
            ),
            "weight",
        ),
        (
            format!(
                r#"{{"schema":1,"liked":[{}],"disliked":[]}}"#,
                entry.replace("film grain", "")
            ),
            "liked[0]",
        ),
        (
            format!(
                r#"{{"schema":1,"liked":[{}],"disliked":[]}}"#,
                vec![entry; 257].join(",")
            ),
            "257",
        ),
        (
            format!(
                r#"{{"schema":1,"liked":[{}],"disliked":[]}}"#,
                entry.replace("weight", "wait")
            ),
            "wait",
        ),
        ("x".repeat(MAX_QUOTE_CHARS << 14), "bytes"),
    ];
    for (text, named) in cases {
        let message = Profile::from_json(&text)
            .err()
            .map(|error: ImportError| error.to_string());
        assert!(
            message.as_deref().is_some_and(|m| m.contains(named)),
            "{message:?} should name {named}"
        );
    }
}

fn any_extraction() -> impl Strategy<Value = Extraction> {
    let names = prop::sample::select(vec![
        "film grain",
        "neon colours",
        "sepia",
        "foxes in hats",
        "über & <b>",
    ]);
    let one =
        (names, 0.0f32..=1.2, ".{0,12}").prop_map(|(name, weight, quote)| preference(name, weight, &quote));
    (
        prop::collection::vec(one.clone(), 0..5),
        prop::collection::vec(one, 0..5),
    )
        .prop_map(|(liked, disliked)| Extraction { liked, disliked })
}

fn any_profile() -> impl Strategy<Value = Profile> {
    prop::collection::vec(any_extraction(), 0..8).prop_map(|extractions| {
        let mut profile = Profile::default();
        for (image, extraction) in extractions.iter().enumerate() {
            profile.merge(Some(&format!("image-{image}")), extraction);
        }
        profile
    })
}

proptest! {
    #[test]
    fn an_attribute_is_never_on_both_sides(profile in any_profile()) {
        for entry in profile.liked() {
            prop_assert!(profile.disliked().iter().all(|other| other.attribute != entry.attribute));
        }
        for list in [profile.liked(), profile.disliked()] {
            prop_assert!(list.iter().all(|entry| entry.weight > 0.0 && entry.weight <= 1.0));
            let mut sorted = list.to_vec();
            sort(&mut sorted);
            prop_assert_eq!(list, &sorted[..]);
        }
    }

    #[test]
    fn what_is_exported_is_imported_the_same(profile in any_profile()) {
        let again = Profile::from_json(&profile.to_json());
        prop_assert_eq!(again.ok(), Some(profile));
    }

    #[test]
    fn the_same_words_about_the_same_image_count_once(
        mut profile in any_profile(), name in "film grain|sepia", weight in 0.06f32..=1.0,
    ) {
        profile.merge(Some("shown"), &likes(&name, weight));
        let settled = profile.find(&name).is_some_and(|(side, _)| side == Polarity::Liked);
        let once = profile.clone();
        profile.merge(Some("shown"), &likes(&name, weight));
        if settled && once.find(&name).is_some_and(|(_, entry)| entry.evidence.iter().any(|e| e.image.as_deref() == Some("shown"))) {
            prop_assert_eq!(profile, once);
        }
    }

    #[test]
    fn strong_later_words_always_win(mut profile in any_profile(), name in "film grain|sepia") {
        profile.merge(Some("last"), &dislikes(&name, 1.0));
        prop_assert!(profile.find(&name).is_some_and(|(side, _)| side == Polarity::Disliked));
    }

    #[test]
    fn importing_never_panics(text in "\\PC{0,200}") {
        let _ = Profile::from_json(&text);
    }
}
