//! The arithmetic kernels under the models, and the layers made of them.
//!
//! Every operation here has a path for f32 on processors and candle's own operations for everything else; with the `cuda`
//! feature some have a third, for NVIDIA GPUs (module `cuda`). Why the first: candle lays weights and images out anew in
//! every convolution, runs softmax on one thread, and the rounding of its matrix products can depend on how many pictures
//! travel together. Here every result is one sum in a fixed order, so **a picture's bits do not depend on its neighbours in
//! the batch**; nothing above this module needs to care. Speed and memory are measured in `benches/against_diffusers` and
//! told in `docs/performance.md`.
//!
//! Kernels are written over vectors ([`simd`]) and compiled for AVX-512, AVX2 and any other machine; the best is chosen at
//! run time. `unsafe` is theirs alone: what this module offers is safe, checks sizes, and is tested against candle.
//!
//! | module | what it holds |
//! |---|---|
//! | [`simd`] | vectors, and the choice among instruction sets |
//! | [`product`] | the matrix product under layers and convolutions |
//! | [`gated`] | a layer and GEGLU in one pass |
//! | [`projection`] | between pixels and tokens |
//! | [`winograd`] | 3×3 convolutions with a quarter of the products |
//! | [`attention`](mod@attention) | attention without a matrix of scores |
//! | [`norm`], [`activation`], [`fast_math`] | passes over all values |

mod activation;
mod attention;
mod conv;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
mod fast_math;
mod gated;
mod linear;
mod norm;
mod product;
mod projection;
mod simd;
mod winograd;

use candle_core::{CpuStorage, DType, Result, Storage, Tensor};

pub(crate) use activation::{Activation, geglu, silu};
pub(crate) use attention::attention;
pub(crate) use conv::{Added, Conv2d};
pub(crate) use linear::Linear;
pub(crate) use norm::{GroupNorm, LayerNorm};
pub(crate) use simd::multiplies_bf16;

/// Whether a tensor takes this module's own path.
fn is_fast(x: &Tensor) -> bool {
    x.dtype() == DType::F32 && x.device().is_cpu()
}

/// Lends a tensor's values, row-major, to `read`.
///
/// # Errors
/// If the tensor is not f32 on the processor.
fn with_values<R>(x: &Tensor, read: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => {
            let start = layout.start_offset();
            Ok(read(&values[start..start + layout.shape().elem_count()]))
        }
        _ => candle_core::bail!("expected f32 values on the processor"),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use candle_core::{Device, Shape, Tensor};

    use crate::rng::NoiseSource;

    /// Normal noise, the same for the same arguments.
    pub fn noise(seed: u64, shape: impl Into<Shape>) -> Tensor {
        NoiseSource::new(seed)
            .initial(&shape.into(), &Device::Cpu)
            .unwrap()
    }

    /// The largest difference, relative to the expected values' root mean square.
    pub fn relative_error(found: &Tensor, expected: &Tensor) -> f32 {
        assert_eq!(found.dims(), expected.dims());
        let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let scale = (expected.iter().map(|x| x * x).sum::<f32>() / expected.len() as f32)
            .sqrt()
            .max(1e-12);
        found
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
            / scale
    }

    /// The values as bits, for exact comparison.
    pub fn bits(x: &Tensor) -> Vec<u32> {
        x.flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
            .into_iter()
            .map(f32::to_bits)
            .collect()
    }
}
