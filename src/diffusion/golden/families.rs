//! The model families, on the fixtures that `tests/fixtures/diffusion/make_families.py` made.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::UNetConfig;
use crate::models::UNet2DConditionModel;
use crate::weights::Weights;
use crate::{Conditioning, GenerationParams, Mixing, Precision, Slot};

const STEPS: usize = 6;

pub(super) fn golden(key: &str) -> Tensor {
    static GOLDEN: LazyLock<HashMap<String, Tensor>> = LazyLock::new(|| {
        candle_core::safetensors::load(folder().join("families/golden.safetensors"), &Device::Cpu).unwrap()
    });
    GOLDEN
        .get(key)
        .unwrap_or_else(|| panic!("no golden tensor `{key}`"))
        .clone()
}

/// Puts a checkpoint together in `target` of the files that families share.
pub(super) fn assemble(family: &str, target: &Path) {
    let text = std::fs::read_to_string(folder().join("families/assembly.json")).unwrap();
    let assembly: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(&text).unwrap();
    for (name, source) in &assembly[family] {
        let path = target.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(folder().join(source), path).unwrap();
    }
}

pub(super) fn load_as(family: &str, vp_norm: VpNorm, dtype: Precision) -> Pipeline {
    let target = tempfile::tempdir().unwrap();
    assemble(family, target.path());
    // The weights stay mapped when the folder is removed.
    open(target.path(), vp_norm, dtype)
}

pub(super) fn open(folder: &Path, vp_norm: VpNorm, dtype: Precision) -> Pipeline {
    let options = LoadOptions {
        device: crate::DeviceChoice::Cpu,
        dtype: Some(dtype),
        mixing: Mixing {
            norm: vp_norm,
            ..Mixing::default()
        },
        ..Default::default()
    };
    Pipeline::load(folder, &options).unwrap()
}

pub(super) fn load(family: &str) -> Pipeline {
    load_as(family, VpNorm::Raw, Precision::F32)
}

pub(super) fn params(pipeline: &Pipeline, scheduler: &str, guidance: f64) -> GenerationParams {
    GenerationParams {
        steps: STEPS,
        scheduler: scheduler.parse().unwrap(),
        guidance,
        init_latents: Some(golden("latents")),
        ..GenerationParams::for_model(pipeline.info(), PROMPT)
    }
}

pub(super) fn finish(pipeline: &Pipeline, params: &GenerationParams) -> Slot {
    let mut slot = pipeline.start(params).unwrap();
    let total = slot.steps();
    while !slot.is_finished() {
        pipeline.step(&mut [&mut slot]).unwrap();
    }
    assert_eq!((slot.step_index(), slot.steps()), (total, total));
    slot
}

pub(super) fn latents(pipeline: &Pipeline, params: &GenerationParams) -> Tensor {
    finish(pipeline, params).latents().clone()
}

#[test]
fn stable_diffusion_2_agrees() {
    let pipeline = load("sd21");
    assert_eq!(
        pipeline.info().prediction_type,
        crate::PredictionType::VPrediction
    );
    let mut comparison = Comparison::default();
    for scheduler in ["ddim", "euler", "dpmpp_2m_karras"] {
        let params = GenerationParams {
            negative: NEGATIVE.to_owned(),
            ..params(&pipeline, scheduler, 7.5)
        };
        let key = format!("sd21/{scheduler}");
        comparison.add(&key, &latents(&pipeline, &params), &golden(&key));
    }
    comparison.finish(3);
}

#[test]
fn distilled_models_agree_without_guidance() {
    let mut comparison = Comparison::default();
    for family in ["sd-turbo", "sdxl-lightning"] {
        let pipeline = load(family);
        for steps in [1, 4] {
            for guidance in [0.0, 1.0] {
                let params = GenerationParams {
                    steps,
                    // Without guidance it has no effect.
                    negative: NEGATIVE.to_owned(),
                    ..params(&pipeline, "euler", guidance)
                };
                let key = format!("{family}/{steps}");
                comparison.add(&key, &latents(&pipeline, &params), &golden(&key));
            }
        }
    }
    comparison.finish(8);
}

/// Seed and noise as in diffusers: the sampler draws on the way.
#[test]
fn distilled_models_that_draw_noise_agree() {
    let mut comparison = Comparison::default();
    for (family, scheduler, guidance) in [("sdxl-turbo", "euler_a", 0.0), ("lcm", "lcm", 8.0)] {
        let pipeline = load(family);
        assert_eq!(pipeline.info().scheduler.name(), scheduler);
        for steps in [1, 4] {
            let params = GenerationParams {
                steps,
                init_latents: None,
                seed: 5,
                noise: crate::NoiseKind::Torch,
                ..params(&pipeline, scheduler, guidance)
            };
            let key = format!("{family}/{steps}");
            comparison.add(&key, &latents(&pipeline, &params), &golden(&key));
        }
    }
    comparison.finish(4);
}

#[test]
fn sdxl_agrees_with_two_text_encoders() {
    let pipeline = load("sdxl");
    let mut comparison = Comparison::default();
    for scheduler in ["ddim", "euler", "dpmpp_2m_karras"] {
        for (case, negative) in [("negative", NEGATIVE), ("plain", "")] {
            let params = GenerationParams {
                negative: negative.to_owned(),
                ..params(&pipeline, scheduler, 5.0)
            };
            let key = format!("sdxl/{case}/{scheduler}");
            comparison.add(&key, &latents(&pipeline, &params), &golden(&key));
        }
    }
    comparison.finish(6);
}

#[test]
fn conditioning_modes_agree_with_two_text_encoders() {
    let mut comparison = Comparison::default();
    for (norm, vp_norm) in [("raw", VpNorm::Raw), ("keep", VpNorm::Keep)] {
        let pipeline = load_as("sdxl", vp_norm, Precision::F32);
        for scheduler in ["ddim", "euler", "dpmpp_2m_karras"] {
            for conditioning in MODES {
                let params = personalised(&pipeline, scheduler, 4.0, conditioning);
                let key = format!("sdxl/mode/{scheduler}/{conditioning}/{norm}");
                comparison.add(&key, &latents(&pipeline, &params), &golden(&key));
            }
        }
    }
    comparison.finish(18);
}

pub(super) const MODES: [Conditioning; 3] = [
    Conditioning::Embedding,
    Conditioning::Guidance,
    Conditioning::Reference,
];

pub(super) fn personalised(
    pipeline: &Pipeline,
    scheduler: &str,
    guidance: f64,
    conditioning: Conditioning,
) -> GenerationParams {
    GenerationParams {
        negative: NEGATIVE.to_owned(),
        vp_plus: PLUS.to_owned(),
        vp_minus: MINUS.to_owned(),
        beta: 0.7,
        conditioning,
        ..params(pipeline, scheduler, guidance)
    }
}

/// A model that takes the guidance scale as an input has no negative row: one row, or three.
#[test]
fn a_guidance_distilled_model_agrees_in_every_mode() {
    let pipeline = load("lcm");
    let mut comparison = Comparison::default();
    for conditioning in MODES {
        let params = personalised(&pipeline, "ddim", 8.0, conditioning);
        let key = format!("lcm/mode/{conditioning}");
        comparison.add(&key, &latents(&pipeline, &params), &golden(&key));
        let rows = if conditioning == Conditioning::Embedding {
            1
        } else {
            3
        };
        assert_eq!(pipeline.start(&params).unwrap().rows(), rows);
    }
    comparison.finish(3);
}

#[test]
fn every_option_of_the_unet_agrees() {
    let part = folder().join("families/odd/unet");
    let config = UNetConfig::read(&part.join("config.json")).unwrap();
    let weights = Weights::open(
        &part,
        "diffusion_pytorch_model",
        candle_core::DType::F32,
        &Device::Cpu,
    )
    .unwrap();
    let unet = UNet2DConditionModel::new(config, &weights).unwrap();
    let y = unet
        .forward(&golden("odd/x"), &[999.0, 20.0], &golden("odd/text"), None, None)
        .unwrap();
    assert_close("odd", &y, &golden("odd/y"));
}

#[test]
fn a_folder_of_a_latent_consistency_model_means_few_steps() {
    let target = tempfile::tempdir().unwrap();
    for (family, steps, guidance) in [("lcm", 4, 8.0), ("sdxl", 30, 7.5)] {
        let folder = target.path().join(family);
        assemble(family, &folder);
        let defaults = crate::ModelManifest::of_checkpoint(&folder).unwrap().defaults;
        assert_eq!((defaults.steps, defaults.guidance), (steps, guidance));
    }
}
