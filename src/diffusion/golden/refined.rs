//! A refiner after a base model, and alone.

use super::families::{MODES, golden, latents, load, params, personalised};
use super::*;
use crate::{GenerationParams, Slot};

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
