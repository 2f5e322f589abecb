//! From a folder in the diffusers layout to a [`Pipeline`].

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use candle_core::{DType, Device};

use super::denoiser::Denoiser;
use super::{ModelInfo, Pipeline};
use crate::config::{ModelIndex, SchedulerConfig, TextEncoderConfig, TimestepSpacing, UNetConfig, VaeConfig};
use crate::device::{DeviceChoice, Precision};
use crate::error::{DiffusionError, Result};
use crate::models::{AutoencoderKl, TinyDecoder, UNet2DConditionModel};
use crate::params::VpNorm;
use crate::preview::LatentRgb;
use crate::safety::SafetyChecker;
use crate::schedulers::SchedulerKind;
use crate::text::TextEncoders;
use crate::weights::{Weights, content_hash, find};

/// The stem of weight files that diffusers writes.
const STEM: &str = "diffusion_pytorch_model";

/// Bytes that the autoencoder may take for one picture, by default: 1024² pixels of Stable Diffusion's are whole.
const VAE_MEMORY: u64 = 4 << 30;

/// How a checkpoint is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The name it goes by; the folder's name if absent.
    pub name: Option<String>,
    /// Where it runs.
    pub device: DeviceChoice,
    /// In which precision; the device's best if absent.
    pub dtype: Option<Precision>,
    /// What mixed embeddings are rescaled to.
    pub vp_norm: VpNorm,
    /// Where the steps fall, in place of what the checkpoint's scheduler says.
    pub timestep_spacing: Option<TimestepSpacing>,
    /// The map for previews; fitted when first needed if absent.
    pub preview: Option<LatentRgb>,
    /// The tiny decoder (TAESD) for previews, instead of the map: a folder in the diffusers layout or one file.
    pub taesd: Option<PathBuf>,
    /// The folder of the safety checker that [`Pipeline::check`] asks.
    pub safety_checker: Option<PathBuf>,
    /// Bytes that the autoencoder may take for one picture; larger pictures are coded in tiles. 4 GiB if absent.
    pub vae_memory: Option<u64>,
}

impl Pipeline {
    /// Loads a checkpoint in the diffusers folder layout.
    ///
    /// All sizes come from the folder's JSON files. Configurations are checked before weights are read.
    ///
    /// # Errors
    /// If a file is missing, damaged or a pickle, a configuration asks for what is not implemented, or a tensor is missing
    /// or misshapen; the message names the file and what is wrong with it.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<Self> {
        if !folder.is_dir() {
            let hint = "a model is a folder in the diffusers layout".to_owned();
            return Err(DiffusionError::MissingFile {
                path: folder.to_owned(),
                hint,
            });
        }
        let index = ModelIndex::read(folder)?;
        let unet_config = UNetConfig::read(&folder.join("unet/config.json"))?;
        let vae_config = VaeConfig::read(&folder.join("vae/config.json"))?;
        let mut scheduler =
            SchedulerConfig::read(&folder.join("scheduler/scheduler_config.json"), index.family)?;
        scheduler.timestep_spacing = options.timestep_spacing.or(scheduler.timestep_spacing);
        check_fit(folder, &index, &unet_config, &vae_config)?;
        let device = options.device.open()?;
        let dtype = options
            .dtype
            .unwrap_or_else(|| Precision::default_for(&device))
            .dtype();
        if dtype == DType::BF16 && device.is_cpu() {
            let problem = "bf16 is for GPUs: a processor computes in f32, also with weights stored in bf16";
            return Err(DiffusionError::invalid("dtype", problem));
        }
        // In f16 some decoders overflow; bf16 has f32's range.
        let vae_dtype = if dtype == DType::F16 && vae_config.force_upcast {
            DType::F32
        } else {
            dtype
        };
        let (hash, parts) = std::thread::scope(|scope| {
            // Hashing reads every byte of the weights, which also brings them into the page cache for loading.
            let hash = scope.spawn(|| hash(folder, &index));
            let parts = (|| {
                let text = TextEncoders::load(folder, &index, dtype, &device)?;
                let weights = Weights::open(&folder.join("unet"), STEM, dtype, &device)?;
                let unet = UNet2DConditionModel::new(unet_config, &weights)?;
                let weights = Weights::open(&folder.join("vae"), STEM, vae_dtype, &device)?;
                let memory = options.vae_memory.unwrap_or(VAE_MEMORY);
                let vae = AutoencoderKl::new(vae_config.clone(), &weights, memory)?;
                Ok::<_, DiffusionError>((text, unet, vae))
            })();
            (hash.join(), parts)
        });
        let (text, unet, vae) = parts?;
        let hash = hash.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let scale = vae_config.scale();
        let info = ModelInfo {
            name: options.name.clone().unwrap_or_else(|| folder_name(folder)),
            hash,
            width: unet.config().sample_size.1 * scale,
            height: unet.config().sample_size.0 * scale,
            latent_channels: unet.config().in_channels,
            vae_scale: scale,
            prediction_type: scheduler.prediction_type,
            scheduler: SchedulerKind::of_config(&scheduler),
            train_timesteps: scheduler.num_train_timesteps,
            text_layers: text.layers(),
            device: device_name(&device),
        };
        let preview = OnceLock::new();
        if let Some(map) = &options.preview {
            if map.weights.len() != info.latent_channels {
                let problem = format!(
                    "has {} channels, the model {}",
                    map.weights.len(),
                    info.latent_channels
                );
                return Err(DiffusionError::invalid("preview", problem));
            }
            let _ = preview.set(map.clone());
        }
        let taesd = options.taesd.as_deref();
        let taesd = taesd
            .map(|path| TinyDecoder::load(path, info.latent_channels, dtype, &device))
            .transpose()?;
        let safety_checker = options.safety_checker.as_deref();
        let safety_checker = safety_checker
            .map(|folder| SafetyChecker::load(folder, &device))
            .transpose()?;
        Ok(Self {
            info,
            base: Denoiser {
                text,
                unet,
                scheduler,
                dtype,
            },
            refiner: None,
            vae,
            vp_norm: options.vp_norm,
            preview,
            taesd,
            safety_checker,
            device,
            vae_dtype,
        })
    }
}

fn device_name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

fn folder_name(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    full.file_name()
        .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn hash(folder: &Path, index: &ModelIndex) -> Result<String> {
    let mut paths = Vec::new();
    for (encoder, _) in &index.text_encoders {
        paths.extend(find(&folder.join(encoder), "model")?);
    }
    paths.extend(find(&folder.join("unet"), STEM)?);
    paths.extend(find(&folder.join("vae"), STEM)?);
    content_hash(&paths)
}

/// Checks that the parts' sizes fit each other, so that no picture fails half-way.
fn check_fit(folder: &Path, index: &ModelIndex, unet: &UNetConfig, vae: &VaeConfig) -> Result<()> {
    let mismatch = |reason: String| {
        Err(DiffusionError::malformed(
            &folder.join("unet/config.json"),
            reason,
        ))
    };
    if unet.in_channels != vae.latent_channels || unet.out_channels != unet.in_channels {
        return mismatch(format!(
            "text-to-image needs equal channels: UNet in {}, out {}, autoencoder {}",
            unet.in_channels, unet.out_channels, vae.latent_channels
        ));
    }
    let mut features = 0;
    let mut pooled = None;
    for (encoder, _) in &index.text_encoders {
        let config = TextEncoderConfig::read(&folder.join(encoder).join("config.json"))?;
        features += config.hidden_size;
        pooled = config.projection;
    }
    if features != unet.cross_attention_dim {
        let wanted = unet.cross_attention_dim;
        return mismatch(format!(
            "`cross_attention_dim` is {wanted}, the text encoders give {features} features"
        ));
    }
    let Some(added) = unet.added else { return Ok(()) };
    let xl = index.family == crate::config::PipelineFamily::StableDiffusionXl;
    let ids = pooled
        .filter(|_| xl)
        .and_then(|pooled| added.input_dim.checked_sub(pooled));
    // Six time ids, or a refiner's four and aesthetic score.
    let score = ids == Some(5 * added.time_embed_dim);
    match ids {
        Some(_) if score && index.requires_aesthetics_score == Some(false) => mismatch(
            "the UNet takes an aesthetic score, but `requires_aesthetics_score` in model_index.json is false".to_owned(),
        ),
        Some(rest) if rest == 6 * added.time_embed_dim && index.requires_aesthetics_score == Some(true) => mismatch(
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
