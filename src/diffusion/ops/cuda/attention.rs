//! Attention by cuBLAS, a block of queries at a time: scores in f32 whatever the precision, heads read and written where
//! they stand. With the `flash-attn` feature, 16-bit heads of up to 256 values go to its fused kernels instead.

use std::ffi::c_void;

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::{result::gemm_strided_batched_ex, sys};
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DevicePtrMut, LaunchConfig, PushKernelArg};
use candle_core::{CpuStorage, CudaDevice, CudaStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};

use super::compile::Kernel;
use super::{Value, not_here, size, threads, uninitialised, values, with_value};

/// Scores kept at a time: 256 MiB of f32, and as many weights in the precision of the model.
const SCORES: usize = 64 * 1024 * 1024;

/// `softmax(q · kᵀ · scale) · v` in each of `heads` parts of the last axis; see [`crate::ops::attention`].
pub(in crate::ops) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    scale: f64,
    causal: bool,
) -> Result<Tensor> {
    let (pictures, _, width) = q.dims3()?;
    let m = k.dim(1)?;
    if heads == 0 || width % heads != 0 || m == 0 || k.dims() != v.dims() || k.dims() != [pictures, m, width]
    {
        candle_core::bail!(
            "attention of {:?} over {:?} with {heads} heads",
            q.dims(),
            k.dims()
        );
    }
    #[cfg(feature = "flash-attn")]
    if flash_takes(q, width / heads, !causal || q.dim(1)? == m)? {
        let n = q.dim(1)?;
        let split = |x: &Tensor, rows: usize| x.contiguous()?.reshape((pictures, rows, heads, width / heads));
        let (q, k, v) = (split(q, n)?, split(k, m)?, split(v, m)?);
        return candle_flash_attn::flash_attn(&q, &k, &v, scale as f32, causal)?
            .reshape((pictures, n, width));
    }
    let op = Attention {
        heads,
        scale: scale as f32,
        causal,
    };
    q.contiguous()?
        .apply_op3_no_bwd(&k.contiguous()?, &v.contiguous()?, &op)
}

/// Whether the fused kernels exist for these heads and this device (Ampere or later).
#[cfg(feature = "flash-attn")]
fn flash_takes(q: &Tensor, head: usize, mask_fits: bool) -> Result<bool> {
    let capability = q
        .device()
        .as_cuda_device()?
        .cuda_stream()
        .context()
        .compute_capability()
        .w()?;
    let half = matches!(q.dtype(), DType::F16 | DType::BF16);
    Ok(half && head <= 256 && head.is_multiple_of(8) && mask_fits && capability.0 >= 8)
}

struct Attention {
    heads: usize,
    scale: f32,
    causal: bool,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        not_here(self.name())
    }

    fn cuda_fwd(
        &self,
        q: &CudaStorage,
        q_layout: &Layout,
        k: &CudaStorage,
        k_layout: &Layout,
        v: &CudaStorage,
        v_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        with_value!(q, self.run((q, q_layout), (k, k_layout), (v, v_layout)))
    }
}

/// One of the two products, for each of `batch` matrices, in cuBLAS's terms: column-major.
struct Product {
    transposed: bool,
    rows: usize,
    columns: usize,
    depth: usize,
    alpha: f32,
    /// Address, type, leading dimension and distance between matrices.
    a: (u64, DType, usize, usize),
    b: (u64, DType, usize, usize),
    c: (u64, DType, usize, usize),
    batch: usize,
}

impl Attention {
    #[allow(unsafe_code)]
    fn run<T: Value>(
        &self,
        (q, q_layout): (&CudaStorage, &Layout),
        (k, k_layout): (&CudaStorage, &Layout),
        (v, v_layout): (&CudaStorage, &Layout),
    ) -> Result<(CudaStorage, Shape)> {
        let (pictures, n, width) = q_layout.shape().dims3()?;
        let m = k_layout.shape().dims3()?.1;
        let (dtype, bytes, head) = (q.dtype(), q.dtype().size_in_bytes(), width / self.heads);
        let device = q.device();
        let stream = device.cuda_stream();
        let q = values::<T>(q, q_layout)?;
        let (k, v) = (values::<T>(k, k_layout)?, values::<T>(v, v_layout)?);
        let mut out = uninitialised::<T>(device, pictures * n * width)?;

        // cuBLAS takes one distance between matrices, so either pictures or heads are a loop; the shorter one.
        let by_picture = pictures <= self.heads;
        let (loops, batch) = if by_picture {
            (pictures, self.heads)
        } else {
            (self.heads, pictures)
        };
        let distance = |rows: usize| {
            if by_picture {
                (rows * width, head)
            } else {
                (head, rows * width)
            }
        };
        let ((q_loop, q_batch), (k_loop, k_batch)) = (distance(n), distance(m));
        let block = (SCORES / (batch * m)).clamp(1, n);
        let mut scores = uninitialised::<f32>(device, batch * block * m)?;
        let mut weights = uninitialised::<T>(device, batch * block * m)?;
        let softmax = Kernel::load::<T>(device, "softmax")?;

        let (q0, _q) = q.device_ptr(&stream);
        let (k0, _k) = k.device_ptr(&stream);
        let (v0, _v) = v.device_ptr(&stream);
        let address = |start: u64, values: usize| start + (values * bytes) as u64;
        for i in 0..loops {
            for first in (0..n).step_by(block) {
                let rows = block.min(n - first);
                let (keys, queries) = (address(k0, i * k_loop), address(q0, i * q_loop + first * width));
                let product = Product {
                    transposed: true,
                    rows: m,
                    columns: rows,
                    depth: head,
                    alpha: self.scale,
                    a: (keys, dtype, width, k_batch),
                    b: (queries, dtype, width, q_batch),
                    c: (scores.device_ptr_mut(&stream).0, DType::F32, m, rows * m),
                    batch,
                };
                // SAFETY: `keys` and `queries` are `m` and `rows` rows of `head` values, `width` apart, inside k and q for
                // each of the batch, by the shapes checked in `attention`; `scores` has room for batch · rows · m values.
                unsafe { product.run(device) }?;

                let (length, at) = (size(m)?, size(first)?);
                let queries = if self.causal { size(rows)? } else { 0 };
                let config = LaunchConfig {
                    grid_dim: (size(batch * rows)?, 1, 1),
                    block_dim: (threads(length), 1, 1),
                    shared_mem_bytes: 0,
                };
                let mut launch = softmax.launch();
                launch
                    .arg(&scores)
                    .arg(&mut weights)
                    .arg(&length)
                    .arg(&queries)
                    .arg(&at);
                // SAFETY: the arguments are those of `softmax` in kernels.cu; it reads and writes batch · rows rows of m
                // values, which both buffers have room for.
                unsafe { launch.launch(config) }.w()?;

                let mixed = address(out.device_ptr_mut(&stream).0, i * q_loop + first * width);
                let product = Product {
                    transposed: false,
                    rows: head,
                    columns: rows,
                    depth: m,
                    alpha: 1.0,
                    a: (address(v0, i * k_loop), dtype, width, k_batch),
                    b: (weights.device_ptr(&stream).0, dtype, m, rows * m),
                    c: (mixed, dtype, width, q_batch),
                    batch,
                };
                // SAFETY: as above, with v in the place of k and `out`, shaped like q, in the place of q.
                unsafe { product.run(device) }?;
            }
        }
        drop((_q, _k, _v));
        Ok((
            CudaStorage::wrap_cuda_slice(out, device.clone()),
            q_layout.shape().clone(),
        ))
    }
}

impl Product {
    /// Multiplies.
    ///
    /// # Safety
    /// All matrices must lie within memory of the device, and `c` must not be in use elsewhere.
    #[allow(unsafe_code)]
    unsafe fn run(&self, device: &CudaDevice) -> Result<()> {
        let kind = |dtype| match dtype {
            DType::F16 => sys::cudaDataType_t::CUDA_R_16F,
            DType::BF16 => sys::cudaDataType_t::CUDA_R_16BF,
            _ => sys::cudaDataType_t::CUDA_R_32F,
        };
        let first = if self.transposed {
            sys::cublasOperation_t::CUBLAS_OP_T
        } else {
            sys::cublasOperation_t::CUBLAS_OP_N
        };
        let int = |value: usize| size(value).map(|value| value as i32);
        let beta = 0f32;
        // SAFETY: the caller's promise; the sums are f32, so alpha and beta are.
        unsafe {
            gemm_strided_batched_ex(
                *device.cublas_handle().handle(),
                first,
                sys::cublasOperation_t::CUBLAS_OP_N,
                int(self.rows)?,
                int(self.columns)?,
                int(self.depth)?,
                (&raw const self.alpha).cast::<c_void>(),
                self.a.0 as *const c_void,
                kind(self.a.1),
                int(self.a.2)?,
                self.a.3 as i64,
                self.b.0 as *const c_void,
                kind(self.b.1),
                int(self.b.2)?,
                self.b.3 as i64,
                (&raw const beta).cast::<c_void>(),
                self.c.0 as *mut c_void,
                kind(self.c.1),
                int(self.c.2)?,
                self.c.3 as i64,
                int(self.batch)?,
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
                sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT_TENSOR_OP,
            )
        }
        .w()
    }
}
