//! What transformers and peft compute with a tiny random checkpoint (`tests/fixtures/preference/make_idefics2.py`).

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{D, DType, Device, Tensor};

use super::vision::buckets;
use super::*;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/preference/idefics2")
}

fn golden() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixtures().join("golden.safetensors"), &Device::Cpu).unwrap()
}

fn options(precision: Precision) -> LoadOptions {
    LoadOptions::new(Device::Cpu, precision)
}

fn tiny() -> Idefics2 {
    Idefics2::load(&fixtures(), &options(Precision::F32)).unwrap()
}

fn ids(golden: &HashMap<String, Tensor>, key: &str) -> Vec<u32> {
    let ids = golden[key].to_dtype(DType::U32).unwrap();
    ids.to_vec1().unwrap()
}

fn images(golden: &HashMap<String, Tensor>, case: &str) -> Option<PreparedImages> {
    let bytes = golden.get(&format!("{case}.pixels"))?;
    let pixels = ((bytes.to_dtype(DType::F32).unwrap() - 128.0).unwrap() / 128.0).unwrap();
    Some(PreparedImages {
        pixel_values: pixels,
        pixel_attention_mask: golden[&format!("{case}.mask")].clone(),
    })
}

/// The largest difference, as a part of the largest value.
fn difference(found: &Tensor, expected: &Tensor) -> f32 {
    let largest = |t: &Tensor| {
        t.abs()
            .unwrap()
            .flatten_all()
            .unwrap()
            .max(0)
            .unwrap()
            .to_scalar::<f32>()
            .unwrap()
    };
    assert_eq!(found.dims(), expected.dims());
    largest(&(found - expected).unwrap()) / largest(expected)
}

fn best(logits: &Tensor) -> u32 {
    logits.argmax(D::Minus1).unwrap().to_scalar().unwrap()
}

/// Greedy generation with a cache.
fn generate(model: &Idefics2, prompt: &[u32], features: Option<&Tensor>, tokens: usize) -> Vec<u32> {
    let mut cache = model.new_cache();
    let mut logits = model.forward(prompt, features, &mut cache).unwrap();
    let mut made = vec![best(&logits)];
    while made.len() < tokens {
        logits = model.forward(&made[made.len() - 1..], None, &mut cache).unwrap();
        made.push(best(&logits));
    }
    made
}

/// Compares features, logits and generated tokens of a case whose inputs are those of the case `inputs`.
fn agrees(model: &Idefics2, case: &str, inputs: &str) {
    let golden = golden();
    let features = images(&golden, inputs).map(|images| model.encode_images(&images).unwrap());
    if let Some(features) = &features {
        let apart = difference(features, &golden[&format!("{case}.features")]);
        assert!(apart < 1e-4, "{case}: image features are {apart} apart");
    }
    let prompt = ids(&golden, &format!("{inputs}.ids"));
    let logits = model
        .forward(&prompt, features.as_ref(), &mut model.new_cache())
        .unwrap();
    let apart = difference(&logits, &golden[&format!("{case}.logits")]);
    assert!(apart < 1e-4, "{case}: logits are {apart} apart");
    let expected = ids(&golden, &format!("{case}.generated"));
    let made = generate(model, &prompt, features.as_ref(), expected.len());
    assert_eq!(made, expected, "{case}");
}

/// The checkpoint with another sliding window.
fn windowed(window: usize) -> Idefics2 {
    let weights = Weights::open(&fixtures(), "model").unwrap();
    let mut config = tiny().config().clone();
    config.text.sliding_window = Some(window);
    Idefics2::build(weights, config, String::new(), &options(Precision::F32)).unwrap()
}

#[test]
fn text_alone_is_read_as_transformers_does() {
    agrees(&tiny(), "text", "text");
}

#[test]
fn one_picture_is_seen_as_transformers_does() {
    agrees(&tiny(), "one", "one");
}

#[test]
fn several_pictures_of_different_shapes_are_seen_as_transformers_does() {
    agrees(&tiny(), "several", "several");
}

#[test]
fn a_window_smaller_than_the_prompt_hides_what_lies_before_it() {
    agrees(&windowed(16), "window", "several");
}

#[test]
fn positions_fall_into_the_buckets_of_pytorch() {
    let text = std::fs::read_to_string(fixtures().join("positions.json")).unwrap();
    let table: HashMap<usize, Vec<Vec<u32>>> = serde_json::from_str(&text).unwrap();
    for (side, rows) in table {
        for (i, expected) in rows.iter().enumerate() {
            assert_eq!(
                &buckets(i + 1, i + 1, side),
                expected,
                "{} patches on a side of {side}",
                i + 1
            );
        }
    }
}
