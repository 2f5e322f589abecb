//! Seeded noise: the same numbers on every run and every machine.
//!
//! Two kinds, as [`NoiseKind`] says. The portable one is ChaCha with 8 rounds keyed by the seed (in the first eight
//! bytes, little-endian, of an otherwise zero key), one stream per purpose: stream 0 gives the initial latents, stream
//! k + 1 the noise that step k adds, the last streams the samples of encoded pictures and what a second pass begins
//! with. Pairs of uniform numbers become pairs of normal ones by Box and Muller's transform, in f64 with `libm`'s
//! portable functions, since the functions of the platform may differ in the last bit. A picture therefore depends on
//! nothing but its parameters: not on the device, on the batch it is made in, or on what ran before.
//!
//! torch's kind is one stream from which draws take in order, as a diffusers pipeline takes them from one
//! `torch.Generator`: the sample of an encoded picture, the initial latents, then each step's noise.

mod torch;

use candle_core::{Device, Result, Shape, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::params::NoiseKind;
use torch::TorchGenerator;

/// Draws one picture's noise.
#[derive(Clone)]
pub(crate) enum NoiseSource {
    /// The key.
    Portable([u8; 32]),
    /// The stream. (Boxed, since its state is 2.5 KB.)
    Torch(Box<TorchGenerator>),
}

impl NoiseSource {
    /// Portable noise for `seed`.
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self::Portable(key)
    }

    /// The noise of `torch.Generator("cpu").manual_seed(seed)`.
    pub fn torch(seed: u64) -> Self {
        Self::Torch(Box::new(TorchGenerator::new(seed)))
    }

    /// Noise of `kind` for `seed`.
    pub fn of(kind: NoiseKind, seed: u64) -> Self {
        match kind {
            NoiseKind::Portable => Self::new(seed),
            NoiseKind::Torch => Self::torch(seed),
        }
    }

    /// Standard normal noise for a sample of the distribution of a picture encoded after `done` steps, f32. Drawn before
    /// that pass's first latents.
    pub fn posterior(&mut self, done: usize, shape: &Shape, device: &Device) -> Result<Tensor> {
        self.normal(u64::MAX - 2 * done as u64, shape, device)
    }

    /// Standard normal noise for the initial latents, f32.
    pub fn initial(&mut self, shape: &Shape, device: &Device) -> Result<Tensor> {
        self.normal(0, shape, device)
    }

    /// Standard normal noise that a later pass begins with after `done` steps, f32.
    pub fn for_pass(&mut self, done: usize, shape: &Shape, device: &Device) -> Result<Tensor> {
        self.normal(u64::MAX - 1 - 2 * done as u64, shape, device)
    }

    /// Standard normal noise that step `step` (from 0) may add, f32.
    pub fn for_step(&mut self, step: usize, shape: &Shape, device: &Device) -> Result<Tensor> {
        self.normal(step as u64 + 1, shape, device)
    }

    fn normal(&mut self, stream: u64, shape: &Shape, device: &Device) -> Result<Tensor> {
        let count = shape.elem_count();
        let values = match self {
            Self::Portable(key) => portable(*key, stream, count),
            Self::Torch(generator) => generator.normal(count),
        };
        Tensor::from_vec(values, shape, device)
    }
}

fn portable(key: [u8; 32], stream: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        let (a, b) = box_muller(rng.next_u64(), rng.next_u64());
        values.push(a as f32);
        values.push(b as f32);
    }
    values.truncate(count);
    values
}

/// Two independent standard normal numbers from 53 bits of each of two random words.
fn box_muller(first: u64, second: u64) -> (f64, f64) {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    // In (0, 1], so that the logarithm is finite.
    let u = ((first >> 11) + 1) as f64 * UNIT;
    let v = (second >> 11) as f64 * UNIT;
    let radius = libm::sqrt(-2.0 * libm::log(u));
    let angle = std::f64::consts::TAU * v;
    (radius * libm::cos(angle), radius * libm::sin(angle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, step: Option<usize>, count: usize) -> Vec<f32> {
        let mut source = NoiseSource::new(seed);
        let shape = Shape::from(count);
        match step {
            None => source.initial(&shape, &Device::Cpu),
            Some(step) => source.for_step(step, &shape, &Device::Cpu),
        }
        .unwrap()
        .to_vec1()
        .unwrap()
    }

    #[test]
    fn it_is_standard_normal() {
        let values = draw(7, None, 100_001);
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        let variance =
            values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / values.len() as f64;
        let tail = values.iter().filter(|x| x.abs() > 1.96).count() as f64 / values.len() as f64;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
        assert!((tail - 0.05).abs() < 0.005, "{tail}");
    }

    #[test]
    fn seeds_and_steps_differ_and_repeat() {
        assert_eq!(draw(1, None, 9), draw(1, None, 9));
        assert_ne!(draw(1, None, 9), draw(2, None, 9));
        assert_ne!(draw(1, None, 9), draw(1, Some(0), 9));
        assert_ne!(draw(1, Some(0), 9), draw(1, Some(1), 9));
        // A longer draw starts with the shorter one: nothing depends on the size asked for.
        assert_eq!(draw(1, Some(3), 9)[..8], draw(1, Some(3), 64)[..8]);
    }
}
