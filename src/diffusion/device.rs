//! Where the computation runs and in which precision.

use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};

use crate::error::{DiffusionError, Result};

/// Chooses the device a pipeline lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The processor, all its cores.
    Cpu,
    /// The CUDA device of this index (needs the `cuda` feature).
    Cuda(usize),
    /// The Metal device of this index (needs the `metal` feature).
    Metal(usize),
    /// The first GPU this build can use, else the processor.
    #[default]
    Auto,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`DiffusionError::Device`] if this build or machine lacks it. `Auto` never fails: it falls back to the processor.
    pub fn open(self) -> Result<Device> {
        let opened = match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(index) => Device::new_cuda(index),
            Self::Metal(index) => Device::new_metal(index),
            Self::Auto => {
                let gpu = if cfg!(feature = "cuda") {
                    Device::new_cuda(0)
                } else if cfg!(feature = "metal") {
                    Device::new_metal(0)
                } else {
                    Ok(Device::Cpu)
                };
                Ok(gpu.unwrap_or_else(|error| {
                    tracing::warn!(%error, "no GPU could be opened, using the processor");
                    Device::Cpu
                }))
            }
        };
        opened.map_err(|error| DiffusionError::Device {
            device: format!("{self:?}").to_lowercase(),
            reason: error.to_string().lines().next().unwrap_or_default().to_owned(),
        })
    }
}

/// The number format that weights and activations are computed in.
///
/// Stored weights of any of the three are converted when they are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits: exact, and on processors also the fastest.
    F32,
    /// 16 bits, IEEE half: for GPUs.
    F16,
    /// 16 bits, bfloat: for GPUs that have it.
    Bf16,
}

impl Precision {
    /// The best default for a device: f32 on the processor, f16 on a GPU.
    pub fn default_for(device: &Device) -> Self {
        if device.is_cpu() { Self::F32 } else { Self::F16 }
    }

    /// The tensor library's name for it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}
