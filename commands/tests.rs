//! The registration as Discord gets it, and options as they come back.

use proptest::prelude::*;
use serde_json::{Value, json};
use serenity::all::CommandData;

use crate::imagine::{Aspect, Imagine};
use crate::profile::{Edit, Profile};
use crate::{ParseError, imagine, profile, strength};

fn registration() -> Value {
    serde_json::to_value(crate::all()).unwrap()
}

fn data(name: &str, options: Value) -> CommandData {
    serde_json::from_value(json!({ "id": "1", "name": name, "type": 1, "options": options })).unwrap()
}

fn text(name: &str, value: &str) -> Value {
    json!({ "name": name, "type": 3, "value": value })
}

#[test]
fn the_registration_is_as_reviewed() {
    // The order of an object's members is that of whichever map serde_json is built with.
    insta::with_settings!({sort_maps => true}, {
        insta::assert_json_snapshot!(registration());
    });
}

/// Discord's limits for a command and its options, however deep.
fn check(command: &Value, path: &str) {
    let name = command["name"].as_str().unwrap();
    let path = format!("{path}/{name}");
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    assert!(
        (1..=32).contains(&name.len()) && name.chars().all(allowed),
        "{path}"
    );
    let description = command["description"].as_str().unwrap();
    assert!(
        (1..=100).contains(&description.chars().count()),
        "{path}: {description}"
    );
    let options = command["options"].as_array().cloned().unwrap_or_default();
    assert!(options.len() <= 25, "{path}");
    let required: Vec<bool> = options.iter().map(|option| option["required"] == true).collect();
    assert!(
        required.is_sorted_by(|a, b| a >= b),
        "{path}: required options come first"
    );
    let mut names: Vec<_> = options.iter().map(|option| option["name"].to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), options.len(), "{path}: two options of one name");
    let choices = command["choices"].as_array().map_or(0, Vec::len);
    assert!(
        choices <= 25 && !(choices > 0 && command["autocomplete"] == true),
        "{path}"
    );
    for bound in ["min_length", "max_length"] {
        assert!(command[bound].as_u64().unwrap_or(1) <= 6000, "{path}");
    }
    options.iter().for_each(|option| check(option, &path));
}

/// Characters that count towards the limit of a command: names, descriptions and choices.
fn size(command: &Value) -> usize {
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let nested = |key: &str| {
        command[key]
            .as_array()
            .map_or(0, |list| list.iter().map(size).sum())
    };
    length(&command["name"])
        + length(&command["description"])
        + length(&command["value"])
        + nested("options")
        + nested("choices")
}

#[test]
fn the_registration_is_within_discords_limits() {
    let registration = registration();
    let commands = registration.as_array().unwrap();
    assert!(commands.len() <= 100);
    for command in commands {
        check(command, "");
        assert!(size(command) <= 8000, "{command}");
        assert_eq!(command["contexts"], json!([0, 1]), "{command}");
        assert_eq!(command["integration_types"], json!([0]), "{command}");
    }
}

#[test]
fn imagine_takes_defaults_for_what_is_not_said() {
    let parsed = imagine::parse(&data("imagine", json!([text("prompt", "  a lighthouse ")]))).unwrap();
    let expected = Imagine {
        prompt: "a lighthouse".into(),
        beta: None,
        seed: None,
        count: 1,
        negative: None,
        aspect: None,
        plain: false,
        image: None,
        strength: None,
    };
    assert_eq!(format!("{parsed:?}"), format!("{expected:?}"));
}

#[test]
fn imagine_reads_every_option() {
    let options = json!([
        text("prompt", "a lighthouse"), { "name": "beta", "type": 10, "value": 1 }, { "name": "seed", "type": 4, "value": 4294967295u32 },
        { "name": "count", "type": 4, "value": 4 }, text("negative", "people"), text("aspect", "portrait"), { "name": "plain", "type": 5, "value": true },
    ]);
    let expected = Imagine {
        prompt: "a lighthouse".into(),
        beta: Some(1.0),
        seed: Some(4294967295),
        count: 4,
        negative: Some("people".into()),
        aspect: Some(Aspect::Portrait),
        plain: true,
        image: None,
        strength: None,
    };
    let parsed = imagine::parse(&data("imagine", options)).unwrap();
    assert_eq!(format!("{parsed:?}"), format!("{expected:?}"));
}

#[test]
fn imagine_reads_a_picture_and_how_far_to_move_away_from_it() {
    let file = json!({ "id": "9", "filename": "a.png", "size": 5, "url": "https://x/a.png", "proxy_url": "https://x/a.png" });
    let command = json!({
        "id": "1", "name": "imagine", "type": 1, "resolved": { "attachments": { "9": file } },
        "options": [
            text("prompt", "x"), { "name": "image", "type": 11, "value": "9" }, { "name": "strength", "type": 10, "value": 0.4 },
        ],
    });
    let parsed = imagine::parse(&serde_json::from_value(command).unwrap()).unwrap();
    assert_eq!(
        (parsed.image.unwrap().filename.as_str(), parsed.strength),
        ("a.png", Some(0.4))
    );
    // A strength without a picture means nothing.
    let alone = json!([text("prompt", "x"), { "name": "strength", "type": 10, "value": 0.4 }]);
    assert!(
        imagine::parse(&data("imagine", alone))
            .unwrap_err()
            .to_string()
            .contains("`image`")
    );
}

#[test]
fn what_is_out_of_bounds_is_refused_in_a_sentence() {
    let refused = |options: Value| imagine::parse(&data("imagine", options)).unwrap_err().to_string();
    assert!(refused(json!([])).contains("`prompt`"));
    assert!(refused(json!([text("prompt", " \n ")])).contains("empty"));
    assert!(refused(json!([text("prompt", &"x".repeat(1001))])).contains("1001"));
    let with = |option: Value| refused(json!([text("prompt", "x"), option]));
    assert_eq!(
        with(json!({ "name": "beta", "type": 10, "value": 1.5 })),
        "`beta` must be a number from 0 to 1."
    );
    assert!(with(json!({ "name": "seed", "type": 4, "value": -1 })).contains("4294967295"));
    assert!(with(json!({ "name": "count", "type": 4, "value": 5 })).contains("from 1 to 4"));
    assert!(with(text("aspect", "round")).contains("`aspect`"));
    assert!(with(text("plain", "yes")).contains("`plain`"));
}

#[test]
fn a_prompt_is_counted_in_characters_not_bytes() {
    let prompt = "ä".repeat(1000);
    assert_eq!(
        imagine::parse(&data("imagine", json!([text("prompt", &prompt)])))
            .unwrap()
            .prompt,
        prompt
    );
}

#[test]
fn strength_must_be_there_and_in_range() {
    let value = |value: Value| {
        strength::parse(&data(
            "strength",
            json!([{ "name": "value", "type": 10, "value": value }]),
        ))
    };
    assert_eq!(value(json!(0.25)), Ok(0.25));
    assert!(matches!(value(json!(-0.1)), Err(ParseError::OutOfRange { .. })));
    assert_eq!(
        strength::parse(&data("strength", json!([]))),
        Err(ParseError::Missing { option: "value" })
    );
}

#[test]
fn profile_reads_its_subcommands() {
    let sub = |name: &str, options: Value| {
        data(
            "profile",
            json!([{ "name": name, "type": 1, "options": options }]),
        )
    };
    assert!(matches!(
        profile::parse(&sub("show", json!([]))),
        Ok(Profile::Show)
    ));
    assert!(matches!(
        profile::parse(&sub("undo", json!([]))),
        Ok(Profile::Undo)
    ));
    let Ok(Profile::Edit(edit)) = profile::parse(&sub("edit", json!([text("like", "soft light")]))) else {
        panic!("an edit")
    };
    let expected = Edit {
        like: Some("soft light".into()),
        dislike: None,
        remove: None,
        weight: 0.8,
    };
    assert_eq!(edit, expected);
    let nothing = profile::parse(&sub("edit", json!([]))).unwrap_err();
    assert!(nothing.to_string().contains("`remove`"), "{nothing}");
    assert!(matches!(
        profile::parse(&sub("vote", json!([]))),
        Err(ParseError::Unknown { .. })
    ));
    assert!(matches!(
        profile::parse(&sub("import", json!([]))),
        Err(ParseError::Missing { option: "file" })
    ));
}

#[test]
fn profile_import_finds_its_file() {
    let import: CommandData = serde_json::from_value(json!({
        "id": "1", "name": "profile", "type": 1,
        "options": [{ "name": "import", "type": 1, "options": [{ "name": "file", "type": 11, "value": "7" }] }],
        "resolved": { "attachments": { "7": { "id": "7", "filename": "taste.json", "size": 9, "url": "https://cdn.discordapp.com/x", "proxy_url": "https://cdn.discordapp.com/x" } } },
    }))
    .unwrap();
    assert!(matches!(profile::parse(&import), Ok(Profile::Import(file)) if file.filename == "taste.json"));
}

proptest! {
    #[test]
    fn no_option_makes_parsing_panic(name in "[a-z]{1,8}|prompt|beta|count|seed", kind in prop_oneof![Just(3u8), Just(4), Just(5), Just(10)], number: i32, words in ".{0,40}") {
        let value = match kind { 3 => json!(words), 4 => json!(number), 5 => json!(number > 0), _ => json!(f64::from(number) / 7.0) };
        let data = data("imagine", json!([{ "name": name, "type": kind, "value": value }]));
        let _ = (imagine::parse(&data), strength::parse(&data), profile::parse(&data).is_ok());
    }
}
