//! Image-to-image and the second pass, against diffusers' pipelines drawing the same noise from torch's generator.

use std::sync::Arc;

use super::around::{get, picture};
use super::*;
use crate::interpolate::{Interpolation, interpolate};
use crate::ops::testing::bits;
use crate::params::NoiseKind;
use crate::{Conditioning, GenerationParams, Hires, SchedulerKind, Slot, SourceImage, Upscale};

/// As in `make_fixtures.py` and `make_image.py`.
const STEPS: usize = 6;
const SEED: u64 = 7;

fn params(pipeline: &Pipeline, scheduler: &str) -> GenerationParams {
    GenerationParams {
        negative: NEGATIVE.to_owned(),
        guidance: 5.0,
        steps: STEPS,
        scheduler: scheduler.parse().unwrap(),
        noise: NoiseKind::Torch,
        seed: SEED,
        ..GenerationParams::for_model(pipeline.info(), PROMPT)
    }
}

fn finish(pipeline: &Pipeline, params: &GenerationParams) -> Slot {
    let mut slot = pipeline.start(params).unwrap();
    let steps = slot.steps();
    for done in 0..steps {
        assert_eq!((slot.step_index(), slot.is_finished()), (done, false));
        pipeline.step(&mut [&mut slot]).unwrap();
    }
    assert!(slot.is_finished());
    slot
}

fn source(strength: f64) -> Option<SourceImage> {
    let image = Arc::new(picture("img2img/picture"));
    Some(SourceImage { image, strength })
}

fn hires(upscale: Upscale) -> Option<Hires> {
    Some(Hires {
        width: 24,
        height: 32,
        strength: 0.7,
        steps: 5,
        upscale,
    })
}

#[test]
fn image_to_image_agrees_with_every_sampler_and_strength() {
    let mut comparison = Comparison::default();
    for model in MODELS {
        let pipeline = load(model, VpNorm::Raw);
        for scheduler in [
            "ddim",
            "euler",
            "euler_karras",
            "euler_a",
            "dpmpp_2m",
            "dpmpp_2m_karras",
        ] {
            for (strength, steps) in [(0.3, 1), (0.6, 3), (1.0, 6)] {
                let params = GenerationParams {
                    source: source(strength),
                    // diffusers' size: the picture's, down to what the autoencoder takes.
                    width: 20,
                    height: 16,
                    ..params(&pipeline, scheduler)
                };
                let slot = finish(&pipeline, &params);
                assert_eq!(slot.steps(), steps);
                let key = format!("img2img/{model}/{scheduler}/{strength:?}");
                comparison.add(&key, slot.latents(), &get(&key));
            }
        }
    }
    comparison.finish(36);
}

#[test]
fn the_second_pass_agrees() {
    let mut comparison = Comparison::default();
    let pipeline = load("sd", VpNorm::Raw);
    for scheduler in ["ddim", "euler_a", "dpmpp_2m_karras"] {
        for (mode, upscale) in [
            ("nearest-exact", Upscale::LatentNearest),
            ("bilinear", Upscale::Latent),
        ] {
            let params = GenerationParams {
                hires: hires(upscale),
                ..params(&pipeline, scheduler)
            };
            let slot = finish(&pipeline, &params);
            assert_eq!(slot.steps(), STEPS + 3);
            let key = format!("hires/{scheduler}/{mode}");
            comparison.add(&key, slot.latents(), &get(&key));
            assert_eq!(pipeline.decode(&slot).unwrap().dimensions(), (24, 32));
        }
    }
    comparison.finish(6);
}

/// The second pass over the decoded picture is image-to-image from that picture.
#[test]
fn a_second_pass_over_the_picture_is_image_to_image() {
    let pipeline = load("sd", VpNorm::Raw);
    let base = GenerationParams {
        noise: NoiseKind::Portable,
        ..params(&pipeline, "ddim")
    };
    let small = pipeline.decode(&finish(&pipeline, &base)).unwrap();
    let both = GenerationParams {
        hires: hires(Upscale::Image),
        ..base.clone()
    };
    let slot = finish(&pipeline, &both);
    assert_eq!(slot.steps(), STEPS + 3);
    let alone = GenerationParams {
        width: 24,
        height: 32,
        steps: 5,
        source: Some(SourceImage {
            image: Arc::new(small),
            strength: 0.7,
        }),
        ..base
    };
    // The same but for the noise, which a second pass draws afresh.
    let error = relative_error(finish(&pipeline, &alone).latents(), slot.latents());
    assert!((1e-3..1.5).contains(&error), "{error}");
}

#[test]
fn latents_are_enlarged_as_by_torch() {
    let mut comparison = Comparison::default();
    for (mode, method) in [
        ("nearest-exact", Interpolation::Nearest),
        ("bilinear", Interpolation::Bilinear),
    ] {
        for (width, height) in [(10, 12), (8, 9), (11, 16)] {
            let key = format!("interpolate/{mode}/{width}x{height}");
            let found = interpolate(&get("interpolate/z"), height, width, method).unwrap();
            comparison.add(&key, &found, &get(&key));
        }
    }
    comparison.finish(6);
}

fn variety(pipeline: &Pipeline) -> Vec<GenerationParams> {
    let base = GenerationParams {
        noise: NoiseKind::Portable,
        vp_plus: PLUS.to_owned(),
        vp_minus: MINUS.to_owned(),
        ..params(pipeline, "ddim")
    };
    let all = SchedulerKind::ALL.into_iter().zip(
        [
            Conditioning::Embedding,
            Conditioning::Guidance,
            Conditioning::Reference,
        ]
        .into_iter()
        .cycle(),
    );
    all.enumerate()
        .map(|(i, (scheduler, conditioning))| GenerationParams {
            scheduler,
            conditioning,
            seed: i as u64,
            source: if i % 3 == 0 { None } else { source(0.5) },
            hires: if i % 2 == 0 {
                hires(Upscale::ALL[i / 2 % 3])
            } else {
                None
            },
            ..base.clone()
        })
        .collect()
}

/// Sources, second passes, samplers and conditioning modes, each alone and all together.
#[test]
fn a_picture_from_a_picture_is_the_same_alone_and_among_others() {
    for model in MODELS {
        let pipeline = load(model, VpNorm::Raw);
        let requests = variety(&pipeline);
        let alone: Vec<_> = requests
            .iter()
            .map(|params| bits(finish(&pipeline, params).latents()))
            .collect();
        let mut slots: Vec<Slot> = requests
            .iter()
            .map(|params| pipeline.start(params).unwrap())
            .collect();
        while slots.iter().any(|slot| !slot.is_finished()) {
            pipeline.step(&mut slots.iter_mut().collect::<Vec<_>>()).unwrap();
        }
        for (i, (alone, slot)) in alone.iter().zip(&slots).enumerate() {
            assert_eq!(alone, &bits(slot.latents()), "{model}, request {i}");
        }
    }
}

#[test]
fn without_weight_preferences_change_no_bit_of_a_picture_from_a_picture() {
    let pipeline = load("sd", VpNorm::Keep);
    for conditioning in [
        Conditioning::Embedding,
        Conditioning::Guidance,
        Conditioning::Reference,
    ] {
        let plain = GenerationParams {
            source: source(0.6),
            hires: hires(Upscale::Latent),
            conditioning,
            ..params(&pipeline, "dpmpp_2m")
        };
        let zero = GenerationParams {
            vp_plus: PLUS.to_owned(),
            vp_minus: MINUS.to_owned(),
            beta: 0.0,
            ..plain.clone()
        };
        let some = GenerationParams {
            beta: 0.5,
            ..zero.clone()
        };
        let run = |params| bits(finish(&pipeline, params).latents());
        assert_eq!(run(&plain), run(&zero), "{conditioning}");
        assert_ne!(run(&plain), run(&some), "{conditioning}");
    }
}

#[test]
fn the_less_strength_the_more_stays() {
    let pipeline = load("sd", VpNorm::Raw);
    let original = picture("img2img/picture");
    let mut last = 0.0;
    for strength in [0.05, 0.5, 1.0] {
        let params = GenerationParams {
            source: source(strength),
            width: original.width() as usize / 2 * 2,
            height: original.height() as usize / 2 * 2,
            guidance: 1.0,
            steps: 20,
            ..params(&pipeline, "ddim")
        };
        let steps = pipeline.start(&params).unwrap().steps();
        assert!(steps as f64 > last, "{strength}");
        last = steps as f64;
    }
    // However little strength: one step is taken.
    assert_eq!(
        pipeline
            .start(&GenerationParams {
                source: source(0.001),
                ..params(&pipeline, "ddim")
            })
            .unwrap()
            .steps(),
        1
    );
}

#[test]
fn wrong_sources_and_second_passes_are_named() {
    let pipeline = load("sd", VpNorm::Raw);
    let base = params(&pipeline, "ddim");
    let with = |change: fn(&mut Hires)| {
        let mut hires = hires(Upscale::Image).unwrap();
        change(&mut hires);
        GenerationParams {
            hires: Some(hires),
            ..base.clone()
        }
    };
    for (params, name) in [
        (
            GenerationParams {
                source: source(0.0),
                ..base.clone()
            },
            "strength",
        ),
        (
            GenerationParams {
                source: source(1.1),
                ..base.clone()
            },
            "strength",
        ),
        (with(|hires| hires.strength = f64::NAN), "hires strength"),
        (with(|hires| hires.steps = 0), "hires steps"),
        (with(|hires| hires.width = 25), "hires width"),
        (with(|hires| hires.height = 8), "hires height"),
        (with(|hires| hires.height = 4096), "hires height"),
    ] {
        let error = pipeline.start(&params).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

#[test]
fn a_preview_of_every_stage_has_the_stages_size() {
    let pipeline = load("sd", VpNorm::Raw);
    let params = GenerationParams {
        hires: hires(Upscale::Image),
        ..params(&pipeline, "ddim")
    };
    let mut slot = pipeline.start(&params).unwrap();
    let mut sizes = Vec::new();
    while !slot.is_finished() {
        pipeline.step(&mut [&mut slot]).unwrap();
        sizes.push(pipeline.preview(&slot).unwrap().dimensions());
    }
    assert_eq!(sizes[..STEPS], [(16, 16); STEPS]);
    assert_eq!(sizes[STEPS..], [(24, 32); 3]);
}
