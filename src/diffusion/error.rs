//! What can go wrong between a checkpoint on disk and a finished picture.

use std::path::{Path, PathBuf};

/// Says why a checkpoint could not be loaded or a picture not be made.
///
/// Loading errors name the file and, where one is concerned, the tensor and both shapes, so that an operator can act on
/// the message alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffusionError {
    /// A file or folder of the checkpoint is absent.
    #[error("{}: not found ({hint})", path.display())]
    MissingFile {
        /// What was looked for.
        path: PathBuf,
        /// What would have been accepted.
        hint: String,
    },
    /// Weights are there, but only in Python's pickle format, which can run code when it is opened.
    #[error(
        "{}: pickle files can run code when opened and are not read; convert it to safetensors (for example \
         `diffusers`: `pipe.save_pretrained(DIR, safe_serialization=True)`)",
        path.display()
    )]
    Pickle {
        /// The pickle file.
        path: PathBuf,
    },
    /// The operating system refused to read or write a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not in the format its name promises (damaged, truncated, or something else).
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A configuration asks for a model part that this crate does not have.
    #[error("{}: `{key}` = {value} is not supported ({supported})", path.display())]
    Unsupported {
        /// The configuration file.
        path: PathBuf,
        /// The key in it.
        key: String,
        /// The value found.
        value: String,
        /// What would be supported.
        supported: String,
    },
    /// The weights lack a tensor that the configuration calls for.
    #[error("{}: tensor `{tensor}` is missing (expected shape {expected:?})", path.display())]
    MissingTensor {
        /// The weights file: of a sharded set the one that should hold it, or the index if that names none.
        path: PathBuf,
        /// The tensor's full name.
        tensor: String,
        /// The shape the configuration implies.
        expected: Vec<usize>,
    },
    /// A tensor does not have the shape that the configuration calls for.
    #[error("{}: tensor `{tensor}` has shape {found:?}, the configuration needs {expected:?}", path.display())]
    TensorShape {
        /// The weights file.
        path: PathBuf,
        /// The tensor's full name.
        tensor: String,
        /// The shape the configuration implies.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// The tokenizer could not encode a text.
    #[error("the tokenizer failed: {reason}")]
    Tokenizer {
        /// What the tokenizer said.
        reason: String,
    },
    /// A request's parameter is out of range or does not fit the model.
    #[error("{parameter} {problem}")]
    InvalidParameter {
        /// The parameter's name, as a person wrote it.
        parameter: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// A device was asked for that this build or machine does not have.
    #[error("device {device} is not available: {reason}")]
    Device {
        /// The device asked for.
        device: String,
        /// Why not.
        reason: String,
    },
    /// The device's memory is exhausted.
    #[error("out of memory on the device: {reason}")]
    OutOfMemory {
        /// What the backend said.
        reason: String,
    },
    /// The tensor library failed.
    #[error("tensor computation failed: {0}")]
    Tensor(candle_core::Error),
}

impl DiffusionError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn malformed(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn invalid(parameter: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidParameter {
            parameter,
            problem: problem.into(),
        }
    }
}

impl From<candle_core::Error> for DiffusionError {
    /// Tells exhausted memory apart, since a caller can act on it (fewer pictures at once) and on nothing else here.
    fn from(error: candle_core::Error) -> Self {
        let text = error.to_string();
        if names_exhausted_memory(&text) {
            // The first line says it; the rest is a backtrace.
            return Self::OutOfMemory {
                reason: text.lines().next().unwrap_or_default().to_owned(),
            };
        }
        Self::Tensor(error)
    }
}

/// Whether a backend's message says that memory is exhausted. Backends have no common type for it, so their own names
/// tell: CUDA's and Metal's out-of-memory codes, and what cuBLAS, cuDNN and cuRAND say when they cannot allocate.
fn names_exhausted_memory(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    [
        "out of memory",
        "out_of_memory",
        "outofmemory",
        "insufficient memory",
        "status_alloc_failed",
        "allocation_failed",
    ]
    .iter()
    .any(|sign| lower.contains(sign))
}

/// The crate's result type.
pub type Result<T, E = DiffusionError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exhausted_memory_is_told_apart() {
        // As cudarc and Metal word them.
        for message in [
            "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
            "CublasError(CUBLAS_STATUS_ALLOC_FAILED)",
            "CudnnError(CUDNN_STATUS_ALLOC_FAILED)",
            "CudnnError(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)",
            "CurandError(CURAND_STATUS_ALLOCATION_FAILED)",
            "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
        ] {
            let error = candle_core::Error::Msg(message.to_owned());
            assert!(
                matches!(DiffusionError::from(error), DiffusionError::OutOfMemory { .. }),
                "{message}"
            );
        }
        for message in [
            "shape mismatch in matmul",
            "DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, \"an illegal memory access was encountered\")",
            "CudnnError(CUDNN_STATUS_NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT)",
        ] {
            let error = candle_core::Error::Msg(message.to_owned());
            assert!(
                matches!(DiffusionError::from(error), DiffusionError::Tensor(_)),
                "{message}"
            );
        }
    }
}
