//! One worker: a thread that owns a device, makes its backend, and draws with it turn by turn.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::dispatch::{Claim, Key, StepReport};
use crate::guard::{Fault, guard};
use crate::pool::Shared;
use crate::{Backend, BackendError, BackendErrorKind, ImageRequest, Job, Progress, WorkerState};

/// Makes a backend on its worker's thread; called again when the backend was lost.
pub type BackendFactory<B> = Box<dyn FnMut() -> Result<B, BackendError> + Send>;

/// First pause before a backend is made again; it doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Joint steps without a lack of memory after which one more picture may enter a batch that was halved.
const STEPS_BEFORE_GROWTH: u32 = 256;

/// Runs a worker until the pool stops or its backend can never be made.
pub(crate) fn run<B: Backend>(mut make: BackendFactory<B>, shared: &Arc<Shared>, index: usize) {
    let mut pause = FIRST_PAUSE;
    loop {
        let backend = guard(|| {
            let mut backend = make()?;
            backend.warm_up()?;
            Ok(backend)
        });
        match backend {
            Ok(backend) => {
                shared.report_state(index, WorkerState::Ready);
                let (end, stepped) = draw(backend, shared, index);
                let Err(lost) = end else { break };
                tracing::error!(worker = index, error = %lost, "backend lost, making it anew");
                shared.with(|core| core.lost(index, &lost));
                shared.report_state(index, WorkerState::Recovering(lost));
                // A device that worked before its loss is tried at once; one that never did is not hammered.
                if stepped {
                    pause = FIRST_PAUSE;
                    continue;
                }
            }
            Err(fault) if fault.is(BackendErrorKind::Invalid) => {
                let error = fault.into_backend_error();
                tracing::error!(worker = index, %error, "worker gives up: its backend cannot be made");
                shared.report_state(index, WorkerState::GaveUp(error));
                return;
            }
            Err(fault) => {
                let error = fault.into_backend_error();
                tracing::error!(worker = index, %error, ?pause, "backend could not be made, trying again");
                shared.report_state(index, WorkerState::Recovering(error));
            }
        }
        if !shared.pause(pause) {
            break;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    shared.report_state(index, WorkerState::Stopped);
}

/// Draws until the pool stops (`Ok`) or the backend is lost (`Err`); also tells whether any joint step succeeded.
fn draw<B: Backend>(backend: B, shared: &Arc<Shared>, index: usize) -> (Result<(), BackendError>, bool) {
    let stepped = Cell::new(false);
    let end = guard(|| {
        let slots = Vec::new();
        Turns {
            backend,
            shared,
            index,
            slots,
            steps_since_growth: 0,
            stepped: &stepped,
        }
        .run()
    });
    (end.map_err(Fault::into_backend_error), stepped.get())
}

/// Is the turns of one backend: enter, step, leave.
struct Turns<'a, B: Backend> {
    backend: B,
    shared: &'a Shared,
    index: usize,
    slots: Vec<Drawing<B::Slot>>,
    /// Joint steps since the last lack of memory.
    steps_since_growth: u32,
    /// Set with the first joint step.
    stepped: &'a Cell<bool>,
}

/// Is one picture on its way.
struct Drawing<S> {
    key: Key,
    job: Arc<Job>,
    slot: S,
    progress: Progress,
    /// Time that beginning it took.
    beginning: Duration,
}

impl<S> Drawing<S> {
    fn request(&self) -> &ImageRequest {
        &self.job.request
    }
}

impl<B: Backend> Turns<'_, B> {
    /// Takes turns until the pool stops.
    fn run(&mut self) -> Result<(), BackendError> {
        while let Some(claims) = self.shared.next_turn(self.index, self.slots.is_empty()) {
            self.drop_unwanted();
            for claim in claims {
                self.enter(claim)?;
            }
            let unfinished = self.unfinished();
            self.step(&unfinished)?;
            // Once more, so that no picture is finished that was cancelled during its last step.
            self.drop_unwanted();
            self.leave()?;
        }
        Ok(())
    }

    /// Drops the slots of jobs that were cancelled, failed or stopped since the last turn.
    fn drop_unwanted(&mut self) {
        let keys: Vec<Key> = self.slots.iter().map(|drawing| drawing.key).collect();
        let (shared, index) = (self.shared, self.index);
        let wanted: Vec<bool> =
            shared.with(|core| keys.iter().map(|key| core.is_wanted(index, *key)).collect());
        let mut wanted = wanted.into_iter();
        self.slots.retain(|_| wanted.next().unwrap_or(false));
    }

    /// Begins a picture.
    fn enter(&mut self, claim: Claim) -> Result<(), BackendError> {
        let Claim { key, job } = claim;
        let begun = self.shared.now();
        let started = guard(|| {
            let slot = self.backend.start(&job.request, key.picture)?;
            let progress = self.backend.progress(&slot);
            Ok((slot, progress))
        });
        match started {
            Ok((slot, progress)) => {
                let beginning = self.since(begun);
                if key.picture == 0 {
                    self.look_at_texts(key, &job.request);
                }
                self.slots.push(Drawing {
                    key,
                    job,
                    slot,
                    progress,
                    beginning,
                });
            }
            Err(fault) if fault.is(BackendErrorKind::OutOfMemory) && !self.slots.is_empty() => {
                let (limit, index) = (self.slots.len(), self.index);
                self.steps_since_growth = 0;
                self.shared.with(|core| {
                    core.set_limit(index, limit);
                    core.postpone(index, key);
                });
            }
            Err(fault) => self.fail(key, fault)?,
        }
        Ok(())
    }

    /// Tells which of a job's texts are long; they are the same for each of its pictures.
    fn look_at_texts(&mut self, key: Key, request: &ImageRequest) {
        match guard(|| self.backend.long_texts(request)) {
            Ok(long_texts) if long_texts.is_empty() => {}
            Ok(long_texts) => self.shared.with(|core| core.read(key, long_texts)),
            // A lost backend shows itself in the next step.
            Err(fault) => {
                let error = fault.into_backend_error();
                tracing::warn!(worker = self.index, %error, "the length of a job's texts is not known");
            }
        }
    }

    /// Returns the places of the slots with steps to take.
    fn unfinished(&self) -> Vec<usize> {
        (0..self.slots.len())
            .filter(|place| !self.slots[*place].progress.is_finished())
            .collect()
    }

    /// Takes one step with each of these slots, in joint steps as large as memory allows.
    fn step(&mut self, places: &[usize]) -> Result<(), BackendError> {
        for batch in self.batches(places)? {
            self.step_jointly(&batch)?;
        }
        Ok(())
    }

    /// Parts these slots, in their order, into joint steps that are neither too many pictures nor too many pixels.
    fn batches(&self, places: &[usize]) -> Result<Vec<Vec<usize>>, BackendError> {
        let (limit, most) = self
            .shared
            .with(|core| (core.limit(self.index), core.row_pixels()));
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut pixels = 0;
        for place in places {
            let own = guard(|| Ok(self.backend.row_pixels(&self.slots[*place].slot)))
                .map_err(Fault::into_backend_error)?;
            pixels += own;
            match batches.last_mut() {
                Some(batch) if batch.len() < limit && pixels <= most => batch.push(*place),
                _ => {
                    batches.push(vec![*place]);
                    pixels = own;
                }
            }
        }
        Ok(batches)
    }

    /// Takes one joint step. If it fails, looks for the one at fault: out of memory by halves, anything else one by
    /// one; so one bad job costs the others a little time and nothing else.
    fn step_jointly(&mut self, places: &[usize]) -> Result<(), BackendError> {
        let begun = self.shared.now();
        let stepped = guard(|| {
            let mut batch: Vec<&mut B::Slot> = self
                .slots
                .iter_mut()
                .enumerate()
                .filter(|(place, _)| places.contains(place))
                .map(|(_, drawing)| &mut drawing.slot)
                .collect();
            self.backend.step(&mut batch)
        });
        let took = self.since(begun);
        let before: Vec<Progress> = places.iter().map(|place| self.slots[*place].progress).collect();
        self.look(places)?;
        let fault = match stepped {
            Ok(()) => {
                self.report(places, took)?;
                self.grow();
                return Ok(());
            }
            Err(fault) => fault,
        };
        // Some may have taken their step before another failed.
        let still: Vec<usize> = places
            .iter()
            .zip(before)
            .filter(|(place, before)| self.slots[**place].progress == *before)
            .map(|(place, _)| *place)
            .collect();
        match fault {
            Fault::Error(error) if error.kind == BackendErrorKind::Lost => Err(error),
            fault if fault.is(BackendErrorKind::OutOfMemory) && places.len() > 1 => {
                let half = places.len() / 2;
                self.steps_since_growth = 0;
                self.shared.with(|core| core.set_limit(self.index, half));
                still.chunks(half).try_for_each(|part| self.step_jointly(part))
            }
            fault if places.len() > 1 => {
                tracing::warn!(
                    worker = self.index,
                    batch = places.len(),
                    ?fault,
                    "joint step failed, trying each"
                );
                still.iter().try_for_each(|place| self.step_jointly(&[*place]))
            }
            fault => places.iter().try_for_each(|place| {
                let key = self.slots[*place].key;
                // The slot is dropped with the next turn; until then nothing steps or finishes it.
                self.slots[*place].progress = Progress {
                    done: 0,
                    total: u32::MAX,
                };
                let fault = match &fault {
                    Fault::Error(error) => Fault::Error(error.clone()),
                    Fault::Panic(message) => Fault::Panic(message.clone()),
                };
                self.fail(key, fault)
            }),
        }
    }

    /// Looks how far these slots are.
    fn look(&mut self, places: &[usize]) -> Result<(), BackendError> {
        for place in places {
            let drawing = &mut self.slots[*place];
            let backend = &self.backend;
            drawing.progress =
                guard(|| Ok(backend.progress(&drawing.slot))).map_err(Fault::into_backend_error)?;
        }
        Ok(())
    }

    /// Reports a joint step and makes the previews that are due.
    fn report(&mut self, places: &[usize], took: Duration) -> Result<(), BackendError> {
        let pixels: u64 = places
            .iter()
            .map(|place| self.slots[*place].request().pixels())
            .sum();
        let progress = places
            .iter()
            .map(|place| (self.slots[*place].key, self.slots[*place].progress))
            .collect();
        let pixels = pixels as f64 / places.len().max(1) as f64;
        let due = self.shared.with(|core| {
            core.stepped(StepReport {
                progress,
                pixels,
                took,
            })
        });
        for key in due {
            let Some(drawing) = self.slots.iter().find(|drawing| drawing.key == key) else {
                continue;
            };
            match guard(|| self.backend.preview(&drawing.slot)) {
                Ok(preview) => self.shared.with(|core| core.previewed(key, preview)),
                Err(Fault::Error(error)) if error.kind == BackendErrorKind::Lost => return Err(error),
                Err(fault) => tracing::warn!(worker = self.index, ?fault, "no preview"),
            }
        }
        Ok(())
    }

    /// Finishes the pictures whose steps are all taken.
    fn leave(&mut self) -> Result<(), BackendError> {
        while let Some(place) = self
            .slots
            .iter()
            .position(|drawing| drawing.progress.is_finished())
        {
            let Drawing {
                key, slot, beginning, ..
            } = self.slots.remove(place);
            let begun = self.shared.now();
            match guard(|| self.backend.finish(slot)) {
                Ok(picture) => {
                    let now = self.shared.now();
                    let took = beginning + now.saturating_duration_since(begun);
                    self.shared
                        .with(|core| core.finished(self.index, key, picture, took, now));
                }
                Err(fault) if fault.is(BackendErrorKind::OutOfMemory) => {
                    let limit = self.slots.len().max(1);
                    self.steps_since_growth = 0;
                    self.shared.with(|core| {
                        core.set_limit(self.index, limit);
                        core.redo(self.index, key, fault.into());
                    });
                }
                Err(fault) => self.fail(key, fault)?,
            }
        }
        Ok(())
    }

    /// Fails the job of a picture, unless the fault is the loss of the whole backend.
    fn fail(&self, key: Key, fault: Fault) -> Result<(), BackendError> {
        match fault {
            Fault::Error(error) if error.kind == BackendErrorKind::Lost => Err(error),
            fault => {
                self.shared.with(|core| core.picture_failed(key, fault.into()));
                Ok(())
            }
        }
    }

    /// Lets a batch that was halved grow again after a while without trouble: memory may have been freed.
    fn grow(&mut self) {
        self.stepped.set(true);
        self.steps_since_growth = self.steps_since_growth.saturating_add(1);
        if self.steps_since_growth.is_multiple_of(STEPS_BEFORE_GROWTH) {
            self.shared
                .with(|core| core.set_limit(self.index, core.limit(self.index) + 1));
        }
    }

    fn since(&self, begun: Instant) -> Duration {
        self.shared.now().saturating_duration_since(begun)
    }
}
