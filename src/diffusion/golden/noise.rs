//! Noise equal to torch's.

use super::*;
use crate::rng::NoiseSource;

/// torch computes logarithm, sine and cosine by an approximation of its own in f32; this is how far its numbers are from
/// ours at most.
const BOUND: f32 = 1e-6;

#[test]
fn noise_agrees_with_torch() {
    let golden = candle_core::safetensors::load(folder().join("noise.safetensors"), &Device::Cpu).unwrap();
    let mut keys: Vec<_> = golden.keys().collect();
    keys.sort();
    let mut sources: HashMap<&str, NoiseSource> = HashMap::new();
    let mut worst = 0f32;
    for key in keys {
        let [seed, _, size] = key.split('/').collect::<Vec<_>>()[..] else {
            panic!("{key}");
        };
        let size: usize = size.parse().unwrap();
        // One stream a seed: a draw of the wrong length would show in all that follow.
        let source = sources
            .entry(seed)
            .or_insert_with(|| NoiseSource::torch(seed.parse().unwrap()));
        let drawn: Vec<f32> = source
            .initial(&size.into(), &Device::Cpu)
            .unwrap()
            .to_vec1()
            .unwrap();
        let expected: Vec<f32> = golden[key].to_vec1().unwrap();
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
    println!("worst difference {worst}");
    assert_eq!(sources.len(), 6);
}
