//! Group and layer normalisation.
#![allow(unsafe_code)]

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::fast_math::silu;
use super::product::filled;
use super::simd::{Kernel, Simd, dispatch};
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
        self.apply(x, false)
    }

    /// The same, followed by SiLU: the pair opens every residual block, and this way the values are written once.
    pub fn forward_silu(&self, x: &Tensor) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if super::cuda::takes(x) {
            return super::cuda::group_norm(x, &self.weight, &self.bias, self.groups, self.eps, true);
        }
        if is_fast(x) {
            self.apply(x, true)
        } else {
            super::silu(&self.apply(x, false)?)
        }
    }

    fn apply(&self, x: &Tensor, silu: bool) -> Result<Tensor> {
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
        let pixels = height * width;
        let in_group = channels / self.groups.max(1);
        if in_group * self.groups != channels || pixels == 0 {
            candle_core::bail!("{} groups of {:?}", self.groups, x.dims());
        }
        let size = in_group * pixels;
        let (weight, bias) = (self.weight.to_vec1::<f32>()?, self.bias.to_vec1::<f32>()?);
        let y = with_values(x, |x| {
            // SAFETY: the groups cover all values, and each is written by one task.
            unsafe {
                filled(x.len(), |to| {
                    x.par_chunks(size).enumerate().for_each(|(i, from)| {
                        let first = (i % self.groups) * in_group;
                        dispatch(Group {
                            from,
                            to: to.at(i * size),
                            weight: &weight[first..first + in_group],
                            bias: &bias[first..first + in_group],
                            eps: self.eps,
                            silu,
                        });
                    });
                })
            }
        })?;
        Tensor::from_vec(y, x.shape(), x.device())
    }
}

/// One group of one picture.
struct Group<'a> {
    from: &'a [f32],
    to: *mut f32,
    /// One value a channel.
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f64,
    silu: bool,
}

impl Kernel for Group<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mean, scale) = moments::<S>(self.from, self.eps);
        let pixels = self.from.len() / self.weight.len();
        for (c, from) in self.from.chunks_exact(pixels).enumerate() {
            let (weight, bias) = (self.weight[c] * scale, self.bias[c]);
            let whole = pixels / S::LANES * S::LANES;
            // SAFETY: `to` has as much room as `from` has values; a vector has at most 16 lanes.
            unsafe {
                let to = self.to.add(c * pixels);
                for i in (0..whole).step_by(S::LANES) {
                    let x = S::load(from.as_ptr().add(i));
                    S::store(to.add(i), normal::<S>(x, mean, weight, bias, self.silu));
                }
                let mut rest = [0f32; 16];
                rest[..pixels - whole].copy_from_slice(&from[whole..]);
                let y = normal::<S>(S::load(rest.as_ptr()), mean, weight, bias, self.silu);
                S::store(rest.as_mut_ptr(), y);
                std::ptr::copy_nonoverlapping(rest.as_ptr(), to.add(whole), pixels - whole);
            }
        }
    }
}

#[inline(always)]
unsafe fn normal<S: Simd>(x: S::V, mean: f32, weight: f32, bias: f32, then_silu: bool) -> S::V {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let y = S::fma(S::sub(x, S::splat(mean)), S::splat(weight), S::splat(bias));
        if then_silu { silu::<S>(y) } else { y }
    }
}

/// Mean and reciprocal standard deviation. Two passes: the one-pass formula loses digits when the mean is large.
#[inline(always)]
fn moments<S: Simd>(x: &[f32], eps: f64) -> (f32, f32) {
    let count = x.len() as f64;
    let mean = (sum::<S>(x, 0.0, false) / count) as f32;
    let variance = sum::<S>(x, mean, true) / count;
    (mean, (1.0 / (variance + eps).sqrt()) as f32)
}

/// Sums `x − mean`, or its square, in lanes over short runs, then in f64: fast, and nearly as exact as f64 throughout.
#[inline(always)]
fn sum<S: Simd>(x: &[f32], mean: f32, squared: bool) -> f64 {
    let mut total = 0.0;
    for run in x.chunks(1024) {
        let whole = run.len() / (2 * S::LANES) * 2 * S::LANES;
        let mut lanes = [0f32; 32];
        // SAFETY: `whole` is whole pairs of vectors; a vector has at most 16 lanes.
        unsafe {
            let mut sums = [S::splat(0.0); 2];
            for i in (0..whole).step_by(2 * S::LANES) {
                for (half, sum) in sums.iter_mut().enumerate() {
                    let v = S::sub(S::load(run.as_ptr().add(i + half * S::LANES)), S::splat(mean));
                    *sum = if squared {
                        S::fma(v, v, *sum)
                    } else {
                        S::add(v, *sum)
                    };
                }
            }
            S::store(lanes.as_mut_ptr(), S::add(sums[0], sums[1]));
        }
        total += lanes[..S::LANES].iter().map(|&v| f64::from(v)).sum::<f64>();
        for v in &run[whole..] {
            let v = f64::from(v - mean);
            total += if squared { v * v } else { v };
        }
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
        let (weight, bias) = (self.weight.to_vec1::<f32>()?, self.bias.to_vec1::<f32>()?);
        let size = weight.len();
        if x.dims().last() != Some(&size) {
            candle_core::bail!("a norm of {size} values cannot take {:?}", x.dims());
        }
        let rows = (16 * 1024 / size.max(1)).max(1);
        let y = with_values(x, |x| {
            // SAFETY: the rows cover all values, and each is written by one task.
            unsafe {
                filled(x.len(), |to| {
                    x.par_chunks(rows * size).enumerate().for_each(|(i, from)| {
                        dispatch(Rows {
                            from,
                            to: to.at(i * rows * size),
                            weight: &weight,
                            bias: &bias,
                            eps: self.eps,
                        });
                    });
                })
            }
        })?;
        Tensor::from_vec(y, x.shape(), x.device())
    }
}

/// Rows that are normalised one by one.
struct Rows<'a> {
    from: &'a [f32],
    to: *mut f32,
    /// One value a position.
    weight: &'a [f32],
    bias: &'a [f32],
    eps: f64,
}

impl Kernel for Rows<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let size = self.weight.len();
        let whole = size / S::LANES * S::LANES;
        for (r, from) in self.from.chunks_exact(size).enumerate() {
            let (mean, scale) = moments::<S>(from, self.eps);
            // SAFETY: `to` has as much room as `from` has values, weight and bias have `size` values.
            unsafe {
                let to = self.to.add(r * size);
                for i in (0..whole).step_by(S::LANES) {
                    let x = S::mul(
                        S::sub(S::load(from.as_ptr().add(i)), S::splat(mean)),
                        S::splat(scale),
                    );
                    let weight = S::load(self.weight.as_ptr().add(i));
                    S::store(to.add(i), S::fma(x, weight, S::load(self.bias.as_ptr().add(i))));
                }
                for (i, v) in from.iter().enumerate().skip(whole) {
                    *to.add(i) = (v - mean) * scale * self.weight[i] + self.bias[i];
                }
            }
        }
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
