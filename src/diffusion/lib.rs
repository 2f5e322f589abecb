//! Stable Diffusion on candle, personalised with visual preferences.
//!
//! The crate takes a checkpoint, a folder in the diffusers layout or one file, and makes pictures from it: faithful to diffusers (golden
//! tests hold it to 1e-4), fast on processors, several pictures in one pass, each personalised at no extra cost. It is
//! synchronous and knows neither tokio nor Discord.
//!
//! # Map
//!
//! | module | what it holds |
//! |---|---|
//! | [`pipeline`] | [`Pipeline`]: load, [`Slot`]s, joint steps, previews, decoding |
//! | [`params`] | [`GenerationParams`]: everything that determines a picture |
//! | [`source`] | pictures made from pictures, and the second pass at a larger size |
//! | [`variation`] | nearby pictures of the same seed |
//! | [`preview`] | rough pictures of unfinished latents |
//! | [`safety`] | the check of finished pictures |
//! | [`DualEncoder`] | how well a picture and a text go together |
//! | [`conditioning`] | the formulas by which preferences enter |
//! | [`schedulers`] | the samplers, one file each |
//! | `text` | tokenizer, long texts, cache of encoded texts |
//! | `models` | text encoder, UNet, autoencoder |
//! | `ops` | the kernels under them: the place for speed |
//! | `checkpoint` | which files a model is made of |
//! | [`lora`] | adapters, added to the weights at load |
//! | `config`, `weights` | their configurations and tensors |
//! | [`manifest`] | [`ModelManifest`]: a checkpoint's name and defaults, as TOML |
//!
//! # Example
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use std::path::Path;
//! use tastemaker_diffusion::{GenerationParams, LoadOptions, Pipeline};
//!
//! let pipeline = Pipeline::load(Path::new("assets/model"), &LoadOptions::default())?;
//! let mut params = GenerationParams::for_model(pipeline.info(), "a lighthouse");
//! params.vp_plus = "watercolor, soft light".to_owned();
//! let picture = pipeline.generate(&params, |_| ControlFlow::Continue(()))?;
//! # Ok::<(), tastemaker_diffusion::DiffusionError>(())
//! ```

mod checkpoint;
pub mod conditioning;
mod config;
pub mod device;
mod dual;
pub mod error;
mod folder;
#[cfg(test)]
mod golden;
mod interpolate;
pub mod latents;
pub mod lora;
pub mod manifest;
mod models;
mod ops;
pub mod params;
pub mod pipeline;
pub mod preview;
mod resample;
mod rng;
pub mod safety;
pub mod schedulers;
pub mod source;
mod text;
pub mod variation;
mod weights;

pub use config::{PredictionType, SchedulerOverrides, TimestepSpacing};
pub use device::{DeviceChoice, Precision};
pub use dual::{Direction, DualEncoder};
pub use error::DiffusionError;
pub use lora::Lora;
pub use manifest::ModelManifest;
pub use params::{Conditioning, GenerationParams, Mixing, NoiseKind, VpNorm, VpPooled};
pub use pipeline::{LoadOptions, ModelInfo, Pipeline, Slot, StepEvent};
pub use preview::LatentRgb;
pub use safety::{SafetyChecker, SafetyReport};
pub use schedulers::SchedulerKind;
pub use source::{Hires, SourceImage, Upscale, picture_hash};
pub use text::LongText;
pub use variation::Variation;
pub use weights::ContentHash;

/// The tensor type that latents are passed in, so that callers need not depend on candle themselves.
pub use candle_core::{Device, Tensor};
