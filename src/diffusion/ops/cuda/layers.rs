//! Convolution and the fully connected layer: products by cuDNN and cuBLAS, and everything that is added to them in one
//! launch.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::{CpuStorage, CudaStorage, InplaceOp1, Layout, Result, Tensor};

use super::compile::Kernel;
use super::{Value, by_rows, on_device, size, with_value};

/// Convolves (pictures, channels, height, width), then adds whichever are given: `bias` (channels), `own` (pictures,
/// channels), `rest` (like the result).
pub(in crate::ops) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    stride: usize,
    padding: usize,
    bias: Option<&Tensor>,
    own: Option<&Tensor>,
    rest: Option<&Tensor>,
) -> Result<Tensor> {
    let (pictures, input, height, width) = x.dims4()?;
    let (output, _, tall, wide) = weight.dims4()?;
    let y = if (tall, wide, stride, padding) == (1, 1, 1, 0) {
        // One product, in the layout that both sides have already.
        let x = x.contiguous()?.reshape((pictures, input, height * width))?;
        let weight = weight.reshape((output, input))?.broadcast_left(pictures)?;
        weight.matmul(&x)?.reshape((pictures, output, height, width))?
    } else {
        product(&x.contiguous()?, weight, stride, padding)?
    };
    if bias.is_some() || own.is_some() || rest.is_some() {
        Addends { bias, own, rest }.add_to(&y)?;
    }
    Ok(y)
}

#[cfg(feature = "cudnn")]
fn product(x: &Tensor, weight: &Tensor, stride: usize, padding: usize) -> Result<Tensor> {
    super::cudnn::conv2d(x, &weight.contiguous()?, stride, padding)
}

#[cfg(not(feature = "cudnn"))]
fn product(x: &Tensor, weight: &Tensor, stride: usize, padding: usize) -> Result<Tensor> {
    x.conv2d(weight, padding, stride, 1, 1)
}

/// `x · Wᵀ`, W of shape (out, in); then adds `bias` (out) and `rest` (like the result), if given.
pub(in crate::ops) fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    rest: Option<&Tensor>,
) -> Result<Tensor> {
    let (output, input) = weight.dims2()?;
    let mut dims = x.dims().to_vec();
    if dims.pop() != Some(input) {
        candle_core::bail!("a layer from {input} values cannot take {:?}", x.dims());
    }
    let rows = dims.iter().product::<usize>();
    dims.push(output);
    let y = x.contiguous()?.reshape((rows, input))?.matmul(&weight.t()?)?;
    if bias.is_some() || rest.is_some() {
        let rest = rest.map(|rest| rest.reshape((rows, output))).transpose()?;
        let addends = Addends {
            bias,
            own: None,
            rest: rest.as_ref(),
        };
        addends.add_to(&y)?;
    }
    y.reshape(dims)
}

/// What is added to a layer's result in place.
struct Addends<'a> {
    bias: Option<&'a Tensor>,
    own: Option<&'a Tensor>,
    rest: Option<&'a Tensor>,
}

impl Addends<'_> {
    /// `y` is (rows, columns) or (pictures, channels, height, width), and nobody else's yet.
    fn add_to(&self, y: &Tensor) -> Result<()> {
        let dims = y.dims();
        let fits = match dims {
            [_, columns] => self.own.is_none() && self.bias.is_none_or(|bias| bias.dims() == [*columns]),
            [pictures, channels, _, _] => {
                self.bias.is_none_or(|bias| bias.dims() == [*channels])
                    && self.own.is_none_or(|own| own.dims() == [*pictures, *channels])
            }
            _ => false,
        };
        if !fits || self.rest.is_some_and(|rest| rest.dims() != dims) {
            let shape = |x: Option<&Tensor>| x.map(|x| x.dims().to_vec());
            candle_core::bail!(
                "cannot add {:?}, {:?} and {:?} to {dims:?}",
                shape(self.bias),
                shape(self.own),
                shape(self.rest)
            );
        }
        let solid = |x: Option<&Tensor>| x.map(Tensor::contiguous).transpose();
        let (bias, own, rest) = (solid(self.bias)?, solid(self.own)?, solid(self.rest)?);
        let addends = Addends {
            bias: bias.as_ref(),
            own: own.as_ref(),
            rest: rest.as_ref(),
        };
        y.inplace_op1(&addends)
    }

    #[allow(unsafe_code)]
    fn run<T: Value>(&self, y: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let device = y.device().clone();
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("expected a layer's own result, not {layout:?}")
        };
        let bias = self.bias.map(|x| x.storage_and_layout());
        let own = self.own.map(|x| x.storage_and_layout());
        let rest = self.rest.map(|x| x.storage_and_layout());
        macro_rules! view {
            ($x:expr) => {
                match &$x {
                    Some((storage, layout)) => Some(super::values::<T>(on_device(storage)?, layout)?),
                    None => None,
                }
            };
        }
        let (bias, own, rest) = (view!(bias), view!(own), view!(rest));
        let mut y = y.as_cuda_slice_mut::<T>()?.slice_mut(start..end);
        let null = 0u64;
        macro_rules! push {
            ($launch:ident, $x:ident) => {
                match &$x {
                    Some(x) => $launch.arg(x),
                    None => $launch.arg(&null),
                }
            };
        }
        match *layout.dims() {
            [rows, columns] => {
                let (rows, columns) = (size(rows)?, size(columns)?);
                let add = Kernel::load::<T>(&device, "add_rows")?;
                let mut launch = add.launch();
                launch.arg(&mut y);
                push!(launch, bias);
                push!(launch, rest);
                launch.arg(&columns);
                // SAFETY: the arguments are those of `add_rows` in kernels.cu. It touches rows · columns values of y and
                // of `rest`, and `columns` of `bias`: all there are (checked in `add_to`). A null pointer is skipped.
                unsafe { launch.launch(by_rows(rows, columns)) }.w()?;
            }
            [pictures, channels, height, width] => {
                let rows = size(pictures * channels)?;
                let (channels, pixels) = (size(channels)?, size(height * width)?);
                let add = Kernel::load::<T>(&device, "add_channels")?;
                let mut launch = add.launch();
                launch.arg(&mut y);
                push!(launch, bias);
                push!(launch, own);
                push!(launch, rest);
                launch.arg(&channels).arg(&pixels);
                // SAFETY: the arguments are those of `add_channels`. It touches rows · pixels values of y and of `rest`,
                // `channels` of `bias` and `rows` of `own`: all there are (checked in `add_to`).
                unsafe { launch.launch(by_rows(rows, pixels)) }.w()?;
            }
            _ => candle_core::bail!("cannot add to {layout:?}"),
        }
        Ok(())
    }
}

impl InplaceOp1 for Addends<'_> {
    fn name(&self) -> &'static str {
        "addends"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        super::not_here(self.name()).map(|_| ())
    }

    fn cuda_fwd(&self, y: &mut CudaStorage, layout: &Layout) -> Result<()> {
        with_value!(y, self.run(y, layout))
    }
}
