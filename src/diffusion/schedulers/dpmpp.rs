//! DPM-Solver++: multistep, in the clean latents (Lu et al. 2022, algorithm 2), as an ordinary differential equation (2M)
//! or a stochastic one (2M SDE, which adds noise at every step).

use candle_core::{Result, Tensor};

use super::levels::{Level, Levels, Rules};
use super::noise_schedule::SigmaSpacing;
use super::{Scheduler, Step, combine};
use crate::config::{SchedulerConfig, SolverType};

/// Below this many steps the last ones are of lower order, for stability (a rule of the authors').
const FEW_STEPS: usize = 15;

/// The sampler for one picture.
pub(super) struct DpmppScheduler {
    levels: Levels,
    stochastic: bool,
    order: usize,
    solver: SolverType,
    lower_order_final: bool,
    first_order_at_end: bool,
    /// The clean latents of the steps before, the latest first; fewer than the order.
    previous: Vec<Tensor>,
}

/// The factors of one step of length h in λ.
struct Factors {
    /// Of the latents.
    keep: f64,
    /// Of the clean latents.
    gain: f64,
    /// Of their first derivative.
    slope: f64,
    /// Of their second derivative.
    curve: f64,
    /// Of the noise.
    noise: f64,
}

impl DpmppScheduler {
    pub fn new(config: &SchedulerConfig, steps: usize, spacing: SigmaSpacing, stochastic: bool) -> Self {
        // The stochastic method ends at second order: the factor of the second derivative that diffusers has does not
        // vanish with the step's length.
        let order = config.solver_order.min(if stochastic { 2 } else { 3 });
        let few = config.lower_order_final && steps < FEW_STEPS;
        Self {
            levels: Levels::new(config, steps, spacing, &Rules::dpm_solver(config)),
            stochastic,
            order,
            solver: config.solver_type,
            lower_order_final: few,
            first_order_at_end: config.euler_at_final || few || !config.ends_at_sigma_min(),
            previous: Vec::new(),
        }
    }

    /// Order of the method at step `step`, given how many steps were run before it.
    fn order_at(&self, step: usize) -> usize {
        let left = self.levels.timesteps.len() - step;
        let most = match left {
            1 if self.first_order_at_end => 1,
            2 if self.lower_order_final => 2,
            _ => 3,
        };
        self.order.min(most).min(self.previous.len() + 1)
    }

    fn factors(&self, here: Level, next: Level, order: usize) -> Factors {
        let h = next.lambda - here.lambda;
        let ratio = next.sigma / here.sigma;
        // The stochastic equation forgets twice as fast. 1 − e^−g is 1 at the end, where h is infinite, and 0 only if two
        // levels coincide, and then nothing moves.
        let (g, keep) = if self.stochastic {
            (2.0 * h, ratio * (-h).exp())
        } else {
            (h, ratio)
        };
        let share = -(-g).exp_m1();
        let slope = match self.solver {
            SolverType::Heun => 1.0 - share / g,
            _ if order > 2 => 1.0 - share / g,
            _ => 0.5 * share,
        };
        Factors {
            keep,
            gain: next.alpha * share,
            slope: next.alpha * slope,
            curve: next.alpha * (0.5 - (g - share) / (g * g)),
            noise: next.sigma * share.sqrt(),
        }
    }
}

impl Scheduler for DpmppScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.levels.timesteps
    }

    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        self.levels.add_noise(clean, noise, step)
    }

    fn needs_noise(&self, _step: usize) -> bool {
        self.stochastic
    }

    fn step(&mut self, step: usize, output: &Tensor, x: &Tensor, noise: Option<&Tensor>) -> Result<Step> {
        let clean = self.levels.clean(step, output, x)?;
        let (here, next) = (self.levels.at(step), self.levels.at(step + 1));
        let h = next.lambda - here.lambda;
        let mut order = self.order_at(step);
        // Lengths of the steps before, relative to this one. Equal levels give no slope to go by.
        let mut ratios = [0.0; 2];
        for back in 1..order {
            let (earlier, later) = (self.levels.at(step - back), self.levels.at(step + 1 - back));
            let ratio = (later.lambda - earlier.lambda) / h;
            if !(h > 0.0 && ratio > 0.0) {
                order = back;
                break;
            }
            ratios[back - 1] = ratio;
        }
        let factors = self.factors(here, next, order);
        let mut moved = combine(factors.keep, x, factors.gain, &clean)?;
        if order > 1 {
            let first = ((&clean - &self.previous[0])? * (1.0 / ratios[0]))?;
            if order == 2 {
                moved = combine(1.0, &moved, factors.slope, &first)?;
            } else {
                let second = ((&self.previous[0] - &self.previous[1])? * (1.0 / ratios[1]))?;
                let change = (&first - second)?;
                let sum = ratios[0] + ratios[1];
                let slope = combine(1.0, &first, ratios[0] / sum, &change)?;
                moved = combine(1.0, &moved, factors.slope, &slope)?;
                moved = combine(1.0, &moved, factors.curve / sum, &change)?;
            }
        }
        if let Some(noise) = noise
            && factors.noise > 0.0
        {
            moved = combine(1.0, &moved, factors.noise, noise)?;
        }
        self.previous.insert(0, clean.clone());
        self.previous.truncate(self.order - 1);
        Ok(Step { next: moved, clean })
    }
}
