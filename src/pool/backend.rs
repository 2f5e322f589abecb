//! The seam between the pool and whatever draws.

use image::RgbImage;
use thiserror::Error;

use crate::{ImageRequest, LongText, Picture};

/// Draws pictures step by step on one device.
///
/// A backend is made on the thread that owns its device and never leaves it, so neither it nor its slots need be
/// [`Send`]. A *slot* is one picture being denoised. The pool calls every method from that one thread, and treats a
/// panic in any of them like [`BackendErrorKind::Failed`].
pub trait Backend {
    /// One picture on its way: latent, timestep, scheduler state, conditioning.
    type Slot;

    /// Makes the first real request fast: compiles kernels, touches weights. Called once, before the worker reports
    /// ready.
    ///
    /// # Errors
    /// Any error counts as a failed build of the backend.
    fn warm_up(&mut self) -> Result<(), BackendError>;

    /// Begins picture `picture` (counted from 0) of a request.
    ///
    /// # Errors
    /// [`BackendErrorKind::Invalid`] when the request cannot be drawn as asked.
    fn start(&mut self, request: &ImageRequest, picture: u8) -> Result<Self::Slot, BackendError>;

    /// Tells which texts of a request are longer than the model reads at once.
    ///
    /// # Errors
    /// An error costs what would have been said, never the job.
    fn long_texts(&mut self, request: &ImageRequest) -> Result<Vec<LongText>, BackendError>;

    /// Takes one denoising step with every slot given, jointly. No slot given is finished.
    ///
    /// # Errors
    /// When it fails, a slot must either have taken its step, as [`progress`](Self::progress) then tells, or be as
    /// it was: the pool gives those that did not move another try alone, to find the one at fault.
    fn step(&mut self, slots: &mut [&mut Self::Slot]) -> Result<(), BackendError>;

    /// Tells what a slot adds to its next joint step: the pixels of its picture, times the rows it takes in the
    /// denoiser's batch.
    fn row_pixels(&self, slot: &Self::Slot) -> u64;

    /// Tells how far a slot is.
    fn progress(&self, slot: &Self::Slot) -> Progress;

    /// Makes a rough picture of a slot on its way; must be cheap beside a step.
    ///
    /// # Errors
    /// An error costs the preview, never the job.
    fn preview(&mut self, slot: &Self::Slot) -> Result<RgbImage, BackendError>;

    /// Turns a slot whose steps are all taken into its picture, and checks whether it can be shown.
    ///
    /// # Errors
    /// After [`BackendErrorKind::OutOfMemory`] the picture is drawn once more from the start, in a smaller batch.
    fn finish(&mut self, slot: Self::Slot) -> Result<Picture, BackendError>;
}

/// Counts the steps of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Steps taken.
    pub done: u32,
    /// Steps in all.
    pub total: u32,
}

impl Progress {
    /// Tells whether every step is taken.
    pub fn is_finished(self) -> bool {
        self.done >= self.total
    }

    /// Returns the steps still to take.
    pub fn remaining(self) -> u32 {
        self.total.saturating_sub(self.done)
    }
}

/// Says why a backend could not do its part.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct BackendError {
    /// What the pool should make of it.
    pub kind: BackendErrorKind,
    /// For the log; may hold text of the library below, so it is never shown to a person.
    pub message: String,
}

impl BackendError {
    /// Makes an error of the given kind.
    pub fn new(kind: BackendErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The request cannot be drawn as asked.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(BackendErrorKind::Invalid, message)
    }

    /// The device's memory does not suffice for what was asked of it now.
    pub fn out_of_memory(message: impl Into<String>) -> Self {
        Self::new(BackendErrorKind::OutOfMemory, message)
    }

    /// Something else went wrong with this call.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(BackendErrorKind::Failed, message)
    }

    /// The device or the model is gone; nothing on this backend can go on.
    pub fn lost(message: impl Into<String>) -> Self {
        Self::new(BackendErrorKind::Lost, message)
    }
}

/// Sorts backend errors by what the pool does about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The request is at fault: its job fails. From a factory or [`Backend::warm_up`]: the configuration is at
    /// fault, and the worker gives up instead of trying again.
    Invalid,
    /// The batch is too large: it is halved; a picture that does not fit alone fails its job.
    OutOfMemory,
    /// This call failed: its job fails, others go on.
    Failed,
    /// The device is gone: the backend is made anew and its jobs are queued again, once.
    Lost,
}
