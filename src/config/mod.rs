//! Layered, strict configuration: defaults, then a file, then a secrets file, then `TASTEMAKER_` environment variables.
//!
//! `config/default.toml` documents every knob and is at the same time the schema: a key that does not stand there is
//! refused, whichever layer it comes from, with the nearest key that does. [`Config`] is built once in `main` and
//! passed down; nothing below reads the environment.

mod hub;
mod layers;
mod paths;
mod raw;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use secrecy::SecretString;
use serde::Deserialize;
use tastemaker_preference::LlmMode;
use tastemaker_preference::idefics2::Precision;
use thiserror::Error;

pub use hub::Hub;
pub use layers::Sources;
pub use paths::find;

/// Reports why a configuration can not be used; every message names the key and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file given by name is missing or unreadable.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A layer is not valid TOML or holds a value of the wrong type.
    #[error("{0}")]
    Invalid(#[from] config::ConfigError),
    /// A key that is not a knob.
    #[error("unknown key `{key}` in {layer}{}", nearest.as_ref().map_or(String::new(), |n| format!("; did you mean `{n}`?")))]
    UnknownKey {
        /// The key as written, dotted.
        key: String,
        /// The file or environment variable that holds it.
        layer: String,
        /// The knob with the most similar name, where one is near.
        nearest: Option<String>,
    },
    /// A value outside its range.
    #[error("`{key}` is {value}, but {rule}")]
    OutOfRange {
        /// The key, dotted.
        key: &'static str,
        /// The value found.
        value: String,
        /// What the value must satisfy.
        rule: &'static str,
    },
}

/// Holds every validated setting of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to reach Discord.
    pub discord: Discord,
    /// Where files are.
    pub paths: Paths,
    /// Most bytes of finished pictures kept.
    pub image_cap_bytes: u64,
    /// Which checkpoint generates, and where.
    pub model: Model,
    /// Where checkpoints are downloaded from and to.
    pub hub: Hub,
    /// Defaults and bounds of one picture.
    pub generation: Generation,
    /// What happens to a picture in which a safety check found something.
    pub on_hit: OnHit,
    /// Style images of one onboarding round.
    pub onboarding_images: usize,
    /// Folder of the style images.
    pub onboarding_folder: PathBuf,
    /// What reads comments, and how.
    pub preference: Preference,
    /// Queue and workers.
    pub pool: Pool,
    /// Request rates.
    pub limits: Limits,
    /// Time between two edits of a progress message.
    pub edit_interval: Duration,
    /// Logging.
    pub log: Log,
}

/// How to reach Discord.
#[derive(Debug, Clone)]
pub struct Discord {
    /// The bot token; absent in `demo`.
    pub token: Option<SecretString>,
    /// The only guild to register commands in; `None` registers them globally.
    pub guild: Option<u64>,
}

/// Folders, already looked up.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Onboarding images and the embedded model.
    pub assets: PathBuf,
    /// Model manifests.
    pub models: PathBuf,
    /// The database.
    pub data: PathBuf,
}

/// Which checkpoint generates, and where.
#[derive(Debug, Clone)]
pub struct Model {
    /// Manifest name or checkpoint folder.
    pub name: String,
    /// One worker for each: `cpu`, `cuda:N`, `metal:N`, `auto`.
    pub devices: Vec<String>,
    /// `manifest`, `f32`, `f16` or `bf16`.
    pub precision: String,
    /// What the autoencoder may take for one picture.
    pub vae_memory_bytes: u64,
}

/// Defaults and bounds of one picture.
#[derive(Debug, Clone)]
pub struct Generation {
    /// β for people who have not chosen their own, 0 to 1.
    pub strength: f64,
    /// Denoising steps; `None` takes the manifest's.
    pub steps: Option<u32>,
    /// Conditioning mode; `None` takes the manifest's.
    pub conditioning: Option<String>,
    /// Most pictures of one request, 1 to 4.
    pub max_count: u8,
    /// How many times as many are drawn as shown, at most, where a metric can choose; 1 chooses nothing.
    pub best_of: u8,
    /// How much one reaction moves β.
    pub reaction_step: f64,
}

/// What happens to a picture in which a safety check found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHit {
    /// It is shown blurred beyond recognition.
    Blur,
    /// It is hidden until somebody clicks on it.
    Spoiler,
    /// It is not shown.
    Refuse,
}

impl OnHit {
    /// Reads the name that stands in the configuration.
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "blur" => Some(Self::Blur),
            "spoiler" => Some(Self::Spoiler),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }
}

/// What reads comments, and how.
#[derive(Debug, Clone)]
pub struct Preference {
    /// The extractor of the bot.
    pub extractor: ExtractorKind,
    /// What rates pictures for a person.
    pub metric: MetricKind,
    /// Time after which the person is told that a comment could not be read; `None` leaves it to what reads, and where.
    pub reading_timeout: Option<Duration>,
    /// Time after which reading all comments together is given up; `None` likewise.
    pub together_timeout: Option<Duration>,
    /// The longest that rating may delay pictures.
    pub rating_timeout: Duration,
    /// The language model of the extractor `llm`.
    pub llm: Llm,
    /// The model of the extractor `vpe`.
    pub vpe: SeeingModel,
    /// The model of the metric `viper`; that of `vpe` where none is named.
    pub viper: SeeingModel,
}

/// The model of the extractor `vpe`, or of the metric `viper`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeeingModel {
    /// The IDEFICS2 checkpoint: a folder or a GGUF file; `None` if none is named.
    pub model: Option<PathBuf>,
    /// Folder of the adapter; `None` where the weights have it already.
    pub adapter: Option<PathBuf>,
    /// `cpu`, `cuda:N`, `metal:N` or `auto`.
    pub device: String,
    /// What its matrices are kept in.
    pub precision: Precision,
}

/// The language model of the extractor `llm`.
#[derive(Debug, Clone)]
pub struct Llm {
    /// A GGUF file; `None` if none is named.
    pub model: Option<PathBuf>,
    /// `cpu`, `cuda:N`, `metal:N` or `auto`.
    pub device: String,
    /// What it is asked.
    pub mode: LlmMode,
    /// Most tokens of one answer.
    pub max_tokens: usize,
}

/// What reads comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ExtractorKind {
    /// Vocabulary and rules; needs no model
    Lexicon,
    /// A small language model, a GGUF file (preference.llm of the configuration)
    Llm,
    /// IDEFICS2 with ViPer's adapter, which sees the pictures (preference.vpe of the configuration)
    Vpe,
}

/// What rates pictures for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MetricKind {
    /// Nothing: marks are not taken.
    Off,
    /// Features of colour, light, texture and composition with learned probes; no download.
    Embedded,
    /// ViPer's proxy metric: IDEFICS2 with an adapter (`preference.viper` of the configuration).
    Viper,
}

/// Queue and workers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Jobs waiting at most.
    pub queue_capacity: usize,
    /// Jobs waiting or running at most per person.
    pub waiting_per_user: usize,
    /// Pictures denoised together on one device.
    pub max_slots: usize,
    /// Pixels of the pictures denoised together on one device.
    pub max_pixels: u64,
    /// Denoising steps between previews; 0 for none.
    pub preview_every: u32,
    /// Seconds after which a running job is given up.
    pub job_deadline_s: u64,
    /// Seconds that running jobs get at shutdown.
    pub drain_timeout_s: u64,
}

/// Request rates, in requests a minute with a burst.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each pair is described in config/default.toml")]
pub struct Limits {
    pub user_per_minute: u32,
    pub user_burst: u32,
    pub guild_per_minute: u32,
    pub guild_burst: u32,
    pub global_per_minute: u32,
    pub global_burst: u32,
}

/// Logging.
#[derive(Debug, Clone)]
pub struct Log {
    /// A tracing filter.
    pub filter: String,
    /// Machine-readable lines instead of coloured ones.
    pub json: bool,
}

impl Config {
    /// Reads and validates all layers.
    ///
    /// # Errors
    /// When a named file is unreadable, a key is unknown, or a value has the wrong type or lies outside its range.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        layers::merge(sources)?.validate(sources.hub_variables())
    }

    /// Returns the documented defaults, unaffected by files and environment.
    ///
    /// # Errors
    /// Never in a released build: the defaults are tested.
    pub fn defaults() -> Result<Self, ConfigError> {
        Self::load(&Sources::none())
    }
}
