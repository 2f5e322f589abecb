//! Ancestral sampling of denoising diffusion probabilistic models (Ho et al. 2020, algorithm 2), on fewer timesteps.

use candle_core::{Result, Tensor};

use super::noise_schedule::{alphas_cumprod, timesteps};
use super::{Scheduler, Step, clean_latents, combine};
use crate::config::{PredictionType, SchedulerConfig, TimestepSpacing};

const CLASS: &str = "DDPMScheduler";
/// The least variance of the noise that a step adds.
const LEAST_VARIANCE: f64 = 1e-20;

/// The sampler for one picture.
pub(super) struct DdpmScheduler {
    timesteps: Vec<f64>,
    /// ᾱ at each step and after it.
    alphas: Vec<(f64, f64)>,
    prediction: PredictionType,
    clip: Option<f64>,
    /// Whether the noise has the variance β of the forward process instead of the posterior's.
    large_variance: bool,
}

impl DdpmScheduler {
    pub fn new(config: &SchedulerConfig, steps: usize) -> Self {
        let table = alphas_cumprod(config);
        let timesteps = config.given_timesteps().unwrap_or_else(|| {
            timesteps(
                config.timestep_spacing.unwrap_or(TimestepSpacing::Leading),
                config.num_train_timesteps,
                steps,
                config.steps_offset(CLASS),
                true,
            )
        });
        let at = |step: usize| timesteps.get(step).map_or(1.0, |&t| table[t as usize]);
        let alphas = (0..steps).map(|step| (at(step), at(step + 1))).collect();
        Self {
            alphas,
            timesteps,
            prediction: config.prediction_type,
            clip: config.clip_sample(CLASS).then_some(config.clip_sample_range),
            large_variance: config.large_variance(),
        }
    }
}

impl Scheduler for DdpmScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        let (alpha, _) = self.alphas[step];
        combine(alpha.sqrt(), clean, (1.0 - alpha).sqrt(), noise)
    }

    fn needs_noise(&self, step: usize) -> bool {
        self.timesteps[step] > 0.0
    }

    fn step(&mut self, step: usize, output: &Tensor, x: &Tensor, noise: Option<&Tensor>) -> Result<Step> {
        let (alpha, next) = self.alphas[step];
        let mut clean = clean_latents(self.prediction, alpha, output, x)?;
        if let Some(range) = self.clip {
            clean = clean.clamp(-range, range)?;
        }
        // Two steps may fall on one timestep.
        if alpha >= next {
            return Ok(Step {
                next: x.clone(),
                clean,
            });
        }
        let ratio = alpha / next;
        let beta = 1.0 - ratio;
        let (level, below) = (1.0 - alpha, 1.0 - next);
        let mut moved = combine(
            next.sqrt() * beta / level,
            &clean,
            ratio.sqrt() * below / level,
            x,
        )?;
        if let Some(noise) = noise {
            let variance = if self.large_variance {
                beta
            } else {
                (below / level * beta).max(LEAST_VARIANCE)
            };
            moved = combine(1.0, &moved, variance.sqrt(), noise)?;
        }
        Ok(Step { next: moved, clean })
    }
}
