//! Keeps a panic inside the call that made it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{BackendError, BackendErrorKind, JobError};

/// Is how a backend's call went wrong.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It said so.
    Error(BackendError),
    /// It panicked.
    Panic(String),
}

impl Fault {
    pub(crate) fn is(&self, kind: BackendErrorKind) -> bool {
        matches!(self, Self::Error(error) if error.kind == kind)
    }

    pub(crate) fn into_backend_error(self) -> BackendError {
        match self {
            Self::Error(error) => error,
            Self::Panic(message) => BackendError::failed(format!("panic: {message}")),
        }
    }
}

impl From<Fault> for JobError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Error(error) => error.into(),
            Fault::Panic(message) => Self::Panicked { message },
        }
    }
}

/// Calls a backend, and turns a panic into a value.
///
/// Unwind safety is asserted: a slot that was in a call that panicked is either tried again alone or dropped, and a
/// backend left in disorder fails its later calls, which fail their jobs.
pub(crate) fn guard<T>(call: impl FnOnce() -> Result<T, BackendError>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Fault::Error),
        Err(payload) => Err(Fault::Panic(message(payload.as_ref()))),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}
