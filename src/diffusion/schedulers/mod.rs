//! Samplers: the rules that turn the denoiser's outputs into steps from noise to latents.
//!
//! Each is one file of plain f64 tables, computed once for a picture's number of steps, and a rule for one step. They
//! follow diffusers 0.42 exactly (golden tests compare whole loops), with one deliberate difference: `trailing` spacing
//! gives exactly as many steps as asked for, where diffusers' floating-point range gives one too many for 61, 103 and
//! others, ending at timestep −1.

mod ddim;
mod dpmpp_2m;
mod euler;
mod euler_ancestral;
mod kind;
mod noise_schedule;

use candle_core::{Result, Tensor};

use crate::config::SchedulerConfig;
pub use kind::SchedulerKind;

/// One picture's sampler: tables for its number of steps, and what it remembers of earlier steps.
///
/// Steps run in order, but may begin at any index (diffusers' `set_begin_index`): an image to image picture starts where
/// its noise level is, a refiner where the base model stopped. The memory of earlier steps is empty there, as it is
/// before the first step, and multistep methods begin with a step of first order.
pub(crate) trait Scheduler: Send {
    /// The time each forward pass tells the denoiser, in training timesteps; falling.
    fn timesteps(&self) -> &[f64];

    /// Forward passes, and so entries of [`Scheduler::timesteps`], that one of the steps asked for takes. A method of
    /// order 2 begins and ends with a half-finished step, so there are `order · steps − (order − 1)` of them.
    ///
    /// A picture may begin at multiples of it.
    #[allow(dead_code)] // For pictures that begin after the first step.
    fn order(&self) -> usize {
        1
    }

    /// What standard normal noise is multiplied with to become the first latents.
    fn init_noise_sigma(&self) -> f64 {
        1.0
    }

    /// Scales the latents to what the denoiser expects at step `step`.
    fn scale_input(&self, latents: &Tensor, _step: usize) -> Result<Tensor> {
        Ok(latents.clone())
    }

    /// Brings clean latents to the noise level at which step `step` begins: diffusers' `add_noise` at `timesteps[step]`.
    ///
    /// `noise` is standard normal, shaped like the latents.
    #[allow(dead_code)] // For pictures that begin after the first step.
    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor>;

    /// Whether step `step` draws noise.
    fn needs_noise(&self, _step: usize) -> bool {
        false
    }

    /// Takes the latents one step on, given the (guided) output of the denoiser.
    ///
    /// `noise` is standard normal, shaped like the latents; it is given if [`Scheduler::needs_noise`] asked for it.
    fn step(
        &mut self,
        step: usize,
        output: &Tensor,
        latents: &Tensor,
        noise: Option<&Tensor>,
    ) -> Result<Step>;
}

/// What one step leads to.
pub(crate) struct Step {
    /// The latents of the next step.
    pub next: Tensor,
    /// The present estimate of the finished latents, which previews show.
    pub clean: Tensor,
}

impl SchedulerKind {
    /// Makes the sampler for a picture of `steps` steps (1 to the number of training timesteps).
    ///
    /// # Errors
    /// If the sampler cannot make so many steps with this model.
    pub(crate) fn build(
        self,
        config: &SchedulerConfig,
        steps: usize,
    ) -> crate::error::Result<Box<dyn Scheduler>> {
        Ok(match self {
            Self::Ddim => Box::new(ddim::DdimScheduler::new(config, steps)),
            Self::Euler => Box::new(euler::EulerScheduler::new(config, steps, false)),
            Self::EulerKarras => Box::new(euler::EulerScheduler::new(config, steps, true)),
            Self::EulerAncestral => Box::new(euler_ancestral::EulerAncestralScheduler::new(
                config, steps, false,
            )),
            Self::EulerAncestralKarras => {
                Box::new(euler_ancestral::EulerAncestralScheduler::new(config, steps, true))
            }
            Self::Dpmpp2m => Box::new(dpmpp_2m::Dpmpp2mScheduler::new(config, steps, false)),
            Self::Dpmpp2mKarras => Box::new(dpmpp_2m::Dpmpp2mScheduler::new(config, steps, true)),
        })
    }
}

/// `a · x + b · y`.
fn combine(a: f64, x: &Tensor, b: f64, y: &Tensor) -> Result<Tensor> {
    (x * a)? + (y * b)?
}

#[cfg(test)]
mod tests;
