//! Single-file checkpoints, on the fixtures that `tests/fixtures/diffusion/make_single_files.py` made and loaded with
//! diffusers' `from_single_file`.

use std::collections::BTreeMap;

use candle_core::DType;
use half::{bf16, f16};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::checkpoint::{Checkpoint, Part};
use crate::text::ClipTokenizer;
use crate::{GenerationParams, PredictionType, SchedulerKind};

const FAMILIES: [&str; 4] = ["sd1", "sd2", "sdxl", "refiner"];

/// What the tiny models have otherwise than their families.
fn overrides(family: &str) -> Map<String, Value> {
    let heads = match family {
        "sd1" => json!(8),
        "sd2" => json!([2, 4]),
        "sdxl" => json!([1, 2, 4]),
        _ => json!([1, 2, 2, 4]),
    };
    let encoder = json!({"num_attention_heads": 2});
    let all = json!({
        "unet": {"norm_num_groups": 4, "sample_size": 8, "attention_head_dim": heads},
        "vae": {"norm_num_groups": 4},
        "text_encoder": encoder,
        "text_encoder_2": encoder,
    });
    match all {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

fn path(family: &str) -> PathBuf {
    folder().join(format!("single/{family}.safetensors"))
}

pub(super) fn checkpoint(family: &str) -> Checkpoint {
    Checkpoint::open_with(&path(family), &overrides(family)).unwrap()
}

/// The tiny vocabulary that all fixtures share.
pub(super) fn options() -> LoadOptions {
    LoadOptions {
        device: crate::DeviceChoice::Cpu,
        tokenizer: Some(folder().join("sd/tokenizer")),
        ..Default::default()
    }
}

fn digest(tensor: &Tensor) -> String {
    let flat = tensor.flatten_all().unwrap();
    let digest = match tensor.dtype() {
        DType::F16 => Sha256::digest(bytemuck::cast_slice::<f16, u8>(&flat.to_vec1().unwrap())),
        _ => Sha256::digest(bytemuck::cast_slice::<bf16, u8>(&flat.to_vec1().unwrap())),
    };
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_tensor_is_the_one_that_diffusers_finds() {
    type Parts = BTreeMap<String, BTreeMap<String, (Vec<usize>, String)>>;
    let text = std::fs::read_to_string(folder().join("single/tensors.json")).unwrap();
    let families: BTreeMap<String, Parts> = serde_json::from_str(&text).unwrap();
    let mut compared = 0;
    for (family, parts) in families {
        let dtype = if family == "sd2" { DType::BF16 } else { DType::F16 };
        for (part, tensors) in parts {
            // Read as stored, and mapped for computation in f32.
            let [stored, wide] = [dtype, DType::F32].map(|dtype| {
                let checkpoint = checkpoint(&family);
                let place = match part.as_str() {
                    "unet" => Part::Unet,
                    "vae" => Part::Vae,
                    name => {
                        let named = |(encoder, _): &(String, String)| encoder == name;
                        Part::TextEncoder(checkpoint.index.text_encoders.iter().position(named).unwrap())
                    }
                };
                checkpoint.weights(place, dtype, &Device::Cpu).unwrap()
            });
            for (name, (shape, expected)) in tensors {
                let found = stored.get(shape.clone(), &name).unwrap();
                assert_eq!(digest(&found), expected, "{family}: {part}.{name}");
                let parameter = wide.parameter(shape, &name).unwrap();
                let wide = parameter.tensor().unwrap().to_dtype(dtype).unwrap();
                assert_eq!(digest(&wide), expected, "{family}: {part}.{name}, mapped");
                compared += 1;
            }
        }
    }
    assert!(compared > 1500, "{compared}");
}

#[test]
fn pictures_from_a_single_file_agree() {
    let golden =
        candle_core::safetensors::load(folder().join("single/golden.safetensors"), &Device::Cpu).unwrap();
    for family in ["sd1", "sd2", "sdxl"] {
        let pipeline = Pipeline::of(checkpoint(family), &options()).unwrap();
        let params = GenerationParams {
            steps: 4,
            scheduler: SchedulerKind::Ddim,
            guidance: 5.0,
            negative: NEGATIVE.to_owned(),
            width: 16,
            height: 16,
            init_latents: Some(golden[&format!("{family}/latents")].clone()),
            ..GenerationParams::for_model(pipeline.info(), PROMPT)
        };
        let mut slot = pipeline.start(&params).unwrap();
        while !slot.is_finished() {
            pipeline.step(&mut [&mut slot]).unwrap();
        }
        assert_close(family, slot.latents(), &golden[&format!("{family}/end")]);
    }
}

#[test]
fn the_family_decides_what_the_file_does_not_say() {
    for family in FAMILIES {
        let found = checkpoint(family);
        let xl = ["sdxl", "refiner"].contains(&family);
        assert_eq!(
            found.vae.scaling_factor,
            if xl { 0.13025 } else { 0.18215 },
            "{family}"
        );
        assert_eq!(found.unet.added.is_some(), xl, "{family}");
        assert_eq!(
            found.index.requires_aesthetics_score,
            (family == "refiner").then_some(true)
        );
        assert_eq!(
            found.index.force_zeros_for_empty_prompt,
            family == "sdxl",
            "{family}"
        );
        let v = found.scheduler.prediction_type == PredictionType::VPrediction;
        assert_eq!(v, family == "sd2", "{family}");
        assert_eq!(found.unet.use_linear_projection, family != "sd1", "{family}");
    }
    // The last, made-up layer of SD 2.x's encoder is not used.
    assert_eq!(checkpoint("sd2").text_encoders[0].layers, 2);
    let manifest = crate::ModelManifest::of_checkpoint(&path("sd1"))
        .unwrap_err()
        .to_string();
    // Without overrides, the tiny sizes do not fit the family's 32 groups.
    assert!(
        manifest.contains("sd1.safetensors") && manifest.contains("norm_num_groups"),
        "{manifest}"
    );
}

/// Writes the tensors of a fixture under other names, or without some.
fn rewritten(
    family: &str,
    rename: impl Fn(&str) -> Option<String>,
    more: &[(&str, Tensor)],
) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    let tensors = candle_core::safetensors::load(path(family), &Device::Cpu).unwrap();
    let mut kept: HashMap<_, _> = tensors
        .into_iter()
        .filter_map(|(name, tensor)| Some((rename(&name)?, tensor)))
        .collect();
    kept.extend(
        more.iter()
            .map(|(name, tensor)| ((*name).to_owned(), tensor.clone())),
    );
    candle_core::safetensors::save(&kept, target.path().join("model.safetensors")).unwrap();
    target
}

fn open_error(family: &str, rename: impl Fn(&str) -> Option<String>, more: &[(&str, Tensor)]) -> String {
    let target = rewritten(family, rename, more);
    let opened = Checkpoint::open_with(&target.path().join("model.safetensors"), &overrides(family));
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("model.safetensors"), "{error}");
    error
}

#[test]
fn a_file_that_lacks_a_component_or_is_something_else_says_so() {
    let without =
        |prefix: &'static str| move |name: &str| (!name.starts_with(prefix)).then(|| name.to_owned());
    let one = Tensor::zeros((1, 1), DType::F32, &Device::Cpu).unwrap();
    for (family, prefix, expected) in [
        ("sd1", "first_stage_model.", "no autoencoder"),
        ("sd1", "cond_stage_model.", "no text encoder"),
        ("sdxl", "conditioner.embedders.1.", "no text encoder"),
        ("sd2", "model.diffusion_model.", "no Stable Diffusion checkpoint"),
    ] {
        let error = open_error(family, without(prefix), &[]);
        assert!(error.contains(expected), "{error}");
    }
    for (name, expected) in [
        ("lora_unet_x.lora_down.weight", "a LoRA"),
        ("model.diffusion_model.joint_blocks.0.x", "Stable Diffusion 3"),
        ("double_blocks.0.x", "Flux"),
        ("edm_mean", "Playground"),
    ] {
        let error = open_error("sd1", |name| Some(name.to_owned()), &[(name, one.clone())]);
        assert!(error.contains(expected), "{error}");
    }
    let wide = Tensor::zeros((8, 9, 3, 3), DType::F16, &Device::Cpu).unwrap();
    let name = "model.diffusion_model.input_blocks.0.0.weight";
    let error = open_error("sd1", |name| Some(name.to_owned()), &[(name, wide)]);
    assert!(error.contains("inpainting"), "{error}");
}

#[test]
fn marks_of_trainers_tell_the_prediction_type() {
    let empty = || Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
    let open = |family: &str, more: &[(&str, Tensor)]| {
        let target = rewritten(family, |name| Some(name.to_owned()), more);
        let path = target.path().join("model.safetensors");
        Checkpoint::open_with(&path, &overrides(family))
            .unwrap()
            .scheduler
    };
    let marked = open("sdxl", &[("v_pred", empty()), ("ztsnr", empty())]);
    assert_eq!(marked.prediction_type, PredictionType::VPrediction);
    assert!(marked.rescale_betas_zero_snr);
    // SD 2.x's base model.
    let steps = Tensor::new(875_000i64, &Device::Cpu).unwrap();
    assert_eq!(
        open("sd2", &[("global_step", steps)]).prediction_type,
        PredictionType::Epsilon
    );
    let name = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";
    for (spread, expected) in [
        (0.02f32, PredictionType::Epsilon),
        (0.2, PredictionType::VPrediction),
    ] {
        let bias = Tensor::new(&[-spread, spread, -spread, spread], &Device::Cpu).unwrap();
        assert_eq!(open("sd2", &[(name, bias)]).prediction_type, expected);
    }
}

#[test]
fn a_tensor_that_is_missing_is_named_as_the_file_names_it() {
    let lost = "model.diffusion_model.middle_block.2.in_layers.2.weight";
    let target = rewritten("sd1", |name| (name != lost).then(|| name.to_owned()), &[]);
    let path = target.path().join("model.safetensors");
    let checkpoint = Checkpoint::open_with(&path, &overrides("sd1")).unwrap();
    let error = Pipeline::of(checkpoint, &options()).err().unwrap().to_string();
    assert!(
        error.contains(lost) && error.contains("model.safetensors") && error.contains("[16, 16, 3, 3]"),
        "{error}"
    );
}

#[test]
fn a_pickle_is_refused_by_content_and_by_ending() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("model.ckpt", &b"PK\x03\x04archive/data.pkl"[..]),
        ("model.safetensors", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."),
        ("old.pt", b"anything at all"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = Checkpoint::open(&path).err().unwrap().to_string();
        assert!(error.contains("pickle") && error.contains(name), "{error}");
    }
}

#[test]
fn the_built_in_vocabulary_tokenizes_as_transformers_does() {
    #[derive(Deserialize)]
    struct Tokens {
        texts: Vec<String>,
        end: Vec<Vec<u32>>,
        bang: Vec<Vec<u32>>,
        end_full: Vec<Vec<u32>>,
        bang_full: Vec<Vec<u32>>,
    }
    let text = std::fs::read_to_string(folder().join("single/tokens.json")).unwrap();
    let tokens: Tokens = serde_json::from_str(&text).unwrap();
    let object = Map::from_iter([("model_type".to_owned(), json!("clip_text_model"))]);
    let config = crate::config::TextEncoderConfig::from_object("built in".as_ref(), object).unwrap();
    for (pad, contents, full) in [
        ("<|endoftext|>", &tokens.end, &tokens.end_full),
        ("!", &tokens.bang, &tokens.bang_full),
    ] {
        let tokenizer = ClipTokenizer::built_in(pad, &config).unwrap();
        for (text, expected) in tokens.texts.iter().zip(contents) {
            assert_eq!(&tokenizer.content(text).unwrap(), expected, "{pad}: {text:?}");
        }
        for (text, expected) in tokens.texts.iter().zip(full) {
            let found = tokenizer.sequence(&tokenizer.content(text).unwrap());
            assert_eq!(&found, expected, "{pad}: {text:?}");
        }
    }
}
