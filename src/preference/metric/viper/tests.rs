use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::*;
use crate::idefics2::fixtures::{folder, picture, tiny};
use crate::idefics2::session::prompts;

fn metric() -> ViperMetric {
    let model = tiny().with_adapter(&folder().join("adapters/list")).unwrap();
    let processor = ImageProcessor::from_folder(&folder()).unwrap();
    let prompts = prompts(&model, &folder(), &processor).unwrap();
    ViperMetric::with_parts(model, processor, prompts).unwrap()
}

fn context(pairs: u32) -> (Vec<RgbImage>, Vec<RgbImage>) {
    let of = |first: u32| {
        (0..pairs)
            .map(|pair| picture(40 + 7 * pair, 60 - 5 * pair, first + pair))
            .collect()
    };
    (of(20), of(10))
}

fn golden() -> Value {
    let path = folder().join("../processing/answers.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn scores_are_the_references() {
    let (metric, golden) = (metric(), golden());
    assert_eq!(
        golden["signs"],
        serde_json::json!([metric.shared.plus, metric.shared.minus])
    );
    let mut seen = Vec::new();
    for case in golden["scores"].as_array().unwrap() {
        let number = |key: &str| u32::try_from(case[key].as_u64().unwrap()).unwrap();
        let (liked, disliked) = context(number("pairs"));
        let score = metric
            .context(&liked, &disliked)
            .unwrap()
            .score(&picture(50, 64, 30 + number("query")))
            .unwrap();
        let expected = case["score"].as_f64().unwrap() as f32;
        assert!((score - expected).abs() < 2e-4, "{case}: {score}");
        seen.push(score);
    }
    // The context and the picture both matter.
    seen.sort_by(f32::total_cmp);
    assert!(
        seen.len() == 4 && seen.windows(2).all(|pair| pair[1] - pair[0] > 1e-3),
        "{seen:?}"
    );
}

#[test]
fn the_kept_context_scores_as_if_it_were_read_anew() {
    let metric = metric();
    let shared = &metric.shared;
    let (liked, disliked) = context(2);
    let mut scorer = metric.context(&liked, &disliked).unwrap();
    for query in [picture(50, 64, 31), picture(33, 97, 5), picture(50, 64, 31)] {
        let kept = scorer.score(&query).unwrap();
        let mut segments = shared.turns(2);
        segments.extend(shared.question(false));
        let prompt = shared.prompts.encode(&segments).unwrap();
        let pictures = [&disliked[0], &liked[0], &disliked[1], &liked[1], &query];
        let features =
            encode_pictures(&shared.model, &shared.processor, &pictures, &Cancel::never()).unwrap();
        let mut cache = shared.model.new_cache();
        let logits = shared
            .model
            .forward(&prompt.ids, features.as_ref(), &mut cache)
            .unwrap();
        let logits: Vec<f32> = logits.to_vec1().unwrap();
        let (plus, minus) = (logits[shared.plus as usize], logits[shared.minus as usize]);
        let anew = plus.exp() / (plus.exp() + minus.exp());
        assert!((kept - anew).abs() < 1e-5, "{kept} {anew}");
    }
}

#[test]
fn the_longer_list_is_used_as_far_as_the_shorter_one_reaches() {
    let metric = metric();
    let (liked, disliked) = context(3);
    let query = picture(50, 64, 31);
    let score = |liked: &[RgbImage], disliked: &[RgbImage]| {
        metric.context(liked, disliked).unwrap().score(&query).unwrap()
    };
    assert_eq!(score(&liked, &disliked[..1]), score(&liked[..1], &disliked[..1]));
    assert_ne!(score(&liked, &disliked), score(&liked[..1], &disliked[..1]));
    assert_eq!(metric.name(), "viper");
}

#[test]
fn rating_ends_when_it_is_cancelled_in_the_context_and_in_a_score() {
    let metric = metric();
    let (liked, disliked) = context(2);
    // Asked before each picture and each layer; says yes from the given question on.
    let after = |questions: usize| {
        let asked = AtomicUsize::new(0);
        Cancel::when(move || asked.fetch_add(1, Ordering::Relaxed) >= questions)
    };
    for questions in [0, 3, 5] {
        let cancelled = metric.context_until(&liked, &disliked, &after(questions)).err();
        assert!(matches!(cancelled, Some(MetricError::Cancelled)), "{questions}");
    }
    // Four pictures and two layers of one chunk are the context's.
    let mut scorer = metric.context_until(&liked, &disliked, &after(7)).unwrap();
    let score = scorer.score(&picture(50, 64, 31));
    assert!(matches!(score, Err(MetricError::Cancelled)), "{score:?}");
}

#[test]
fn contexts_and_pictures_that_say_nothing_are_refused() {
    let metric = metric();
    let (liked, disliked) = context(1);
    let refused = |liked: &[RgbImage], disliked: &[RgbImage]| metric.context(liked, disliked).err();
    assert!(matches!(
        refused(&[], &disliked),
        Some(MetricError::TooFew { what: "liked", .. })
    ));
    assert!(matches!(
        refused(&liked, &[]),
        Some(MetricError::TooFew { what: "disliked", .. })
    ));
    let empty = RgbImage::new(0, 3);
    assert!(matches!(
        refused(std::slice::from_ref(&empty), &disliked),
        Some(MetricError::EmptyImage { height: 3, .. })
    ));
    let mut scorer = metric.context(&liked, &disliked).unwrap();
    assert!(matches!(
        scorer.score(&empty),
        Err(MetricError::EmptyImage { .. })
    ));
}
