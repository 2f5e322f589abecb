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
            Self::Cuda(index) => open_cuda(index),
            Self::Metal(index) => Device::new_metal(index),
            Self::Auto => {
                let gpu = if cfg!(feature = "cuda") {
                    open_cuda(0)
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

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> candle_core::Result<Device> {
    crate::ops::cuda::open(index)
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(index: usize) -> candle_core::Result<Device> {
    Device::new_cuda(index)
}

/// What a device is and how much of its memory was in use, for benchmarks and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceReport {
    /// Its maker's name for it; `cpu` for the processor.
    pub name: String,
    /// Bytes of memory it has, where it says so (CUDA).
    pub total_memory: Option<u64>,
    /// The most bytes that were in use at one time since it was opened or last reported on, where it says so (CUDA).
    pub peak_memory: Option<u64>,
}

/// Asks a device what it is. The next report's peak begins to count here.
///
/// # Errors
/// If the device does not answer.
pub fn report(device: &Device) -> Result<DeviceReport> {
    let name = match device {
        Device::Cpu => "cpu",
        Device::Metal(_) => "metal",
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => {
            let memory = crate::ops::cuda::memory(device)?;
            return Ok(DeviceReport {
                name: crate::ops::cuda::name(device)?,
                total_memory: Some(memory.total),
                peak_memory: memory.peak,
            });
        }
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => "cuda",
    };
    Ok(DeviceReport {
        name: name.to_owned(),
        total_memory: None,
        peak_memory: None,
    })
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
    /// 16 bits, bfloat: for GPUs that have it. On processors with AVX512-BF16 the UNet's matrix products round their factors to
    /// it and add up in f32; everything else stays in f32.
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
