//! Every decision of the pool, as one synchronous state that is told the time: which picture begins where, what
//! happens to a job, and who is told. [`crate::pool`] and [`crate::worker`] only carry messages to and from it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::event::{CancelBySerial, EventSender, mailbox};
use crate::forecast::{Speed, ready_times};
use crate::{
    BackendError, Counters, Job, JobError, JobEvent, JobHandle, JobId, JobQueue, LongText, Picture,
    PoolOptions, PoolStatus, Progress, Refusal, UserId, WorkerState,
};

mod report;

pub(crate) use report::StepReport;

/// Names one picture of one submission. The serial, unlike the job's id, never comes twice: a slot that outlives its
/// job cannot be taken for that of a later job of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) serial: u64,
    pub(crate) picture: u8,
}

/// Is the order to begin a picture.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) key: Key,
    pub(crate) job: Arc<Job>,
}

/// Is the state of the pool.
pub(crate) struct Dispatcher {
    options: PoolOptions,
    phase: Phase,
    queue: JobQueue,
    /// The jobs that are not over: whatever is not here is nobody's business any more.
    jobs: HashMap<JobId, Entry>,
    workers: Vec<Worker>,
    speed: Speed,
    counters: Counters,
    next_serial: u64,
    /// Whether waiting jobs may have to be told a new position.
    moved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Draining,
    Stopped,
}

struct Entry {
    serial: u64,
    job: Arc<Job>,
    events: EventSender,
    submitted: Instant,
    begun: Option<Instant>,
    progress: Vec<Progress>,
    pictures: Vec<Option<Picture>>,
    long_texts: Vec<LongText>,
    /// How often a lost worker or a lack of memory undid the work on each picture.
    setbacks: Vec<u32>,
    told: Option<(usize, Option<Duration>)>,
}

struct Worker {
    state: WorkerState,
    /// Pictures it may have in flight, at most `max_slots`; less after it ran out of memory.
    limit: usize,
    in_flight: Vec<(JobId, Key)>,
}

impl Dispatcher {
    pub(crate) fn new(options: PoolOptions, workers: usize) -> Self {
        let worker = || Worker {
            state: WorkerState::Starting,
            limit: options.max_slots.max(1),
            in_flight: Vec::new(),
        };
        Self {
            phase: Phase::Open,
            queue: JobQueue::new(options.queue_capacity, options.waiting_per_user),
            jobs: HashMap::new(),
            workers: std::iter::repeat_with(worker).take(workers).collect(),
            speed: Speed::default(),
            counters: Counters::default(),
            next_serial: 0,
            moved: false,
            options,
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Tells whether new requests are welcome at all.
    pub(crate) fn open(&mut self) -> Result<(), Refusal> {
        let refusal = match self.phase {
            Phase::Draining | Phase::Stopped => Refusal::Draining,
            Phase::Open if !self.workers.iter().any(|worker| worker.state.is_hopeful()) => {
                Refusal::Unavailable
            }
            Phase::Open => return Ok(()),
        };
        self.counters.refused += 1;
        Err(refusal)
    }

    /// Counts a request that was refused elsewhere.
    pub(crate) fn count_refusal(&mut self) {
        self.counters.refused += 1;
    }

    /// Takes a job, or says why not.
    pub(crate) fn submit(
        &mut self,
        job: Job,
        now: Instant,
        owner: Weak<dyn CancelBySerial>,
    ) -> Result<JobHandle, Refusal> {
        self.open()?;
        let (id, count) = (job.id, job.request.count.max(1));
        let taken = match self.jobs.contains_key(&id) {
            true => Err(Refusal::AlreadyKnown { id }),
            false => self.queue.push(id, job.user, count),
        };
        taken.inspect_err(|_| self.counters.refused += 1)?;

        let serial = self.next_serial;
        self.next_serial += 1;
        let (sender, events) = mailbox(owner, serial);
        let per_picture = Progress {
            done: 0,
            total: job.request.steps_taken(),
        };
        let entry = Entry {
            serial,
            job: Arc::new(job),
            events: sender,
            submitted: now,
            begun: None,
            progress: vec![per_picture; usize::from(count)],
            pictures: vec![None; usize::from(count)],
            long_texts: Vec::new(),
            setbacks: vec![0; usize::from(count)],
            told: None,
        };
        self.jobs.insert(id, entry);
        self.counters.accepted += 1;
        self.moved = true;
        self.tell_positions();
        Ok(JobHandle { id, events })
    }

    /// Lets a worker begin as many pictures as it has room for.
    pub(crate) fn claim(&mut self, worker: usize, now: Instant) -> Vec<Claim> {
        self.expire(now);
        let mut claims = Vec::new();
        while self.phase != Phase::Stopped && self.has_room(worker) {
            let Some(ticket) = self.queue.pop() else { break };
            let Some(entry) = self.jobs.get_mut(&ticket.id) else {
                continue;
            };
            if entry.begun.is_none() {
                entry.begun = Some(now);
                self.counters
                    .queue_wait
                    .add(now.saturating_duration_since(entry.submitted));
                entry.events.send(JobEvent::Started);
            }
            let key = Key {
                serial: entry.serial,
                picture: ticket.picture,
            };
            self.workers[worker].in_flight.push((ticket.id, key));
            claims.push(Claim {
                key,
                job: Arc::clone(&entry.job),
            });
            self.moved = true;
        }
        self.tell_positions();
        claims
    }

    /// Tells whether a worker should go on with a picture.
    pub(crate) fn is_wanted(&self, worker: usize, key: Key) -> bool {
        self.workers[worker]
            .in_flight
            .iter()
            .any(|(_, other)| *other == key)
    }

    /// Cancels a job; false if it is over or unknown.
    pub(crate) fn cancel(&mut self, id: JobId) -> bool {
        let Some(entry) = self.take(id) else { return false };
        entry.events.send(JobEvent::Cancelled);
        self.counters.cancelled += 1;
        self.tell_positions();
        true
    }

    /// Cancels one submission, if it is not over.
    pub(crate) fn cancel_serial(&mut self, serial: u64) -> bool {
        self.id_of(serial).is_some_and(|id| self.cancel(id))
    }

    /// Cancels all jobs of a person and returns their number.
    pub(crate) fn cancel_user(&mut self, user: UserId) -> usize {
        let theirs: Vec<JobId> = self
            .jobs
            .values()
            .filter(|entry| entry.job.user == user)
            .map(|entry| entry.job.id)
            .collect();
        theirs.into_iter().filter(|id| self.cancel(*id)).count()
    }

    /// Fails every job that is in the pool longer than a job may.
    pub(crate) fn expire(&mut self, now: Instant) {
        let limit = self.options.job_deadline;
        let late: Vec<JobId> = self
            .jobs
            .iter()
            .filter(|(_, entry)| now.saturating_duration_since(entry.submitted) >= limit)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            self.fail(id, JobError::DeadlineExceeded { limit });
        }
    }

    /// Stops taking jobs and takes out those that have not begun; returns their ids.
    pub(crate) fn begin_drain(&mut self) -> Vec<JobId> {
        if self.phase != Phase::Open {
            return Vec::new();
        }
        self.phase = Phase::Draining;
        let unbegun = self.queue.remove_unbegun();
        for id in &unbegun {
            // Dropped without a last word: the job is not over, it goes on after the restart.
            self.jobs.remove(id);
        }
        unbegun
    }

    /// Stops everything and returns the ids of the jobs that were not over.
    pub(crate) fn stop(&mut self) -> Vec<JobId> {
        self.phase = Phase::Stopped;
        let unfinished: Vec<JobId> = self.jobs.keys().copied().collect();
        for id in &unfinished {
            self.take(*id);
        }
        unfinished
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let ready = || {
            self.workers
                .iter()
                .filter(|worker| worker.state == WorkerState::Ready)
        };
        PoolStatus {
            queued: self.jobs.values().filter(|entry| entry.begun.is_none()).count(),
            running: self.jobs.values().filter(|entry| entry.begun.is_some()).count(),
            slots_in_use: self.workers.iter().map(|worker| worker.in_flight.len()).sum(),
            slots_total: ready().map(|worker| worker.limit).sum(),
            workers: self.workers.len(),
            workers_ready: ready().count(),
            draining: self.phase != Phase::Open,
            counters: self.counters.clone(),
        }
    }

    /// Ends a job with an error.
    fn fail(&mut self, id: JobId, error: JobError) {
        if let Some(entry) = self.take(id) {
            tracing::warn!(job = id, %error, "job failed");
            entry.events.send(JobEvent::Failed(error));
            self.counters.failed += 1;
            self.tell_positions();
        }
    }

    /// Takes a job out of everything; workers drop its slots before their next step.
    fn take(&mut self, id: JobId) -> Option<Entry> {
        let entry = self.jobs.remove(&id)?;
        self.queue.remove(id);
        for worker in &mut self.workers {
            worker.in_flight.retain(|(_, key)| key.serial != entry.serial);
        }
        self.moved = true;
        Some(entry)
    }

    /// Tells whether the next picture may begin on a worker. The next one only: were a smaller one let past it, a large
    /// one might never get its turn.
    fn has_room(&self, worker: usize) -> bool {
        let worker = &self.workers[worker];
        let pixels = |id: &JobId| self.jobs.get(id).map_or(0, |entry| entry.job.request.pixels());
        let next = self.queue.order().next().map_or(0, |ticket| pixels(&ticket.id));
        let in_flight: u64 = worker.in_flight.iter().map(|(id, _)| pixels(id)).sum();
        worker.in_flight.is_empty()
            || (worker.in_flight.len() < worker.limit && in_flight + next <= self.options.max_pixels)
    }

    /// Reckons how many pictures of the sizes that are asked for now a worker draws at once.
    fn places(&self, worker: &Worker) -> usize {
        let pixels: u64 = self.jobs.values().map(|entry| entry.job.request.pixels()).sum();
        let mean = (pixels / self.jobs.len().max(1) as u64).max(1);
        let fit = usize::try_from(self.options.max_pixels / mean).unwrap_or(usize::MAX);
        worker.limit.min(fit.max(1)).max(worker.in_flight.len())
    }

    fn id_of(&self, serial: u64) -> Option<JobId> {
        self.jobs
            .iter()
            .find(|(_, entry)| entry.serial == serial)
            .map(|(id, _)| *id)
    }

    /// Tells waiting jobs their position and estimate, those for whom it is news.
    fn tell_positions(&mut self) {
        if !std::mem::take(&mut self.moved) {
            return;
        }
        let ready = self.forecast();
        for (id, position) in self.queue.positions() {
            let Some(entry) = self.jobs.get_mut(&id) else {
                continue;
            };
            let eta = ready.get(&id).copied();
            if entry
                .told
                .is_none_or(|(before, old)| before != position || differs(old, eta))
            {
                entry.told = Some((position, eta));
                entry.events.send(JobEvent::Queued { position, eta });
            }
        }
    }

    /// Reckons when each waiting job will be ready, from what was measured and what is going on.
    fn forecast(&self) -> HashMap<JobId, Duration> {
        let ready: Vec<&Worker> = self
            .workers
            .iter()
            .filter(|worker| worker.state == WorkerState::Ready)
            .collect();
        if ready.is_empty() || !self.speed.is_known() {
            return HashMap::new();
        }
        let in_flight: usize = ready.iter().map(|worker| worker.in_flight.len()).sum();
        let room: usize = ready.iter().map(|worker| self.places(worker)).sum();
        let pictures = in_flight + self.queue.order().take(room).count();
        let batch = pictures.clamp(1, room.max(1)).div_ceil(ready.len());

        let takes = |id: &JobId, steps: u32| {
            let request = &self.jobs.get(id)?.job.request;
            self.speed.picture(steps, request.pixels(), batch)
        };
        let busy = ready
            .iter()
            .flat_map(|worker| &worker.in_flight)
            .filter_map(|(id, key)| {
                let progress = self.jobs.get(id)?.progress.get(usize::from(key.picture))?;
                takes(id, progress.remaining())
            });
        let waiting = self.queue.order().filter_map(|ticket| {
            let steps = self.jobs.get(&ticket.id)?.job.request.steps_taken();
            Some((ticket.id, takes(&ticket.id, steps)?))
        });
        ready_times(busy, room.saturating_sub(in_flight), waiting)
    }
}

/// Tells whether an estimate changed enough to be worth telling: by a tenth and by a second.
fn differs(old: Option<Duration>, new: Option<Duration>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => old.abs_diff(new) > (old / 10).max(Duration::from_secs(1)),
        _ => old.is_some() != new.is_some(),
    }
}
