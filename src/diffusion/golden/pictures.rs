//! Whole pictures: diffusers' own pipelines, and the three conditioning modes.

use super::*;
use crate::{Conditioning, GenerationParams, SchedulerKind};

const STEPS: usize = 6;

fn params(pipeline: &Pipeline, model: &str, scheduler: &str) -> GenerationParams {
    GenerationParams {
        steps: STEPS,
        scheduler: scheduler.parse().unwrap(),
        init_latents: Some(golden(&format!("{model}/latents"))),
        ..GenerationParams::for_model(pipeline.info(), PROMPT)
    }
}

fn finish(pipeline: &Pipeline, params: &GenerationParams) -> crate::Slot {
    let mut slot = pipeline.start(params).unwrap();
    while !slot.is_finished() {
        pipeline.step(&mut [&mut slot]).unwrap();
    }
    slot
}

#[test]
fn pipelines_agree_with_every_sampler() {
    let mut comparison = Comparison::default();
    for model in MODELS {
        let pipeline = load(model, VpNorm::Raw);
        for scheduler in ["ddim", "euler", "euler_karras", "dpmpp_2m", "dpmpp_2m_karras"] {
            for (case, negative, guidance, guidance_rescale) in [
                ("negative", NEGATIVE, 7.5, 0.0),
                ("plain", "", 3.0, 0.7),
                ("unguided", NEGATIVE, 1.0, 0.0),
            ] {
                let params = GenerationParams {
                    negative: negative.to_owned(),
                    guidance,
                    guidance_rescale,
                    ..params(&pipeline, model, scheduler)
                };
                let key = format!("{model}/pipe/{scheduler}/{case}");
                comparison.add(&key, finish(&pipeline, &params).latents(), &golden(&key));
            }
        }
    }
    comparison.finish(30);
}

#[test]
fn conditioning_modes_agree() {
    let mut comparison = Comparison::default();
    for model in MODELS {
        for (norm, vp_norm) in [("raw", VpNorm::Raw), ("keep", VpNorm::Keep)] {
            let pipeline = load(model, vp_norm);
            for scheduler in ["ddim", "euler", "dpmpp_2m_karras"] {
                for conditioning in [
                    Conditioning::Embedding,
                    Conditioning::Guidance,
                    Conditioning::Reference,
                ] {
                    let params = GenerationParams {
                        negative: NEGATIVE.to_owned(),
                        vp_plus: PLUS.to_owned(),
                        vp_minus: MINUS.to_owned(),
                        beta: 0.7,
                        conditioning,
                        guidance: 4.0,
                        ..params(&pipeline, model, scheduler)
                    };
                    let key = format!("{model}/mode/{scheduler}/{conditioning}/{norm}");
                    comparison.add(&key, finish(&pipeline, &params).latents(), &golden(&key));
                    if conditioning == Conditioning::Reference && vp_norm == VpNorm::Raw {
                        let params = GenerationParams {
                            guidance_rescale: 0.7,
                            ..params
                        };
                        let key = format!("{model}/mode/{scheduler}/reference/rescaled");
                        comparison.add(&key, finish(&pipeline, &params).latents(), &golden(&key));
                    }
                }
            }
        }
    }
    comparison.finish(42);
}

#[test]
fn decoded_pictures_agree() {
    for model in MODELS {
        let pipeline = load(model, VpNorm::Raw);
        let params = GenerationParams {
            guidance: 3.0,
            ..params(&pipeline, model, "ddim")
        };
        let picture = pipeline.decode(&finish(&pipeline, &params)).unwrap();
        let expected = golden(&format!("{model}/picture"))
            .flatten_all()
            .unwrap()
            .to_vec1::<u8>()
            .unwrap();
        let worst = picture
            .as_raw()
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .max()
            .unwrap();
        // A value may lie on the edge between two of the 256.
        assert!(worst <= 1, "{model}: {worst}");
        let preview = pipeline.preview(&finish(&pipeline, &params)).unwrap();
        assert_eq!(preview.dimensions(), picture.dimensions());
    }
}

#[test]
fn defaults_come_from_the_checkpoint() {
    let sd = load("sd", VpNorm::Raw);
    let info = sd.info();
    assert_eq!(
        (info.width, info.height, info.latent_channels, info.vae_scale),
        (16, 16, 4, 2)
    );
    // PNDM, which the file names, is not here.
    assert_eq!(
        (info.name.as_str(), info.scheduler),
        ("sd", SchedulerKind::Dpmpp2m)
    );
    assert_eq!(info.hash.get().len(), 12);
    let xl = load("xl", VpNorm::Raw);
    assert_eq!(xl.info().scheduler, SchedulerKind::Ddim);
    assert_eq!(xl.info().prediction_type, crate::PredictionType::VPrediction);
    assert_ne!(xl.info().hash.get(), info.hash.get());
}
