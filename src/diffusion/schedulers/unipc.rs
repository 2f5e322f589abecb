//! UniPC: a multistep predictor, and a corrector that uses the next step's output at no extra pass (Zhao et al. 2023,
//! algorithms 5 to 8, in the clean latents).

use candle_core::{Result, Tensor};

use super::levels::{Levels, Rules};
use super::noise_schedule::SigmaSpacing;
use super::{Scheduler, Step, combine};
use crate::config::{SchedulerConfig, SolverType};

/// The sampler for one picture.
pub(super) struct UniPcScheduler {
    levels: Levels,
    order: usize,
    /// B(h) = h instead of e^h − 1.
    first_variant: bool,
    lower_order_final: bool,
    /// Steps whose result is not corrected.
    uncorrected: Vec<usize>,
    /// The clean latents of the steps before, the latest first; as many as the order at most.
    previous: Vec<Tensor>,
    /// The latents that the step before started from, and its order.
    last: Option<(Tensor, usize)>,
}

/// The step from one level to the next, seen from the points before it.
struct Move {
    /// Of the latents.
    keep: f64,
    /// Of the clean latents.
    gain: f64,
    /// Of the weighted differences.
    pull: f64,
    /// Where the points before lie, in steps; all below 0.
    places: Vec<f64>,
    /// The right-hand side of the conditions of order.
    targets: Vec<f64>,
}

impl UniPcScheduler {
    pub fn new(config: &SchedulerConfig, steps: usize, spacing: SigmaSpacing) -> Self {
        Self {
            levels: Levels::new(config, steps, spacing, &Rules::unipc()),
            order: config.solver_order,
            first_variant: config.solver_type == SolverType::Bh1,
            lower_order_final: config.lower_order_final,
            uncorrected: config.disable_corrector.clone(),
            previous: Vec::new(),
            last: None,
        }
    }

    /// The step from level `from` to the next, of order `order` or, where points coincide, less. `None` if the two levels
    /// coincide: then nothing moves.
    fn movement(&self, from: usize, order: usize) -> Option<Move> {
        let (here, next) = (self.levels.at(from), self.levels.at(from + 1));
        let h = next.lambda - here.lambda;
        if h <= 0.0 {
            return None;
        }
        let mut places = Vec::new();
        for back in 1..order {
            let place = (self.levels.at(from - back).lambda - here.lambda) / h;
            if place >= 0.0 || h.is_infinite() {
                break;
            }
            places.push(place);
        }
        let fall = (-h).exp_m1();
        let pull = if self.first_variant { -h } else { fall };
        let mut phi = fall / -h - 1.0;
        let mut factorial = 1.0;
        let mut targets = Vec::new();
        for i in 1..=places.len() + 1 {
            targets.push(phi * factorial / pull);
            factorial *= (i + 1) as f64;
            phi = phi / -h - 1.0 / factorial;
        }
        Some(Move {
            keep: next.sigma / here.sigma,
            gain: -next.alpha * fall,
            pull: -next.alpha * pull,
            places,
            targets,
        })
    }

    /// Takes `x` along `movement`: `now` are the clean latents where it starts, `earlier` those before. `arrived`, the
    /// clean latents where it ends, make it the corrector.
    fn apply(
        movement: &Move,
        x: &Tensor,
        now: &Tensor,
        earlier: &[Tensor],
        arrived: Option<&Tensor>,
    ) -> Result<Tensor> {
        let Move { places, targets, .. } = movement;
        let weights = match (arrived, places.len()) {
            (None, 0) => Vec::new(),
            // As the authors simplify them.
            (None, 1) | (Some(_), 0) => vec![0.5],
            (None, count) => weights(places, &targets[..count]),
            (Some(_), _) => {
                let places: Vec<_> = places.iter().copied().chain([1.0]).collect();
                weights(&places, targets)
            }
        };
        let mut moved = combine(movement.keep, x, movement.gain, now)?;
        for ((weight, place), clean) in weights.iter().zip(places).zip(earlier) {
            let difference = (clean - now)?;
            moved = combine(1.0, &moved, movement.pull * weight / place, &difference)?;
        }
        if let (Some(arrived), Some(weight)) = (arrived, weights.last()) {
            moved = combine(1.0, &moved, movement.pull * weight, &(arrived - now)?)?;
        }
        Ok(moved)
    }

    /// The latents at step `step`, improved by what the denoiser says there.
    fn correct(&self, step: usize, clean: &Tensor, x: &Tensor) -> Result<Tensor> {
        let Some((last, order)) = &self.last else {
            return Ok(x.clone());
        };
        if self.uncorrected.contains(&(step - 1)) {
            return Ok(x.clone());
        }
        match self.movement(step - 1, *order) {
            Some(movement) => Self::apply(
                &movement,
                last,
                &self.previous[0],
                &self.previous[1..],
                Some(clean),
            ),
            None => Ok(x.clone()),
        }
    }
}

impl Scheduler for UniPcScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.levels.timesteps
    }

    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        self.levels.add_noise(clean, noise, step)
    }

    fn step(&mut self, step: usize, output: &Tensor, x: &Tensor, _noise: Option<&Tensor>) -> Result<Step> {
        let clean = self.levels.clean(step, output, x)?;
        let x = self.correct(step, &clean, x)?;
        let left = self.levels.timesteps.len() - step;
        let most = if self.lower_order_final { left } else { self.order };
        let order = self.order.min(most).min(self.previous.len() + 1);
        let next = match self.movement(step, order) {
            Some(movement) => Self::apply(&movement, &x, &clean, &self.previous, None)?,
            None => x.clone(),
        };
        self.last = Some((x, order));
        self.previous.insert(0, clean.clone());
        self.previous.truncate(self.order);
        Ok(Step { next, clean })
    }
}

/// Solves Σ weightₖ · placeₖ^i = targetᵢ for i from 0, by Gaussian elimination with pivots.
fn weights(places: &[f64], targets: &[f64]) -> Vec<f64> {
    let count = places.len();
    let mut rows: Vec<Vec<f64>> = (0..count)
        .map(|i| {
            let powers = places.iter().map(|place| place.powi(i as i32));
            powers.chain([targets[i]]).collect()
        })
        .collect();
    for column in 0..count {
        let largest = |a: &usize, b: &usize| rows[*a][column].abs().total_cmp(&rows[*b][column].abs());
        let pivot = (column..count).max_by(largest).unwrap_or(column);
        rows.swap(column, pivot);
        let leading = rows[column].clone();
        for row in rows.iter_mut().skip(column + 1) {
            let factor = row[column] / leading[column];
            for (value, above) in row.iter_mut().zip(&leading) {
                *value -= factor * above;
            }
        }
    }
    let mut solution = vec![0.0; count];
    for i in (0..count).rev() {
        let known: f64 = (i + 1..count).map(|j| rows[i][j] * solution[j]).sum();
        solution[i] = (rows[i][count] - known) / rows[i][i];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_solve_the_conditions() {
        let (places, targets) = ([-2.1, -1.0, 1.0], [0.4, -0.3, 0.25]);
        let found = weights(&places, &targets);
        for (i, target) in targets.iter().enumerate() {
            let sum: f64 = found
                .iter()
                .zip(&places)
                .map(|(weight, place)| weight * place.powi(i as i32))
                .sum();
            assert!((sum - target).abs() < 1e-12, "{sum} instead of {target}");
        }
    }
}
