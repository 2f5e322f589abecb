//! The weight of a layer, wherever its values are.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor};
use half::{bf16, f16};

use super::file::TensorFile;

/// A big matrix of a model: values in the file it was mapped from, values in memory, or a tensor on a device.
///
/// Cheap to clone. Where the model computes in f32 on a processor, the values stay in the precision they are stored in and
/// are widened by the layer that uses them; [`Self::values`] lends them. Elsewhere [`Self::tensor`] is what there is.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    inner: Arc<Inner>,
    products: Products,
}

/// How layers multiply that compute in f32 on a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Products {
    /// In f32.
    #[default]
    F32,
    /// Both factors rounded to bf16, added up in f32: about twice as fast where the machine has instructions for it
    /// ([`crate::ops::multiplies_bf16`]).
    Bf16,
}

#[derive(Debug)]
struct Inner {
    shape: Vec<usize>,
    data: Data,
    /// Made when first asked for.
    tensor: OnceLock<Tensor>,
}

#[derive(Debug)]
enum Data {
    /// Aligned bytes of a file.
    Mapped {
        file: Arc<TensorFile>,
        range: Range<usize>,
        format: Format,
    },
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
    /// In the precision and on the device that the model computes in.
    Tensor(Tensor),
}

/// How mapped values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    F32,
    F16,
    Bf16,
}

/// A parameter's values, row-major, as they are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    Bf16(&'a [bf16]),
}

impl Parameter {
    fn new(shape: Vec<usize>, data: Data) -> Self {
        Self {
            inner: Arc::new(Inner {
                shape,
                data,
                tensor: OnceLock::new(),
            }),
            products: Products::default(),
        }
    }

    /// The same values for layers that multiply so.
    pub fn with_products(self, products: Products) -> Self {
        Self { products, ..self }
    }

    /// How a layer multiplies with it.
    pub fn products(&self) -> Products {
        self.products
    }

    /// A view of bytes in a file; `None` if they do not lie as processors want them.
    pub(super) fn mapped(
        file: &Arc<TensorFile>,
        range: Range<usize>,
        format: Format,
        shape: Vec<usize>,
    ) -> Option<Self> {
        let bytes = file.bytes(&range);
        let aligned = match format {
            Format::F32 => bytemuck::try_cast_slice::<_, f32>(bytes).is_ok(),
            Format::F16 => bytemuck::try_cast_slice::<_, f16>(bytes).is_ok(),
            Format::Bf16 => bytemuck::try_cast_slice::<_, bf16>(bytes).is_ok(),
        };
        let file = file.clone();
        aligned.then(|| Self::new(shape, Data::Mapped { file, range, format }))
    }

    /// A tensor that layers on a device, or in another precision than f32, take as it is.
    pub(super) fn on_device(tensor: Tensor) -> Self {
        Self::new(tensor.dims().to_vec(), Data::Tensor(tensor))
    }

    /// The values of a tensor on the processor, in its own precision.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn owned(tensor: &Tensor) -> Result<Self> {
        let tensor = tensor.contiguous()?;
        let data = {
            let (storage, layout) = tensor.storage_and_layout();
            let range = layout.start_offset()..layout.start_offset() + layout.shape().elem_count();
            match &*storage {
                Storage::Cpu(CpuStorage::F32(values)) => Data::F32(values[range].to_vec()),
                Storage::Cpu(CpuStorage::F16(values)) => Data::F16(values[range].to_vec()),
                Storage::Cpu(CpuStorage::BF16(values)) => Data::Bf16(values[range].to_vec()),
                _ => Data::Tensor(tensor.clone()),
            }
        };
        Ok(Self::new(tensor.dims().to_vec(), data))
    }

    /// The shape.
    pub fn dims(&self) -> &[usize] {
        &self.inner.shape
    }

    /// Lends the values where they are stored; `None` if all there is is a tensor for the model's device.
    pub fn values(&self) -> Option<Values<'_>> {
        Some(match &self.inner.data {
            // Alignment was checked when the view was made.
            Data::Mapped { file, range, format } => match format {
                Format::F32 => Values::F32(bytemuck::cast_slice(file.bytes(range))),
                Format::F16 => Values::F16(bytemuck::cast_slice(file.bytes(range))),
                Format::Bf16 => Values::Bf16(bytemuck::cast_slice(file.bytes(range))),
            },
            Data::F32(values) => Values::F32(values),
            Data::F16(values) => Values::F16(values),
            Data::Bf16(values) => Values::Bf16(values),
            Data::Tensor(_) => return None,
        })
    }

    /// The parameter as a tensor: on the model's device, or f32 on the processor if the values are only stored.
    ///
    /// It is kept once made, so calling this on stored values doubles the memory they take.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn tensor(&self) -> Result<Tensor> {
        if let Data::Tensor(tensor) = &self.inner.data {
            return Ok(tensor.clone());
        }
        if let Some(tensor) = self.inner.tensor.get() {
            return Ok(tensor.clone());
        }
        let values = match self.values() {
            Some(values) => values.to_f32(),
            None => Vec::new(),
        };
        let tensor = Tensor::from_vec(values, self.dims(), &Device::Cpu)?;
        Ok(self.inner.tensor.get_or_init(|| tensor).clone())
    }

    /// Looks up rows of a table (rows, features): (ids, features), in the precision the model computes in.
    ///
    /// Reads only those rows, which matters for vocabularies of 49,408 words.
    ///
    /// # Errors
    /// If an id is no row, or the tensor library fails.
    pub fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        let Some(values) = self.values() else {
            let tensor = self.tensor()?;
            return tensor.index_select(&Tensor::new(ids, tensor.device())?, 0);
        };
        let &[rows, features] = self.dims() else {
            candle_core::bail!("a table has two axes, not {:?}", self.dims());
        };
        let mut gathered = Vec::with_capacity(ids.len() * features);
        for &id in ids {
            let row = id as usize;
            if row >= rows {
                candle_core::bail!("row {row} of a table of {rows}");
            }
            values.extend_f32(row * features..(row + 1) * features, &mut gathered);
        }
        Tensor::from_vec(gathered, (ids.len(), features), &Device::Cpu)
    }
}

impl Values<'_> {
    /// Widens all values to f32, which is exact.
    pub fn to_f32(self) -> Vec<f32> {
        let len = self.len();
        let mut wide = Vec::with_capacity(len);
        self.extend_f32(0..len, &mut wide);
        wide
    }

    /// Appends some of the values, widened to f32.
    pub fn extend_f32(self, range: Range<usize>, to: &mut Vec<f32>) {
        use half::slice::HalfFloatSliceExt;
        let (start, count) = (to.len(), range.len());
        match self {
            Self::F32(values) => to.extend_from_slice(&values[range]),
            Self::F16(values) => {
                to.resize(start + count, 0.0);
                values[range].convert_to_f32_slice(&mut to[start..]);
            }
            Self::Bf16(values) => {
                to.resize(start + count, 0.0);
                values[range].convert_to_f32_slice(&mut to[start..]);
            }
        }
    }

    /// How many there are.
    pub fn len(self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::Bf16(values) => values.len(),
        }
    }

    /// The precision of the values.
    #[allow(dead_code)] // For kernels that read values as they are stored.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F16(_) => DType::F16,
            Self::Bf16(_) => DType::BF16,
        }
    }
}
