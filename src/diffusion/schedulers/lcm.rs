//! Multistep sampling of latent consistency models (Luo et al. 2023, algorithm 3): each step goes all the way to clean
//! latents and, but for the last, back up with fresh noise.

use candle_core::{Result, Tensor};

use super::noise_schedule::alphas_cumprod;
use super::{Scheduler, Step, clean_latents, combine};
use crate::config::{PredictionType, SchedulerConfig};
use crate::error::DiffusionError;

const CLASS: &str = "LCMScheduler";
/// Standard deviation of the clean latents that the boundary condition assumes.
const SIGMA_DATA: f64 = 0.5;

/// The sampler for one picture.
pub(super) struct LcmScheduler {
    timesteps: Vec<f64>,
    /// ᾱ at each step.
    alphas: Vec<f64>,
    prediction: PredictionType,
    clip: Option<f64>,
    timestep_scaling: f64,
}

impl LcmScheduler {
    /// # Errors
    /// If more steps are asked for than the model was distilled on: those it takes are a part of them.
    pub fn new(config: &SchedulerConfig, steps: usize) -> crate::error::Result<Self> {
        let timesteps = match config.given_timesteps() {
            Some(timesteps) => timesteps,
            None => distilled_on(config, steps)?,
        };
        let table = alphas_cumprod(config);
        Ok(Self {
            alphas: timesteps.iter().map(|&t| table[t as usize]).collect(),
            timesteps,
            prediction: config.prediction_type,
            clip: config.clip_sample(CLASS).then_some(config.clip_sample_range),
            timestep_scaling: config.timestep_scaling,
        })
    }
}

/// Some of the timesteps that the model was distilled on, as evenly as they allow.
fn distilled_on(config: &SchedulerConfig, steps: usize) -> crate::error::Result<Vec<f64>> {
    let original = config.original_inference_steps;
    if steps > original {
        let problem = format!("must be at most {original} with `lcm` and this model, not {steps}");
        return Err(DiffusionError::invalid("steps", problem));
    }
    let stride = config.num_train_timesteps / original;
    Ok((0..steps)
        .map(|i| (i as f64 * (original as f64 / steps as f64)).floor() as usize)
        .map(|index| ((original - index) * stride - 1) as f64)
        .collect())
}

impl Scheduler for LcmScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        let alpha = self.alphas[step];
        combine(alpha.sqrt(), clean, (1.0 - alpha).sqrt(), noise)
    }

    fn needs_noise(&self, step: usize) -> bool {
        step + 1 < self.timesteps.len()
    }

    fn step(&mut self, step: usize, output: &Tensor, x: &Tensor, noise: Option<&Tensor>) -> Result<Step> {
        let mut clean = clean_latents(self.prediction, self.alphas[step], output, x)?;
        if let Some(range) = self.clip {
            clean = clean.clamp(-range, range)?;
        }
        // At time 0 the model must return its input.
        let time = self.timesteps[step] * self.timestep_scaling;
        let square = time * time + SIGMA_DATA * SIGMA_DATA;
        let clean = combine(time / square.sqrt(), &clean, SIGMA_DATA * SIGMA_DATA / square, x)?;
        let next = match (noise, self.alphas.get(step + 1)) {
            (Some(noise), Some(alpha)) => combine(alpha.sqrt(), &clean, (1.0 - alpha).sqrt(), noise)?,
            _ => clean.clone(),
        };
        Ok(Step { next, clean })
    }
}
