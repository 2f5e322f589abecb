//! What a setting of `scheduler_config.json` may be where it is one of several words.

use serde::{Deserialize, Serialize};

/// What the UNet's output stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionType {
    /// The noise in its input.
    #[default]
    Epsilon,
    /// The velocity `√ᾱ·ε − √(1−ᾱ)·x₀`.
    VPrediction,
    /// The clean latents.
    Sample,
}

/// How the noise variances grow over the training timesteps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BetaSchedule {
    #[default]
    Linear,
    /// Linear in the square roots.
    ScaledLinear,
    /// The cosine schedule of Nichol and Dhariwal, capped at 0.999.
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosine,
}

/// Which training timesteps the steps of a shorter schedule fall on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestepSpacing {
    /// At even distances, from the cleanest up; the noisiest is not reached.
    Leading,
    /// At even distances, from the cleanest to the noisiest.
    Linspace,
    /// At even distances, from the noisiest down: what models for few steps were trained on.
    Trailing,
}

/// The rule of a multistep solver. Each takes those that are another's for its own default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SolverType {
    /// DPM-Solver's default.
    #[default]
    Midpoint,
    /// DPM-Solver's other.
    Heun,
    /// DEIS's.
    Logrho,
    /// UniPC's for few steps without guidance.
    Bh1,
    /// UniPC's default.
    Bh2,
}

/// Which equation a DPM-Solver follows, of the noise or of the clean latents (++), as it is or with added noise (SDE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum AlgorithmType {
    #[default]
    #[serde(rename = "dpmsolver++", alias = "dpmsolver", alias = "deis")]
    Ordinary,
    #[serde(rename = "sde-dpmsolver++", alias = "sde-dpmsolver")]
    Stochastic,
}

/// The variance of the noise that DDPM adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum VarianceType {
    #[serde(alias = "fixed_small_log")]
    FixedSmall,
    FixedLarge,
}

/// The noise level at which the last step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FinalSigmas {
    #[default]
    Zero,
    SigmaMin,
}

/// How the noise level of a timestep between two training timesteps is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Interpolation {
    #[default]
    Linear,
    LogLinear,
}
