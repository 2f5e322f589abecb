//! Euler's method on the probability-flow equation in noise level σ (Karras et al. 2022, algorithm 2 without churn).

use candle_core::{Result, Tensor};

use super::noise_schedule::{
    SigmaSpacing, interpolate, linspace, logarithms, sigmas, single, spread, time_of_sigma, timesteps,
};
use super::{Scheduler, Step, combine};
use crate::config::{PredictionType, SchedulerConfig, TimestepSpacing};

/// The noise levels of one picture, shared by the plain, the ancestral and Heun's method.
pub(super) struct EulerTables {
    pub timesteps: Vec<f64>,
    /// One more than there are steps: the level after the last.
    pub sigmas: Vec<f64>,
    pub init_noise_sigma: f64,
    pub prediction: PredictionType,
}

impl EulerTables {
    pub fn new(config: &SchedulerConfig, steps: usize, class: &str, sigma_spacing: SigmaSpacing) -> Self {
        let table = sigmas(config);
        let spacing = config.timestep_spacing.unwrap_or(TimestepSpacing::Linspace);
        let offset = config.steps_offset(class);
        let mut timesteps = config
            .given_timesteps()
            .unwrap_or_else(|| timesteps(spacing, config.num_train_timesteps, steps, offset, false));
        timesteps.iter_mut().for_each(|t| *t = single(*t));
        let mut sigmas: Vec<_> = timesteps.iter().map(|&t| interpolate(&table, t)).collect();
        // One level more than there are steps, the last being where they end.
        if config.log_linear(class) {
            let (lowest, highest) = (table[0].ln(), table[table.len() - 1].ln());
            sigmas = linspace(highest, lowest, steps + 1)
                .into_iter()
                .map(f64::exp)
                .collect();
        }
        let logs = logarithms(&table);
        if let Some(levels) = config.given_sigmas() {
            sigmas = levels.to_vec();
            timesteps = levels[..steps]
                .iter()
                .map(|&sigma| single(time_of_sigma(&logs, single(sigma))))
                .collect();
        }
        let min = config.sigma_min.unwrap_or(sigmas[sigmas.len() - 1]);
        let max = config.sigma_max.unwrap_or(sigmas[0]);
        if let Some(spread) = spread(sigma_spacing, min, max, steps) {
            sigmas = spread;
            timesteps = sigmas
                .iter()
                .map(|&sigma| single(time_of_sigma(&logs, sigma)))
                .collect();
        }
        if sigmas.len() == steps {
            sigmas.push(if config.ends_at_sigma_min() { table[0] } else { 0.0 });
        }
        sigmas.iter_mut().for_each(|sigma| *sigma = single(*sigma));
        let max = sigmas.iter().copied().fold(0.0, f64::max);
        let init_noise_sigma = match spacing {
            TimestepSpacing::Leading => (max * max + 1.0).sqrt(),
            TimestepSpacing::Linspace | TimestepSpacing::Trailing => max,
        };
        Self {
            timesteps,
            sigmas,
            init_noise_sigma,
            prediction: config.prediction_type,
        }
    }

    /// Scales latents of noise level σ to unit variance.
    pub fn scale_input(&self, x: &Tensor, step: usize) -> Result<Tensor> {
        let sigma = self.sigmas[step];
        divide(x, (sigma * sigma + 1.0).sqrt())
    }

    /// The clean latents that the denoiser's output implies.
    pub fn clean(&self, step: usize, output: &Tensor, x: &Tensor) -> Result<Tensor> {
        let sigma = self.sigmas[step];
        let square = sigma * sigma + 1.0;
        match self.prediction {
            PredictionType::Epsilon => combine(1.0, x, -sigma, output),
            PredictionType::VPrediction => (output * (-sigma / square.sqrt()))? + divide(x, square)?,
            PredictionType::Sample => Ok(output.clone()),
        }
    }

    /// How the latents change with the noise level, dx/dσ.
    pub fn slope(&self, step: usize, clean: &Tensor, x: &Tensor) -> Result<Tensor> {
        divide(&(x - clean)?, self.sigmas[step])
    }

    /// Moves the latents along the line to `clean`, from the step's noise level to level `to`.
    pub fn advance(&self, step: usize, clean: &Tensor, x: &Tensor, to: f64) -> Result<Tensor> {
        combine(1.0, x, to - self.sigmas[step], &self.slope(step, clean, x)?)
    }

    /// Clean latents at the noise level of step `step`.
    pub fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        combine(1.0, clean, self.sigmas[step], noise)
    }
}

/// True division: candle multiplies by the reciprocal, which rounds differently.
fn divide(x: &Tensor, by: f64) -> Result<Tensor> {
    x.broadcast_div(&Tensor::new(by as f32, x.device())?)
}

/// The sampler for one picture.
pub(super) struct EulerScheduler {
    tables: EulerTables,
}

impl EulerScheduler {
    pub fn new(config: &SchedulerConfig, steps: usize, spacing: SigmaSpacing) -> Self {
        Self {
            tables: EulerTables::new(config, steps, "EulerDiscreteScheduler", spacing),
        }
    }
}

impl Scheduler for EulerScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.tables.timesteps
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
        let clean = self.tables.clean(step, output, x)?;
        let next = self
            .tables
            .advance(step, &clean, x, self.tables.sigmas[step + 1])?;
        Ok(Step { next, clean })
    }
}
