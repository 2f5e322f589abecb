//! What workers report, and what follows from it.

use image::RgbImage;

use super::*;
use crate::BackendErrorKind;

/// Is one joint step as a worker took it.
pub(crate) struct StepReport {
    /// How far each picture of the step is now.
    pub(crate) progress: Vec<(Key, Progress)>,
    /// Pixels of a picture, on average.
    pub(crate) pixels: f64,
    /// Time the step took.
    pub(crate) took: Duration,
}

impl Dispatcher {
    /// Takes note of what a worker is doing. When the last one gives up, no job has a chance any more.
    pub(crate) fn set_state(&mut self, worker: usize, state: WorkerState) {
        if matches!(state, WorkerState::Recovering(_)) && self.workers[worker].state == WorkerState::Ready {
            self.counters.rebuilds += 1;
        }
        self.workers[worker].state = state;
        self.moved = true;
        if self.phase != Phase::Stopped && !self.workers.iter().any(|worker| worker.state.is_hopeful()) {
            for id in self.jobs.keys().copied().collect::<Vec<_>>() {
                self.fail(id, JobError::Unavailable);
            }
        }
        self.tell_positions();
    }

    pub(crate) fn states(&self) -> Vec<WorkerState> {
        self.workers.iter().map(|worker| worker.state.clone()).collect()
    }

    /// Takes note of a joint step, tells the jobs in it, and returns the pictures of which a preview is due: of each
    /// job that someone listens to the first picture still on its way.
    pub(crate) fn stepped(&mut self, report: StepReport) -> Vec<Key> {
        let batch = report.progress.len();
        self.moved |= !self.speed.is_known();
        self.speed.stepped(batch, report.pixels, report.took);
        self.counters.joint_steps += 1;
        self.counters.slot_steps += batch as u64;
        self.counters.step_time.add(report.took);

        let mut stepped_jobs = Vec::new();
        let mut previews = Vec::new();
        for (key, progress) in report.progress {
            let Some(id) = self.id_of(key.serial) else {
                continue;
            };
            let Some(entry) = self.jobs.get_mut(&id) else {
                continue;
            };
            entry.progress[usize::from(key.picture)] = progress;
            if !stepped_jobs.contains(&id) {
                stepped_jobs.push(id);
            }
            let every = self.options.preview_every;
            let is_due = every > 0 && progress.done.is_multiple_of(every) && !progress.is_finished();
            if is_due && entry.events.has_listener() && self.first_in_flight(key.serial) == Some(key.picture)
            {
                previews.push(key);
            }
        }
        for id in stepped_jobs {
            if let Some(entry) = self.jobs.get(&id) {
                entry.tell_progress(None);
            }
        }
        self.tell_positions();
        previews
    }

    /// Passes a preview on.
    pub(crate) fn previewed(&mut self, key: Key, preview: RgbImage) {
        if let Some(entry) = self.id_of(key.serial).and_then(|id| self.jobs.get(&id)) {
            entry.tell_progress(Some(preview));
        }
    }

    /// Takes a picture that is done, and with the last one ends the job. `took` is the time that beginning and
    /// finishing it took.
    pub(crate) fn finished(
        &mut self,
        worker: usize,
        key: Key,
        picture: Picture,
        took: Duration,
        now: Instant,
    ) {
        self.release(worker, key);
        let Some(id) = self.id_of(key.serial) else { return };
        let Some(entry) = self.jobs.get_mut(&id) else {
            return;
        };
        self.counters.pictures += 1;
        self.speed.finished(entry.job.request.pixels() as f64, took);
        entry.pictures[usize::from(key.picture)] = Some(picture);
        if entry.pictures.iter().all(Option::is_some)
            && let Some(entry) = self.take(id)
        {
            let elapsed = now.saturating_duration_since(entry.begun.unwrap_or(entry.submitted));
            let pictures = entry.pictures.into_iter().flatten().collect();
            entry.events.send(JobEvent::Finished {
                pictures,
                elapsed,
                long_texts: entry.long_texts,
            });
            self.counters.finished += 1;
            self.counters.run_time.add(elapsed);
        }
        self.moved = true;
        self.tell_positions();
    }

    /// Takes note of what is to be said about a job's texts when it ends.
    pub(crate) fn read(&mut self, key: Key, long_texts: Vec<LongText>) {
        if let Some(entry) = self.id_of(key.serial).and_then(|id| self.jobs.get_mut(&id)) {
            entry.long_texts = long_texts;
        }
    }

    /// Fails the job of a picture, and only that job.
    pub(crate) fn picture_failed(&mut self, key: Key, error: JobError) {
        if let Some(id) = self.id_of(key.serial) {
            self.fail(id, error);
        }
    }

    /// Lowers the number of pictures a worker has in flight.
    pub(crate) fn set_limit(&mut self, worker: usize, limit: usize) {
        let limit = limit.clamp(1, self.options.max_slots.max(1));
        let before = std::mem::replace(&mut self.workers[worker].limit, limit);
        if limit < before {
            self.counters.batches_halved += 1;
            tracing::warn!(
                worker,
                before,
                limit,
                "out of memory: fewer pictures are drawn at once"
            );
        } else if limit > before {
            tracing::info!(
                worker,
                before,
                limit,
                "no lack of memory for a while: more pictures are drawn at once"
            );
        }
        self.moved = true;
    }

    pub(crate) fn limit(&self, worker: usize) -> usize {
        self.workers[worker].limit
    }

    /// Row pixels that one joint step may have: two rows of each pixel.
    pub(crate) fn row_pixels(&self) -> u64 {
        self.options.max_pixels.saturating_mul(2)
    }

    /// Takes a picture back that could not begin now because others fill the memory; its turn comes first again.
    pub(crate) fn postpone(&mut self, worker: usize, key: Key) {
        self.release(worker, key);
        self.requeue(key);
        self.tell_positions();
    }

    /// Takes a picture back whose work is lost, to be drawn anew; the second time its job fails with `error`.
    pub(crate) fn redo(&mut self, worker: usize, key: Key, error: JobError) {
        self.release(worker, key);
        if self.set_back(key, error) {
            self.requeue(key);
        }
        self.tell_positions();
    }

    /// Takes back everything a lost worker had in flight.
    pub(crate) fn lost(&mut self, worker: usize, error: &BackendError) {
        let in_flight = std::mem::take(&mut self.workers[worker].in_flight);
        // From the last to the first: each goes to the very front, so they end up as they began.
        for (_, key) in in_flight.into_iter().rev() {
            if self.set_back(
                key,
                JobError::WorkerLost {
                    message: error.message.clone(),
                },
            ) {
                self.requeue(key);
            }
        }
        self.tell_positions();
    }

    /// Counts a setback of a picture; false if it was one too many and the job has failed.
    fn set_back(&mut self, key: Key, error: JobError) -> bool {
        let Some(id) = self.id_of(key.serial) else {
            return false;
        };
        let Some(entry) = self.jobs.get_mut(&id) else {
            return false;
        };
        let setbacks = &mut entry.setbacks[usize::from(key.picture)];
        *setbacks += 1;
        if *setbacks > 1 {
            self.fail(id, error);
            return false;
        }
        true
    }

    fn requeue(&mut self, key: Key) {
        let Some(id) = self.id_of(key.serial) else { return };
        let Some(entry) = self.jobs.get_mut(&id) else {
            return;
        };
        entry.progress[usize::from(key.picture)].done = 0;
        self.queue.put_back(id, entry.job.user, key.picture);
        self.counters.requeued += 1;
        self.moved = true;
    }

    fn release(&mut self, worker: usize, key: Key) {
        self.workers[worker].in_flight.retain(|(_, other)| *other != key);
    }

    fn first_in_flight(&self, serial: u64) -> Option<u8> {
        let in_flight = self.workers.iter().flat_map(|worker| &worker.in_flight);
        in_flight
            .filter(|(_, key)| key.serial == serial)
            .map(|(_, key)| key.picture)
            .min()
    }
}

impl Entry {
    fn tell_progress(&self, preview: Option<RgbImage>) {
        let done = self.progress.iter().map(|progress| progress.done).sum();
        let total = self.progress.iter().map(|progress| progress.total).sum();
        self.events.send(JobEvent::Progress { done, total, preview });
    }
}

impl From<BackendError> for JobError {
    fn from(error: BackendError) -> Self {
        let message = error.message;
        match error.kind {
            BackendErrorKind::Invalid => Self::Invalid { message },
            BackendErrorKind::OutOfMemory => Self::OutOfMemory { message },
            BackendErrorKind::Failed => Self::Failed { message },
            BackendErrorKind::Lost => Self::WorkerLost { message },
        }
    }
}
