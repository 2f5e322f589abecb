//! GEGLU.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::compile::Kernel;
use super::{Value, by_rows, not_here, size, uninitialised, values, with_value};

struct Geglu;

/// Splits the last axis in two halves and multiplies the first with GELU (by erf) of the second.
pub(in crate::ops) fn geglu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1_no_bwd(&Geglu)
}

impl CustomOp1 for Geglu {
    fn name(&self) -> &'static str {
        "geglu"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_here(self.name())
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        with_value!(x, self.run(x, layout))
    }
}

impl Geglu {
    #[allow(unsafe_code)]
    fn run<T: Value>(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let mut dims = layout.dims().to_vec();
        let half = match dims.last_mut() {
            Some(last) if *last % 2 == 0 && *last > 0 => {
                *last /= 2;
                *last
            }
            _ => candle_core::bail!("GEGLU needs an even last axis, not {:?}", layout.shape()),
        };
        let device = x.device();
        let count = layout.shape().elem_count() / 2;
        let x = values::<T>(x, layout)?;
        let mut out = uninitialised::<T>(device, count)?;
        let (rows, half) = (size(count / half)?, size(half)?);
        let geglu = Kernel::load::<T>(device, "geglu")?;
        let mut launch = geglu.launch();
        launch.arg(&x).arg(&mut out).arg(&half);
        // SAFETY: the arguments are those of `geglu` in kernels.cu; it reads rows · 2 · half values, all of x, and writes
        // rows · half, all of `out`.
        unsafe { launch.launch(by_rows(rows, half)) }.w()?;
        Ok((
            CudaStorage::wrap_cuda_slice(out, device.clone()),
            Shape::from(dims),
        ))
    }
}
