//! The noise levels of the multistep solvers (DPM-Solver++ and UniPC), and what they compute from them.

use candle_core::{Result, Tensor};

use super::combine;
use super::noise_schedule::{
    SigmaSpacing, interpolate, linspace, logarithms, sigmas, single, spread, time_of_sigma, trailing,
};
use crate::config::{BetaSchedule, PredictionType, SchedulerConfig, TimestepSpacing};

/// A point on the schedule: share of signal α, of noise σ, and half their log ratio λ.
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub alpha: f64,
    pub sigma: f64,
    pub lambda: f64,
}

impl Level {
    /// The point where noise is `sigma` times the signal.
    pub fn of(sigma: f64) -> Self {
        let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
        Self {
            alpha,
            sigma: sigma * alpha,
            lambda: -sigma.ln(),
        }
    }
}

/// What differs between the two solvers' schedules in diffusers.
pub(super) struct Rules {
    /// The class, for its defaults.
    pub class: &'static str,
    /// λ below which training timesteps are left out.
    pub lambda_min: Option<f64>,
    /// Whether Karras' levels are put on whole timesteps by cutting instead of rounding.
    pub cut_karras: bool,
    /// Whether the last level of a spacing other than the plain one comes twice where the schedule ends above 0.
    pub repeat_last: bool,
}

impl Rules {
    /// Those of `DPMSolverMultistepScheduler`.
    pub fn dpm_solver(config: &SchedulerConfig) -> Self {
        Self {
            class: "DPMSolverMultistepScheduler",
            lambda_min: config.lambda_min_clipped,
            cut_karras: config.beta_schedule == BetaSchedule::SquaredCosine,
            repeat_last: false,
        }
    }

    /// Those of `UniPCMultistepScheduler`.
    pub fn unipc() -> Self {
        Self {
            class: "UniPCMultistepScheduler",
            lambda_min: None,
            cut_karras: false,
            repeat_last: true,
        }
    }
}

/// The tables of one picture.
pub(super) struct Levels {
    pub timesteps: Vec<f64>,
    /// One more than there are steps: the level after the last.
    sigmas: Vec<f64>,
    prediction: PredictionType,
}

impl Levels {
    pub fn new(config: &SchedulerConfig, steps: usize, spacing: SigmaSpacing, rules: &Rules) -> Self {
        let table = sigmas(config);
        let logs = logarithms(&table);
        let mut timesteps = config
            .given_timesteps()
            .unwrap_or_else(|| whole_timesteps(config, &logs, steps, rules));
        let mut last = table[0];
        let mut sigmas: Vec<_> = timesteps.iter().map(|&t| interpolate(&table, t)).collect();
        let min = config.sigma_min.unwrap_or(table[0]);
        let max = config.sigma_max.unwrap_or(table[table.len() - 1]);
        if let Some(spread) = spread(spacing, min, max, steps) {
            sigmas = spread;
            let cut = rules.cut_karras || spacing != SigmaSpacing::Karras;
            timesteps = sigmas
                .iter()
                .map(|&sigma| time_of_sigma(&logs, sigma))
                .map(|t| if cut { t.trunc() } else { t.round_ties_even() })
                .collect();
            if rules.repeat_last {
                last = sigmas[steps - 1];
            }
        }
        sigmas.push(if config.ends_at_sigma_min() { last } else { 0.0 });
        sigmas.iter_mut().for_each(|sigma| *sigma = single(*sigma));
        Self {
            timesteps,
            sigmas,
            prediction: config.prediction_type,
        }
    }

    /// The level at which step `step` begins; the one after the last is where the picture ends.
    pub fn at(&self, step: usize) -> Level {
        Level::of(self.sigmas[step])
    }

    /// The clean latents that the denoiser's output implies.
    pub fn clean(&self, step: usize, output: &Tensor, x: &Tensor) -> Result<Tensor> {
        let Level { alpha, sigma, .. } = self.at(step);
        match self.prediction {
            PredictionType::Epsilon => combine(1.0 / alpha, x, -sigma / alpha, output),
            PredictionType::VPrediction => combine(alpha, x, -sigma, output),
            PredictionType::Sample => Ok(output.clone()),
        }
    }

    /// Clean latents at the level of step `step`.
    pub fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        let Level { alpha, sigma, .. } = self.at(step);
        combine(alpha, clean, sigma, noise)
    }
}

/// Timesteps as diffusers spreads them for these solvers: one more than needed, of which the lowest is dropped.
fn whole_timesteps(config: &SchedulerConfig, log_sigmas: &[f64], steps: usize, rules: &Rules) -> Vec<f64> {
    let train = config.num_train_timesteps;
    // λ = −ln σ.
    let top = match rules.lambda_min {
        Some(min) => log_sigmas
            .iter()
            .filter(|&&log_sigma| -log_sigma >= min)
            .count()
            .max(1),
        None => train,
    };
    let offset = config.steps_offset(rules.class);
    match config.timestep_spacing.unwrap_or(TimestepSpacing::Linspace) {
        TimestepSpacing::Linspace => {
            let times = linspace(0.0, (top - 1) as f64, steps + 1);
            times
                .into_iter()
                .skip(1)
                .rev()
                .map(f64::round_ties_even)
                .collect()
        }
        TimestepSpacing::Leading => {
            let ratio = top / (steps + 1);
            (1..=steps)
                .rev()
                .map(|i| ((i * ratio + offset) as f64).min((train - 1) as f64))
                .collect()
        }
        TimestepSpacing::Trailing => trailing(top, train, steps),
    }
}
