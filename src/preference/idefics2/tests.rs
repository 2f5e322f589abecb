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

#[test]
fn an_adapter_named_by_a_pattern_acts_as_in_peft_merged_and_beside() {
    adapters_agree("regex");
}

#[test]
fn an_adapter_named_by_a_list_with_ranks_of_their_own_acts_as_in_peft_merged_and_beside() {
    adapters_agree("list");
}

#[test]
fn rank_stabilised_adapters_on_some_layers_act_as_in_peft_merged_and_beside() {
    adapters_agree("rslora");
}

fn adapter(name: &str) -> PathBuf {
    fixtures().join("adapters").join(name)
}

fn adapters_agree(name: &str) {
    let merged = LoadOptions {
        adapters: vec![adapter(name)],
        ..options(Precision::F32)
    };
    agrees(&Idefics2::load(&fixtures(), &merged).unwrap(), name, "several");
    agrees(&tiny().with_adapter(&adapter(name)).unwrap(), name, "several");
}

#[test]
fn two_adapters_share_the_weights_of_one_base() {
    let base = tiny();
    let (a, b) = (
        base.with_adapter(&adapter("regex")).unwrap(),
        base.with_adapter(&adapter("list")).unwrap(),
    );
    for model in [&a, &b] {
        for (mine, theirs) in model.parts.text.layers.iter().zip(&base.parts.text.layers) {
            assert!(Arc::ptr_eq(&mine.q.weight, &theirs.q.weight));
            assert!(Arc::ptr_eq(&mine.mlp.down.weight, &theirs.mlp.down.weight));
        }
    }
    agrees(&a, "regex", "several");
    agrees(&b, "list", "several");
    agrees(&base, "several", "several");
}

#[test]
fn a_copied_cache_answers_several_questions_as_if_each_were_read_anew() {
    let (model, golden) = (tiny(), golden());
    let prompt = ids(&golden, "text.ids");
    let (context, question) = prompt.split_at(6);
    let mut cache = model.new_cache();
    model.forward(context, None, &mut cache).unwrap();
    for other in [5u32, 17] {
        let question: Vec<u32> = question.iter().copied().chain([other]).collect();
        let whole: Vec<u32> = context.iter().chain(&question).copied().collect();
        let anew = model.forward(&whole, None, &mut model.new_cache()).unwrap();
        let mut copy = cache.clone();
        let found = model.forward(&question, None, &mut copy).unwrap();
        assert!(difference(&found, &anew) < 1e-5);
        assert_eq!((cache.len(), copy.len()), (context.len(), whole.len()));
    }
}

#[test]
fn a_shortened_cache_goes_on_from_where_it_was_cut() {
    let (model, golden) = (tiny(), golden());
    let prompt = ids(&golden, "text.ids");
    let mut cache = model.new_cache();
    let expected = model.forward(&prompt, None, &mut cache).unwrap();
    let copy = cache.clone();
    cache.truncate(4);
    model.forward(&[7, 8, 9], None, &mut cache).unwrap();
    cache.truncate(4);
    let found = model.forward(&prompt[4..], None, &mut cache).unwrap();
    assert!(difference(&found, &expected) < 1e-5);
    assert_eq!(copy.len(), prompt.len());
}

#[test]
fn a_prompt_longer_than_a_chunk_reads_as_in_small_pieces() {
    let model = windowed(300);
    let prompt: Vec<u32> = (0..CHUNK as u32 + 140).map(|i| 3 + i * 7 % 290).collect();
    let together = model.forward(&prompt, None, &mut model.new_cache()).unwrap();
    let mut cache = model.new_cache();
    let mut last = None;
    let (most, rest) = prompt.split_at(CHUNK + 130);
    for piece in most.chunks(90).chain(rest.chunks(1)) {
        last = Some(model.forward(piece, None, &mut cache).unwrap());
    }
    assert!(difference(&together, &last.unwrap()) < 1e-4);
}

#[test]
fn a_refused_or_stopped_prompt_leaves_the_cache_as_it_was() {
    let (model, golden) = (tiny(), golden());
    let mut cache = model.new_cache();
    model.forward(&[1, 2, 3], None, &mut cache).unwrap();
    let features = model.encode_images(&images(&golden, "one").unwrap()).unwrap();
    let error = model
        .forward(&[4, 300, 300], Some(&features), &mut cache)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the prompt has 2 image tokens, the images give 8 rows; each image needs 8 tokens"
    );
    let error = model.forward(&[320], None, &mut cache).unwrap_err().to_string();
    assert!(error.contains("token 320"), "{error}");
    assert!(model.forward(&[], None, &mut cache).is_err());
    let long = vec![5; CHUNK + 1];
    let stopped = model
        .forward_while(&long, None, &mut cache, &mut |read| read == 0)
        .unwrap();
    assert!(stopped.is_none());
    assert_eq!(cache.len(), 3);
}

#[test]
fn a_picture_smaller_than_a_patch_is_refused() {
    let golden = golden();
    let mut images = images(&golden, "one").unwrap();
    images.pixel_attention_mask = images.pixel_attention_mask.zeros_like().unwrap();
    let error = tiny().encode_images(&images).unwrap_err().to_string();
    assert!(error.contains("at least one patch"), "{error}");
}

/// How far the logits of all cases are from those of transformers, at the most.
fn worst(model: &Idefics2) -> f32 {
    let golden = golden();
    ["text", "one", "several"]
        .into_iter()
        .map(|case| {
            let features = images(&golden, case).map(|images| model.encode_images(&images).unwrap());
            let prompt = ids(&golden, &format!("{case}.ids"));
            let logits = model
                .forward(&prompt, features.as_ref(), &mut model.new_cache())
                .unwrap();
            difference(&logits, &golden[&format!("{case}.logits")])
        })
        .fold(0.0, f32::max)
}

#[test]
fn lower_precisions_stay_within_their_bounds() {
    for (precision, bound) in [
        (Precision::Bf16, 0.001),
        (Precision::F16, 0.001),
        (Precision::Q8_0, 0.03),
        (Precision::Q4_0, 0.3),
    ] {
        let model = Idefics2::load(&fixtures(), &options(precision)).unwrap();
        let apart = worst(&model);
        assert!(apart < bound, "{precision}: logits are {apart} apart");
    }
}

#[test]
fn a_saved_gguf_file_gives_the_same_logits_as_the_model_it_was_saved_from() {
    let folder = tempfile::tempdir().unwrap();
    let golden = golden();
    let prompt = ids(&golden, "several.ids");
    for precision in Precision::ALL {
        let merged = LoadOptions {
            adapters: vec![adapter("regex")],
            ..options(precision)
        };
        let model = Idefics2::load(&fixtures(), &merged).unwrap();
        let file = folder.path().join(format!("{precision}.gguf"));
        model.save_gguf(&file).unwrap();
        let loaded = Idefics2::load(&file, &options(precision)).unwrap();
        assert_eq!(loaded.config(), model.config());
        let logits = |model: &Idefics2| -> Vec<f32> {
            let features = model.encode_images(&images(&golden, "several").unwrap()).unwrap();
            let logits = model.forward(&prompt, Some(&features), &mut model.new_cache());
            logits.unwrap().to_vec1().unwrap()
        };
        assert_eq!(logits(&loaded), logits(&model), "{precision}");
        assert!(model.save_gguf(&file).is_err(), "a file was overwritten");
    }
    let file = folder.path().join("q4_0.gguf");
    let error = Idefics2::load(&file, &options(Precision::Q8_0)).err().unwrap();
    assert!(error.to_string().contains("as q4_0, not as q8_0"), "{error}");
    let beside = Idefics2::load(&file, &options(Precision::Q4_0)).unwrap();
    let beside = beside.with_adapter(&adapter("rslora")).unwrap();
    assert!(beside.save_gguf(&folder.path().join("beside.gguf")).is_err());
    let merged = LoadOptions {
        adapters: vec![adapter("rslora")],
        ..options(Precision::Q4_0)
    };
    let error = Idefics2::load(&file, &merged).err().unwrap().to_string();
    assert!(error.contains("nothing can be merged"), "{error}");
}
