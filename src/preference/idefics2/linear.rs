//! Matrices as they are stored, and products with them.
//!
//! On the processor a matrix stays in the precision it has on disk, mapped if it can be, and is widened to f32 as it is
//! used: row by row for a few tokens, in blocks of rows that then go through candle's f32 product for many. On a GPU it is
//! a tensor.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module, Tensor};
use rayon::prelude::*;

use super::lora::Lora;
use super::weights::{Bytes, Format, widen};
use crate::ModelError;

/// Up to so many rows of input, each weight is widened just before its product, without a block in between.
const FEW: usize = 4;
/// Values of a matrix that are widened at once for many rows of input: 16 MiB of f32.
pub(crate) const BLOCK: usize = 1 << 22;
/// Rows of a matrix that one thread takes at a time.
const STRIPE: usize = 32;

/// A matrix of shape `(rows, columns)`.
pub(crate) enum Matrix {
    /// Values without blocks, on the processor.
    Stored {
        bytes: Bytes,
        format: Format,
        rows: usize,
        columns: usize,
    },
    /// Blocks of small integers, on any device.
    Quantised(Arc<QTensor>),
    /// Values without blocks, on a GPU.
    OnDevice(Tensor),
}

/// `x·Wᵀ + b`, and what adapters add to it.
#[derive(Clone)]
pub(crate) struct Linear {
    /// The module's name, as adapters know it: the weight's name without `.weight`.
    pub name: Arc<str>,
    pub weight: Arc<Matrix>,
    pub bias: Option<Tensor>,
    /// Adapters that were not merged into the weight.
    pub lora: Vec<Arc<Lora>>,
}

impl Linear {
    /// Applies the layer to the rows of `x`, `(n, columns)`: `(n, rows)`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let x = x.contiguous()?;
        let mut y = self.weight.product(&x)?;
        if let Some(bias) = &self.bias {
            y = y.broadcast_add(bias)?;
        }
        for lora in &self.lora {
            y = (y + lora.forward(&x)?)?;
        }
        Ok(y)
    }
}

impl Matrix {
    /// `(rows, columns)`.
    pub fn dims(&self) -> Result<(usize, usize), ModelError> {
        match self {
            Self::Stored { rows, columns, .. } => Ok((*rows, *columns)),
            Self::Quantised(weight) => Ok(weight.shape().dims2()?),
            Self::OnDevice(weight) => Ok(weight.dims2()?),
        }
    }

    /// `x·Wᵀ` for contiguous rows `x`.
    fn product(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        match self {
            Self::OnDevice(weight) => {
                let y = x.to_dtype(weight.dtype())?.matmul(&weight.t()?)?;
                Ok(y.to_dtype(x.dtype())?)
            }
            Self::Quantised(weight) => match x.device() {
                // candle's product of quantised rows pays for a few; many go faster, and more exactly, through f32.
                Device::Cpu if x.dim(0)? > FEW => self.in_blocks(x),
                _ => Ok(QMatMul::from_arc(weight.clone())?.forward(x)?),
            },
            Self::Stored { .. } if x.dim(0)? > FEW => self.in_blocks(x),
            Self::Stored {
                bytes,
                format,
                rows,
                columns,
            } => few(x, bytes.as_slice(), *format, *rows, *columns),
        }
    }

    /// The product by way of blocks of rows in f32.
    fn in_blocks(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let (rows, columns) = self.dims()?;
        let block = (BLOCK / columns).max(1).next_multiple_of(STRIPE);
        let mut parts = Vec::new();
        for from in (0..rows).step_by(block) {
            let n = block.min(rows - from);
            let weight = Tensor::from_vec(self.widened(from, n)?, (n, columns), &Device::Cpu)?;
            parts.push(x.matmul(&weight.t()?)?);
        }
        match &parts[..] {
            [only] => Ok(only.clone()),
            _ => Ok(Tensor::cat(&parts, 1)?),
        }
    }

    /// `n` rows, from row `from` on, as f32. On the processor only.
    pub fn widened(&self, from: usize, n: usize) -> Result<Vec<f32>, ModelError> {
        let (_, columns) = self.dims()?;
        let mut out = vec![0f32; n * columns];
        let stripes = out.par_chunks_mut(STRIPE * columns).enumerate();
        match self {
            Self::Stored { bytes, format, .. } => {
                let bytes = &bytes.as_slice()[format.bytes(from * columns)..];
                stripes
                    .for_each(|(i, out)| widen(*format, &bytes[format.bytes(i * STRIPE * columns)..], out));
            }
            Self::Quantised(weight) => {
                let (data, kind) = (weight.data()?, weight.dtype());
                let format = Format::Quantised(kind);
                let data = &data[format.bytes(from * columns)..];
                stripes.try_for_each(|(i, out)| {
                    let start = format.bytes(i * STRIPE * columns);
                    let bytes = &data[start..start + format.bytes(out.len())];
                    dequantise(kind, bytes, out)
                })?;
            }
            Self::OnDevice(weight) => {
                let part = weight.narrow(0, from, n)?.to_dtype(DType::F32)?;
                return Ok(part.flatten_all()?.to_vec1()?);
            }
        }
        Ok(out)
    }

    /// Rows by their numbers, as an embedding looks them up: `(ids, columns)` in `dtype` on `device`.
    pub fn rows(&self, ids: &[u32], dtype: DType, device: &Device) -> Result<Tensor, ModelError> {
        let (_, columns) = self.dims()?;
        if let Self::OnDevice(weight) = self {
            let ids = Tensor::new(ids, device)?;
            return Ok(weight.index_select(&ids, 0)?.to_dtype(dtype)?);
        }
        let mut out = Vec::with_capacity(ids.len() * columns);
        for &id in ids {
            out.extend(self.widened(id as usize, 1)?);
        }
        Ok(Tensor::from_vec(out, (ids.len(), columns), device)?.to_dtype(dtype)?)
    }
}

/// The product with a few rows: each thread widens one row of the matrix after the other.
fn few(x: &Tensor, bytes: &[u8], format: Format, rows: usize, columns: usize) -> Result<Tensor, ModelError> {
    let n = x.dim(0)?;
    let x = x.flatten_all()?.to_vec1::<f32>()?;
    let mut out = vec![0f32; rows * n];
    out.par_chunks_mut(STRIPE * n).enumerate().for_each(|(i, out)| {
        let mut row = vec![0f32; columns];
        for (j, out) in out.chunks_exact_mut(n).enumerate() {
            widen(
                format,
                &bytes[format.bytes((i * STRIPE + j) * columns)..],
                &mut row,
            );
            for (out, x) in out.iter_mut().zip(x.chunks_exact(columns)) {
                *out = dot(&row, x);
            }
        }
    });
    Ok(Tensor::from_vec(out, (rows, n), &Device::Cpu)?
        .t()?
        .contiguous()?)
}

/// A sum of products, in lanes that the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Writes the values of whole blocks.
fn dequantise(kind: GgmlDType, bytes: &[u8], out: &mut [f32]) -> Result<(), ModelError> {
    let storage = QStorage::from_data(bytes.into(), &Device::Cpu, kind)?;
    let values = QTensor::new(storage, out.len())?.dequantize(&Device::Cpu)?;
    out.copy_from_slice(&values.to_vec1::<f32>()?);
    Ok(())
}
