//! What a model consists of, whatever files it comes in.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};

use crate::config::{ModelIndex, SchedulerConfig, TextEncoderConfig, UNetConfig, VaeConfig};
use crate::error::{DiffusionError, Result};
use crate::text::ClipTokenizer;
use crate::weights::{Weights, find};

/// The stem of weight files that diffusers writes.
const DIFFUSERS: &str = "diffusion_pytorch_model";
/// The stem of those that transformers writes.
const TRANSFORMERS: &str = "model";

/// A checkpoint's configurations, read and checked, and where its weights are; no weights yet.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    pub index: ModelIndex,
    /// In the order in which their states are joined.
    pub text_encoders: Vec<TextEncoderConfig>,
    pub unet: UNetConfig,
    pub vae: VaeConfig,
    pub scheduler: SchedulerConfig,
}

/// One of a checkpoint's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The text encoder of this place in [`Checkpoint::text_encoders`].
    TextEncoder(usize),
    Unet,
    Vae,
}

impl Checkpoint {
    /// Reads the configurations of a folder in the diffusers layout.
    ///
    /// # Errors
    /// If a configuration is missing, damaged, asks for what is not implemented, or does not fit the others.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            let hint = "a model is a folder in the diffusers layout".to_owned();
            return Err(DiffusionError::MissingFile {
                path: path.to_owned(),
                hint,
            });
        }
        let index = ModelIndex::read(path)?;
        let text_encoders = index
            .text_encoders
            .iter()
            .map(|(encoder, _)| TextEncoderConfig::read(&path.join(encoder).join("config.json")))
            .collect::<Result<_>>()?;
        let checkpoint = Self {
            path: path.to_owned(),
            text_encoders,
            unet: UNetConfig::read(&path.join("unet/config.json"))?,
            vae: VaeConfig::read(&path.join("vae/config.json"))?,
            scheduler: SchedulerConfig::read(&path.join("scheduler/scheduler_config.json"), index.family)?,
            index,
        };
        checkpoint.check_fit()?;
        Ok(checkpoint)
    }

    /// The folder's name.
    pub fn name(&self) -> String {
        let full = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        full.file_name()
            .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Maps one network's weights, to be computed with in `dtype` on `device`.
    ///
    /// # Errors
    /// If they are missing or damaged.
    pub fn weights(&self, part: Part, dtype: DType, device: &Device) -> Result<Weights> {
        let (folder, stem) = self.place(part);
        Weights::open(&folder, stem, dtype, device)
    }

    /// The tokenizer of the text encoder of this place.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub fn tokenizer(&self, encoder: usize) -> Result<ClipTokenizer> {
        let folder = self.path.join(&self.index.text_encoders[encoder].1);
        ClipTokenizer::read(&folder, &self.text_encoders[encoder])
    }

    /// All files with weights: text encoders, denoiser, autoencoder.
    ///
    /// # Errors
    /// If some are missing.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let encoders = (0..self.text_encoders.len()).map(Part::TextEncoder);
        let mut paths = Vec::new();
        for part in encoders.chain([Part::Unet, Part::Vae]) {
            let (folder, stem) = self.place(part);
            paths.extend(find(&folder, stem)?.paths);
        }
        Ok(paths)
    }

    fn place(&self, part: Part) -> (PathBuf, &'static str) {
        match part {
            Part::TextEncoder(i) => (self.path.join(&self.index.text_encoders[i].0), TRANSFORMERS),
            Part::Unet => (self.path.join("unet"), DIFFUSERS),
            Part::Vae => (self.path.join("vae"), DIFFUSERS),
        }
    }

    /// Checks that the parts' sizes fit each other, so that no picture fails half-way.
    fn check_fit(&self) -> Result<()> {
        let (unet, vae) = (&self.unet, &self.vae);
        let mismatch = |reason: String| {
            Err(DiffusionError::malformed(
                &self.path.join("unet/config.json"),
                reason,
            ))
        };
        if unet.in_channels != vae.latent_channels || unet.out_channels != unet.in_channels {
            return mismatch(format!(
                "text-to-image needs equal channels: UNet in {}, out {}, autoencoder {}",
                unet.in_channels, unet.out_channels, vae.latent_channels
            ));
        }
        let features: usize = self.text_encoders.iter().map(|config| config.hidden_size).sum();
        let pooled = self.text_encoders.last().and_then(|config| config.projection);
        if features != unet.cross_attention_dim {
            let wanted = unet.cross_attention_dim;
            return mismatch(format!(
                "`cross_attention_dim` is {wanted}, the text encoders give {features} features"
            ));
        }
        let Some(added) = unet.added else { return Ok(()) };
        let xl = self.index.family == crate::config::PipelineFamily::StableDiffusionXl;
        let ids = pooled
            .filter(|_| xl)
            .and_then(|pooled| added.input_dim.checked_sub(pooled));
        // Six time ids, or a refiner's four and aesthetic score.
        let score = ids == Some(5 * added.time_embed_dim);
        let said = self.index.requires_aesthetics_score;
        match ids {
            Some(_) if score && said == Some(false) => mismatch(
                "the UNet takes an aesthetic score, but `requires_aesthetics_score` in model_index.json is false".to_owned(),
            ),
            Some(rest) if rest == 6 * added.time_embed_dim && said == Some(true) => mismatch(
                "the UNet takes no aesthetic score, but `requires_aesthetics_score` in model_index.json is true".to_owned(),
            ),
            Some(rest) if score || rest == 6 * added.time_embed_dim => Ok(()),
            _ => mismatch(format!(
                "`projection_class_embeddings_input_dim` ({}) is not the pooled text vector ({}) and 6 (or 5) time ids of {}",
                added.input_dim,
                pooled.map_or_else(|| "none".to_owned(), |pooled| pooled.to_string()),
                added.time_embed_dim
            )),
        }
    }
}
