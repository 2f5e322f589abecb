//! One picture on its way from noise.

use candle_core::{DType, Tensor};

use crate::conditioning::Plan;
use crate::error::Result;
use crate::rng::NoiseSource;
use crate::schedulers::Scheduler;

/// The state of one picture between steps. Holds tensors, but no reference to the pipeline; can be sent to its thread.
pub struct Slot {
    pub(super) plan: Plan,
    pub(super) noise: NoiseSource,
    pub(super) scheduler: Box<dyn Scheduler>,
    /// (1, channels, height, width), f32 in every precision: errors of the sampler would add up.
    pub(super) latents: Tensor,
    /// The latest estimate of the finished latents.
    pub(super) clean: Option<Tensor>,
    pub(super) step: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Slot {
    /// Steps done so far.
    pub fn step_index(&self) -> usize {
        self.step
    }

    /// Steps in all.
    pub fn steps(&self) -> usize {
        self.scheduler.timesteps().len()
    }

    /// Whether all steps are done.
    pub fn is_finished(&self) -> bool {
        self.step >= self.steps()
    }

    /// The latents as they are, (1, channels, height, width), f32. When finished: what diffusers gives for
    /// `output_type="latent"`.
    pub fn latents(&self) -> &Tensor {
        &self.latents
    }

    /// Rows this slot takes in the denoiser's batch: 1 to 4.
    pub fn rows(&self) -> usize {
        self.plan.rows.len()
    }

    /// Applies the sampler to the denoiser's guided output. If it fails, the slot is as it was before.
    pub(super) fn advance(&mut self, output: &Tensor) -> Result<()> {
        let mut source = self.noise.clone();
        let noise = match self.scheduler.needs_noise(self.step) {
            true => Some(source.for_step(self.step, self.latents.shape(), self.latents.device())?),
            false => None,
        };
        let output = output.to_dtype(DType::F32)?;
        let step = self
            .scheduler
            .step(self.step, &output, &self.latents, noise.as_ref())?;
        self.noise = source;
        self.latents = step.next;
        self.clean = Some(step.clean);
        self.step += 1;
        Ok(())
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("step", &self.step)
            .field("steps", &self.steps())
            .field("latents", &self.latents.dims())
            .finish_non_exhaustive()
    }
}
