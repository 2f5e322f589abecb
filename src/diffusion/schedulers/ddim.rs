//! Denoising diffusion implicit models (Song et al. 2020), with η = 0.

use candle_core::{Result, Tensor};

use super::noise_schedule::{alphas_cumprod, timesteps};
use super::{Scheduler, Step, clean_latents, combine};
use crate::config::{PredictionType, SchedulerConfig, TimestepSpacing};

const CLASS: &str = "DDIMScheduler";

/// The sampler for one picture.
pub(super) struct DdimScheduler {
    timesteps: Vec<f64>,
    /// ᾱ at each step and after it.
    alphas: Vec<(f64, f64)>,
    prediction: PredictionType,
    clip: Option<f64>,
}

impl DdimScheduler {
    pub fn new(config: &SchedulerConfig, steps: usize) -> Self {
        let table = alphas_cumprod(config);
        let spacing = config.timestep_spacing.unwrap_or(TimestepSpacing::Leading);
        let timesteps = timesteps(
            spacing,
            config.num_train_timesteps,
            steps,
            config.steps_offset(CLASS),
            true,
        );
        let last = if config.set_alpha_to_one { 1.0 } else { table[0] };
        // The step goes this far down whatever the spacing is, as in diffusers.
        let stride = config.num_train_timesteps / steps;
        let alphas = timesteps
            .iter()
            .map(|&t| {
                let t = t as usize;
                (
                    table[t],
                    t.checked_sub(stride).map_or(last, |previous| table[previous]),
                )
            })
            .collect();
        let clip = config.clip_sample(CLASS).then_some(config.clip_sample_range);
        Self {
            timesteps,
            alphas,
            prediction: config.prediction_type,
            clip,
        }
    }
}

impl Scheduler for DdimScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        let (alpha, _) = self.alphas[step];
        combine(alpha.sqrt(), clean, (1.0 - alpha).sqrt(), noise)
    }

    fn step(&mut self, step: usize, output: &Tensor, x: &Tensor, _noise: Option<&Tensor>) -> Result<Step> {
        let (alpha, next) = self.alphas[step];
        let (signal, noise) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        let clean = clean_latents(self.prediction, alpha, output, x)?;
        let epsilon = match self.prediction {
            PredictionType::Epsilon => output.clone(),
            PredictionType::Sample => combine(1.0 / noise, x, -signal / noise, output)?,
            PredictionType::VPrediction => combine(signal, output, noise, x)?,
        };
        let clean = match self.clip {
            Some(range) => clean.clamp(-range, range)?,
            None => clean,
        };
        Ok(Step {
            next: combine(next.sqrt(), &clean, (1.0 - next).sqrt(), &epsilon)?,
            clean,
        })
    }
}
