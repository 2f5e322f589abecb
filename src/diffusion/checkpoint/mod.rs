//! What a model consists of, whatever files it comes in.

mod single_file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device};

use crate::config::{ModelIndex, SchedulerConfig, TextEncoderConfig, UNetConfig, VaeConfig};
use crate::error::{DiffusionError, Result};
use crate::lora::Component;
use crate::text::ClipTokenizer;
use crate::weights::{Weights, find};
pub(crate) use single_file::UNetNames;
use single_file::{Overrides, SingleFile};

/// The stem of weight files that diffusers writes.
const DIFFUSERS: &str = "diffusion_pytorch_model";
/// The stem of those that transformers writes.
const TRANSFORMERS: &str = "model";

/// A checkpoint's configurations, read and checked, and where its weights are; no weights yet.
#[derive(Clone)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    source: Source,
    /// Mapped once, so that a network can be built again from the same bytes.
    mapped: Arc<Mutex<HashMap<Part, Weights>>>,
    /// The folder of a tokenizer to use instead of the checkpoint's.
    tokenizer: Option<PathBuf>,
    pub index: ModelIndex,
    /// In the order in which their states are joined.
    pub text_encoders: Vec<TextEncoderConfig>,
    pub unet: UNetConfig,
    pub vae: VaeConfig,
    pub scheduler: SchedulerConfig,
}

#[derive(Debug, Clone)]
enum Source {
    /// The folder at the checkpoint's path.
    Folder,
    SingleFile(SingleFile),
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
    /// Reads the configurations of a folder in the diffusers layout, or works them out for a single file.
    ///
    /// # Errors
    /// If a configuration is missing, damaged, asks for what is not implemented, or does not fit the others; if a file is a
    /// pickle, or no checkpoint of a family that is supported.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, &Overrides::new())
    }

    /// The same; settings in `overrides`, by component, replace those that are worked out for a single file.
    pub fn open_with(path: &Path, overrides: &Overrides) -> Result<Self> {
        let checkpoint = if path.is_dir() {
            Self::folder(path)?
        } else if path.is_file() {
            single_file::open(path, overrides)?
        } else {
            let hint = "a model is a folder in the diffusers layout or a .safetensors file".to_owned();
            return Err(DiffusionError::MissingFile {
                path: path.to_owned(),
                hint,
            });
        };
        checkpoint.check_fit()?;
        Ok(checkpoint)
    }

    fn folder(path: &Path) -> Result<Self> {
        let index = ModelIndex::read(path)?;
        let text_encoders = index
            .text_encoders
            .iter()
            .map(|(encoder, _)| TextEncoderConfig::read(&path.join(encoder).join("config.json")))
            .collect::<Result<_>>()?;
        Ok(Self {
            path: path.to_owned(),
            source: Source::Folder,
            mapped: Arc::default(),
            tokenizer: None,
            text_encoders,
            unet: UNetConfig::read(&path.join("unet/config.json"))?,
            vae: VaeConfig::read(&path.join("vae/config.json"))?,
            scheduler: SchedulerConfig::read(&path.join("scheduler/scheduler_config.json"), index.family)?,
            index,
        })
    }

    /// The folder, or the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the folder, or of the file without its ending.
    pub fn name(&self) -> String {
        let full = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let name = match self.source {
            Source::Folder => full.file_name(),
            Source::SingleFile(_) => full.file_stem(),
        };
        name.map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Maps one network's weights, to be computed with in `dtype` on `device`.
    ///
    /// # Errors
    /// If they are missing or damaged.
    pub fn weights(&self, part: Part, dtype: DType, device: &Device) -> Result<Weights> {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(weights) = mapped.get(&part) {
            return Ok(weights.clone());
        }
        let weights = match &self.source {
            Source::Folder => {
                let (folder, stem) = self.place(part);
                Weights::open(&folder, stem, dtype, device)?
            }
            Source::SingleFile(file) => file.weights(part, self, dtype, device),
        };
        mapped.insert(part, weights.clone());
        Ok(weights)
    }

    /// Uses the tokenizer in `folder` (or in its subfolders named as a checkpoint's tokenizer folders) instead of the
    /// checkpoint's own.
    pub fn with_tokenizer(mut self, folder: Option<PathBuf>) -> Self {
        self.tokenizer = folder;
        self
    }

    /// The component of an adapter that changes this text encoder.
    pub fn component(&self, encoder: usize) -> Component {
        match self.index.text_encoders[encoder].0.as_str() {
            "text_encoder_2" => Component::TextEncoder2,
            _ => Component::TextEncoder,
        }
    }

    /// The tokenizer of the text encoder of this place.
    ///
    /// # Errors
    /// If it is missing or damaged.
    pub fn tokenizer(&self, encoder: usize) -> Result<ClipTokenizer> {
        let config = &self.text_encoders[encoder];
        let name = &self.index.text_encoders[encoder].1;
        let pad_token = match &self.source {
            Source::Folder => None,
            Source::SingleFile(file) => Some(file.pad_token(encoder)),
        };
        match (&self.tokenizer, &self.source) {
            (Some(folder), _) => {
                let own = folder.join(name);
                let folder = if own.is_dir() { &own } else { folder };
                ClipTokenizer::read(folder, pad_token, config)
            }
            (None, Source::Folder) => ClipTokenizer::read(&self.path.join(name), None, config),
            (None, Source::SingleFile(_)) => {
                ClipTokenizer::built_in(pad_token.unwrap_or("<|endoftext|>"), config)
            }
        }
    }

    /// All files with weights: text encoders, denoiser, autoencoder.
    ///
    /// # Errors
    /// If some are missing.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        if let Source::SingleFile(_) = self.source {
            return Ok(vec![self.path.clone()]);
        }
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
        let path = match self.source {
            Source::Folder => self.path.join("unet/config.json"),
            Source::SingleFile(_) => self.path.clone(),
        };
        let mismatch = |reason: String| Err(DiffusionError::malformed(&path, reason));
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
