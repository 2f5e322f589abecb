//! How texts are read: weights, long ones, layers left out.

use std::collections::BTreeMap;

use super::families::{MODES, golden, latents, load, params, personalised};
use super::*;
use crate::GenerationParams;
use crate::text::Reading;

#[test]
fn texts_of_two_encoders_are_joined() {
    let pipeline = load("sdxl");
    let mut comparison = Comparison::default();
    for (key, text) in [
        ("prompt", PROMPT),
        ("negative", NEGATIVE),
        ("plus", PLUS),
        ("minus", MINUS),
    ] {
        let encoded = pipeline.texts().prompt(text, READING).unwrap();
        comparison.add(key, &encoded.states, &golden(&format!("sdxl/text/{key}")));
        let pooled = encoded.pooled.as_ref().unwrap();
        comparison.add(key, pooled, &golden(&format!("sdxl/pooled/{key}")));
    }
    comparison.finish(8);
}

const READING: Reading = Reading {
    clip_skip: 0,
    weights: true,
};

#[test]
fn clip_skip_agrees() {
    let mut comparison = Comparison::default();
    let sd = super::load("sd", VpNorm::Raw);
    for (pipeline, family, scheduler, guidance, clip_skip) in [
        (&sd, "sd", "ddim", 5.0, 1),
        (&sd, "sd", "ddim", 5.0, 2),
        (&load("sd21"), "sd21", "ddim", 7.5, 1),
        (&load("sdxl"), "sdxl", "euler", 5.0, 1),
    ] {
        let params = GenerationParams {
            negative: NEGATIVE.to_owned(),
            clip_skip,
            ..params(pipeline, scheduler, guidance)
        };
        let key = match family {
            "sd" => format!("sd/clip_skip/{clip_skip}"),
            other => format!("{other}/clip_skip"),
        };
        comparison.add(&key, &latents(pipeline, &params), &golden(&key));
    }
    comparison.finish(4);
    let params = GenerationParams {
        clip_skip: 3,
        ..params(&sd, "ddim", 5.0)
    };
    let error = sd.start(&params).unwrap_err().to_string();
    assert!(
        error.starts_with("clip_skip") && error.contains("less than 3"),
        "{error}"
    );
}

fn prompts() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder().join("families/prompts.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn weighted_and_long_prompts_agree() {
    let mut comparison = Comparison::default();
    let (sd, xl) = (super::load("sd", VpNorm::Raw), load("sdxl"));
    for (name, prompt) in prompts() {
        let encoded = sd.texts().prompt(&prompt, READING).unwrap();
        assert_eq!(encoded.contexts, if name == "weighted" { 1 } else { 2 });
        let key = format!("sd/text/{name}");
        comparison.add(&key, &encoded.states, &golden(&key));
        let encoded = xl.texts().prompt(&prompt, READING).unwrap();
        let key = format!("sdxl/text/{name}");
        comparison.add(&key, &encoded.states, &golden(&key));
        let key = format!("sdxl/pooled/{name}");
        comparison.add(&key, encoded.pooled.as_ref().unwrap(), &golden(&key));
        let params = GenerationParams {
            prompt,
            negative: NEGATIVE.to_owned(),
            ..params(&sd, "ddim", 5.0)
        };
        let key = format!("sd/prompt/{name}");
        comparison.add(&key, &latents(&sd, &params), &golden(&key));
    }
    comparison.finish(12);
}

#[test]
fn words_beyond_the_context_are_named() {
    let pipeline = super::load("sd", VpNorm::Raw);
    let notices = |params: &GenerationParams| -> Vec<_> {
        let found = pipeline.notices(params).unwrap();
        found
            .into_iter()
            .map(|it| (it.parameter, it.beyond, it.unused))
            .collect()
    };
    let short = GenerationParams {
        prompt: "a (lighthouse:1.2) at dusk".to_owned(),
        ..params(&pipeline, "ddim", 5.0)
    };
    assert_eq!(notices(&short), []);
    let long = GenerationParams {
        // 18 tokens fit: the tree does not.
        prompt: format!("{}(a tree:1.2)", "the cat, ".repeat(6)),
        vp_plus: format!("{}mountain", "cat ".repeat(18)),
        ..short
    };
    let named = |parameter, beyond: &str| (parameter, beyond.to_owned(), String::new());
    assert_eq!(
        notices(&long),
        [named("prompt", "a tree"), named("vp_plus", "mountain")]
    );
    // Eight contexts are read, and there is a word more than that.
    let endless = GenerationParams {
        prompt: "cat ".repeat(8 * 18 + 1),
        ..long
    };
    let (_, beyond, unused) = notices(&endless).remove(0);
    assert_eq!(
        (beyond.matches("cat").count(), unused.as_str()),
        (7 * 18 + 1, "cat")
    );
    assert!(pipeline.start(&endless).is_ok());
    let text = pipeline.notices(&endless).unwrap()[0].to_string();
    assert!(text.contains("not used: \"cat\""), "{text}");
}

/// Long and short texts together: in one batch, and within one picture.
#[test]
fn texts_of_different_lengths_share_a_picture() {
    let pipeline = load("sdxl");
    let long = prompts().remove("long").unwrap();
    for (prompt, negative) in [(&*long, "blurry"), ("a cat", &*long), (&*long, "")] {
        for conditioning in MODES {
            let params = GenerationParams {
                steps: 3,
                prompt: prompt.to_owned(),
                negative: negative.to_owned(),
                ..personalised(&pipeline, "euler", 4.0, conditioning)
            };
            let plain = GenerationParams {
                beta: 0.0,
                ..params.clone()
            };
            // A trace of preference is a trace of change: the text's length does not jump with β.
            let trace = GenerationParams {
                beta: 1e-4,
                ..params.clone()
            };
            let (plain, trace) = (latents(&pipeline, &plain), latents(&pipeline, &trace));
            let change = relative_error(&trace, &plain);
            assert!(change > 0.0 && change < 1e-3, "{conditioning}: {change}");
            assert!(relative_error(&latents(&pipeline, &params), &plain) > 1e-3);
        }
    }
}

#[test]
fn brackets_are_text_when_weights_are_switched_off() {
    let pipeline = super::load("sd", VpNorm::Raw);
    let plain = Reading {
        weights: false,
        ..READING
    };
    let states = |text: &str, reading| {
        let encoded = pipeline.texts().prompt(text, reading).unwrap();
        crate::ops::testing::bits(&encoded.states)
    };
    assert_ne!(states("a (cat:1.2)", READING), states("a (cat:1.2)", plain));
    assert_eq!(states(r"a \(cat\)", READING), states("a (cat)", plain));
    assert_eq!(states("a cat", READING), states("a cat", plain));
}
