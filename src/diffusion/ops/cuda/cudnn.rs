//! Convolution by cuDNN, with sums in f32.
//!
//! candle has a call of its own, which sums f16 in f16, asks cuDNN for an algorithm at every call and clears the
//! workspace it lends. Here the algorithm is asked for once a shape.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::DeviceId;
use candle_core::cuda_backend::cudarc::cudnn::{ConvForward, Cudnn, CudnnDataType, CudnnError, sys};
use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, CustomOp2, DType, Error, Layout, Result, Shape, Tensor,
};

use super::{Value, not_here, uninitialised, values, with_value};

/// Workspace that an algorithm may ask for before the frugal one is taken, bytes.
const WORKSPACE: usize = 2 << 30;

/// Everything the choice of an algorithm depends on: input, weight, stride, padding, number format.
type Shapes = ([usize; 4], [usize; 4], usize, usize, DType);

/// A thread's connection to cuDNN on one device, which may not be shared with other threads, and the algorithms chosen.
struct Connection {
    cudnn: Arc<Cudnn>,
    algorithms: HashMap<Shapes, (sys::cudnnConvolutionFwdAlgo_t, usize)>,
}

thread_local! {
    static CONNECTIONS: RefCell<HashMap<DeviceId, Connection>> = RefCell::new(HashMap::new());
}

struct Convolution {
    stride: usize,
    padding: usize,
}

/// Convolves (pictures, channels, height, width) with (out, in, kernel, kernel), both without gaps.
pub(super) fn conv2d(x: &Tensor, weight: &Tensor, stride: usize, padding: usize) -> Result<Tensor> {
    x.apply_op2_no_bwd(weight, &Convolution { stride, padding })
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        not_here(self.name())
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        with_value!(x, self.run(x, x_layout, weight, weight_layout))
    }
}

/// Lends the calling thread's connection to the device's cuDNN.
fn connected<R>(device: &CudaDevice, work: impl FnOnce(&mut Connection) -> Result<R>) -> Result<R> {
    CONNECTIONS.with_borrow_mut(|connections| {
        work(match connections.entry(device.id()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Connection {
                cudnn: Cudnn::new(device.cuda_stream()).map_err(failed)?,
                algorithms: HashMap::new(),
            }),
        })
    })
}

fn failed(error: CudnnError) -> Error {
    Error::wrap(error)
}

impl Convolution {
    #[allow(unsafe_code)]
    fn run<T: Value + CudnnDataType>(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (pictures, channels, height, width) = x_layout.shape().dims4()?;
        let (output, input, tall, wide) = weight_layout.shape().dims4()?;
        let (padded_height, padded_width) = (height + 2 * self.padding, width + 2 * self.padding);
        if channels != input || padded_height < tall || padded_width < wide || self.stride == 0 {
            candle_core::bail!(
                "a convolution of {:?} cannot take {:?}",
                weight_layout.shape(),
                x_layout.shape()
            );
        }
        let out_height = (padded_height - tall) / self.stride + 1;
        let out_width = (padded_width - wide) / self.stride + 1;
        let (dtype, device) = (x.dtype(), x.device());
        let x = values::<T>(x, x_layout)?;
        let weight = values::<T>(weight, weight_layout)?;
        let mut y = uninitialised::<T>(device, pictures * output * out_height * out_width)?;
        connected(device, |connection| {
            let cudnn = &connection.cudnn;
            let ints = |sizes: [usize; 4]| sizes.map(|size| size as i32);
            let layout = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NCHW;
            let both = |size: usize| [size as i32; 2];
            let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
            let mut conv = cudnn
                .create_conv2d::<f32>(both(self.padding), both(self.stride), [1, 1], mode)
                .map_err(failed)?;
            if dtype != DType::F32 {
                // The default for f32 lets cuDNN round its inputs to TF32, which is also torch's default.
                conv.set_math_type(sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH)
                    .map_err(failed)?;
            }
            let x_sizes = [pictures, channels, height, width];
            let w_sizes = [output, input, tall, wide];
            let y_sizes = [pictures, output, out_height, out_width];
            let forward = ConvForward {
                conv: &conv,
                x: &cudnn
                    .create_4d_tensor::<T>(layout, ints(x_sizes))
                    .map_err(failed)?,
                w: &cudnn
                    .create_4d_filter::<T>(layout, ints(w_sizes))
                    .map_err(failed)?,
                y: &cudnn
                    .create_4d_tensor::<T>(layout, ints(y_sizes))
                    .map_err(failed)?,
            };
            let shapes = (x_sizes, w_sizes, self.stride, self.padding, dtype);
            let (algorithm, bytes) = match connection.algorithms.entry(shapes) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let mut algorithm = forward.pick_algorithm().map_err(failed)?;
                    let mut bytes = forward.get_workspace_size(algorithm).map_err(failed)?;
                    if bytes > WORKSPACE {
                        let frugal =
                            sys::cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
                        // An algorithm that does not take these shapes has no workspace size.
                        if let Ok(fewer) = forward.get_workspace_size(frugal) {
                            (algorithm, bytes) = (frugal, fewer);
                        }
                    }
                    *entry.insert((algorithm, bytes))
                }
            };
            let mut workspace: Option<CudaSlice<u8>> = match bytes {
                0 => None,
                bytes => Some(uninitialised(device, bytes)?),
            };
            let one_and_zero = (T::from_f32(1.0), T::from_f32(0.0));
            // SAFETY: the descriptors were made for T and the sizes of these three buffers, all without gaps; the
            // workspace has the size that this algorithm asked for.
            unsafe { forward.launch(algorithm, workspace.as_mut(), one_and_zero, &x, &weight, &mut y) }
                .map_err(failed)
        })?;
        let shape = Shape::from((pictures, output, out_height, out_width));
        Ok((CudaStorage::wrap_cuda_slice(y, device.clone()), shape))
    }
}
