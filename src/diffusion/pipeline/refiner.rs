//! A second denoiser for the last steps, as SDXL has it.
//!
//! The base model works down to a share of its noise schedule, the refiner takes over its latents as they are. The
//! arithmetic is that of diffusers' `denoising_end` and `denoising_start`: both schedules are laid out for all steps, the
//! base runs those at or above the timestep of the share, the refiner those below it. The refiner has its own texts,
//! without preferences, its own pooled vectors and ids; guidance is the picture's for both.

use std::ops::Range;

use super::Pipeline;
use super::denoiser::Denoiser;
use super::slot::Role;
use crate::error::{DiffusionError, Result};
use crate::schedulers::Scheduler;

/// The second denoiser.
pub(super) struct Refiner {
    pub denoiser: Denoiser,
    /// The share of the noise schedule after which it takes over.
    pub switch_at: f64,
}

impl Pipeline {
    /// Lets `refiner` take over at the share `switch_at` of the noise schedule (0.8 for SDXL's): later is less refining.
    ///
    /// Only the refiner's text encoders and UNet are kept: pictures are decoded by this pipeline's autoencoder. The hash
    /// in [`Pipeline::info`] becomes that of both, and [`Slot::steps`] counts the steps of both.
    ///
    /// # Errors
    /// [`DiffusionError::InvalidParameter`] if the share is not between 0 and 1 (both excluded), or the two do not share a
    /// device, channels, latent scale or training timesteps.
    ///
    /// [`Slot::steps`]: super::Slot::steps
    pub fn with_refiner(mut self, refiner: Self, switch_at: f64) -> Result<Self> {
        if !(switch_at > 0.0 && switch_at < 1.0) {
            let problem = format!("must be between 0 and 1, both excluded, not {switch_at}");
            return Err(DiffusionError::invalid("switch_at", problem));
        }
        let (own, other) = (&self.info, &refiner.info);
        for (what, own, other) in [
            ("latent channels", own.latent_channels, other.latent_channels),
            ("pixels a latent", own.vae_scale, other.vae_scale),
            ("training timesteps", own.train_timesteps, other.train_timesteps),
        ] {
            if own != other {
                let problem = format!("`{}` has {other} {what}, the model {own}", refiner.info.name);
                return Err(DiffusionError::invalid("refiner", problem));
            }
        }
        if !self.device.same_device(&refiner.device) {
            let problem = format!("`{}` is on another device than the model", refiner.info.name);
            return Err(DiffusionError::invalid("refiner", problem));
        }
        let hash = own.hash.and(&other.hash);
        self.info.text_layers = own.text_layers.min(other.text_layers);
        self.info.hash = hash;
        self.refiner = Some(Refiner {
            denoiser: refiner.base,
            switch_at,
        });
        Ok(self)
    }

    /// The denoiser that a stage runs on.
    pub(super) fn denoiser(&self, role: Role) -> Result<&Denoiser> {
        match (role, &self.refiner) {
            (Role::Base, _) => Ok(&self.base),
            (Role::Refiner, Some(refiner)) => Ok(&refiner.denoiser),
            (Role::Refiner, None) => Err(DiffusionError::invalid(
                "slot",
                "was started by a pipeline with a refiner, this one has none",
            )),
        }
    }
}

/// The timestep at which the noise schedule's share `share` is done: diffusers' `discrete_timestep_cutoff`.
fn cutoff(share: f64, train_timesteps: usize) -> f64 {
    let all = train_timesteps as f64;
    (all - share * all).round_ties_even()
}

/// The steps of the base model: `denoising_end`.
pub(super) fn steps_before(share: f64, train_timesteps: usize, scheduler: &dyn Scheduler) -> Range<usize> {
    let cutoff = cutoff(share, train_timesteps);
    0..scheduler.timesteps().iter().filter(|&&t| t >= cutoff).count()
}

/// The steps of the refiner: `denoising_start`.
pub(super) fn steps_after(share: f64, train_timesteps: usize, scheduler: &dyn Scheduler) -> Range<usize> {
    let cutoff = cutoff(share, train_timesteps);
    let all = scheduler.timesteps().len();
    let mut left = scheduler.timesteps().iter().filter(|&&t| t < cutoff).count();
    // Of a method of order 2, whose steps are two passes but for the first, it takes the half step before too.
    if scheduler.order() == 2 && left % 2 == 0 {
        left = (left + 1).min(all);
    }
    all - left..all
}
