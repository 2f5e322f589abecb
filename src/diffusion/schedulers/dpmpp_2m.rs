//! DPM-Solver++(2M): second order, multistep, in the clean latents (Lu et al. 2022, algorithm 2).

use candle_core::{Result, Tensor};

use super::noise_schedule::{
    interpolate, karras, linspace, logarithms, sigmas, single, time_of_sigma, trailing,
};
use super::{Scheduler, Step, combine};
use crate::config::{BetaSchedule, PredictionType, SchedulerConfig, SolverType, TimestepSpacing};

/// Below this many steps the last one is of first order, for stability (a rule of the authors').
const FEW_STEPS: usize = 15;

/// The sampler for one picture.
pub(super) struct Dpmpp2mScheduler {
    timesteps: Vec<f64>,
    /// One more than there are steps: the level after the last.
    sigmas: Vec<f64>,
    prediction: PredictionType,
    solver: SolverType,
    first_order_at_end: bool,
    /// The clean latents of the step before.
    previous: Option<Tensor>,
}

/// A point on the schedule: share of signal α, of noise σ, and half their log ratio λ.
struct Level {
    alpha: f64,
    sigma: f64,
    lambda: f64,
}

impl Level {
    fn of(sigma: f64) -> Self {
        let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
        Self {
            alpha,
            sigma: sigma * alpha,
            lambda: -sigma.ln(),
        }
    }
}

impl Dpmpp2mScheduler {
    pub fn new(config: &SchedulerConfig, steps: usize, use_karras: bool) -> Self {
        let table = sigmas(config);
        let logs = logarithms(&table);
        let mut timesteps = Self::spread(config, &logs, steps);
        let mut sigmas: Vec<_> = timesteps.iter().map(|&t| interpolate(&table, t)).collect();
        if use_karras {
            sigmas = karras(
                config.sigma_min.unwrap_or(table[0]),
                config.sigma_max.unwrap_or(table[table.len() - 1]),
                steps,
            );
            let times = sigmas.iter().map(|&sigma| time_of_sigma(&logs, sigma));
            let cosine = config.beta_schedule == BetaSchedule::SquaredCosine;
            timesteps = times
                .map(|t| if cosine { t.trunc() } else { t.round_ties_even() })
                .collect();
        }
        sigmas.iter_mut().for_each(|sigma| *sigma = single(*sigma));
        sigmas.push(if config.ends_at_sigma_min() { table[0] } else { 0.0 });
        let first_order_at_end = config.euler_at_final
            || (config.lower_order_final && steps < FEW_STEPS)
            || !config.ends_at_sigma_min();
        Self {
            timesteps,
            sigmas,
            prediction: config.prediction_type,
            solver: config.solver_type,
            first_order_at_end,
            previous: None,
        }
    }

    /// Timesteps as diffusers spreads them: one more than needed, of which the lowest is dropped.
    fn spread(config: &SchedulerConfig, log_sigmas: &[f64], steps: usize) -> Vec<f64> {
        let train = config.num_train_timesteps;
        // λ = −ln σ may be clipped from below, which cuts off the noisiest timesteps.
        let top = match config.lambda_min_clipped {
            Some(min) => log_sigmas
                .iter()
                .filter(|&&log_sigma| -log_sigma >= min)
                .count()
                .max(1),
            None => train,
        };
        let offset = config.steps_offset("DPMSolverMultistepScheduler");
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

    fn clean(&self, step: usize, output: &Tensor, x: &Tensor) -> Result<Tensor> {
        let Level { alpha, sigma, .. } = Level::of(self.sigmas[step]);
        match self.prediction {
            PredictionType::Epsilon => combine(1.0 / alpha, x, -sigma / alpha, output),
            PredictionType::VPrediction => combine(alpha, x, -sigma, output),
            PredictionType::Sample => Ok(output.clone()),
        }
    }
}

impl Scheduler for Dpmpp2mScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        let Level { alpha, sigma, .. } = Level::of(self.sigmas[step]);
        combine(alpha, clean, sigma, noise)
    }

    fn step(&mut self, step: usize, output: &Tensor, x: &Tensor, _noise: Option<&Tensor>) -> Result<Step> {
        let clean = self.clean(step, output, x)?;
        let (here, next) = (Level::of(self.sigmas[step]), Level::of(self.sigmas[step + 1]));
        let h = next.lambda - here.lambda;
        // 1 − e^−h: 1 at the end, where h is infinite. It is 0 only if two levels coincide, and then nothing moves.
        let gain = next.alpha * -(-h).exp_m1();
        let moved = combine(next.sigma / here.sigma, x, gain, &clean)?;
        let last = step + 1 == self.timesteps.len();
        let second_order = match &self.previous {
            Some(previous) if !(last && self.first_order_at_end) && h > 0.0 => {
                let before = Level::of(self.sigmas[step - 1]);
                let ratio = (here.lambda - before.lambda) / h;
                let weight = match self.solver {
                    SolverType::Midpoint => 0.5 * gain,
                    SolverType::Heun => next.alpha * ((-h).exp_m1() / h + 1.0),
                };
                // Two equal levels before this one give no slope to go by.
                (ratio > 0.0)
                    .then(|| combine(weight / ratio, &clean, -weight / ratio, previous))
                    .transpose()?
            }
            _ => None,
        };
        let next = match second_order {
            Some(correction) => (moved + correction)?,
            None => moved,
        };
        self.previous = Some(clean.clone());
        Ok(Step { next, clean })
    }
}
