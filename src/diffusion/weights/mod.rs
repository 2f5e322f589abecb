//! Named tensors of one model, mapped from safetensors files.
//!
//! Opening maps files and reads their headers, no values. Small vectors are read when a layer asks for them ([`Weights::get`]),
//! big matrices stay where they are ([`Weights::parameter`]).

mod file;
mod find;
mod hash;
mod parameter;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Shape, Tensor};
use safetensors::tensor::Dtype;

use crate::error::{DiffusionError, Result};
use file::{Entry, TensorFile};
pub(crate) use find::find;
pub use hash::ContentHash;
use parameter::Format;
pub(crate) use parameter::Parameter;
#[allow(unused_imports)] // For kernels that read values as they are stored.
pub(crate) use parameter::Values;

/// A view into one model's weights below a name prefix, like a folder in a tree of tensors.
///
/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Weights {
    files: Arc<Files>,
    prefix: String,
    dtype: DType,
    device: Device,
}

struct Files {
    /// At least one.
    files: Vec<Arc<TensorFile>>,
    /// Of a sharded set: the index, and which file it names for each tensor.
    index: Option<(PathBuf, HashMap<String, usize>)>,
}

impl Files {
    fn lookup(&self, name: &str) -> Option<(&Arc<TensorFile>, &Entry)> {
        let by_index = self.index.as_ref().and_then(|(_, holders)| holders.get(name));
        let candidates = match by_index {
            Some(&holder) => &self.files[holder..=holder],
            None => &self.files[..],
        };
        candidates.iter().find_map(|file| Some((file, file.entry(name)?)))
    }

    /// The file that should have held a tensor.
    fn blamed(&self, name: &str) -> &Path {
        match &self.index {
            Some((path, holders)) => holders
                .get(name)
                .map_or(path, |&holder| self.files[holder].path()),
            None => self.files[0].path(),
        }
    }
}

impl Weights {
    /// Maps the weights in `folder`: `STEM.safetensors`, a sharded set, or their `fp16` variants.
    ///
    /// Tensors will be computed with in `dtype` on `device`.
    ///
    /// # Errors
    /// If there are none, only pickle files, or a file is damaged.
    pub fn open(folder: &Path, stem: &str, dtype: DType, device: &Device) -> Result<Self> {
        let found = find(folder, stem)?;
        let files = found
            .paths
            .iter()
            .map(|path| TensorFile::open(path).map(Arc::new))
            .collect::<Result<_>>()?;
        Ok(Self {
            files: Arc::new(Files {
                files,
                index: found.index,
            }),
            prefix: String::new(),
            dtype,
            device: device.clone(),
        })
    }

    /// The view one level down.
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Self {
            prefix: self.full(&name.to_string()),
            ..self.clone()
        }
    }

    /// Whether a tensor of this name exists below the prefix.
    pub fn contains(&self, name: &str) -> bool {
        self.files.lookup(&self.full(name)).is_some()
    }

    /// Reads a tensor, converted to this view's precision and device.
    ///
    /// # Errors
    /// If it is missing or has another shape, naming file, tensor and shapes.
    pub fn get(&self, shape: impl Into<Shape>, name: &str) -> Result<Tensor> {
        let full = self.full(name);
        let (file, entry) = self.find(&shape.into(), &full)?;
        Ok(file.tensor(&full, entry, &self.device)?.to_dtype(self.dtype)?)
    }

    /// A layer's weight, left where it is if the model computes in f32 on the processor and it is stored as f32, f16 or
    /// bf16; else as [`Self::get`] reads it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn parameter(&self, shape: impl Into<Shape>, name: &str) -> Result<Parameter> {
        let full = self.full(name);
        let (file, entry) = self.find(&shape.into(), &full)?;
        if !(self.dtype == DType::F32 && self.device.is_cpu()) {
            let tensor = file.tensor(&full, entry, &self.device)?;
            return Ok(Parameter::on_device(tensor.to_dtype(self.dtype)?));
        }
        let format = match entry.dtype {
            Dtype::F32 => Some(Format::F32),
            Dtype::F16 => Some(Format::F16),
            Dtype::BF16 => Some(Format::Bf16),
            _ => None,
        };
        let mapped = format
            .and_then(|format| Parameter::mapped(file, entry.range.clone(), format, entry.shape.clone()));
        match (mapped, format) {
            (Some(mapped), _) => Ok(mapped),
            // Not aligned: copied, in the precision it has.
            (None, Some(_)) => Ok(Parameter::owned(&file.tensor(&full, entry, &self.device)?)?),
            (None, None) => {
                let tensor = file.tensor(&full, entry, &self.device)?;
                Ok(Parameter::owned(&tensor.to_dtype(self.dtype)?)?)
            }
        }
    }

    /// The entry of a tensor that has the wanted shape.
    fn find(&self, shape: &Shape, full: &str) -> Result<(&Arc<TensorFile>, &Entry)> {
        let expected = shape.dims().to_vec();
        let Some((file, entry)) = self.files.lookup(full) else {
            return Err(DiffusionError::MissingTensor {
                path: self.files.blamed(full).to_owned(),
                tensor: full.to_owned(),
                expected,
            });
        };
        if entry.shape != expected {
            return Err(DiffusionError::TensorShape {
                path: file.path().to_owned(),
                tensor: full.to_owned(),
                expected,
                found: entry.shape.clone(),
            });
        }
        Ok((file, entry))
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}

#[cfg(test)]
mod tests;
