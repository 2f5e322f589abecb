//! Group and layer normalisation.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::{is_fast, with_values};
use crate::weights::Weights;

/// Normalises each group of channels of each picture, then scales and shifts each channel.
#[derive(Debug, Clone)]
pub(crate) struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    eps: f64,
}

impl GroupNorm {
    /// Reads `weight` and `bias` (one value a channel).
    pub fn new(groups: usize, channels: usize, eps: f64, weights: &Weights) -> crate::error::Result<Self> {
        Ok(Self {
            weight: weights.get(channels, "weight")?,
            bias: weights.get(channels, "bias")?,
            groups,
            eps,
        })
    }

    /// Applies the layer to (pictures, channels, height, width).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if super::cuda::takes(x) {
            return super::cuda::group_norm(x, &self.weight, &self.bias, self.groups, self.eps, false);
        }
        self.apply(x, |y| y)
    }

    /// The same, followed by SiLU: the pair opens every residual block, and this way the values are written once.
    pub fn forward_silu(&self, x: &Tensor) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if super::cuda::takes(x) {
            return super::cuda::group_norm(x, &self.weight, &self.bias, self.groups, self.eps, true);
        }
        if is_fast(x) {
            self.apply(x, super::activation::silu_value)
        } else {
            super::silu(&self.apply(x, |y| y)?)
        }
    }

    fn apply(&self, x: &Tensor, then: impl Fn(f32) -> f32 + Sync) -> Result<Tensor> {
        let (_, channels, height, width) = x.dims4()?;
        if !is_fast(x) {
            let norm = candle_nn::GroupNorm::new(
                self.weight.clone(),
                self.bias.clone(),
                channels,
                self.groups,
                self.eps,
            )?;
            return candle_nn::Module::forward(&norm, x);
        }
        let (pixels, in_group) = (height * width, channels / self.groups);
        let size = in_group * pixels;
        let mut y = vec![0f32; x.elem_count()];
        let (weight, bias) = (self.weight.to_vec1::<f32>()?, self.bias.to_vec1::<f32>()?);
        with_values(x, |x| {
            y.par_chunks_mut(size)
                .zip(x.par_chunks(size))
                .enumerate()
                .for_each(|(i, (y, x))| {
                    let (mean, scale) = moments(x, self.eps);
                    let first = (i % self.groups) * in_group;
                    for (channel, (y, x)) in y.chunks_mut(pixels).zip(x.chunks(pixels)).enumerate() {
                        let weight = weight[first + channel] * scale;
                        let bias = bias[first + channel];
                        for (y, x) in y.iter_mut().zip(x) {
                            *y = then((x - mean) * weight + bias);
                        }
                    }
                });
        })?;
        Tensor::from_vec(y, x.shape(), x.device())
    }
}

/// Mean and reciprocal standard deviation. Two passes: the one-pass formula loses digits when the mean is large.
fn moments(x: &[f32], eps: f64) -> (f32, f32) {
    let count = x.len() as f64;
    let mean = (sum(x, |v| v) / count) as f32;
    let variance = sum(x, |v| (v - mean) * (v - mean)) / count;
    (mean, (1.0 / (variance + eps).sqrt()) as f32)
}

/// Sums in sixteen lanes over short runs, then in f64: fast, and nearly as exact as f64 throughout.
fn sum(x: &[f32], term: impl Fn(f32) -> f32) -> f64 {
    const LANES: usize = 16;
    let mut total = 0.0;
    for run in x.chunks(64 * LANES) {
        let mut lanes = [0f32; LANES];
        let mut parts = run.chunks_exact(LANES);
        for part in &mut parts {
            for (lane, &v) in lanes.iter_mut().zip(part) {
                *lane += term(v);
            }
        }
        total += lanes.iter().map(|&v| f64::from(v)).sum::<f64>();
        total += parts.remainder().iter().map(|&v| f64::from(term(v))).sum::<f64>();
    }
    total
}

/// Normalises the last axis, then scales and shifts each of its positions.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Reads `weight` and `bias` (one value a position of the last axis).
    pub fn new(size: usize, eps: f64, weights: &Weights) -> crate::error::Result<Self> {
        Ok(Self {
            weight: weights.get(size, "weight")?,
            bias: weights.get(size, "bias")?,
            eps,
        })
    }

    /// Applies the layer to the last axis.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if !is_fast(x) {
            let norm = candle_nn::LayerNorm::new(self.weight.clone(), self.bias.clone(), self.eps);
            return candle_nn::Module::forward(&norm, x);
        }
        let mut y = vec![0f32; x.elem_count()];
        let (weight, bias) = (self.weight.to_vec1::<f32>()?, self.bias.to_vec1::<f32>()?);
        let size = weight.len();
        with_values(x, |x| {
            y.par_chunks_mut(size)
                .zip(x.par_chunks(size))
                .with_min_len(16)
                .for_each(|(y, x)| {
                    let (mean, scale) = moments(x, self.eps);
                    for (((y, x), weight), bias) in y.iter_mut().zip(x).zip(&weight).zip(&bias) {
                        *y = (x - mean) * scale * weight + bias;
                    }
                });
        })?;
        Tensor::from_vec(y, x.shape(), x.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{noise, relative_error};
    use candle_nn::Module;

    #[test]
    fn group_norm_agrees_with_candle() {
        for (groups, channels, height, width) in [(1, 4, 3, 3), (4, 8, 5, 7), (32, 64, 16, 16), (3, 3, 1, 1)]
        {
            // A large mean tells a careless variance.
            let x = (noise(1, (2, channels, height, width)) + 5.0).unwrap();
            let ours = GroupNorm {
                weight: noise(2, channels),
                bias: noise(3, channels),
                groups,
                eps: 1e-5,
            };
            let stock =
                candle_nn::GroupNorm::new(ours.weight.clone(), ours.bias.clone(), channels, groups, 1e-5)
                    .unwrap();
            let expected = stock.forward(&x).unwrap();
            assert!(relative_error(&ours.forward(&x).unwrap(), &expected) < 2e-5);
            let expected = candle_nn::ops::silu(&expected).unwrap();
            assert!(relative_error(&ours.forward_silu(&x).unwrap(), &expected) < 2e-5);
        }
    }

    #[test]
    fn layer_norm_agrees_with_candle() {
        let x = noise(1, (2, 7, 33));
        let ours = LayerNorm {
            weight: noise(2, 33),
            bias: noise(3, 33),
            eps: 1e-5,
        };
        let stock = candle_nn::LayerNorm::new(ours.weight.clone(), ours.bias.clone(), 1e-5);
        assert!(relative_error(&ours.forward(&x).unwrap(), &stock.forward(&x).unwrap()) < 1e-5);
    }
}
