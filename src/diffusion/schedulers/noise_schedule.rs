//! Tables shared by the samplers: noise levels over training time, and which of them a shorter schedule visits.
//!
//! The tables are f64, but hold the values that diffusers' f32 tables hold: every intermediate result is rounded where
//! diffusers rounds it. It matters in two places: Karras' spacing rounds to whole timesteps, where one bit can tip the
//! balance, and at very high noise the samplers subtract nearly equal numbers.

use super::beta::quantile;
use crate::config::{BetaSchedule, PredictionType, SchedulerConfig, TimestepSpacing};

/// ᾱ at the last timestep when the schedule ends in pure noise: small instead of 0, so that the noise level is finite.
const ALMOST_ZERO: f32 = 1.0 / (1u32 << 24) as f32;
/// How noise levels lie between the highest and the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SigmaSpacing {
    /// Where the timesteps are.
    Plain,
    /// Evenly in their ρ-th root, which puts more steps at low noise (Karras et al. 2022, equation 5).
    Karras,
    /// Evenly in their logarithm.
    Exponential,
    /// At quantiles of the beta distribution, which puts more steps at both ends.
    Beta,
}

/// Both parameters of the beta distribution, as in diffusers.
const BETA: f64 = 0.6;

/// Karras' ρ (Karras et al. 2022, section 3): how much the steps crowd at low noise.
const RHO: f64 = 7.0;

/// ᾱ, the share of signal left, at each training timestep. May be 0 at the last one (zero terminal SNR), but not where
/// the denoiser predicts noise, which says nothing about the signal there.
pub(super) fn alphas_cumprod(config: &SchedulerConfig) -> Vec<f64> {
    let predicts_noise = config.prediction_type == PredictionType::Epsilon;
    let alphas = cumulative(config).into_iter().map(|alpha| {
        if alpha == 0.0 && predicts_noise {
            ALMOST_ZERO
        } else {
            alpha
        }
    });
    alphas.map(f64::from).collect()
}

fn cumulative(config: &SchedulerConfig) -> Vec<f32> {
    let count = config.num_train_timesteps;
    let mut betas: Vec<f32> = match (&config.trained_betas, config.beta_schedule) {
        (Some(betas), _) => betas.iter().map(|&beta| beta as f32).collect(),
        (None, BetaSchedule::Linear) => single_linspace(config.beta_start, config.beta_end, count),
        (None, BetaSchedule::ScaledLinear) => {
            let roots = single_linspace(config.beta_start.sqrt(), config.beta_end.sqrt(), count);
            roots.into_iter().map(|root| root * root).collect()
        }
        (None, BetaSchedule::SquaredCosine) => {
            let bar = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
            let at = |i: usize| i as f64 / count as f64;
            (0..count)
                .map(|i| (1.0 - bar(at(i + 1)) / bar(at(i))).min(0.999) as f32)
                .collect()
        }
    };
    if config.rescale_betas_zero_snr {
        betas = rescale_to_zero_snr(&betas);
    }
    running_product(&betas)
}

/// Products of 1 − β, accumulated in f64.
fn running_product(betas: &[f32]) -> Vec<f32> {
    let mut product = 1.0;
    betas
        .iter()
        .map(|beta| {
            product *= f64::from(1.0 - beta);
            product as f32
        })
        .collect()
}

/// Changes the variances so that √ᾱ ends at 0 and starts where it did (Lin et al. 2023, algorithm 1).
fn rescale_to_zero_snr(betas: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = running_product(betas).into_iter().map(f32::sqrt).collect();
    let (Some(&first), Some(&last)) = (roots.first(), roots.last()) else {
        return Vec::new();
    };
    let scale = first / (first - last);
    let mut previous = 1.0;
    roots
        .into_iter()
        .map(|root| {
            let shifted = (root - last) * scale;
            let bar = shifted * shifted;
            let alpha = bar / previous;
            previous = bar;
            1.0 - alpha
        })
        .collect()
}

/// torch's f32 `linspace`: from both ends towards the middle.
fn single_linspace(start: f64, end: f64, count: usize) -> Vec<f32> {
    let (start, end) = (start as f32, end as f32);
    let step = (end - start) / (count - 1) as f32;
    let value = |i: usize| {
        if i < count / 2 {
            step.mul_add(i as f32, start)
        } else {
            (-step).mul_add((count - 1 - i) as f32, end)
        }
    };
    (0..count).map(value).collect()
}

/// σ = √((1 − ᾱ) / ᾱ) at each training timestep; finite and rising.
pub(super) fn sigmas(config: &SchedulerConfig) -> Vec<f64> {
    let mut alphas = cumulative(config);
    if config.rescale_betas_zero_snr
        && let Some(last) = alphas.last_mut()
    {
        *last = ALMOST_ZERO;
    }
    alphas
        .into_iter()
        .map(|alpha| f64::from(((1.0 - alpha) / alpha).sqrt()))
        .collect()
}

/// The tables' own logarithms, to which [`time_of_sigma`] compares.
pub(super) fn logarithms(sigmas: &[f64]) -> Vec<f64> {
    sigmas
        .iter()
        .map(|&sigma| f64::from((sigma as f32).ln()))
        .collect()
}

/// Rounds to f32's precision.
pub(super) fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

/// `count` timesteps on training timesteps 0 to `train − 1`, falling. `round` puts linspace on whole timesteps.
pub(super) fn timesteps(
    spacing: TimestepSpacing,
    train: usize,
    count: usize,
    offset: usize,
    round: bool,
) -> Vec<f64> {
    let last = (train - 1) as f64;
    match spacing {
        TimestepSpacing::Linspace => {
            let times = linspace(0.0, last, count).into_iter().rev();
            times
                .map(|t| if round { t.round_ties_even() } else { t })
                .collect()
        }
        TimestepSpacing::Leading => {
            let ratio = train / count;
            (0..count)
                .rev()
                .map(|i| ((i * ratio + offset) as f64).min(last))
                .collect()
        }
        TimestepSpacing::Trailing => trailing(train, train, count),
    }
}

/// Timesteps `ratio = train / count` apart, down from `top − 1`; exactly `count` of them, or fewer if `top` is too low.
///
/// Many lie half-way between two timesteps, so the distance is rounded as numpy's `arange` rounds it.
pub(super) fn trailing(top: usize, train: usize, count: usize) -> Vec<f64> {
    let (top, ratio) = (top as f64, train as f64 / count as f64);
    let distance = (top - ratio) - top;
    let times = (0..count).map(|i| (top + i as f64 * distance).round_ties_even() - 1.0);
    times.map(|t| t.max(0.0)).collect()
}

/// `count` values from `start` to `end`, both included (only `start` if `count` is 1).
pub(super) fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    let step = if count > 1 {
        (end - start) / (count - 1) as f64
    } else {
        0.0
    };
    (0..count)
        .map(|i| {
            if i > 0 && i == count - 1 {
                end
            } else {
                start + i as f64 * step
            }
        })
        .collect()
}

/// The table's value at a possibly fractional index, by linear interpolation.
pub(super) fn interpolate(table: &[f64], at: f64) -> f64 {
    let low = (at.max(0.0).floor() as usize).min(table.len() - 1);
    let high = (low + 1).min(table.len() - 1);
    let share = (at - low as f64).clamp(0.0, 1.0);
    table[low] + (table[high] - table[low]) * share
}

/// `count` noise levels from `max` to `min`; `None` if the timesteps say where they lie.
pub(super) fn spread(spacing: SigmaSpacing, min: f64, max: f64, count: usize) -> Option<Vec<f64>> {
    match spacing {
        SigmaSpacing::Plain => None,
        SigmaSpacing::Exponential => {
            let logarithms = linspace(max.ln(), min.ln(), count).into_iter();
            Some(logarithms.map(f64::exp).collect())
        }
        SigmaSpacing::Beta => {
            let ramp = linspace(0.0, 1.0, count).into_iter();
            Some(
                ramp.map(|share| min + quantile(1.0 - share, BETA) * (max - min))
                    .collect(),
            )
        }
        SigmaSpacing::Karras => {
            let (min, max) = (min.powf(1.0 / RHO), max.powf(1.0 / RHO));
            let ramp = linspace(0.0, 1.0, count).into_iter();
            Some(ramp.map(|share| (max + share * (min - max)).powf(RHO)).collect())
        }
    }
}

/// The (fractional) training timestep whose noise level is `sigma`, interpolating in the logarithm.
pub(super) fn time_of_sigma(log_sigmas: &[f64], sigma: f64) -> f64 {
    let log_sigma = sigma.max(1e-10).ln();
    let low = log_sigmas
        .partition_point(|&l| l <= log_sigma)
        .saturating_sub(1)
        .min(log_sigmas.len() - 2);
    let share = (log_sigmas[low] - log_sigma) / (log_sigmas[low] - log_sigmas[low + 1]);
    low as f64 + share.clamp(0.0, 1.0)
}
