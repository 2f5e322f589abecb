//! The pool's knobs.

use std::num::NonZeroU32;
use std::time::Duration;

/// Sets how much the pool takes, how it batches, and how long a job may stay.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolOptions {
    /// Jobs that may wait at once. More are refused with [`Refusal::QueueFull`](crate::Refusal::QueueFull).
    pub queue_capacity: usize,
    /// Jobs that one person may have waiting. More are refused with
    /// [`Refusal::TooManyWaiting`](crate::Refusal::TooManyWaiting).
    pub waiting_per_user: usize,
    /// Pictures that one device denoises jointly, at least 1. More give throughput, fewer give each picture speed.
    pub max_slots: usize,
    /// Pixels that one device denoises jointly, of all pictures together, at least 1: what memory grows with. Counted
    /// for pictures of two rows in the denoiser's batch, as guidance needs; one of four rows counts twice. A picture
    /// that is larger by itself is denoised alone.
    pub max_pixels: u64,
    /// Steps between two previews of a job; 0 for none.
    pub preview_every: u32,
    /// Longest time from [`submit`](crate::WorkerPool::submit) to the end of a job, waiting included. Checked
    /// between steps.
    pub job_deadline: Duration,
    /// Rate limits of [`admit`](crate::WorkerPool::admit).
    pub limits: LimitOptions,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            queue_capacity: 64,
            waiting_per_user: 3,
            max_slots: 4,
            max_pixels: 2 << 20,
            preview_every: 5,
            job_deadline: Duration::from_secs(30 * 60),
            limits: LimitOptions::default(),
        }
    }
}

/// Sets how often new jobs may be asked for; `None` leaves a scope unlimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitOptions {
    /// For each person.
    pub user: Option<Rate>,
    /// For each guild.
    pub guild: Option<Rate>,
    /// For all together.
    pub global: Option<Rate>,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self {
            user: Rate::new(5, Duration::from_secs(12)),
            guild: Rate::new(20, Duration::from_secs(3)),
            global: Rate::new(60, Duration::from_secs(1)),
        }
    }
}

impl LimitOptions {
    /// Limits nothing.
    pub fn unlimited() -> Self {
        Self {
            user: None,
            guild: None,
            global: None,
        }
    }
}

/// Is a token bucket: `burst` jobs at once, and one more after every `refill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub(crate) burst: NonZeroU32,
    pub(crate) refill: Duration,
}

impl Rate {
    /// Makes a rate; `None` if `burst` is 0, or `refill` is zero or over a day, which no limit means.
    pub fn new(burst: u32, refill: Duration) -> Option<Self> {
        let sensible = !refill.is_zero() && refill <= Duration::from_secs(24 * 3600);
        NonZeroU32::new(burst)
            .filter(|_| sensible)
            .map(|burst| Self { burst, refill })
    }

    /// Makes a rate of `jobs` a minute, all of which may come at once; `None` if `jobs` is 0.
    pub fn per_minute(jobs: u32) -> Option<Self> {
        Self::new(jobs, Duration::from_secs(60).checked_div(jobs)?)
    }
}
