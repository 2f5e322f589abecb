//! What the pool tells about itself: for health checks, metrics, and people who ask how long it takes.

use std::time::Duration;

use crate::BackendError;

/// Is a snapshot of the pool.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolStatus {
    /// Jobs that have not begun.
    pub queued: usize,
    /// Jobs that have begun and are not over.
    pub running: usize,
    /// Pictures being denoised now.
    pub slots_in_use: usize,
    /// Pictures that could be denoised at once now: the batch limits of the ready workers together.
    pub slots_total: usize,
    /// Devices the pool was started with.
    pub workers: usize,
    /// Devices ready to draw.
    pub workers_ready: usize,
    /// Whether the pool is shutting down.
    pub draining: bool,
    /// What happened since the start.
    pub counters: Counters,
}

/// Counts what happened since the pool was started.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counters {
    /// Jobs taken.
    pub accepted: u64,
    /// Jobs not taken, for any reason.
    pub refused: u64,
    /// Jobs that gave their pictures.
    pub finished: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Jobs cancelled.
    pub cancelled: u64,
    /// Pictures queued again after a lost worker or a lack of memory.
    pub requeued: u64,
    /// Pictures drawn.
    pub pictures: u64,
    /// Joint steps taken; `slot_steps / joint_steps` is the mean batch.
    pub joint_steps: u64,
    /// Steps of single pictures taken.
    pub slot_steps: u64,
    /// Times that a batch was halved for lack of memory.
    pub batches_halved: u64,
    /// Times that a backend was made anew after it was lost.
    pub rebuilds: u64,
    /// Time from submission to the first picture's start, by job.
    pub queue_wait: Tally,
    /// Time from the first picture's start to the end, by finished job.
    pub run_time: Tally,
    /// Duration of a joint step.
    pub step_time: Tally,
}

/// Sums durations: the mean is `sum / count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Durations counted.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
    /// The longest.
    pub max: Duration,
}

impl Tally {
    /// Counts one duration.
    pub(crate) fn add(&mut self, duration: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(duration);
        self.max = self.max.max(duration);
    }

    /// Returns the mean, `None` before the first duration.
    pub fn mean(&self) -> Option<Duration> {
        (self.count > 0).then(|| self.sum.div_f64(self.count as f64))
    }
}

/// Says what a worker is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerState {
    /// Its backend is being made and warmed up.
    Starting,
    /// It draws, or waits for work.
    Ready,
    /// It lost its backend, or could not make one; it tries again.
    Recovering(BackendError),
    /// It could not make its backend and will not try again.
    GaveUp(BackendError),
    /// It was stopped.
    Stopped,
}

impl WorkerState {
    /// Tells whether the worker draws or may do so without anybody's help.
    pub(crate) fn is_hopeful(&self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Recovering(_))
    }
}
