//! The samplers' names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::{GivenSteps, SchedulerConfig};
use crate::error::DiffusionError;

/// Chooses a sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum SchedulerKind {
    /// DDIM with η = 0: deterministic, first order.
    Ddim,
    /// DDPM: adds fresh noise at every step; wants many of them.
    Ddpm,
    /// Euler steps in noise level: deterministic, first order.
    Euler,
    /// Euler with Karras' spacing of noise levels.
    EulerKarras,
    /// Euler with noise levels evenly spaced in their logarithm.
    EulerExponential,
    /// Euler with noise levels spaced by the beta distribution: more at both ends.
    EulerBeta,
    /// Euler that removes more noise than it must and adds fresh noise, which keeps changing the picture.
    EulerAncestral,
    /// The same with Karras' spacing.
    EulerAncestralKarras,
    /// Heun's method: deterministic, second order, two passes of the denoiser a step.
    Heun,
    /// The same with Karras' spacing.
    HeunKarras,
    /// The same with exponential spacing.
    HeunExponential,
    /// The same, spaced by the beta distribution.
    HeunBeta,
    /// DPM-Solver++(2M): deterministic, second order; good from about 15 steps.
    Dpmpp2m,
    /// The same with Karras' spacing.
    Dpmpp2mKarras,
    /// The same with exponential spacing.
    Dpmpp2mExponential,
    /// The same, spaced by the beta distribution.
    Dpmpp2mBeta,
    /// DPM-Solver++(2M) on the stochastic equation: adds fresh noise at every step.
    Dpmpp2mSde,
    /// The same with Karras' spacing.
    Dpmpp2mSdeKarras,
    /// The same with exponential spacing.
    Dpmpp2mSdeExponential,
    /// The same, spaced by the beta distribution.
    Dpmpp2mSdeBeta,
    /// UniPC: deterministic predictor and corrector, second order; good from about 8 steps.
    UniPc,
    /// The same with Karras' spacing.
    UniPcKarras,
    /// The same with exponential spacing.
    UniPcExponential,
    /// The same, spaced by the beta distribution.
    UniPcBeta,
    /// Latent consistency models: 1 to 8 steps, and only for checkpoints distilled for it.
    Lcm,
}

impl SchedulerKind {
    /// All samplers, in the order they are listed to people.
    pub const ALL: [Self; 25] = [
        Self::Ddim,
        Self::Ddpm,
        Self::Euler,
        Self::EulerAncestral,
        Self::Heun,
        Self::Dpmpp2m,
        Self::Dpmpp2mSde,
        Self::UniPc,
        Self::Lcm,
        Self::EulerKarras,
        Self::EulerAncestralKarras,
        Self::HeunKarras,
        Self::Dpmpp2mKarras,
        Self::Dpmpp2mSdeKarras,
        Self::UniPcKarras,
        Self::EulerExponential,
        Self::HeunExponential,
        Self::Dpmpp2mExponential,
        Self::Dpmpp2mSdeExponential,
        Self::UniPcExponential,
        Self::EulerBeta,
        Self::HeunBeta,
        Self::Dpmpp2mBeta,
        Self::Dpmpp2mSdeBeta,
        Self::UniPcBeta,
    ];

    /// The name used in commands, manifests and receipts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddim => "ddim",
            Self::Ddpm => "ddpm",
            Self::Euler => "euler",
            Self::EulerKarras => "euler_karras",
            Self::EulerExponential => "euler_exponential",
            Self::EulerBeta => "euler_beta",
            Self::EulerAncestral => "euler_a",
            Self::EulerAncestralKarras => "euler_a_karras",
            Self::Heun => "heun",
            Self::HeunKarras => "heun_karras",
            Self::HeunExponential => "heun_exponential",
            Self::HeunBeta => "heun_beta",
            Self::Dpmpp2m => "dpmpp_2m",
            Self::Dpmpp2mKarras => "dpmpp_2m_karras",
            Self::Dpmpp2mExponential => "dpmpp_2m_exponential",
            Self::Dpmpp2mBeta => "dpmpp_2m_beta",
            Self::Dpmpp2mSde => "dpmpp_2m_sde",
            Self::Dpmpp2mSdeKarras => "dpmpp_2m_sde_karras",
            Self::Dpmpp2mSdeExponential => "dpmpp_2m_sde_exponential",
            Self::Dpmpp2mSdeBeta => "dpmpp_2m_sde_beta",
            Self::UniPc => "unipc",
            Self::UniPcKarras => "unipc_karras",
            Self::UniPcExponential => "unipc_exponential",
            Self::UniPcBeta => "unipc_beta",
            Self::Lcm => "lcm",
        }
    }

    /// The sampler that a checkpoint's own configuration names, or the nearest one that is here.
    ///
    /// Not here are multistep methods of the noise (PNDM, LMS, DEIS), single-step DPM-Solver and KDPM2 (which costs two
    /// passes a step). DPM-Solver++(2M) stands in for them: deterministic as they are, and as good in fewer passes.
    /// KDPM2's ancestral form becomes ancestral Euler, the stochastic DPM-Solvers the stochastic DPM-Solver++.
    pub(crate) fn of_config(config: &SchedulerConfig) -> Self {
        let of_spacing = |[plain, karras, exponential, beta]: [Self; 4]| {
            if config.use_karras_sigmas {
                karras
            } else if config.use_exponential_sigmas {
                exponential
            } else if config.use_beta_sigmas {
                beta
            } else {
                plain
            }
        };
        match config.class.as_str() {
            "DDIMScheduler" => Self::Ddim,
            "DDPMScheduler" => Self::Ddpm,
            "LCMScheduler" => Self::Lcm,
            "EulerAncestralDiscreteScheduler" | "KDPM2AncestralDiscreteScheduler" => Self::EulerAncestral,
            "EulerDiscreteScheduler" => of_spacing([
                Self::Euler,
                Self::EulerKarras,
                Self::EulerExponential,
                Self::EulerBeta,
            ]),
            "HeunDiscreteScheduler" => of_spacing([
                Self::Heun,
                Self::HeunKarras,
                Self::HeunExponential,
                Self::HeunBeta,
            ]),
            "UniPCMultistepScheduler" => of_spacing([
                Self::UniPc,
                Self::UniPcKarras,
                Self::UniPcExponential,
                Self::UniPcBeta,
            ]),
            class if class == "DPMSolverSDEScheduler" || config.is_stochastic() => of_spacing([
                Self::Dpmpp2mSde,
                Self::Dpmpp2mSdeKarras,
                Self::Dpmpp2mSdeExponential,
                Self::Dpmpp2mSdeBeta,
            ]),
            _ => of_spacing([
                Self::Dpmpp2m,
                Self::Dpmpp2mKarras,
                Self::Dpmpp2mExponential,
                Self::Dpmpp2mBeta,
            ]),
        }
    }

    /// Checks that the sampler can run on the steps that are given, and makes as many.
    ///
    /// # Errors
    /// If it cannot, as diffusers' class cannot, or another number is asked for.
    pub(super) fn check_given(self, given: &GivenSteps, steps: usize) -> Result<(), DiffusionError> {
        let (what, takes) = match given {
            GivenSteps::Timesteps(_) => (
                "timesteps",
                &[
                    Self::Ddpm,
                    Self::Euler,
                    Self::Heun,
                    Self::Dpmpp2m,
                    Self::Dpmpp2mSde,
                    Self::Lcm,
                ][..],
            ),
            GivenSteps::Sigmas(_) => ("noise levels", &[Self::Euler][..]),
        };
        if !takes.contains(&self) {
            let names: Vec<_> = takes.iter().map(|kind| kind.name()).collect();
            let problem = format!(
                "`{self}` cannot run on the list of {what} that this model's manifest has; choose of {}",
                names.join(", ")
            );
            return Err(DiffusionError::invalid("scheduler", problem));
        }
        match given.count() {
            count if count == steps => Ok(()),
            count => {
                let problem =
                    format!("must be {count} with this model, whose manifest lists its {what}, not {steps}");
                Err(DiffusionError::invalid("steps", problem))
            }
        }
    }
}

impl fmt::Display for SchedulerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<SchedulerKind> for &'static str {
    fn from(kind: SchedulerKind) -> Self {
        kind.name()
    }
}

impl FromStr for SchedulerKind {
    type Err = DiffusionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
                DiffusionError::invalid(
                    "scheduler",
                    format!("`{name}` is unknown; there are {}", names.join(", ")),
                )
            })
    }
}

impl TryFrom<String> for SchedulerKind {
    type Error = DiffusionError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}
