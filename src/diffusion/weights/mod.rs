//! Named tensors of one model, mapped from safetensors files.
//!
//! Opening maps files and reads their headers, no values. Small vectors are read when a layer asks for them ([`Weights::get`]),
//! big matrices stay where they are ([`Weights::parameter`]).

mod file;
mod find;
mod hash;
mod naming;
mod parameter;
mod patch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Shape, Tensor};
use safetensors::tensor::Dtype;

use crate::error::{DiffusionError, Result};
use file::Entry;
pub(crate) use file::TensorFile;
pub(crate) use find::find;
pub use hash::ContentHash;
pub(crate) use naming::{Naming, Place, Section};
use parameter::Format;
#[allow(unused_imports)] // For kernels that read values as they are stored.
pub(crate) use parameter::Values;
pub(crate) use parameter::{Parameter, Products};
pub(crate) use patch::Patch;

/// A view into one model's weights below a name prefix, like a folder in a tree of tensors.
///
/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Weights {
    files: Arc<Files>,
    prefix: String,
    dtype: DType,
    device: Device,
    patch: Option<Arc<dyn Patch>>,
    products: Products,
}

struct Files {
    /// At least one.
    files: Vec<Arc<TensorFile>>,
    /// Of a sharded set: the index, and which file it names for each tensor.
    index: Option<(PathBuf, HashMap<String, usize>)>,
    /// If tensors have other names in the files than in diffusers.
    naming: Option<Box<dyn Naming>>,
}

/// A tensor, or a part of one, where it lies.
struct Located<'a> {
    file: &'a Arc<TensorFile>,
    /// Its name there.
    name: String,
    /// Shape and bytes of the part that is meant.
    entry: Entry,
    /// Whether the matrix's axes have to be exchanged to give the tensor that was asked for.
    transposed: bool,
}

impl Files {
    /// Finds the tensor with this name in diffusers.
    fn lookup(&self, name: &str) -> Option<Located<'_>> {
        match &self.naming {
            None => self.at(Place::whole(name)),
            Some(naming) => naming.places(name).into_iter().find_map(|place| self.at(place)),
        }
    }

    fn at(&self, Place { name, section }: Place) -> Option<Located<'_>> {
        let by_index = self.index.as_ref().and_then(|(_, holders)| holders.get(&name));
        let candidates = match by_index {
            Some(&holder) => &self.files[holder..=holder],
            None => &self.files[..],
        };
        let (file, entry) = candidates
            .iter()
            .find_map(|file| Some((file, file.entry(&name)?)))?;
        Some(Located {
            file,
            entry: entry.section(section),
            transposed: section == Section::Transposed,
            name,
        })
    }

    /// The file that should have held a tensor, and its name there.
    fn blamed(&self, name: &str) -> (&Path, String) {
        let places = self.naming.as_ref().map(|naming| naming.places(name));
        let name = match places.and_then(|places| places.into_iter().next()) {
            Some(place) => place.name,
            None => name.to_owned(),
        };
        let path = match &self.index {
            Some((path, holders)) => holders
                .get(&name)
                .map_or(path.as_path(), |&holder| self.files[holder].path()),
            None => self.files[0].path(),
        };
        (path, name)
    }
}

impl Located<'_> {
    /// The shape of what was asked for.
    fn shape(&self) -> Vec<usize> {
        let mut shape = self.entry.shape.clone();
        if self.transposed {
            shape.reverse();
        }
        shape
    }

    /// Its changed values on the processor, rounded to the precision that the original is stored in.
    fn patched(&self, patch: &dyn Patch, name: &str) -> Result<Tensor> {
        let stored = self.tensor(&Device::Cpu)?;
        let mut values = stored.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        patch.apply(name, &self.shape(), &mut values)?;
        let dtype = match stored.dtype() {
            half @ (DType::F16 | DType::BF16) => half,
            _ => DType::F32,
        };
        Ok(Tensor::from_vec(values, stored.shape(), &Device::Cpu)?.to_dtype(dtype)?)
    }

    /// Copies it to a device, in the precision it is stored in.
    fn tensor(&self, device: &Device) -> Result<Tensor> {
        let tensor = self.file.tensor(&self.name, &self.entry, device)?;
        match self.transposed {
            true => Ok(tensor.t()?.contiguous()?),
            false => Ok(tensor),
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
                naming: None,
            }),
            prefix: String::new(),
            dtype,
            device: device.clone(),
            patch: None,
            products: Products::default(),
        })
    }

    /// A file's tensors, whose names `naming` translates.
    pub fn of_file(
        file: Arc<TensorFile>,
        naming: impl Naming + 'static,
        dtype: DType,
        device: &Device,
    ) -> Self {
        Self {
            files: Arc::new(Files {
                files: vec![file],
                index: None,
                naming: Some(Box::new(naming)),
            }),
            prefix: String::new(),
            dtype,
            device: device.clone(),
            patch: None,
            products: Products::default(),
        }
    }

    /// The same files, with changes to some of the weights. Only what [`Self::parameter`] reads can be changed.
    pub fn patched(&self, patch: Option<Arc<dyn Patch>>) -> Self {
        Self {
            patch,
            ..self.clone()
        }
    }

    /// The same files, for layers that multiply so.
    pub fn multiplied(&self, products: Products) -> Self {
        Self {
            products,
            ..self.clone()
        }
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
        let found = self.find(&shape.into(), &self.full(name))?;
        Ok(found.tensor(&self.device)?.to_dtype(self.dtype)?)
    }

    /// A layer's weight, left where it is if the model computes in f32 on the processor and it is stored as f32, f16 or
    /// bf16; else as [`Self::get`] reads it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn parameter(&self, shape: impl Into<Shape>, name: &str) -> Result<Parameter> {
        let (shape, full) = (shape.into(), self.full(name));
        let found = self.find(&shape, &full)?;
        let stored_only = self.dtype == DType::F32 && self.device.is_cpu();
        if let Some(patch) = self.patch.as_ref().filter(|patch| patch.touches(&full)) {
            let tensor = found.patched(&**patch, &full)?;
            return Ok(match stored_only {
                true => Parameter::owned(&tensor)?.with_products(self.products),
                false => Parameter::on_device(tensor.to_device(&self.device)?.to_dtype(self.dtype)?),
            });
        }
        if !stored_only {
            let tensor = found.tensor(&self.device)?;
            return Ok(Parameter::on_device(tensor.to_dtype(self.dtype)?));
        }
        let format = match found.entry.dtype {
            Dtype::F32 => Some(Format::F32),
            Dtype::F16 => Some(Format::F16),
            Dtype::BF16 => Some(Format::Bf16),
            _ => None,
        };
        let tensor = match format {
            Some(format) => {
                let (range, shape) = (found.entry.range.clone(), found.entry.shape.clone());
                let mapped = match found.transposed {
                    true => None,
                    false => Parameter::mapped(found.file, range, format, shape),
                };
                if let Some(mapped) = mapped {
                    return Ok(mapped.with_products(self.products));
                }
                // Not aligned, or in another order: copied, in the precision it has.
                found.tensor(&Device::Cpu)?
            }
            None => found.tensor(&Device::Cpu)?.to_dtype(DType::F32)?,
        };
        Ok(Parameter::owned(&tensor)?.with_products(self.products))
    }

    /// Where a tensor of the wanted shape is.
    fn find(&self, shape: &Shape, full: &str) -> Result<Located<'_>> {
        let expected = shape.dims().to_vec();
        let Some(found) = self.files.lookup(full) else {
            let (path, tensor) = self.files.blamed(full);
            return Err(DiffusionError::MissingTensor {
                path: path.to_owned(),
                tensor,
                expected,
            });
        };
        if found.shape() != expected {
            return Err(DiffusionError::TensorShape {
                path: found.file.path().to_owned(),
                found: found.shape(),
                tensor: found.name,
                expected,
            });
        }
        Ok(found)
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
