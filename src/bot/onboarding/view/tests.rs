//! Every view stays within Discord's limits and keeps its promises.

use serde_json::Value;
use tastemaker_commands::CustomId;
use tastemaker_preference::{Extractor, LexiconExtractor};
use tastemaker_storage::OnboardingState;

use super::super::conversation::tests::gallery;
use super::super::conversation::{Input, Reading, Surroundings, ToRead, Together, begin, step};
use super::*;

fn conversation(inputs: &[Input]) -> OnboardingRecord {
    let (gallery, extractor) = (gallery(), LexiconExtractor::embedded());
    let around = Surroundings {
        gallery: &gallery,
        reading: Reading::NotYet,
        together: Together::Off,
        images: 3,
        now: 1_760_000_000_000,
    };
    let mut record = begin(1, 2, &around);
    for input in inputs {
        if let Err(wanted) = step(&mut record, input.clone(), &around) {
            let ToRead::One(said) = *wanted else {
                unreachable!("nothing is read together")
            };
            let read = extractor.extract(&said.comment).unwrap();
            let reading = Reading::Done(&read);
            step(&mut record, input.clone(), &Surroundings { reading, ..around }).unwrap();
        }
    }
    record
}

fn comment(text: &str) -> Input {
    Input::Comment {
        text: text.into(),
        late: false,
    }
}

fn json(view: &View) -> Value {
    serde_json::to_value(view.message()).unwrap()
}

/// The components of a view, checked against the limits.
fn components(view: &View) -> Vec<Value> {
    let message = json(view);
    let rows = message["components"].as_array().cloned().unwrap_or_default();
    assert!(rows.len() <= 5);
    let all: Vec<Value> = rows
        .iter()
        .flat_map(|row| row["components"].as_array().cloned().unwrap())
        .collect();
    assert!(
        rows.iter()
            .all(|row| (1..=5).contains(&row["components"].as_array().unwrap().len()))
    );
    let mut ids: Vec<String> = all
        .iter()
        .map(|it| it["custom_id"].as_str().unwrap().to_owned())
        .collect();
    for id in &ids {
        assert!(id.parse::<CustomId>().is_ok(), "{id}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(
        ids.len(),
        all.len(),
        "no two components of one message share an id"
    );
    all
}

fn labels(view: &View) -> Vec<String> {
    components(view)
        .iter()
        .filter_map(|it| it["label"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn an_image_comes_with_its_number_its_description_and_its_buttons() {
    let view = ask(
        &conversation(&[Input::Skip { at: None }]),
        &gallery(),
        "Skipped.".into(),
        Place::Direct,
        false,
    );
    let message = json(&view);
    assert!(
        message["embeds"][0]["title"]
            .as_str()
            .unwrap()
            .starts_with("2 of 3 · "),
        "{message}"
    );
    assert!(
        message["embeds"][0]["image"]["url"]
            .as_str()
            .unwrap()
            .starts_with("attachment://")
    );
    assert!(
        view.file
            .as_ref()
            .unwrap()
            .description
            .as_ref()
            .unwrap()
            .starts_with("A picture")
    );
    assert_eq!(labels(&view), ["Skip", "Back", "Done", "Stop"]);
    let private = ask(
        &conversation(&[]),
        &gallery(),
        String::new(),
        Place::Private,
        true,
    );
    assert_eq!(
        labels(&private),
        [
            "Comment",
            "Skip",
            "Back",
            "Done",
            "Stop",
            "Start over",
            "Drop this round"
        ]
    );
}

#[test]
fn the_review_offers_to_keep_only_what_is_there() {
    let empty = review(
        &conversation(&[Input::Skip { at: None }]),
        None,
        String::new(),
        &gallery(),
    );
    assert!(!labels(&empty).iter().any(|label| label.starts_with("Keep")));
    let mut record = conversation(&[comment("I love the pastel colours")]);
    record.state = OnboardingState::Review;
    assert!(labels(&review(&record, None, String::new(), &gallery())).contains(&"Keep".to_owned()));
    let again = review(&record, Some(&Profile::default()), String::new(), &gallery());
    assert!(labels(&again).contains(&"Replace my profile".to_owned()));
}

#[test]
fn the_review_says_how_sure_it_is_of_what() {
    let mut record = conversation(&[comment("I love the pastel colours and the soft lighting")]);
    record.state = OnboardingState::Review;
    let message = json(&review(&record, None, String::new(), &gallery()));
    let fields = message["embeds"][0]["fields"].as_array().unwrap();
    let sure = fields
        .iter()
        .find(|field| field["name"] == "How sure I am")
        .unwrap();
    let text = sure["value"].as_str().unwrap();
    let known = text.lines().next().unwrap();
    assert!(
        known.contains("lighting") && text.contains("hardly anything yet"),
        "{text}"
    );
    assert!(
        !json(&review(&conversation(&[]), None, String::new(), &gallery()))
            .to_string()
            .contains("How sure")
    );
}

#[test]
fn editing_lists_what_can_be_removed() {
    let view = editing(
        &conversation(&[comment("I love the pastel colours")]),
        String::new(),
    );
    let select = components(&view).remove(0);
    assert_eq!(select["options"][0]["value"], "pastel colours");
    // A menu without options is no menu.
    assert_eq!(
        labels(&editing(&conversation(&[]), String::new())),
        ["Add", "Finished editing"]
    );
}

#[test]
fn forms_are_within_the_limits() {
    for modal in [comment_modal(u64::MAX, u64::MAX), add_modal(u64::MAX)] {
        let modal = serde_json::to_value(modal).unwrap();
        assert!(modal["title"].as_str().unwrap().chars().count() <= 45);
        for row in modal["components"].as_array().unwrap() {
            let input = &row["components"][0];
            assert!(input["label"].as_str().unwrap().chars().count() <= 45, "{input}");
            assert!(input["max_length"].as_u64().unwrap() <= 4000);
            assert!(input["placeholder"].as_str().unwrap().chars().count() <= 100);
        }
    }
}
