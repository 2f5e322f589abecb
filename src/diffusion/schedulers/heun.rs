//! Heun's method on the probability-flow equation in noise level σ (Karras et al. 2022, algorithm 1 without churn): an
//! Euler step, then the same step again with the mean of the slopes at its two ends. Two passes a step, one in the last.

use candle_core::{Result, Tensor};

use super::euler::EulerTables;
use super::noise_schedule::SigmaSpacing;
use super::{Scheduler, Step, combine};
use crate::config::SchedulerConfig;

const CLASS: &str = "HeunDiscreteScheduler";

/// The sampler for one picture.
///
/// Where a checkpoint ends its noise schedule in pure noise, so does this; diffusers' class ignores that setting.
pub(super) struct HeunScheduler {
    /// One entry a pass: every noise level but the first comes twice.
    tables: EulerTables,
    clip: Option<f64>,
    /// The slope at the start of a half-finished step, its length in σ, and where it started.
    half: Option<(Tensor, f64, Tensor)>,
}

impl HeunScheduler {
    pub fn new(config: &SchedulerConfig, steps: usize, spacing: SigmaSpacing) -> Self {
        let mut tables = EulerTables::new(config, steps, CLASS, spacing);
        let twice = |values: &[f64]| -> Vec<f64> {
            let (first, rest) = values.split_at(1);
            let rest = rest.iter().flat_map(|&value| [value, value]);
            first.iter().copied().chain(rest).collect()
        };
        tables.timesteps = twice(&tables.timesteps);
        tables.sigmas = twice(&tables.sigmas[..steps]);
        // This method always ends without noise.
        tables.sigmas.push(0.0);
        Self {
            tables,
            clip: config.clip_sample(CLASS).then_some(config.clip_sample_range),
            half: None,
        }
    }
}

impl Scheduler for HeunScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.tables.timesteps
    }

    fn order(&self) -> usize {
        2
    }

    fn init_noise_sigma(&self) -> f64 {
        self.tables.init_noise_sigma
    }

    fn scale_input(&self, latents: &Tensor, step: usize) -> Result<Tensor> {
        self.tables.scale_input(latents, step)
    }

    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        self.tables.add_noise(clean, noise, step)
    }

    fn step(&mut self, step: usize, output: &Tensor, x: &Tensor, _noise: Option<&Tensor>) -> Result<Step> {
        let mut clean = self.tables.clean(step, output, x)?;
        if let Some(range) = self.clip {
            clean = clean.clamp(-range, range)?;
        }
        let slope = self.tables.slope(step, &clean, x)?;
        let (next, half) = match &self.half {
            None => {
                let length = self.tables.sigmas[step + 1] - self.tables.sigmas[step];
                let next = combine(1.0, x, length, &slope)?;
                (next, Some((slope, length, x.clone())))
            }
            Some((before, length, start)) => {
                let mean = ((before + slope)? / 2.0)?;
                (combine(1.0, start, *length, &mean)?, None)
            }
        };
        self.half = half;
        Ok(Step { next, clean })
    }
}
