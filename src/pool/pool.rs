//! The pool itself: threads around [`Dispatcher`].

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::dispatch::{Claim, Dispatcher};
use crate::event::CancelBySerial;
use crate::limits::Limits;
use crate::worker::{self, BackendFactory};
use crate::{
    Backend, BackendError, Clock, GuildId, Job, JobHandle, JobId, PoolOptions, PoolStatus, Refusal, UserId,
    WorkerState,
};

/// Time that [`WorkerPool::drain`] gives worker threads to end their last step after everything is decided.
const LAST_STEP: Duration = Duration::from_secs(2);

/// Stack of a worker's thread: that of a main thread, since inference libraries are mostly tried on one.
const STACK_BYTES: usize = 8 << 20;

/// Draws jobs on a set of devices, one OS thread each.
///
/// Every method but [`ready`](Self::ready) and [`drain`](Self::drain) returns at once: none waits for a device.
/// Dropping the pool stops it between steps and forgets its jobs.
#[derive(Debug)]
pub struct WorkerPool {
    shared: Arc<Shared>,
}

impl WorkerPool {
    /// Starts one worker for each factory, which makes its backend on the worker's own thread.
    ///
    /// A factory is called again when its backend was lost, or could not be made for a reason other than
    /// [`Invalid`](crate::BackendErrorKind::Invalid). Jobs may be submitted before any worker is ready.
    pub fn start<B: Backend + 'static>(backends: Vec<BackendFactory<B>>, options: PoolOptions) -> Self {
        Self::start_with_clock(backends, options, Clock::system())
    }

    /// Starts a pool that takes deadlines, limits and measurements from the given clock.
    pub fn start_with_clock<B: Backend + 'static>(
        backends: Vec<BackendFactory<B>>,
        options: PoolOptions,
        clock: Clock,
    ) -> Self {
        let limits = Limits::new(&options.limits, &clock);
        let core = Dispatcher::new(options, backends.len());
        let shared = Arc::new(Shared {
            health: watch::Sender::new(core.states()),
            empty: watch::Sender::new(true),
            core: Mutex::new(core),
            limits: Mutex::new(limits),
            work: Condvar::new(),
            clock,
        });
        for (index, make) in backends.into_iter().enumerate() {
            let own = Arc::clone(&shared);
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .stack_size(STACK_BYTES);
            if let Err(error) = thread.spawn(move || worker::run(make, &own, index)) {
                let error = BackendError::failed(format!("no thread: {error}"));
                shared.report_state(index, WorkerState::GaveUp(error));
            }
        }
        Self { shared }
    }

    /// Waits until every worker is ready.
    ///
    /// # Errors
    /// The first error of a worker that could not make its backend. Unless it gave up, it tries again, and the others
    /// work meanwhile.
    pub async fn ready(&self) -> Result<(), BackendError> {
        let mut health = self.health();
        let settled = health
            .wait_for(|states| {
                states.iter().any(|state| error_of(state).is_some())
                    || states.iter().all(|state| *state != WorkerState::Starting)
            })
            .await;
        // The sender lives in `self`, so waiting cannot fail.
        let error = settled
            .ok()
            .and_then(|states| states.iter().find_map(error_of).cloned());
        error.map_or(Ok(()), Err)
    }

    /// Watches what each worker is doing.
    pub fn health(&self) -> watch::Receiver<Vec<WorkerState>> {
        self.shared.health.subscribe()
    }

    /// Applies the rate limits to one new request. Call it once a request, not for jobs resumed after a restart.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`]; [`Refusal::Draining`] or [`Refusal::Unavailable`] without charging any limit.
    pub fn admit(&self, user: UserId, guild: Option<GuildId>) -> Result<(), Refusal> {
        self.shared.with(Dispatcher::open)?;
        let admitted = self
            .shared
            .limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(user, guild);
        admitted.inspect_err(|_| self.shared.with(Dispatcher::count_refusal))
    }

    /// Queues a job.
    ///
    /// # Errors
    /// Any [`Refusal`] but `RateLimited`; the job is then not in the pool.
    pub fn submit(&self, job: Job) -> Result<JobHandle, Refusal> {
        let owner: Weak<dyn CancelBySerial> = Arc::<Shared>::downgrade(&self.shared);
        let handle = self
            .shared
            .with(|core| core.submit(job, self.shared.clock.now(), owner))?;
        self.shared.work.notify_all();
        Ok(handle)
    }

    /// Cancels a job, waiting or running; false if it is over or unknown. Its listener hears of it at once; a running
    /// picture stops after its current step.
    pub fn cancel(&self, id: JobId) -> bool {
        self.shared.with(|core| core.cancel(id))
    }

    /// Cancels all jobs of a person and returns their number.
    pub fn cancel_user(&self, user: UserId) -> usize {
        self.shared.with(|core| core.cancel_user(user))
    }

    /// Tells how the pool is.
    pub fn status(&self) -> PoolStatus {
        self.shared.with(|core| core.status())
    }

    /// Shuts the pool down: takes no more jobs, lets those that have begun finish for up to `timeout`, then stops.
    ///
    /// Returns the ids of the jobs that are not over, for the store to queue again after the restart; their
    /// [`events`](JobHandle::events) end without a final event. A job not in this list has had its final event.
    /// Must be called within a tokio runtime with time enabled.
    pub async fn drain(&self, timeout: Duration) -> Vec<JobId> {
        let mut unfinished = self.shared.with(Dispatcher::begin_drain);
        let mut empty = self.shared.empty.subscribe();
        // Over time is as good as empty: both go on to stop.
        drop(tokio::time::timeout(timeout, empty.wait_for(|empty| *empty)).await);
        unfinished.extend(self.shared.stop());
        unfinished.sort_unstable();

        let mut health = self.health();
        let over = |state: &WorkerState| matches!(state, WorkerState::Stopped | WorkerState::GaveUp(_));
        let stopped = health.wait_for(|states| states.iter().all(over));
        if tokio::time::timeout(LAST_STEP, stopped).await.is_err() {
            tracing::warn!("a worker is still in its last step");
        }
        unfinished
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

fn error_of(state: &WorkerState) -> Option<&BackendError> {
    match state {
        WorkerState::Recovering(error) | WorkerState::GaveUp(error) => Some(error),
        _ => None,
    }
}

/// Is what the pool, its workers and its listeners share.
pub(crate) struct Shared {
    core: Mutex<Dispatcher>,
    limits: Mutex<Limits>,
    /// Signalled when there may be work for an idle worker, or the pool stops.
    work: Condvar,
    health: watch::Sender<Vec<WorkerState>>,
    /// Whether no job is in the pool.
    empty: watch::Sender<bool>,
    clock: Clock,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Calls the dispatcher. It makes no call out of the crate that could panic or block, so a poisoned lock can only
    /// come from a bug in it, and serving on is better than failing every later request.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Dispatcher) -> T) -> T {
        let mut core = self.lock();
        let result = call(&mut core);
        self.tell_empty(&core);
        result
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Waits for a worker's next turn and returns the pictures to begin in it; `None` when the pool has stopped. An
    /// idle worker waits for a picture to begin, a busy one does not wait.
    pub(crate) fn next_turn(&self, worker: usize, idle: bool) -> Option<Vec<Claim>> {
        let mut core = self.lock();
        loop {
            if core.is_stopped() {
                return None;
            }
            let claims = core.claim(worker, self.clock.now());
            self.tell_empty(&core);
            if !idle || !claims.is_empty() {
                return Some(claims);
            }
            core = self.work.wait(core).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits before a backend is made again; false when the pool has stopped. Deadlines go on meanwhile: with every
    /// device gone, nobody else would look at them.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut core = self.lock();
        while !core.is_stopped() {
            core.expire(self.clock.now());
            self.tell_empty(&core);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let tick = left.min(Duration::from_secs(1));
            core = self
                .work
                .wait_timeout(core, tick)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        false
    }

    pub(crate) fn report_state(&self, worker: usize, state: WorkerState) {
        self.with(|core| {
            core.set_state(worker, state);
            // Under the lock, so that watchers see the states in the order they came about.
            self.health.send_replace(core.states());
        });
        // A lost worker's pictures are back in the queue, and another worker may be idle.
        self.work.notify_all();
    }

    fn stop(&self) -> Vec<JobId> {
        let unfinished = self.with(Dispatcher::stop);
        self.work.notify_all();
        unfinished
    }

    fn lock(&self) -> MutexGuard<'_, Dispatcher> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_empty(&self, core: &Dispatcher) {
        let now = core.is_empty();
        self.empty
            .send_if_modified(|empty| std::mem::replace(empty, now) != now);
    }
}

impl CancelBySerial for Shared {
    fn cancel_serial(&self, serial: u64) {
        self.with(|core| core.cancel_serial(serial));
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
