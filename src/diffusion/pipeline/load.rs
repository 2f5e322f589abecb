//! From a checkpoint's files to a [`Pipeline`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use candle_core::{DType, Device};

use super::denoiser::Denoiser;
use super::loras::{Adapters, build_unet};
use super::{ModelInfo, Pipeline};
use crate::checkpoint::{Checkpoint, Part};
use crate::config::SchedulerOverrides;
use crate::device::{DeviceChoice, Precision};
use crate::error::{DiffusionError, Result};
use crate::lora::{Lora, LoraSet};
use crate::models::{AutoencoderKl, TinyDecoder};
use crate::ops::multiplies_bf16;
use crate::params::{Mixing, VpPooled};
use crate::preview::LatentRgb;
use crate::safety::SafetyChecker;
use crate::schedulers::SchedulerKind;
use crate::text::TextEncoders;
use crate::weights::{ContentHash, Products};

/// Bytes that the autoencoder may take for one picture, by default: 1024² pixels of Stable Diffusion's are whole.
const VAE_MEMORY: u64 = 4 << 30;

/// How a checkpoint is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The name it goes by; the folder's or file's name if absent.
    pub name: Option<String>,
    /// Where it runs.
    pub device: DeviceChoice,
    /// In which precision; the device's best if absent.
    pub dtype: Option<Precision>,
    /// How it takes preferences into its embeddings.
    pub mixing: Mixing,
    /// What stands in for settings of the checkpoint's `scheduler_config.json`.
    pub scheduler: SchedulerOverrides,
    /// A tokenizer's folder, in place of the checkpoint's own or of CLIP's, which single files get.
    pub tokenizer: Option<PathBuf>,
    /// Adapters to add to the weights.
    pub loras: Vec<Lora>,
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
    /// Loads a checkpoint: a folder in the diffusers layout, or one `.safetensors` file with everything in it.
    ///
    /// All sizes come from the folder's JSON files, or from the file's tensors. Configurations are checked before weights
    /// are read. Weights are mapped, not read: the system brings them in when the first picture uses them.
    ///
    /// # Errors
    /// If a file is missing, damaged or a pickle, a configuration asks for what is not implemented, a tensor is missing
    /// or misshapen, or an adapter does not fit; the message names the file and what is wrong with it.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self> {
        Self::of(Checkpoint::open(path)?, options)
    }

    /// Loads a checkpoint whose configurations were read.
    pub(crate) fn of(checkpoint: Checkpoint, options: &LoadOptions) -> Result<Self> {
        let checkpoint = checkpoint.with_tokenizer(options.tokenizer.clone());
        if options.mixing.pooled == VpPooled::Mixed && checkpoint.unet.added.is_none() {
            let problem = "is \"mixed\", but this model takes no pooled text vector: leave the key out";
            return Err(DiffusionError::invalid("vp_pooled", problem));
        }
        let loras = Arc::new(LoraSet::open(&options.loras)?);
        let device = options.device.open()?;
        let precision = options.dtype.unwrap_or_else(|| Precision::default_for(&device));
        let (dtype, products) = match precision {
            // Text encoders take little time, and rounding in the autoencoder would show: both stay in f32.
            Precision::Bf16 if device.is_cpu() && multiplies_bf16() => (DType::F32, Products::Bf16),
            Precision::Bf16 if device.is_cpu() => {
                let problem = "this processor cannot compute in bf16 (it lacks AVX512-BF16): use f32, which also reads weights \
                               stored in bf16";
                return Err(DiffusionError::invalid("dtype", problem));
            }
            _ => (precision.dtype(), Products::F32),
        };
        // In f16 some decoders overflow; bf16 has f32's range.
        let vae_dtype = if dtype == DType::F16 && checkpoint.vae.force_upcast {
            DType::F32
        } else {
            dtype
        };
        // Hashing reads every byte of the weights; the picture need not wait for that.
        let own_hash = ContentHash::start(checkpoint.files()?);
        let hash = own_hash.with_adapters(LoraSet::files(&options.loras)?);
        let text = TextEncoders::load(&checkpoint, &loras, dtype, &device)?;
        let unet = build_unet(&checkpoint, &loras, (dtype, products), &device)?;
        loras.check_taken()?;
        let weights = checkpoint.weights(Part::Vae, vae_dtype, &device)?;
        let memory = options.vae_memory.unwrap_or(VAE_MEMORY);
        let vae = AutoencoderKl::new(checkpoint.vae.clone(), &weights, memory)?;
        let mut scheduler = checkpoint.scheduler.clone();
        scheduler.override_with(&options.scheduler, checkpoint.path())?;
        let scale = checkpoint.vae.scale();
        let info = ModelInfo {
            name: options.name.clone().unwrap_or_else(|| checkpoint.name()),
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
                products,
            },
            refiner: None,
            adapters: Adapters {
                checkpoint,
                own_hash,
                loras: options.loras.clone(),
                touched: loras.components(),
            },
            vae,
            mixing: options.mixing,
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
