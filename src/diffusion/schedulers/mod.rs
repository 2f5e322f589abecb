//! Samplers: the rules that turn the denoiser's outputs into steps from noise to latents.
//!
//! Each is one file of plain f64 tables, computed once for a picture's number of steps, and a rule for one step. They
//! follow diffusers 0.42 exactly (golden tests compare whole loops of 1 to 50 steps), with few deliberate differences.
//! `trailing` spacing gives exactly as many steps as asked for, where diffusers' floating-point range gives one too many
//! for 61, 103 and others, ending at timestep −1. Where diffusers divides by zero (two equal noise levels; no signal left
//! and noise predicted), the result here is finite. Heun's method honours a schedule that ends in pure noise.

mod beta;
mod ddim;
mod ddpm;
mod dpmpp;
mod euler;
mod euler_ancestral;
mod heun;
mod kind;
mod lcm;
mod levels;
mod noise_schedule;
mod unipc;

use candle_core::{Result, Tensor};

use crate::config::{PredictionType, SchedulerConfig};
use ddim::DdimScheduler;
use ddpm::DdpmScheduler;
use dpmpp::DpmppScheduler;
use euler::EulerScheduler;
use euler_ancestral::EulerAncestralScheduler;
use heun::HeunScheduler;
pub use kind::SchedulerKind;
use lcm::LcmScheduler;
use noise_schedule::SigmaSpacing;
use unipc::UniPcScheduler;

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
    /// If the sampler cannot make so many steps with this model, or not on the steps that its manifest lists.
    pub(crate) fn build(
        self,
        config: &SchedulerConfig,
        steps: usize,
    ) -> crate::error::Result<Box<dyn Scheduler>> {
        use SigmaSpacing::{Beta, Exponential, Karras, Plain};
        if let Some(given) = &config.given {
            self.check_given(given, steps)?;
        }
        let dpmpp = |spacing| Box::new(DpmppScheduler::new(config, steps, spacing, false));
        let dpmpp_sde = |spacing| Box::new(DpmppScheduler::new(config, steps, spacing, true));
        Ok(match self {
            Self::Ddim => Box::new(DdimScheduler::new(config, steps)),
            Self::Ddpm => Box::new(DdpmScheduler::new(config, steps)),
            Self::Euler => Box::new(EulerScheduler::new(config, steps, Plain)),
            Self::EulerKarras => Box::new(EulerScheduler::new(config, steps, Karras)),
            Self::EulerExponential => Box::new(EulerScheduler::new(config, steps, Exponential)),
            Self::EulerBeta => Box::new(EulerScheduler::new(config, steps, Beta)),
            Self::EulerAncestral => Box::new(EulerAncestralScheduler::new(config, steps, Plain)),
            Self::EulerAncestralKarras => Box::new(EulerAncestralScheduler::new(config, steps, Karras)),
            Self::Heun => Box::new(HeunScheduler::new(config, steps, Plain)),
            Self::HeunKarras => Box::new(HeunScheduler::new(config, steps, Karras)),
            Self::HeunExponential => Box::new(HeunScheduler::new(config, steps, Exponential)),
            Self::HeunBeta => Box::new(HeunScheduler::new(config, steps, Beta)),
            Self::Dpmpp2m => dpmpp(Plain),
            Self::Dpmpp2mKarras => dpmpp(Karras),
            Self::Dpmpp2mExponential => dpmpp(Exponential),
            Self::Dpmpp2mBeta => dpmpp(Beta),
            Self::Dpmpp2mSde => dpmpp_sde(Plain),
            Self::Dpmpp2mSdeKarras => dpmpp_sde(Karras),
            Self::Dpmpp2mSdeExponential => dpmpp_sde(Exponential),
            Self::Dpmpp2mSdeBeta => dpmpp_sde(Beta),
            Self::UniPc => Box::new(UniPcScheduler::new(config, steps, Plain)),
            Self::UniPcKarras => Box::new(UniPcScheduler::new(config, steps, Karras)),
            Self::UniPcExponential => Box::new(UniPcScheduler::new(config, steps, Exponential)),
            Self::UniPcBeta => Box::new(UniPcScheduler::new(config, steps, Beta)),
            Self::Lcm => Box::new(LcmScheduler::new(config, steps)?),
        })
    }
}

/// The clean latents that the denoiser's output implies where a share ᾱ of signal is left.
fn clean_latents(prediction: PredictionType, alpha: f64, output: &Tensor, x: &Tensor) -> Result<Tensor> {
    let (signal, noise) = (alpha.sqrt(), (1.0 - alpha).sqrt());
    match prediction {
        PredictionType::Epsilon => combine(1.0 / signal, x, -noise / signal, output),
        PredictionType::VPrediction => combine(signal, x, -noise, output),
        PredictionType::Sample => Ok(output.clone()),
    }
}

/// `a · x + b · y`.
fn combine(a: f64, x: &Tensor, b: f64, y: &Tensor) -> Result<Tensor> {
    (x * a)? + (y * b)?
}

#[cfg(test)]
mod tests;
