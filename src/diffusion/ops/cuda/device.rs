//! Opening a device, and what it says about itself.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::{CudaDevice, Device, Result};

use super::compile::Kernel;

/// A device's memory, in bytes, as far as this process uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Most that tensors and workspaces took at one time since the device was opened, or since it was last asked for;
    /// none on the few devices that have no memory pools.
    pub peak: Option<u64>,
    /// All the device has.
    pub total: u64,
}

/// Opens the device of this index, once a process: whatever is loaded on it can then be used together.
///
/// Work is queued on a stream of the device's own, so that tensors may be made on one thread and used on another, and
/// memory that tensors give back stays reserved for the next ones. The kernels are compiled here, so that a machine on
/// which they cannot be is found out at once.
pub(crate) fn open(index: usize) -> Result<Device> {
    static OPENED: Mutex<Option<HashMap<usize, Device>>> = Mutex::new(None);
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let opened = opened.get_or_insert_default();
    if let Some(device) = opened.get(&index) {
        return Ok(device.clone());
    }
    let device = CudaDevice::new_with_stream(index)?;
    configure(&device)?;
    Kernel::load::<f32>(&device, "softmax")?;
    let device = Device::Cuda(device);
    opened.insert(index, device.clone());
    Ok(device)
}

#[allow(unsafe_code)]
fn configure(device: &CudaDevice) -> Result<()> {
    // SAFETY: events would order streams among each other, and there is one: everything this process does on the device
    // goes through the one `CudaDevice` that `open` keeps, thus through its one stream.
    unsafe { device.disable_event_tracking() };
    let Some(pool) = pool(device)? else {
        return Ok(());
    };
    let mut keep = u64::MAX;
    let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the attribute is a u64, and the pool belongs to a device that is open.
    unsafe { result::mem_pool::set_attribute(pool, threshold, (&raw mut keep).cast::<c_void>()) }.w()
}

/// The pool that tensors' memory comes from, where devices have pools.
#[allow(unsafe_code)]
fn pool(device: &CudaDevice) -> Result<Option<sys::CUmemoryPool>> {
    let stream = device.cuda_stream();
    let supported = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
    if stream.context().attribute(supported).w()? == 0 {
        return Ok(None);
    }
    // SAFETY: the device is open, and its default pool lives as long as it.
    unsafe { result::device::get_default_mem_pool(stream.context().cu_device()) }
        .w()
        .map(Some)
}

/// The device's name, such as `NVIDIA H100 80GB HBM3`.
pub(crate) fn name(device: &CudaDevice) -> Result<String> {
    device.cuda_stream().context().name().w()
}

/// What the device's memory is used for; the peak then starts anew.
#[allow(unsafe_code)]
pub(crate) fn memory(device: &CudaDevice) -> Result<Memory> {
    let total = device.cuda_stream().context().total_mem().w()? as u64;
    let Some(pool) = pool(device)? else {
        return Ok(Memory { peak: None, total });
    };
    let (mut peak, mut zero) = (0u64, 0u64);
    let high = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
    // SAFETY: the attribute is a u64 that may be read and set to zero; the pool belongs to an open device.
    unsafe {
        result::mem_pool::get_attribute(pool, high, (&raw mut peak).cast::<c_void>()).w()?;
        result::mem_pool::set_attribute(pool, high, (&raw mut zero).cast::<c_void>()).w()?;
    }
    Ok(Memory {
        peak: Some(peak),
        total,
    })
}
