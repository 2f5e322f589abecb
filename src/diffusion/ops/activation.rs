//! Activation functions.

use candle_core::{D, Result, Tensor};
use rayon::prelude::*;

use super::fast_math::{erf, exp};
use super::{is_fast, with_values};

/// Values handled by one task: small enough to balance, large enough to be worth one.
const RUN: usize = 16 * 1024;

/// An activation named in a model's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x · σ(x)`, also called swish.
    Silu,
    /// `x · Φ(x)`, with the exact error function.
    Gelu,
    /// The tanh approximation of GELU.
    GeluTanh,
    /// `x · σ(1.702 x)`, as in OpenAI's CLIP.
    QuickGelu,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    /// Resolves the names used by diffusers and transformers.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "silu" | "swish" => Self::Silu,
            "gelu" => Self::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Self::GeluTanh,
            "quick_gelu" => Self::QuickGelu,
            "relu" => Self::Relu,
            _ => return None,
        })
    }

    /// Applies the function to every value.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Silu => silu(x),
            Self::Gelu if is_fast(x) => map(x, gelu_value),
            Self::Gelu => x.gelu_erf(),
            Self::GeluTanh => x.gelu(),
            Self::QuickGelu if is_fast(x) => map(x, |v| v / (1.0 + exp(-1.702 * v))),
            Self::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
            Self::Relu => x.relu(),
        }
    }
}

#[inline(always)]
pub(super) fn silu_value(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[inline(always)]
fn gelu_value(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

fn map(x: &Tensor, f: impl Fn(f32) -> f32 + Sync) -> Result<Tensor> {
    let mut y = vec![0f32; x.elem_count()];
    with_values(x, |x| {
        y.par_chunks_mut(RUN).zip(x.par_chunks(RUN)).for_each(|(y, x)| {
            for (y, &x) in y.iter_mut().zip(x) {
                *y = f(x);
            }
        });
    })?;
    Tensor::from_vec(y, x.shape(), x.device())
}

/// `x · σ(x)`.
pub(crate) fn silu(x: &Tensor) -> Result<Tensor> {
    if is_fast(x) {
        map(x, silu_value)
    } else {
        candle_nn::ops::silu(x)
    }
}

/// Splits the last axis in two halves and multiplies the first with GELU (exact, by erf) of the second.
pub(crate) fn geglu(x: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if super::cuda::takes(x) {
        return super::cuda::geglu(x);
    }
    let double = x.dim(D::Minus1)?;
    let single = double / 2;
    if !is_fast(x) {
        let value = x.narrow(D::Minus1, 0, single)?;
        return value * x.narrow(D::Minus1, single, single)?.contiguous()?.gelu_erf()?;
    }
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = single;
    }
    let mut y = vec![0f32; x.elem_count() / 2];
    with_values(x, |x| {
        y.par_chunks_mut(single)
            .zip(x.par_chunks(double))
            .with_min_len(8)
            .for_each(|(y, x)| {
                let (value, gate) = x.split_at(single);
                for ((y, value), &gate) in y.iter_mut().zip(value).zip(gate) {
                    *y = value * gelu_value(gate);
                }
            });
    })?;
    Tensor::from_vec(y, shape, x.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{noise, relative_error};

    #[test]
    fn they_agree_with_candle() {
        let x = (noise(1, (2, 5, 34)) * 3.0).unwrap();
        let expected = candle_nn::ops::silu(&x).unwrap();
        assert!(relative_error(&silu(&x).unwrap(), &expected) < 2e-6);
        let expected = x.gelu_erf().unwrap();
        assert!(relative_error(&Activation::Gelu.forward(&x).unwrap(), &expected) < 2e-6);
        let expected = (&x * candle_nn::ops::sigmoid(&(&x * 1.702).unwrap()).unwrap()).unwrap();
        assert!(relative_error(&Activation::QuickGelu.forward(&x).unwrap(), &expected) < 2e-6);
        let gate = x
            .narrow(2, 17, 17)
            .unwrap()
            .contiguous()
            .unwrap()
            .gelu_erf()
            .unwrap();
        let expected = (x.narrow(2, 0, 17).unwrap() * gate).unwrap();
        assert!(relative_error(&geglu(&x).unwrap(), &expected) < 2e-6);
    }
}
