//! The model families, on the fixtures that `tests/fixtures/diffusion/make_families.py` made.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::UNetConfig;
use crate::models::UNet2DConditionModel;
use crate::text::Reading;
use crate::weights::Weights;
use crate::{Conditioning, GenerationParams, Precision, Slot};

const STEPS: usize = 6;

fn golden(key: &str) -> Tensor {
    static GOLDEN: LazyLock<HashMap<String, Tensor>> = LazyLock::new(|| {
        candle_core::safetensors::load(folder().join("families/golden.safetensors"), &Device::Cpu).unwrap()
    });
    GOLDEN
        .get(key)
        .unwrap_or_else(|| panic!("no golden tensor `{key}`"))
        .clone()
}

/// Puts a checkpoint together in `target` of the files that families share.
fn assemble(family: &str, target: &Path) {
    let text = std::fs::read_to_string(folder().join("families/assembly.json")).unwrap();
    let assembly: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(&text).unwrap();
    for (name, source) in &assembly[family] {
        let path = target.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(folder().join(source), path).unwrap();
    }
}

fn load_as(family: &str, vp_norm: VpNorm, dtype: Precision) -> Pipeline {
    let target = tempfile::tempdir().unwrap();
    assemble(family, target.path());
    // The weights stay mapped when the folder is removed.
    open(target.path(), vp_norm, dtype)
}

fn open(folder: &Path, vp_norm: VpNorm, dtype: Precision) -> Pipeline {
    let options = LoadOptions {
        device: crate::DeviceChoice::Cpu,
        dtype: Some(dtype),
        vp_norm,
        ..Default::default()
    };
    Pipeline::load(folder, &options).unwrap()
}

fn load(family: &str) -> Pipeline {
    load_as(family, VpNorm::Raw, Precision::F32)
}

fn params(pipeline: &Pipeline, scheduler: &str, guidance: f64) -> GenerationParams {
    GenerationParams {
        steps: STEPS,
        scheduler: scheduler.parse().unwrap(),
        guidance,
        init_latents: Some(golden("latents")),
        ..GenerationParams::for_model(pipeline.info(), PROMPT)
    }
}

fn finish(pipeline: &Pipeline, params: &GenerationParams) -> Slot {
    let mut slot = pipeline.start(params).unwrap();
    let total = slot.steps();
    while !slot.is_finished() {
        pipeline.step(&mut [&mut slot]).unwrap();
    }
    assert_eq!((slot.step_index(), slot.steps()), (total, total));
    slot
}

fn latents(pipeline: &Pipeline, params: &GenerationParams) -> Tensor {
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

const MODES: [Conditioning; 3] = [
    Conditioning::Embedding,
    Conditioning::Guidance,
    Conditioning::Reference,
];

fn personalised(
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
fn the_refiner_takes_over_as_in_diffusers() {
    let mut comparison = Comparison::default();
    for (switch_at, steps) in [(0.8, 10), (0.5, 7)] {
        let pipeline = load("sdxl").with_refiner(load("refiner"), switch_at).unwrap();
        for scheduler in ["ddim", "euler", "dpmpp_2m_karras", "heun"] {
            for (case, negative, guidance) in [
                ("negative", NEGATIVE, 5.0),
                ("plain", "", 5.0),
                ("unguided", "", 1.0),
            ] {
                let params = GenerationParams {
                    steps,
                    negative: negative.to_owned(),
                    ..params(&pipeline, scheduler, guidance)
                };
                let key = format!("refined/{scheduler}/{switch_at}/{case}");
                comparison.add(&key, &latents(&pipeline, &params), &golden(&key));
            }
        }
    }
    comparison.finish(24);
}

#[test]
fn the_refiner_works_alone() {
    let pipeline = load("refiner");
    let mut comparison = Comparison::default();
    for scheduler in ["ddim", "euler", "dpmpp_2m_karras", "heun"] {
        let params = GenerationParams {
            negative: NEGATIVE.to_owned(),
            ..params(&pipeline, scheduler, 5.0)
        };
        let key = format!("refiner/{scheduler}");
        comparison.add(&key, &latents(&pipeline, &params), &golden(&key));
    }
    comparison.finish(4);
}

/// Preferences are the base model's: the refiner reads the plain prompt. Both count as steps of one picture.
#[test]
fn a_refined_picture_is_the_same_alone_and_among_others() {
    use crate::ops::testing::bits;
    let pipeline = load("sdxl").with_refiner(load("refiner"), 0.5).unwrap();
    let requests: Vec<_> = MODES
        .into_iter()
        .zip([4, 7, 5])
        .map(|(conditioning, steps)| GenerationParams {
            steps,
            init_latents: None,
            seed: steps as u64,
            ..personalised(&pipeline, "euler", 4.0, conditioning)
        })
        .collect();
    let alone: Vec<_> = requests
        .iter()
        .map(|params| bits(&latents(&pipeline, params)))
        .collect();
    let mut slots: Vec<_> = requests
        .iter()
        .map(|params| pipeline.start(params).unwrap())
        .collect();
    assert_eq!(slots.iter().map(Slot::steps).collect::<Vec<_>>(), [4, 7, 5]);
    // Slots at the base model and at the refiner are stepped together.
    while slots.iter().any(|slot| !slot.is_finished()) {
        pipeline.step(&mut slots.iter_mut().collect::<Vec<_>>()).unwrap();
    }
    let among: Vec<_> = slots.iter().map(|slot| bits(slot.latents())).collect();
    assert_eq!(alone, among);
}

#[test]
fn a_refiner_that_does_not_fit_is_refused() {
    let error = |switch_at| {
        load("sdxl")
            .with_refiner(load("refiner"), switch_at)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(error(1.0).contains("switch_at"));
    assert!(error(f64::NAN).contains("switch_at"));
    let other = super::load("xl", VpNorm::Raw);
    let error = load("sdxl").with_refiner(other, 0.8).err().unwrap().to_string();
    assert!(error.contains("latent channels"), "{error}");
}

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

/// What 16 bits change in the final latents, relative to f32: the bounds that `docs/diffusion.md` states.
///
/// f16 is computed in throughout. bf16, which processors do not compute in, is what weights are stored in.
#[test]
fn half_precisions_stay_within_their_bounds() {
    let mut worst = [0f32; 2];
    for family in ["sd21", "sdxl", "refiner", "lcm"] {
        let exact = load(family);
        let f16 = load_as(family, VpNorm::Raw, Precision::F16);
        let bf16 = tempfile::tempdir().unwrap();
        assemble(family, bf16.path());
        round_weights(&bf16.path().join("unet"));
        let bf16 = open(bf16.path(), VpNorm::Raw, Precision::F32);
        for conditioning in MODES {
            let params = GenerationParams {
                steps: 3,
                ..personalised(&exact, "ddim", 4.0, conditioning)
            };
            let expected = latents(&exact, &params);
            for (i, half) in [&f16, &bf16].into_iter().enumerate() {
                let error = relative_error(&latents(half, &params), &expected);
                assert!(
                    error > 0.0 && error.is_finite(),
                    "{family}, {conditioning}: {error}"
                );
                worst[i] = worst[i].max(error);
            }
        }
    }
    println!("f16 {}, bf16 weights {}", worst[0], worst[1]);
    assert!(worst[0] < F16_BOUND && worst[1] < BF16_BOUND, "{worst:?}");
}

const F16_BOUND: f32 = 0.005;
const BF16_BOUND: f32 = 0.02;

/// Rewrites a folder's weights in bf16.
fn round_weights(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "safetensors")
        {
            let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
            let rounded: HashMap<_, _> = tensors
                .into_iter()
                .map(|(name, tensor)| (name, tensor.to_dtype(candle_core::DType::BF16).unwrap()))
                .collect();
            candle_core::safetensors::save(&rounded, &path).unwrap();
        }
    }
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

#[test]
fn bf16_is_refused_on_a_processor_before_anything_is_drawn() {
    let target = tempfile::tempdir().unwrap();
    assemble("sdxl", target.path());
    let options = LoadOptions {
        device: crate::DeviceChoice::Cpu,
        dtype: Some(Precision::Bf16),
        ..Default::default()
    };
    let error = Pipeline::load(target.path(), &options).err().unwrap().to_string();
    assert!(error.starts_with("dtype") && error.contains("f32"), "{error}");
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
