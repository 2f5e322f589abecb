//! The dual encoder against transformers' CLIPModel. The fixtures are made by `make_dual.py`.

use candle_core::Device;
use image::{Rgb, RgbImage};
use serde_json::Value;

use super::folder;
use crate::dual::{Direction, DualEncoder};

/// The texts of `make_eyes.py`.
const TEXTS: [&str; 6] = [
    "black and white",
    "neon colours",
    "pixel art",
    "warm colours",
    "a fox in the snow",
    "watercolour",
];

fn eyes() -> DualEncoder {
    let tokenizer = folder().join("xl/tokenizer_2");
    DualEncoder::load(&folder().join("dual"), &tokenizer, &Device::Cpu).unwrap()
}

fn golden() -> Value {
    let text = std::fs::read_to_string(folder().join("dual/golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The picture that the script draws.
fn picture(case: &Value) -> RgbImage {
    let number = |key: &str| u32::try_from(case[key].as_u64().unwrap()).unwrap();
    let seed = number("seed");
    RgbImage::from_fn(number("width"), number("height"), |x, y| {
        Rgb([0, 1, 2].map(|channel| {
            let rough = (x * x * 7 + x * y * 13 + y * y * 11 + (channel + seed) * 97) % 61;
            let block = ((x / 9 + y / 7 + seed) % 2) * 90;
            ((5 * x + 3 * y + 40 * channel + rough + block) % 256) as u8
        }))
    })
}

fn assert_near(what: &str, found: &[f32], expected: &Value) {
    let expected: Vec<f32> = serde_json::from_value(expected.clone()).unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-4, "{what}: {found} {expected}");
    }
}

#[test]
fn directions_and_chances_are_the_references() {
    let (eyes, golden) = (eyes(), golden());
    let texts: Vec<Direction> = golden["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| {
            let text = case["text"].as_str().unwrap();
            let direction = eyes.text(text).unwrap();
            assert_near(text, direction.values(), &case["direction"]);
            direction
        })
        .collect();
    for case in golden["pictures"].as_array().unwrap() {
        let picture = picture(case);
        let pixels = eyes.pixels(&picture).unwrap();
        let sum = pixels.sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(
            (sum - case["sum"].as_f64().unwrap() as f32).abs() < 0.01,
            "{sum} {case}"
        );
        let direction = eyes.picture(&picture).unwrap();
        assert_near("picture", direction.values(), &case["direction"]);
        let chances: Vec<f32> = texts.iter().map(|text| eyes.chance(&direction, text)).collect();
        assert_near("chances", &chances, &case["chances"]);
        assert!((direction.cosine(&direction) - 1.0).abs() < 1e-6);
    }
}

/// What transformers sees with the weights that come along; made by `tests/fixtures/eyes/make_eyes.py`.
/// Pillow resizes some shapes columns first, ours always rows first: a few pixels of the tall picture differ by one level.
#[test]
fn the_eyes_that_come_along_see_what_the_reference_sees() {
    let root = folder().join("../../..");
    let (assets, fixtures) = (root.join("assets"), root.join("tests/fixtures/eyes"));
    let tokenizer = assets.join("model/tokenizer_2");
    let eyes = DualEncoder::load(&assets.join("eyes"), &tokenizer, &Device::Cpu).unwrap();
    let expected =
        candle_core::safetensors::load(fixtures.join("expected.safetensors"), &Device::Cpu).unwrap();
    let rows = |name: &str| expected[name].to_vec2::<f32>().unwrap();
    let farthest = |found: &[f32], expected: &[f32]| {
        assert_eq!(found.len(), expected.len());
        let distances = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
        distances.fold(0.0, f32::max)
    };
    let mut texts = Vec::new();
    for (text, expected) in TEXTS.iter().zip(rows("text_embeds")) {
        let direction = eyes.text(text).unwrap();
        assert!(farthest(direction.values(), &expected) < 1e-4, "{text}");
        texts.push(direction);
    }
    let pictures = ["square", "wide", "tall"];
    for ((name, expected), chances) in pictures.iter().zip(rows("image_embeds")).zip(rows("chances")) {
        let picture = image::open(fixtures.join(format!("{name}.png"))).unwrap();
        let direction = eyes.picture(&picture.into_rgb8()).unwrap();
        let far = farthest(direction.values(), &expected);
        assert!(far < 1e-3, "{name}: {far}");
        let found: Vec<f32> = texts.iter().map(|text| eyes.chance(&direction, text)).collect();
        let far = farthest(&found, &chances);
        assert!(far < 1e-3, "{name}: {found:?} {chances:?}");
    }
}

#[test]
fn what_cannot_be_loaded_or_seen_is_named() {
    let message = |folder: &std::path::Path| {
        let tokenizer = super::folder().join("xl/tokenizer_2");
        DualEncoder::load(folder, &tokenizer, &Device::Cpu)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(message(std::path::Path::new("no/such/eyes")).contains("no/such/eyes/config.json"));
    assert!(message(&folder().join("sd/text_encoder")).contains("model_type"));
    let empty = eyes().picture(&RgbImage::new(0, 4)).unwrap_err().to_string();
    assert!(empty.contains("no pixels"), "{empty}");
}
