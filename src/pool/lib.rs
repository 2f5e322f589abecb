//! A rate-limited, fair, step-batching worker pool for image jobs.

mod backend;
mod error;
mod event;
mod options;
mod request;
mod status;

pub use backend::{Backend, BackendError, BackendErrorKind, Progress};
pub use error::{JobError, Refusal, Scope};
pub use event::{JobEvent, JobEvents, JobHandle};
pub use options::{LimitOptions, PoolOptions, Rate};
pub use request::{GuildId, ImageRequest, Job, JobId, UserId, Variation};
pub use status::{Counters, PoolStatus, Tally, WorkerState};
