//! Group normalisation with statistics in f32, spread over as many blocks as the device has use for.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{LaunchConfig, PushKernelArg};
use candle_core::{CpuStorage, CudaStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::compile::Kernel;
use super::{THREADS, Value, by_rows, not_here, on_device, size, uninitialised, values, with_value};

/// Values that one block sums up, and the most blocks for one group: each block of the second kernel reads all their sums.
const CHUNK: u32 = 16 * 1024;
const MAX_CHUNKS: u32 = 64;

struct GroupNorm<'a> {
    weight: &'a Tensor,
    bias: &'a Tensor,
    groups: usize,
    eps: f64,
    silu: bool,
}

/// Normalises groups of channels of (pictures, channels, height, width), scales and shifts each channel, and applies SiLU
/// if asked.
pub(in crate::ops) fn group_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    groups: usize,
    eps: f64,
    silu: bool,
) -> Result<Tensor> {
    let op = GroupNorm {
        weight: &weight.contiguous()?,
        bias: &bias.contiguous()?,
        groups,
        eps,
        silu,
    };
    x.contiguous()?.apply_op1_no_bwd(&op)
}

impl CustomOp1 for GroupNorm<'_> {
    fn name(&self) -> &'static str {
        "group_norm"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_here(self.name())
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        with_value!(x, self.run(x, layout))
    }
}

impl GroupNorm<'_> {
    #[allow(unsafe_code)]
    fn run<T: Value>(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (pictures, channels, height, width) = layout.shape().dims4()?;
        let pixels = height * width;
        if self.groups == 0 || channels % self.groups != 0 || pixels == 0 {
            candle_core::bail!("group norm of {:?} in {} groups", layout.shape(), self.groups);
        }
        if self.weight.dims() != [channels] || self.bias.dims() != [channels] {
            candle_core::bail!("group norm of {:?} with {:?}", layout.shape(), self.weight.dims());
        }
        let device = x.device();
        let (weight, weight_layout) = self.weight.storage_and_layout();
        let (bias, bias_layout) = self.bias.storage_and_layout();
        let weight = values::<T>(on_device(&weight)?, weight_layout)?;
        let bias = values::<T>(on_device(&bias)?, bias_layout)?;
        let x = values::<T>(x, layout)?;

        let in_group = size(channels / self.groups * pixels)?;
        let chunk = CHUNK.max(in_group.div_ceil(MAX_CHUNKS));
        let chunks = in_group.div_ceil(chunk);
        let all_groups = size(pictures * self.groups)?;
        let mut moments = uninitialised::<f32>(device, 2 * (all_groups * chunks) as usize)?;
        let first = Kernel::load::<T>(device, "moments")?;
        let mut launch = first.launch();
        launch.arg(&x).arg(&mut moments).arg(&in_group).arg(&chunk);
        let config = LaunchConfig {
            grid_dim: (all_groups, chunks, 1),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the arguments are those of `moments` in kernels.cu; it reads `all_groups · in_group` values, which is
        // all of x, and writes two for each of its blocks.
        unsafe { launch.launch(config) }.w()?;

        let mut out = uninitialised::<T>(device, layout.shape().elem_count())?;
        let (channels, groups, pixels) = (size(channels)?, size(self.groups)?, size(pixels)?);
        let (eps, silu) = (self.eps as f32, u32::from(self.silu));
        let second = Kernel::load::<T>(device, "group_norm")?;
        let mut launch = second.launch();
        launch.arg(&x).arg(&moments).arg(&weight).arg(&bias).arg(&mut out);
        launch.arg(&channels).arg(&groups).arg(&pixels);
        launch.arg(&chunk).arg(&chunks).arg(&eps).arg(&silu);
        // SAFETY: the arguments are those of `group_norm`; its rows are the channels of all pictures, so it reads all of
        // x and writes all of `out`; `weight` and `bias` have a value for each channel (checked above).
        unsafe { launch.launch(by_rows(size(pictures)? * channels, pixels)) }.w()?;
        Ok((
            CudaStorage::wrap_cuda_slice(out, device.clone()),
            layout.shape().clone(),
        ))
    }
}
