//! A rate-limited, fair, step-batching worker pool for image jobs.
//!
//! ```text
//! admit ── limits (per user, guild, everyone: governor)
//! submit ─ dispatch ── queue       who is next: round robin over users, bounded, honest positions
//!             │     └─ forecast    how long it takes: measured steps, reckoned ahead
//!             │
//!          worker (one OS thread a device) ── guard ── Backend (yours)
//!             │      enter · one joint step · leave, turn by turn
//!          event ── JobHandle      position, progress, previews, pictures; the latest only, never blocking
//! ```
//!
//! [`JobQueue`] and the dispatcher are pure and synchronous: they are told the time and touch no thread. [`WorkerPool`] and
//! the workers carry messages to and from them. What a picture is, is the business of a [`Backend`]: this crate knows neither
//! the inference library nor Discord.
//!
//! A worker runs *step-level continuous batching*: each turn of its loop takes one joint denoising step with all of its
//! pictures, each at its own timestep; a picture that is done leaves, and a waiting one takes its place before the next
//! turn. Cancelling, deadlines, progress and previews all happen between steps.

mod backend;
mod clock;
mod dispatch;
mod error;
mod event;
mod forecast;
mod guard;
mod limits;
mod long_text;
mod options;
mod picture;
mod pool;
mod queue;
mod request;
mod status;
mod worker;

pub use backend::{Backend, BackendError, BackendErrorKind, Progress};
pub use clock::Clock;
pub use error::{JobError, Refusal, Scope};
pub use event::{JobEvent, JobEvents, JobHandle};
pub use limits::Limits;
pub use long_text::{LongText, RequestText};
pub use options::{LimitOptions, PoolOptions, Rate};
pub use picture::{Picture, Safety};
pub use pool::WorkerPool;
pub use queue::{JobQueue, Ticket};
pub use request::{GuildId, Hires, ImageRequest, Job, JobId, Pixels, Source, SourceOf, UserId, Variation};
pub use status::{Counters, PoolStatus, Tally, WorkerState};
pub use worker::BackendFactory;
