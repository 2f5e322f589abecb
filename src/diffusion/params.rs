//! What a picture is asked to be.

use std::fmt;
use std::str::FromStr;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::{DiffusionError, Result};
use crate::pipeline::ModelInfo;
use crate::schedulers::SchedulerKind;
use crate::source::{Hires, SourceImage};
use crate::variation::Variation;

/// Most denoising steps.
pub const MAX_STEPS: usize = 150;
/// Longest side of a picture, in pixels.
pub const MAX_SIDE: usize = 2048;
/// Strongest guidance.
pub const MAX_GUIDANCE: f64 = 50.0;
/// Longest text (prompt, negative prompt or a preference string), in characters.
pub const MAX_TEXT: usize = 10_000;

/// How visual preferences enter a picture (the formulas are in [`crate::conditioning`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conditioning {
    /// Added to the prompt's embedding; costs nothing.
    #[default]
    Embedding,
    /// Two more terms of the guidance; twice the work.
    Guidance,
    /// Both at once, as in the ViPer authors' code; twice the work.
    Reference,
}

impl Conditioning {
    /// The name used in commands, manifests and receipts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Guidance => "guidance",
            Self::Reference => "reference",
        }
    }
}

impl fmt::Display for Conditioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Conditioning {
    type Err = DiffusionError;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Embedding, Self::Guidance, Self::Reference]
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| {
                let problem = format!("`{name}` is unknown; there are embedding, guidance and reference");
                DiffusionError::invalid("conditioning", problem)
            })
    }
}

/// What embeddings mixed with preferences are rescaled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VpNorm {
    /// Nothing: the formula as ViPer's paper writes it.
    #[default]
    Raw,
    /// Each token keeps the norm it had before; small encoders need it.
    Keep,
}

/// Which pooled text vector a row with preferences has, in SDXL-shaped models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VpPooled {
    /// The prompt's own, as in ViPer's code.
    #[default]
    Prompt,
    /// Mixed by the formula, like the tokens but never rescaled: for models whose pooled vector tells styles.
    Mixed,
}

/// How a model takes preferences into its embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mixing {
    /// What mixed tokens are rescaled to.
    pub norm: VpNorm,
    /// Which pooled vector goes with them.
    pub pooled: VpPooled,
}

/// Where a seed's noise comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseKind {
    /// Our own generator: each step's noise depends on the seed and the step alone.
    #[default]
    Portable,
    /// torch's generator on the processor: a seed gives the picture that diffusers makes with
    /// `generator=torch.Generator("cpu").manual_seed(seed)`. Of a seed only the low 32 bits count there.
    Torch,
}

impl NoiseKind {
    /// The name used in commands, manifests and receipts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Torch => "torch",
        }
    }
}

impl fmt::Display for NoiseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for NoiseKind {
    type Err = DiffusionError;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Portable, Self::Torch]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                DiffusionError::invalid(
                    "noise",
                    format!("`{name}` is unknown; there are portable and torch"),
                )
            })
    }
}

/// Everything that determines a picture, beside the model. The same parameters give the same picture.
#[derive(Debug, Clone)]
pub struct GenerationParams {
    /// What to show.
    pub prompt: String,
    /// What to stay away from; empty for nothing.
    pub negative: String,
    /// Attributes the viewer likes, joined by ", "; may be empty.
    pub vp_plus: String,
    /// Attributes the viewer dislikes, joined by ", "; may be empty.
    pub vp_minus: String,
    /// Degree of personalisation, 0 (none) to 1.
    pub beta: f64,
    /// How preferences enter.
    pub conditioning: Conditioning,
    /// Chooses the noise to start from.
    pub seed: u64,
    /// Which generator makes that noise and the steps'.
    pub noise: NoiseKind,
    /// Steps aside from that noise, one after the other, for nearby pictures; empty for the seed's own.
    pub variations: Vec<Variation>,
    /// Denoising steps, 1 to [`MAX_STEPS`].
    pub steps: usize,
    /// Guidance scale s; up to 1 there is no classifier-free guidance, and the negative prompt has no effect.
    pub guidance: f64,
    /// Share (0 to 1) by which guided outputs are brought back to the contrast of unguided ones.
    pub guidance_rescale: f64,
    /// Layers left out at the end of the text encoders, for the prompt and preferences (diffusers' `clip_skip`, which
    /// leaves the negative prompt alone); 0 for none, fewer than there are.
    pub clip_skip: usize,
    /// Whether brackets in the texts are attention weights: `(word)`, `(word:1.2)`, `[word]`.
    pub prompt_weights: bool,
    /// The sampler.
    pub scheduler: SchedulerKind,
    /// Pixels; a multiple of the model's latent scale.
    pub width: usize,
    /// Pixels; a multiple of the model's latent scale.
    pub height: usize,
    /// A picture to start from instead of noise alone.
    pub source: Option<SourceImage>,
    /// A second pass at a larger size.
    pub hires: Option<Hires>,
    /// Noise to start from, (1, latent channels, height/scale, width/scale), of unit variance, in place of the seed's.
    pub init_latents: Option<Tensor>,
}

impl GenerationParams {
    /// Sensible parameters for a model without manifest: diffusers' guidance of 7.5, 30 steps, the model's own size and
    /// (where available) scheduler, no personalisation until preferences are set, and β 0.5 then.
    pub fn for_model(info: &ModelInfo, prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            negative: String::new(),
            vp_plus: String::new(),
            vp_minus: String::new(),
            beta: 0.5,
            conditioning: Conditioning::Embedding,
            seed: 0,
            noise: NoiseKind::default(),
            variations: Vec::new(),
            steps: 30,
            guidance: 7.5,
            guidance_rescale: 0.0,
            clip_skip: 0,
            prompt_weights: true,
            scheduler: info.scheduler,
            width: info.width,
            height: info.height,
            source: None,
            hires: None,
            init_latents: None,
        }
    }

    /// Whether preferences play a part. If not, the picture is the plain one, bit for bit.
    pub fn is_personalised(&self) -> bool {
        self.beta != 0.0 && !(self.vp_plus.trim().is_empty() && self.vp_minus.trim().is_empty())
    }

    /// Checks ranges, and that size and latents fit the model.
    ///
    /// # Errors
    /// [`DiffusionError::InvalidParameter`] naming the first parameter that is wrong and what would be right.
    pub fn validate(&self, info: &ModelInfo) -> Result<()> {
        let invalid = |parameter, problem: String| Err(DiffusionError::invalid(parameter, problem));
        for (parameter, text) in [
            ("prompt", &self.prompt),
            ("negative", &self.negative),
            ("vp_plus", &self.vp_plus),
            ("vp_minus", &self.vp_minus),
        ] {
            if text.chars().count() > MAX_TEXT {
                return invalid(parameter, format!("is longer than {MAX_TEXT} characters"));
            }
        }
        for (parameter, value, max) in [
            ("beta", self.beta, 1.0),
            ("guidance", self.guidance, MAX_GUIDANCE),
            ("guidance_rescale", self.guidance_rescale, 1.0),
        ] {
            if !(0.0..=max).contains(&value) {
                return invalid(parameter, format!("must be between 0 and {max}, not {value}"));
            }
        }
        for Variation { strength, .. } in &self.variations {
            if !(0.0..=1.0).contains(strength) {
                return invalid(
                    "variation",
                    format!("must have a strength between 0 and 1, not {strength}"),
                );
            }
        }
        if self.clip_skip >= info.text_layers {
            let problem = format!("must be less than {}, not {}", info.text_layers, self.clip_skip);
            return invalid("clip_skip", problem);
        }
        let most = MAX_STEPS.min(info.train_timesteps);
        if !(1..=most).contains(&self.steps) {
            return invalid(
                "steps",
                format!("must be between 1 and {most}, not {}", self.steps),
            );
        }
        let scale = info.vae_scale;
        for (parameter, side) in [("width", self.width), ("height", self.height)] {
            if side == 0 || side > MAX_SIDE || side % scale != 0 {
                let problem = format!("must be a multiple of {scale} up to {MAX_SIDE}, not {side}");
                return invalid(parameter, problem);
            }
        }
        if let Some(source) = &self.source {
            check_strength("strength", source.strength)?;
            if source.image.width() == 0 || source.image.height() == 0 {
                return invalid("source", "has no pixels".to_owned());
            }
        }
        if let Some(hires) = &self.hires {
            check_strength("hires strength", hires.strength)?;
            if !(1..=most).contains(&hires.steps) {
                let problem = format!("must be between 1 and {most}, not {}", hires.steps);
                return invalid("hires steps", problem);
            }
            for (parameter, side, before) in [
                ("hires width", hires.width, self.width),
                ("hires height", hires.height, self.height),
            ] {
                if side < before || side > MAX_SIDE || side % scale != 0 {
                    let problem =
                        format!("must be a multiple of {scale} from {before} up to {MAX_SIDE}, not {side}");
                    return invalid(parameter, problem);
                }
            }
        }
        if let Some(latents) = &self.init_latents {
            let expected = [1, info.latent_channels, self.height / scale, self.width / scale];
            if latents.dims() != expected {
                let problem = format!(
                    "has shape {:?}, a picture of this size needs {expected:?}",
                    latents.dims()
                );
                return invalid("init_latents", problem);
            }
        }
        Ok(())
    }
}

/// Requires a strength above 0 and at most 1.
fn check_strength(parameter: &'static str, strength: f64) -> Result<()> {
    if strength > 0.0 && strength <= 1.0 {
        return Ok(());
    }
    let problem = format!("must be above 0 and at most 1, not {strength}");
    Err(DiffusionError::invalid(parameter, problem))
}
