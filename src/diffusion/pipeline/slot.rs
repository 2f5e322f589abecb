//! One picture on its way from noise.

use std::ops::Range;

use candle_core::{DType, Tensor};

use super::image::Enlargement;
use crate::conditioning::Plan;
use crate::error::Result;
use crate::rng::NoiseSource;
use crate::schedulers::Scheduler;

/// The state of one picture between steps. Holds tensors, but no reference to the pipeline; can be sent to its thread.
pub struct Slot {
    /// What is left to do, in order; never empty. A stage that is done has no steps left.
    pub(super) stages: Vec<Stage>,
    pub(super) noise: NoiseSource,
    /// (1, channels, height, width), f32 in every precision: errors of the sampler would add up.
    pub(super) latents: Tensor,
    /// The latest estimate of the finished latents.
    pub(super) clean: Option<Tensor>,
    /// Steps done, over all stages.
    pub(super) done: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A run of steps on one denoiser.
pub(super) struct Stage {
    pub denoiser: Role,
    pub plan: Plan,
    /// The guidance scale's embedding, (1, features), for denoisers that take it as an input.
    pub guidance: Option<Tensor>,
    pub scheduler: Box<dyn Scheduler>,
    /// The scheduler's steps that are still to run; the first is the next.
    pub steps: Range<usize>,
    /// What the picture grows by before the first of them.
    pub enlarge: Option<Enlargement>,
}

/// Which of a pipeline's denoisers a stage runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Base,
    Refiner,
}

impl Slot {
    /// Steps done so far.
    pub fn step_index(&self) -> usize {
        self.done
    }

    /// Steps in all: forward passes of a denoiser, over all stages where a refiner takes over or a second pass follows.
    pub fn steps(&self) -> usize {
        self.done + self.stages.iter().map(|stage| stage.steps.len()).sum::<usize>()
    }

    /// Whether all steps are done.
    pub fn is_finished(&self) -> bool {
        self.stage().is_none()
    }

    /// The latents as they are, (1, channels, height, width), f32. When finished: what diffusers gives for
    /// `output_type="latent"`.
    pub fn latents(&self) -> &Tensor {
        &self.latents
    }

    /// Rows this slot takes in the denoiser's batch: 1 to 4, and 0 when finished.
    pub fn rows(&self) -> usize {
        self.stage().map_or(0, |stage| stage.plan.rows.len())
    }

    /// The stage that the next step belongs to; none when finished.
    pub(super) fn stage(&self) -> Option<&Stage> {
        self.stages.iter().find(|stage| !stage.steps.is_empty())
    }

    /// Pixels of the picture that the next step denoises, times [`Slot::rows`]: what the memory of a step grows with.
    pub fn row_pixels(&self) -> usize {
        let enlarge = self.stage().and_then(|stage| stage.enlarge);
        let (width, height) = enlarge.map_or((self.width, self.height), |it| (it.width, it.height));
        self.rows() * width * height
    }

    /// Takes note that the picture has grown by what its stage asked for.
    pub(super) fn entered(&mut self) {
        if let Some(stage) = self.stages.iter_mut().find(|stage| !stage.steps.is_empty()) {
            stage.enlarge = None;
        }
    }

    /// Applies the sampler to the denoiser's guided output. If it fails, the slot is as it was before.
    pub(super) fn advance(&mut self, output: &Tensor) -> Result<()> {
        let Some(stage) = self.stages.iter_mut().find(|stage| !stage.steps.is_empty()) else {
            return Ok(());
        };
        let step = stage.steps.start;
        let mut source = self.noise.clone();
        let noise = match stage.scheduler.needs_noise(step) {
            true => Some(source.for_step(self.done, self.latents.shape(), self.latents.device())?),
            false => None,
        };
        let output = output.to_dtype(DType::F32)?;
        let result = stage
            .scheduler
            .step(step, &output, &self.latents, noise.as_ref())?;
        self.noise = source;
        self.latents = result.next;
        self.clean = Some(result.clean);
        stage.steps.start += 1;
        self.done += 1;
        Ok(())
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("step", &self.done)
            .field("steps", &self.steps())
            .field("latents", &self.latents.dims())
            .finish_non_exhaustive()
    }
}
