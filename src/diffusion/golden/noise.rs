//! Noise equal to torch's, and whole pictures from a seed equal to diffusers'.

use super::*;
use crate::rng::NoiseSource;
use crate::{GenerationParams, NoiseKind, SchedulerKind};

/// torch computes logarithm, sine and cosine by an approximation of its own in f32; this is how far its numbers may be
/// from ours. (Measured: 2.4e-7, one unit in the last place of the larger numbers.)
const BOUND: f32 = 5e-7;

fn golden() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(folder().join("noise.safetensors"), &Device::Cpu).unwrap()
}

#[test]
fn noise_agrees_with_torch() {
    let golden = golden();
    let mut keys: Vec<_> = golden
        .keys()
        .filter_map(|key| key.strip_prefix("draw/"))
        .collect();
    keys.sort();
    let mut sources: HashMap<&str, NoiseSource> = HashMap::new();
    let mut worst = 0f32;
    for key in keys {
        let [seed, _, size] = key.split('/').collect::<Vec<_>>()[..] else {
            panic!("{key}");
        };
        let size: usize = size.parse().unwrap();
        // One stream a seed: a draw that takes too many words would show in all that follow.
        let source = sources
            .entry(seed)
            .or_insert_with(|| NoiseSource::torch(seed.parse().unwrap()));
        let drawn: Vec<f32> = source
            .initial(&size.into(), &Device::Cpu)
            .unwrap()
            .to_vec1()
            .unwrap();
        let expected: Vec<f32> = golden[&format!("draw/{key}")].to_vec1().unwrap();
        let found = if drawn.len() == expected.len() {
            drawn
        } else {
            let (kept, middle) = (expected.len() / 3, size / 2);
            [
                &drawn[..kept],
                &drawn[middle..middle + kept],
                &drawn[size - kept..],
            ]
            .concat()
        };
        for (found, expected) in found.iter().zip(&expected) {
            worst = worst.max((found - expected).abs());
        }
        assert!(worst < BOUND, "{key}: {worst}");
    }
    println!("largest difference {worst:e}");
    assert_eq!(sources.len(), 6);
}

#[test]
fn a_seed_gives_the_picture_it_gives_in_diffusers() {
    let pipeline = load("sd", VpNorm::Raw);
    let mut comparison = Comparison::default();
    for (key, expected) in golden() {
        let Some(["picture", scheduler, seed]) =
            key.split('/').collect::<Vec<_>>().first_chunk::<3>().copied()
        else {
            continue;
        };
        let params = GenerationParams {
            negative: NEGATIVE.to_owned(),
            seed: seed.parse().unwrap(),
            noise: NoiseKind::Torch,
            steps: 6,
            guidance: 4.0,
            scheduler: scheduler.parse::<SchedulerKind>().unwrap(),
            ..GenerationParams::for_model(pipeline.info(), PROMPT)
        };
        let mut slot = pipeline.start(&params).unwrap();
        while !slot.is_finished() {
            pipeline.step(&mut [&mut slot]).unwrap();
        }
        comparison.add(&key, slot.latents(), &expected);
    }
    comparison.finish(16);
}
