//! NVIDIA GPUs: kernels of our own where candle launches many small ones, and the device they run on.
//!
//! | what | here | candle |
//! |---|---|---|
//! | group norm, with or without SiLU | 2 launches | 13 (15) |
//! | GEGLU | 1 | 4, and two uploads of strides |
//! | bias, time embedding and shortcut on a layer's output | 1 together | 1 and an upload each |
//! | attention | 3 a block of queries, heads read in place, scores in f32 | 4 transpositions and 9, all scores at once |
//!
//! Layer norm, SiLU and GELU stay candle's: each is one launch already. So do guidance and the samplers: a step of one
//! picture launches about fifteen kernels on its latents, the UNet of SD 1.5 about nine hundred.
//!
//! Sums are accumulated in f32 in every precision. A picture's values may differ in the last digits with the number of
//! pictures beside it, since cuBLAS and cuDNN choose their kernels by the size of the whole.

mod activation;
mod attention;
mod compile;
#[cfg(feature = "cudnn")]
mod cudnn;
mod device;
mod layers;
mod norm;
#[cfg(test)]
mod tests;

use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, DeviceRepr, LaunchConfig};
use candle_core::{CpuStorage, CudaDevice, CudaStorage, DType, Layout, Result, Shape, Storage, Tensor};

pub(super) use activation::geglu;
pub(super) use attention::attention;
pub(crate) use device::{memory, name, open};
pub(super) use layers::{conv2d, linear};
pub(super) use norm::group_norm;
#[cfg(test)]
pub(crate) use tests::has_device;

/// The most threads a block may have; the kernels' shared memory is made for it.
const THREADS: u32 = 256;
/// Values that one thread of an element-wise kernel should handle, so that a launch is worth its blocks.
const PER_THREAD: u32 = 4;
/// The most blocks along the second axis of a grid.
const MAX_GRID_Y: u32 = 65_535;

/// Whether this module computes on `x`.
pub(super) fn takes(x: &Tensor) -> bool {
    x.device().is_cuda() && matches!(x.dtype(), DType::F32 | DType::F16 | DType::BF16)
}

/// A number format the kernels exist for.
trait Value: CudaDType + DeviceRepr + Sized + 'static {
    /// The ending of the kernels' names.
    const NAME: &'static str;
    /// The nearest number to `x`.
    #[cfg(feature = "cudnn")]
    fn from_f32(x: f32) -> Self;
}

macro_rules! value {
    ($type:ty, $name:literal, $narrow:expr) => {
        impl Value for $type {
            const NAME: &'static str = $name;
            #[cfg(feature = "cudnn")]
            fn from_f32(x: f32) -> Self {
                $narrow(x)
            }
        }
    };
}

value!(f32, "f32", std::convert::identity);
value!(half::f16, "f16", half::f16::from_f32);
value!(half::bf16, "bf16", half::bf16::from_f32);

/// Calls `$function::<T>(…)` with T for the number format of `$storage`.
macro_rules! with_value {
    ($storage:expr, $op:ident . $function:ident ( $($argument:expr),* )) => {
        match $storage.dtype() {
            candle_core::DType::F32 => $op.$function::<f32>($($argument),*),
            candle_core::DType::F16 => $op.$function::<half::f16>($($argument),*),
            candle_core::DType::BF16 => $op.$function::<half::bf16>($($argument),*),
            other => candle_core::bail!("no CUDA kernel for {other:?}"),
        }
    };
}
use with_value;

/// What a custom op says when it is called with a tensor on the processor, which [`takes`] rules out.
fn not_here(name: &'static str) -> Result<(CpuStorage, Shape)> {
    candle_core::bail!("{name} is a CUDA kernel and got a tensor on the processor")
}

/// The values of a tensor without gaps.
fn values<'a, T: Value>(storage: &'a CudaStorage, layout: &Layout) -> Result<CudaView<'a, T>> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a CUDA kernel needs contiguous values, not {layout:?}")
    };
    Ok(storage.as_cuda_slice::<T>()?.slice(start..end))
}

/// The device storage behind a tensor's lock.
fn on_device(storage: &Storage) -> Result<&CudaStorage> {
    match storage {
        Storage::Cuda(storage) => Ok(storage),
        _ => candle_core::bail!("expected a tensor on a CUDA device"),
    }
}

/// Memory for `count` values, not set to anything: the kernel it is made for writes all of it.
#[allow(unsafe_code)]
fn uninitialised<T: DeviceRepr>(device: &CudaDevice, count: usize) -> Result<CudaSlice<T>> {
    // SAFETY: every caller passes the memory as the output of a kernel that writes each of its values, and every bit
    // pattern is a valid number.
    unsafe { device.alloc::<T>(count) }
}

/// Sizes as the kernels take them.
fn size(value: usize) -> Result<u32> {
    // Half of u32's range, so that the kernels' sums of two indices cannot overflow.
    match u32::try_from(value) {
        Ok(value) if value < 1 << 31 => Ok(value),
        _ => candle_core::bail!("{value} values in a row are more than a CUDA kernel can index"),
    }
}

/// Threads for rows of `length` values: a power of two, at most [`THREADS`].
fn threads(length: u32) -> u32 {
    length.next_power_of_two().clamp(32, THREADS)
}

/// A launch of `rows` rows of `length` values each, every row in as many blocks as its length deserves.
fn by_rows(rows: u32, length: u32) -> LaunchConfig {
    let threads = threads(length.div_ceil(PER_THREAD));
    let pieces = length.div_ceil(threads * PER_THREAD).clamp(1, MAX_GRID_Y);
    LaunchConfig {
        grid_dim: (rows, pieces, 1),
        block_dim: (threads, 1, 1),
        shared_mem_bytes: 0,
    }
}
