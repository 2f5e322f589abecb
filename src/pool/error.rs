//! Why the pool does not take a job, and why a job it took failed.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::JobId;

/// Says whom a rate limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One person, everywhere.
    User,
    /// Everyone in one guild together.
    Guild,
    /// Everyone together.
    Global,
}

/// Says why a job is not taken. The [`Display`](fmt::Display) text is fit for people and says what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Too many requests in a short time.
    RateLimited {
        /// Whose limit it is; where several refuse, the one that refuses longest.
        scope: Scope,
        /// Time after which every limit would let the request through, if nothing else is asked meanwhile.
        retry_after: Duration,
    },
    /// As many jobs wait as the queue holds.
    QueueFull {
        /// The queue's capacity in jobs.
        capacity: usize,
    },
    /// This person has as many jobs waiting as one may.
    TooManyWaiting {
        /// Jobs one person may have waiting.
        limit: usize,
    },
    /// The pool is shutting down.
    Draining,
    /// A job of this id is in the pool already, so nothing is lost by refusing this one.
    AlreadyKnown {
        /// The id.
        id: JobId,
    },
    /// No device works, and none is expected back.
    Unavailable,
}

impl Refusal {
    /// Returns how long to wait before asking again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimited { scope, retry_after } => {
                let who = match scope {
                    Scope::User => "You have asked for many pictures in a short time.",
                    Scope::Guild => "This server has asked for many pictures in a short time.",
                    Scope::Global => "Many people are asking for pictures right now.",
                };
                write!(f, "{who} Please try again in {}.", Spoken(*retry_after))
            }
            Self::QueueFull { capacity } => {
                let jobs = if *capacity == 1 {
                    "request is"
                } else {
                    "requests are"
                };
                write!(
                    f,
                    "The queue is full: {capacity} {jobs} waiting. Please try again in a little while."
                )
            }
            Self::TooManyWaiting { limit } => {
                let jobs = if *limit == 1 { "request" } else { "requests" };
                write!(
                    f,
                    "You already have {limit} {jobs} waiting. Wait for one to finish, or cancel one."
                )
            }
            Self::Draining => f.write_str("I am about to restart. Please try again in a minute."),
            Self::AlreadyKnown { .. } => f.write_str("This request is already in the queue."),
            Self::Unavailable => {
                f.write_str("I cannot draw at the moment: no device is working. Please try again later.")
            }
        }
    }
}

/// Writes a waiting time as people say it, rounded up so that the advice holds.
struct Spoken(Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)).max(1);
        let (number, unit) = match seconds {
            ..=90 => (seconds, "second"),
            91..=5400 => (seconds.div_ceil(60), "minute"),
            _ => (seconds.div_ceil(3600), "hour"),
        };
        write!(f, "{number} {unit}{}", if number == 1 { "" } else { "s" })
    }
}

/// Says why a job that was taken has failed. Its text is for the log; the bot words what a person sees.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JobError {
    /// The backend cannot draw this request.
    #[error("the request cannot be drawn: {message}")]
    Invalid {
        /// The backend's reason.
        message: String,
    },
    /// One picture alone does not fit into the device's memory.
    #[error("out of memory: {message}")]
    OutOfMemory {
        /// The backend's reason.
        message: String,
    },
    /// The backend failed on this job.
    #[error("the backend failed: {message}")]
    Failed {
        /// The backend's reason.
        message: String,
    },
    /// The backend panicked on this job.
    #[error("the backend panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The job was in the pool longer than a job may.
    #[error("not done within {limit:?}")]
    DeadlineExceeded {
        /// The pool's deadline.
        limit: Duration,
    },
    /// The device was lost under this job a second time.
    #[error("the worker was lost twice under this job: {message}")]
    WorkerLost {
        /// What the worker said last.
        message: String,
    },
    /// Every device is gone for good.
    #[error("no worker is left")]
    Unavailable,
}

impl JobError {
    /// Tells whether asking for the same again has a fair chance.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Invalid { .. } | Self::OutOfMemory { .. })
    }
}
