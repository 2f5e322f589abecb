//! The kernels' compiler: NVRTC, at run time, when a device is opened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaModule, CudaStream, LaunchArgs};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileError, CompileOptions, Ptx, compile_ptx_with_opts};
use candle_core::cuda_backend::{DeviceId, WrapErr};
use candle_core::{CudaDevice, Result};

use super::Value;

const SOURCE: &str = include_str!("kernels.cu");

/// A kernel on the stream of its device.
pub(super) struct Kernel {
    function: CudaFunction,
    stream: Arc<CudaStream>,
}

impl Kernel {
    /// The kernel `name` for values of type `T`; compiles and loads all of them if the device has none yet.
    pub fn load<T: Value>(device: &CudaDevice, name: &str) -> Result<Self> {
        let function = module(device)?
            .load_function(&format!("{name}_{}", T::NAME))
            .w()?;
        Ok(Self {
            function,
            stream: device.cuda_stream(),
        })
    }

    /// Begins a launch; its arguments follow in the order of the source.
    pub fn launch(&self) -> LaunchArgs<'_> {
        self.stream.launch_builder(&self.function)
    }
}

fn module(device: &CudaDevice) -> Result<Arc<CudaModule>> {
    static LOADED: Mutex<Option<HashMap<DeviceId, Arc<CudaModule>>>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = loaded.get_or_insert_default();
    if let Some(module) = loaded.get(&device.id()) {
        return Ok(module.clone());
    }
    let stream = device.cuda_stream();
    let (major, minor) = stream.context().compute_capability().w()?;
    let module = stream.context().load_module(compile(major, minor)?).w()?;
    loaded.insert(device.id(), module.clone());
    Ok(module)
}

/// Compiles the kernels for devices of compute capability `major.minor`.
pub(super) fn compile(major: i32, minor: i32) -> Result<Ptx> {
    let options = CompileOptions {
        options: vec![format!("--gpu-architecture=compute_{major}{minor}")],
        name: Some("kernels.cu".to_owned()),
        ..Default::default()
    };
    compile_ptx_with_opts(SOURCE, options).map_err(|error| {
        let reason = match error {
            CompileError::CompileError { nvrtc, log, .. } => format!("{nvrtc:?}: {}", log.to_string_lossy()),
            other => other.to_string(),
        };
        candle_core::Error::Msg(format!("NVRTC cannot compile the CUDA kernels: {reason}"))
    })
}
