//! A refiner after a base model, and alone.

use std::sync::Arc;

use super::around::picture;
use super::families::{MODES, assemble, golden, latents, load, params, personalised};
use super::*;
use crate::{GenerationParams, Hires, Lora, Slot, SourceImage, Upscale};

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

/// What `tests/fixtures/diffusion/make_refined.py` made.
fn expected(key: &str) -> Tensor {
    static GOLDEN: LazyLock<HashMap<String, Tensor>> = LazyLock::new(|| {
        candle_core::safetensors::load(folder().join("families/refined.safetensors"), &Device::Cpu).unwrap()
    });
    GOLDEN
        .get(key)
        .unwrap_or_else(|| panic!("no golden tensor `{key}`"))
        .clone()
}

/// Seed and noise as in diffusers, drawn by both models from one generator.
fn drawn(pipeline: &Pipeline, scheduler: &str) -> GenerationParams {
    GenerationParams {
        steps: 10,
        negative: NEGATIVE.to_owned(),
        init_latents: None,
        seed: 7,
        noise: crate::NoiseKind::Torch,
        ..params(pipeline, scheduler, 5.0)
    }
}

#[test]
fn a_picture_from_a_picture_is_refined_as_in_diffusers() {
    let pipeline = load("sdxl").with_refiner(load("refiner"), 0.8).unwrap();
    let mut comparison = Comparison::default();
    for scheduler in ["ddim", "euler", "euler_a", "dpmpp_2m_karras", "heun"] {
        // The last is so little that the refiner alone has a step to take.
        for strength in [0.6, 1.0, 0.15] {
            let params = GenerationParams {
                source: Some(SourceImage {
                    image: Arc::new(picture("img2img/picture")),
                    strength,
                }),
                width: 20,
                height: 16,
                ..drawn(&pipeline, scheduler)
            };
            let key = format!("image/{scheduler}/{strength:?}");
            comparison.add(&key, &latents(&pipeline, &params), &expected(&key));
        }
    }
    comparison.finish(15);
}

#[test]
fn a_second_pass_is_refined_as_in_diffusers() {
    let pipeline = load("sdxl").with_refiner(load("refiner"), 0.8).unwrap();
    let mut comparison = Comparison::default();
    for scheduler in ["ddim", "euler_a", "dpmpp_2m_karras"] {
        let params = GenerationParams {
            hires: Some(Hires {
                width: 24,
                height: 32,
                strength: 0.7,
                steps: 5,
                upscale: Upscale::Latent,
            }),
            ..drawn(&pipeline, scheduler)
        };
        let key = format!("hires/{scheduler}");
        comparison.add(&key, &latents(&pipeline, &params), &expected(&key));
    }
    comparison.finish(3);
}

#[test]
fn an_adapter_of_the_refiner_agrees() {
    let folder_of = tempfile::tempdir().unwrap();
    assemble("refiner", folder_of.path());
    let adapter = Lora {
        path: folder().join("loras/refiner.safetensors"),
        weight: 0.8,
    };
    let mut comparison = Comparison::default();
    let mut hashes = Vec::new();
    for (key, loras) in [("lora/without", Vec::new()), ("lora/with", vec![adapter])] {
        let options = LoadOptions {
            device: crate::DeviceChoice::Cpu,
            loras,
            ..Default::default()
        };
        let refiner = Pipeline::load(folder_of.path(), &options).unwrap();
        let pipeline = load("sdxl").with_refiner(refiner, 0.8).unwrap();
        let params = GenerationParams {
            steps: 10,
            negative: NEGATIVE.to_owned(),
            ..params(&pipeline, "ddim", 5.0)
        };
        comparison.add(key, &latents(&pipeline, &params), &expected(key));
        hashes.push(pipeline.info().hash.get());
    }
    comparison.finish(2);
    // Both are the same but for the adapter, which shows in the name of the weights.
    assert!(relative_error(&expected("lora/with"), &expected("lora/without")) > 10.0 * TOLERANCE);
    assert_ne!(hashes[0], hashes[1]);
}

#[test]
fn a_refiner_from_a_single_file_agrees() {
    let load = |family| Pipeline::of(single_files::checkpoint(family), &single_files::options()).unwrap();
    let mut comparison = Comparison::default();
    for (key, steps, pipeline) in [
        ("single/refiner", 4, load("refiner")),
        (
            "single/both",
            10,
            load("sdxl").with_refiner(load("refiner"), 0.8).unwrap(),
        ),
    ] {
        let params = GenerationParams {
            steps,
            negative: NEGATIVE.to_owned(),
            width: 16,
            height: 16,
            ..params(&pipeline, "ddim", 5.0)
        };
        comparison.add(key, &latents(&pipeline, &params), &expected(key));
    }
    comparison.finish(2);
}
