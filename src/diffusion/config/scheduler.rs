//! `scheduler/scheduler_config.json`: the noise schedule a model was trained with.
//!
//! The schedule belongs to the model, the sampler is the user's choice: as with diffusers' `from_config`, a scheduler
//! takes over the settings written in the file, whatever class wrote it, and uses its own class's defaults for the rest.
//! Hence the optional fields, which [`SchedulerConfig`]'s methods resolve for a given class.

mod choices;

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{PipelineFamily, read_object, require, typed, unsupported};
use crate::error::{DiffusionError, Result};

use choices::{AlgorithmType, FinalSigmas, Interpolation, VarianceType};
pub(crate) use choices::{BetaSchedule, SolverType};
pub use choices::{PredictionType, TimestepSpacing};

/// Settings that stand in for those of the checkpoint's own file, where that is missing or says something else than how
/// the model was trained: the base model's file beside distilled weights, say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchedulerOverrides {
    /// What the denoiser's output stands for.
    pub prediction_type: Option<PredictionType>,
    /// Which training timesteps the steps fall on.
    pub timestep_spacing: Option<TimestepSpacing>,
    /// Whether the noise schedule is stretched to end in pure noise.
    pub rescale_betas_zero_snr: Option<bool>,
    /// Steps that a latent consistency model was distilled on.
    pub original_inference_steps: Option<usize>,
    /// The training timesteps that a picture's steps fall on, falling, in place of any number of spaced ones: diffusers'
    /// `timesteps=`, as distilled models publish them. Pictures then take as many steps as there are.
    pub timesteps: Option<Vec<usize>>,
    /// The noise levels that a picture's steps begin at, falling, and the one where the last ends: diffusers' `sigmas=`.
    /// Pictures then take one step less than there are.
    pub sigmas: Option<Vec<f64>>,
}

impl SchedulerOverrides {
    /// How many steps are listed, if any are.
    pub fn steps(&self) -> Option<usize> {
        let timesteps = self.timesteps.as_ref().map(Vec::len);
        timesteps.or(self.sigmas.as_ref().map(|sigmas| sigmas.len().saturating_sub(1)))
    }
}

/// The steps that a model was made for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GivenSteps {
    /// Training timesteps, falling.
    Timesteps(Vec<usize>),
    /// Noise levels, falling, with the one after the last step.
    Sigmas(Vec<f64>),
}

impl GivenSteps {
    /// How many steps these are.
    pub fn count(&self) -> usize {
        match self {
            Self::Timesteps(timesteps) => timesteps.len(),
            Self::Sigmas(sigmas) => sigmas.len().saturating_sub(1),
        }
    }

    fn check(&self, path: &Path, train_timesteps: usize) -> Result<()> {
        let (key, fits, supported) = match self {
            Self::Timesteps(all) => {
                let falls = all.windows(2).all(|pair| pair[0] > pair[1]);
                let fits = falls && all.first().is_some_and(|&first| first < train_timesteps);
                (
                    "timesteps",
                    fits,
                    format!("falling numbers below {train_timesteps}"),
                )
            }
            Self::Sigmas(all) => {
                let falls = all.windows(2).all(|pair| pair[0] > pair[1]);
                let bounded = all.iter().all(|sigma| sigma.is_finite() && *sigma >= 0.0);
                let supported = "two falling numbers or more, the last at least 0".to_owned();
                ("sigmas", falls && bounded && all.len() > 1, supported)
            }
        };
        match fits {
            true => Ok(()),
            false => Err(unsupported(path, key, format!("{self:?}"), &supported)),
        }
    }
}

/// The settings in the file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SchedulerConfig {
    #[serde(rename = "_class_name", default)]
    pub class: String,
    #[serde(default = "train_timesteps")]
    pub num_train_timesteps: usize,
    #[serde(default = "beta_start")]
    pub beta_start: f64,
    #[serde(default = "beta_end")]
    pub beta_end: f64,
    #[serde(default)]
    pub beta_schedule: BetaSchedule,
    pub trained_betas: Option<Vec<f64>>,
    #[serde(default)]
    pub prediction_type: PredictionType,
    #[serde(default)]
    pub rescale_betas_zero_snr: bool,
    #[serde(default = "yes")]
    pub set_alpha_to_one: bool,
    #[serde(default = "unit")]
    pub clip_sample_range: f64,
    pub timestep_spacing: Option<TimestepSpacing>,
    #[serde(default)]
    pub use_karras_sigmas: bool,
    #[serde(default)]
    pub use_exponential_sigmas: bool,
    #[serde(default)]
    pub use_beta_sigmas: bool,
    pub sigma_min: Option<f64>,
    pub sigma_max: Option<f64>,
    #[serde(default)]
    pub solver_type: SolverType,
    #[serde(default = "second_order")]
    pub solver_order: usize,
    #[serde(default)]
    pub disable_corrector: Vec<usize>,
    #[serde(default = "yes")]
    pub lower_order_final: bool,
    #[serde(default)]
    pub euler_at_final: bool,
    pub lambda_min_clipped: Option<f64>,
    #[serde(default = "original_steps")]
    pub original_inference_steps: usize,
    #[serde(default = "timestep_scaling")]
    pub timestep_scaling: f64,
    #[serde(default)]
    algorithm_type: AlgorithmType,
    variance_type: Option<VarianceType>,
    #[serde(default)]
    interpolation_type: Interpolation,
    #[serde(default)]
    final_sigmas_type: FinalSigmas,
    clip_sample: Option<bool>,
    steps_offset: Option<usize>,
    /// Whether diffusers' SD 1.x pipeline corrects outdated settings, see the methods.
    #[serde(skip)]
    corrected: bool,
    /// What a manifest lists.
    #[serde(skip)]
    pub given: Option<GivenSteps>,
}

// The defaults shared by diffusers' scheduler classes.
fn train_timesteps() -> usize {
    1000
}
fn beta_start() -> f64 {
    0.0001
}
fn beta_end() -> f64 {
    0.02
}
fn second_order() -> usize {
    2
}
fn original_steps() -> usize {
    50
}
fn timestep_scaling() -> f64 {
    10.0
}
fn yes() -> bool {
    true
}
fn unit() -> f64 {
    1.0
}

impl SchedulerConfig {
    /// Reads `scheduler_config.json`.
    pub fn read(path: &Path, family: PipelineFamily) -> Result<Self> {
        Self::from_object(path, read_object(path)?, family)
    }

    /// Checks settings read from `path`, which errors name.
    pub fn from_object(path: &Path, object: Map<String, Value>, family: PipelineFamily) -> Result<Self> {
        let off = [json!(false)];
        require(
            path,
            &object,
            &[
                ("thresholding", &off),
                ("use_lu_lambdas", &off),
                ("use_flow_sigmas", &off),
                ("use_dynamic_shifting", &off),
                ("predict_x0", &[json!(true)]),
                ("solver_order", &[json!(1), json!(2), json!(3)]),
                (
                    "variance_type",
                    &[
                        json!("fixed_small"),
                        json!("fixed_small_log"),
                        json!("fixed_large"),
                    ],
                ),
                ("timestep_type", &[json!("discrete")]),
            ],
        )?;
        // Other equations than the variance-preserving one that all samplers here follow.
        let class = object.get("_class_name").and_then(|class| class.as_str());
        if let Some(class) = class.filter(|class| class.starts_with("EDM") || class.starts_with("FlowMatch"))
        {
            return Err(unsupported(
                path,
                "_class_name",
                class,
                "supported: the schedulers of Stable Diffusion",
            ));
        }
        let mut config: Self = typed(path, object)?;
        config.corrected = family == PipelineFamily::StableDiffusion;
        config.check(path)?;
        Ok(config)
    }

    /// Puts `overrides` in place of what the file at `path` says.
    ///
    /// # Errors
    /// If one is out of range.
    pub fn override_with(&mut self, overrides: &SchedulerOverrides, path: &Path) -> Result<()> {
        let SchedulerOverrides {
            prediction_type,
            timestep_spacing,
            rescale_betas_zero_snr,
            original_inference_steps,
            ref timesteps,
            ref sigmas,
        } = *overrides;
        self.prediction_type = prediction_type.unwrap_or(self.prediction_type);
        self.timestep_spacing = timestep_spacing.or(self.timestep_spacing);
        self.rescale_betas_zero_snr = rescale_betas_zero_snr.unwrap_or(self.rescale_betas_zero_snr);
        self.original_inference_steps = original_inference_steps.unwrap_or(self.original_inference_steps);
        self.given = match (timesteps.clone(), sigmas.clone()) {
            (Some(_), Some(_)) => {
                let reason = "`timesteps` and `sigmas` exclude each other";
                return Err(DiffusionError::malformed(path, reason));
            }
            (Some(timesteps), None) => Some(GivenSteps::Timesteps(timesteps)),
            (None, Some(sigmas)) => Some(GivenSteps::Sigmas(sigmas)),
            (None, None) => None,
        };
        self.check(path)
    }

    /// The timesteps that a manifest lists.
    pub fn given_timesteps(&self) -> Option<Vec<f64>> {
        match &self.given {
            Some(GivenSteps::Timesteps(all)) => Some(all.iter().map(|&t| t as f64).collect()),
            _ => None,
        }
    }

    /// The noise levels that a manifest lists.
    pub fn given_sigmas(&self) -> Option<&[f64]> {
        match &self.given {
            Some(GivenSteps::Sigmas(all)) => Some(all),
            _ => None,
        }
    }

    fn check(&self, path: &Path) -> Result<()> {
        let fraction = |key: &str, value: f64| {
            if value > 0.0 && value < 1.0 {
                Ok(())
            } else {
                Err(unsupported(path, key, value, "between 0 and 1"))
            }
        };
        if !(2..=100_000).contains(&self.num_train_timesteps) {
            return Err(unsupported(
                path,
                "num_train_timesteps",
                self.num_train_timesteps,
                "2 to 100000",
            ));
        }
        if !(1..=self.num_train_timesteps).contains(&self.original_inference_steps) {
            return Err(unsupported(
                path,
                "original_inference_steps",
                self.original_inference_steps,
                &format!("1 to {}", self.num_train_timesteps),
            ));
        }
        let spacings = [
            self.use_karras_sigmas,
            self.use_exponential_sigmas,
            self.use_beta_sigmas,
        ];
        if spacings.into_iter().filter(|&on| on).count() > 1 {
            let reason =
                "`use_karras_sigmas`, `use_exponential_sigmas` and `use_beta_sigmas` exclude each other";
            return Err(DiffusionError::malformed(path, reason));
        }
        if let Some(given) = &self.given {
            given.check(path, self.num_train_timesteps)?;
        }
        match &self.trained_betas {
            Some(betas) if betas.len() != self.num_train_timesteps => {
                let reason = format!(
                    "{} trained betas for {} timesteps",
                    betas.len(),
                    self.num_train_timesteps
                );
                return Err(DiffusionError::malformed(path, reason));
            }
            Some(betas) => betas
                .iter()
                .try_for_each(|&beta| fraction("trained_betas", beta))?,
            None => {
                fraction("beta_start", self.beta_start)?;
                fraction("beta_end", self.beta_end)?;
            }
        }
        Ok(())
    }

    /// Whether `class` is the class that wrote the file.
    fn wrote(&self, class: &str) -> bool {
        self.class == class
    }

    /// Timesteps added to every step of leading spacing.
    ///
    /// diffusers' SD 1.x pipeline sets this to 1 whatever the file says; a class that did not write the file and finds
    /// nothing in it uses its default, 0.
    pub fn steps_offset(&self, class: &str) -> usize {
        match self.steps_offset {
            Some(offset) => {
                if self.corrected {
                    1
                } else {
                    offset
                }
            }
            None => usize::from(self.corrected && self.wrote(class)),
        }
    }

    /// Whether `class` clips its estimate of the clean latents.
    ///
    /// On by default in DDIM and DDPM, switched off by diffusers' SD 1.x pipeline if the file (or the class that wrote it)
    /// has the setting at all.
    pub fn clip_sample(&self, class: &str) -> bool {
        match self.clip_sample {
            Some(clip) => clip && !self.corrected,
            None => {
                matches!(class, "DDIMScheduler" | "DDPMScheduler") && !(self.corrected && self.wrote(class))
            }
        }
    }

    /// Whether DPM-Solver adds noise at every step.
    pub fn is_stochastic(&self) -> bool {
        self.algorithm_type == AlgorithmType::Stochastic
    }

    /// Whether the noise that DDPM adds has the variance of the forward process.
    pub fn large_variance(&self) -> bool {
        self.variance_type == Some(VarianceType::FixedLarge)
    }

    /// Whether the noise level after the last step is the smallest of training instead of 0.
    pub fn ends_at_sigma_min(&self) -> bool {
        self.final_sigmas_type == FinalSigmas::SigmaMin
    }

    /// Whether the noise levels of `class` are spaced evenly in their logarithm instead of looked up by timestep. Only
    /// Euler's class knows that.
    pub fn log_linear(&self, class: &str) -> bool {
        class == "EulerDiscreteScheduler" && self.interpolation_type == Interpolation::LogLinear
    }

    /// A schedule for tests.
    #[cfg(test)]
    pub fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }
}
