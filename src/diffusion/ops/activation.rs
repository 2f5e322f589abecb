//! Activation functions.
#![allow(unsafe_code)]

use candle_core::{D, Result, Tensor};
use rayon::prelude::*;

use super::fast_math::{gelu, quick_gelu};
use super::product::filled;
use super::simd::{Kernel, Simd, dispatch};
use super::{fast_math, is_fast, with_values};

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
            Self::Gelu | Self::QuickGelu if is_fast(x) => map(x, self),
            Self::Gelu => x.gelu_erf(),
            Self::GeluTanh => x.gelu(),
            Self::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
            Self::Relu => x.relu(),
        }
    }
}

// A parameter of the loop, which closures must not be: they are compiled without the features of the entry point.
const SILU: u8 = 0;
const GELU: u8 = 1;
const QUICK_GELU: u8 = 2;

#[inline(always)]
unsafe fn value<S: Simd, const FUNCTION: u8>(x: S::V) -> S::V {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        match FUNCTION {
            SILU => fast_math::silu::<S>(x),
            GELU => gelu::<S>(x),
            _ => quick_gelu::<S>(x),
        }
    }
}

/// A function of every value of `from`, written to `to`.
struct Map<'a> {
    function: Activation,
    from: &'a [f32],
    to: *mut f32,
}

impl Kernel for Map<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        // SAFETY: whoever makes a `Map` gives `to` as much room as `from` has values.
        unsafe {
            match self.function {
                Activation::Silu => self.with::<S, { SILU }>(),
                Activation::Gelu => self.with::<S, { GELU }>(),
                _ => self.with::<S, { QUICK_GELU }>(),
            }
        }
    }
}

impl Map<'_> {
    #[inline(always)]
    unsafe fn with<S: Simd, const FUNCTION: u8>(&self) {
        let whole = self.from.len() / S::LANES * S::LANES;
        // SAFETY: as in `run`; a vector has at most 16 lanes.
        unsafe {
            for i in (0..whole).step_by(S::LANES) {
                S::store(
                    self.to.add(i),
                    value::<S, FUNCTION>(S::load(self.from.as_ptr().add(i))),
                );
            }
            let mut rest = [0f32; 16];
            let left = self.from.len() - whole;
            rest[..left].copy_from_slice(&self.from[whole..]);
            S::store(rest.as_mut_ptr(), value::<S, FUNCTION>(S::load(rest.as_ptr())));
            std::ptr::copy_nonoverlapping(rest.as_ptr(), self.to.add(whole), left);
        }
    }
}

fn map(x: &Tensor, function: Activation) -> Result<Tensor> {
    let y = with_values(x, |x| {
        // SAFETY: the runs cover all values, and each is written by one task.
        unsafe {
            filled(x.len(), |to| {
                x.par_chunks(RUN).enumerate().for_each(|(i, from)| {
                    dispatch(Map {
                        function,
                        from,
                        to: to.at(i * RUN),
                    });
                });
            })
        }
    })?;
    Tensor::from_vec(y, x.shape(), x.device())
}

/// `x · σ(x)`.
pub(crate) fn silu(x: &Tensor) -> Result<Tensor> {
    if is_fast(x) {
        map(x, Activation::Silu)
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
    let rows = (RUN / single.max(1)).max(1);
    let y = with_values(x, |x| {
        // SAFETY: the rows cover all values, and each is written by one task.
        unsafe {
            filled(x.len() / 2, |to| {
                x.par_chunks(rows * double).enumerate().for_each(|(i, from)| {
                    dispatch(Gated {
                        from,
                        single,
                        to: to.at(i * rows * single),
                    });
                });
            })
        }
    })?;
    Tensor::from_vec(y, shape, x.device())
}

/// Rows of (value, gate) to rows of value · GELU(gate).
struct Gated<'a> {
    from: &'a [f32],
    single: usize,
    to: *mut f32,
}

impl Kernel for Gated<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let whole = self.single / S::LANES * S::LANES;
        for (row, from) in self.from.chunks_exact(2 * self.single).enumerate() {
            let (value, gate) = from.split_at(self.single);
            // SAFETY: whoever makes a `Gated` gives `to` room for all rows; a vector has at most 16 lanes.
            unsafe {
                let to = self.to.add(row * self.single);
                for i in (0..whole).step_by(S::LANES) {
                    let gate = gelu::<S>(S::load(gate.as_ptr().add(i)));
                    S::store(to.add(i), S::mul(S::load(value.as_ptr().add(i)), gate));
                }
                let mut rest = [0f32; 16];
                rest[..self.single - whole].copy_from_slice(&gate[whole..]);
                S::store(rest.as_mut_ptr(), gelu::<S>(S::load(rest.as_ptr())));
                for (i, gate) in (whole..self.single).zip(rest) {
                    *to.add(i) = value[i] * gate;
                }
            }
        }
    }
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
