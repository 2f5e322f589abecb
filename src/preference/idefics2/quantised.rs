//! Precisions, quantising while reading, and GGUF files of the result.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::str::FromStr;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::Idefics2;
use super::linear::Matrix;
use super::load::Saved;
use super::weights::Format;
use crate::ModelError;

/// Text entries of a GGUF file written here.
pub(crate) const CONFIG_KEY: &str = "idefics2.config_json";
pub(crate) const PRECISION_KEY: &str = "idefics2.precision";
/// Rows of a matrix that are quantised at once.
const STRIPE: usize = 128;

/// The precision of a model's matrices.
///
/// On the processor everything is computed in f32 whatever this says; it decides what is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// f32. Matrices stored in 16 bits stay mapped as they are, which gives the same values.
    F32,
    /// f16.
    F16,
    /// bf16, as the published checkpoint is.
    Bf16,
    /// 8.5 bits a weight: blocks of 32 whole numbers of 8 bits.
    Q8_0,
    /// 4.5 bits a weight in the text model and the connector; 8.5 in the vision tower and the output layer.
    Q4_0,
}

/// Which part of the model a matrix belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Layers of the text model, the projection, the resampler.
    Body,
    /// The vision tower and the output layer, whose errors nothing after them evens out.
    Delicate,
    /// Looked up, not multiplied with.
    Embedding,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::Bf16, Self::Q8_0, Self::Q4_0];

    fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }

    /// What activations are computed in on a device.
    pub(crate) fn compute(self, device: &Device) -> DType {
        match (self, device) {
            (_, Device::Cpu) | (Self::F32 | Self::Q8_0 | Self::Q4_0, _) => DType::F32,
            (Self::F16, _) => DType::F16,
            (Self::Bf16, _) => DType::BF16,
        }
    }

    /// What keys and values are kept in.
    pub(crate) fn cache(self, device: &Device) -> DType {
        match (self, self.compute(device)) {
            (Self::F32, _) => DType::F32,
            (_, DType::F32) => DType::F16,
            (_, compute) => compute,
        }
    }

    /// The format in which a matrix with rows of `columns` values, `stored` on disk, is kept.
    pub(crate) fn format(self, part: Part, columns: usize, stored: Format) -> Format {
        if let Format::Quantised(_) = stored {
            return stored;
        }
        let quantised = |kind: GgmlDType| match columns.is_multiple_of(kind.block_size()) {
            true => Format::Quantised(kind),
            false => stored,
        };
        match (self, part, stored) {
            (Self::F32, ..) | (_, Part::Embedding, Format::F16 | Format::Bf16) => stored,
            (Self::Q8_0 | Self::Q4_0, Part::Embedding, _) => stored,
            (Self::F16 | Self::Bf16, _, Format::F16 | Format::Bf16) => stored,
            (Self::F16, ..) => Format::F16,
            (Self::Bf16, ..) => Format::Bf16,
            (Self::Q8_0, ..) | (Self::Q4_0, Part::Delicate, _) => quantised(GgmlDType::Q8_0),
            (Self::Q4_0, ..) => quantised(GgmlDType::Q4_0),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name() == text)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                ModelError::input(format!("there is no precision \"{text}\": take one of {names}"))
            })
    }
}

/// Quantises a matrix that `rows(from, n)` reads in f32, a stripe at a time.
pub(crate) fn quantise(
    (rows, columns): (usize, usize),
    kind: GgmlDType,
    device: &Device,
    read: &(dyn Fn(usize, usize) -> Result<Vec<f32>, ModelError> + Sync),
) -> Result<QTensor, ModelError> {
    let stripes: Vec<usize> = (0..rows).step_by(STRIPE).collect();
    let parts = stripes
        .into_par_iter()
        .map(|from| {
            let n = STRIPE.min(rows - from);
            let values = Tensor::from_vec(read(from, n)?, (n, columns), &Device::Cpu)?;
            Ok(QTensor::quantize(&values, kind)?.data()?.into_owned())
        })
        .collect::<Result<Vec<_>, ModelError>>()?;
    let storage = QStorage::from_data(Cow::Owned(parts.concat()), device, kind)?;
    Ok(QTensor::new(storage, (rows, columns))?)
}

impl Idefics2 {
    /// Writes the model as it is in memory, with adapters that were merged and with its configuration, to a GGUF file that
    /// [`Idefics2::load`] reads. The names of tensors are those of the checkpoint.
    ///
    /// # Errors
    /// If the file exists or cannot be written, or an adapter was added with [`Idefics2::with_adapter`], which a file of one
    /// model cannot hold.
    pub fn save_gguf(&self, path: &Path) -> Result<(), ModelError> {
        if self.parts.adapted {
            return Err(ModelError::input(
                "a model with an adapter beside it cannot be saved: merge the adapter when loading",
            ));
        }
        let tensors = self
            .parts
            .saved
            .iter()
            .map(|(name, saved)| Ok((name.as_str(), saved.tensor(name, self)?)))
            .collect::<Result<Vec<_>, ModelError>>()?;
        let tensors: Vec<_> = tensors
            .iter()
            .map(|(name, tensor)| (*name, tensor.as_ref()))
            .collect();
        let text = |text: &str| Value::String(text.to_owned());
        let metadata = [
            ("general.architecture", text("idefics2")),
            ("general.alignment", Value::U32(32)),
            (CONFIG_KEY, text(&self.parts.config_json)),
            (PRECISION_KEY, text(self.parts.precision.name())),
        ];
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        let io = |error| ModelError::io(path, error);
        let mut file = BufWriter::new(File::create_new(path).map_err(io)?);
        let written = gguf_file::write(&mut file, &metadata, &tensors);
        let result = written
            .map_err(ModelError::from)
            .and_then(|()| file.flush().map_err(io));
        if result.is_err() {
            // Half a file would only be found out later. That it cannot be removed adds nothing to the error itself.
            let _ = std::fs::remove_file(path);
        }
        result
    }
}

/// A tensor to write: one that exists, or a copy of stored values.
enum ToWrite<'a> {
    Kept(&'a QTensor),
    Copied(Box<QTensor>),
}

impl ToWrite<'_> {
    fn as_ref(&self) -> &QTensor {
        match self {
            Self::Kept(tensor) => tensor,
            Self::Copied(tensor) => tensor,
        }
    }
}

impl Saved {
    fn tensor<'a>(&'a self, name: &str, model: &Idefics2) -> Result<ToWrite<'a>, ModelError> {
        let copied = |bytes: &[u8], format: Format, shape: &[usize]| -> Result<ToWrite<'a>, ModelError> {
            let storage = QStorage::from_data(bytes.into(), &Device::Cpu, format.ggml())?;
            Ok(ToWrite::Copied(Box::new(QTensor::new(storage, shape)?)))
        };
        match self {
            Self::AsStored(shape) => {
                let (entry, bytes) = model.parts.weights.find(name, shape)?;
                copied(bytes.as_slice(), entry.format, shape)
            }
            Self::Matrix(matrix, shape) => match &**matrix {
                Matrix::Quantised(tensor) => Ok(ToWrite::Kept(tensor)),
                Matrix::Stored { bytes, format, .. } => copied(bytes.as_slice(), *format, shape),
                Matrix::OnDevice(_) => Err(ModelError::input(
                    "a model on a GPU cannot be saved: load it on the processor",
                )),
            },
        }
    }
}
