//! Nearby pictures: the noise that a picture starts from, turned a little towards other noise.
//!
//! Normal noise of many dimensions lies close to a sphere, and a denoiser expects it there. A straight mixture of two
//! draws would fall inside it and give dull pictures, so the way from one to the other goes along the sphere (spherical
//! linear interpolation; Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985).

use candle_core::{Device, Result, Tensor};
use serde::{Deserialize, Serialize};

/// Is one step aside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variation {
    /// Chooses the noise to turn towards.
    pub seed: u64,
    /// How far, 0 (not at all) to 1 (all the way: the picture of that seed).
    pub strength: f64,
}

/// Turns `from` towards `towards`, both of the same shape, on the sphere; the result is f32.
///
/// The sums run in order and in f64 on the processor, so that a device's own order of addition does not show in the
/// picture.
pub(crate) fn turn(from: &Tensor, towards: &Tensor, strength: f64) -> Result<Tensor> {
    let (a, b) = (values(from)?, values(towards)?);
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let lengths = libm::sqrt(dot(&a, &a) * dot(&b, &b));
    let cosine = if lengths > 0.0 {
        (dot(&a, &b) / lengths).clamp(-1.0, 1.0)
    } else {
        1.0
    };
    let angle = libm::acos(cosine);
    let sine = libm::sin(angle);
    // Parallel noise spans no plane to turn in; a straight mixture is then the same.
    let (keep, take) = if sine < 1e-6 {
        (1.0 - strength, strength)
    } else {
        (
            libm::sin((1.0 - strength) * angle) / sine,
            libm::sin(strength * angle) / sine,
        )
    };
    let turned: Vec<f32> = a
        .iter()
        .zip(&b)
        .map(|(a, b)| (keep * f64::from(*a) + take * f64::from(*b)) as f32)
        .collect();
    Tensor::from_vec(turned, from.shape(), from.device())
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::NoiseSource;

    fn noise(seed: u64) -> Tensor {
        NoiseSource::new(seed)
            .initial(&(1, 4, 16, 16).into(), &Device::Cpu)
            .unwrap()
    }

    fn distance(a: &Tensor, b: &Tensor) -> f32 {
        (a - b)
            .unwrap()
            .sqr()
            .unwrap()
            .sum_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap()
            .sqrt()
    }

    #[test]
    fn the_way_begins_and_ends_at_the_two_noises() {
        let (a, b) = (noise(1), noise(2));
        assert_eq!(values(&turn(&a, &b, 0.0).unwrap()).unwrap(), values(&a).unwrap());
        assert!(distance(&turn(&a, &b, 1.0).unwrap(), &b) < 1e-3);
    }

    #[test]
    fn further_is_further_and_the_spread_stays() {
        let (a, b) = (noise(1), noise(2));
        let mut last = 0.0;
        for strength in [0.1, 0.35, 0.6, 0.9] {
            let turned = turn(&a, &b, strength).unwrap();
            let distance = distance(&a, &turned);
            assert!(distance > last);
            last = distance;
            let variance = turned
                .sqr()
                .unwrap()
                .mean_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap();
            assert!((0.9..1.1).contains(&variance), "{strength}: {variance}");
        }
    }

    #[test]
    fn equal_noise_stays_as_it_is() {
        let a = noise(3);
        assert!(distance(&turn(&a, &a, 0.5).unwrap(), &a) < 1e-4);
    }
}
