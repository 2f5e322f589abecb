//! A checkpoint folder without a manifest: what its own files say.

use std::path::Path;

use crate::config::{ModelIndex, SchedulerConfig, SchedulerOverrides, UNetConfig, VaeConfig};
use crate::error::Result;
use crate::manifest::{Defaults, ModelManifest};
use crate::params::{Conditioning, NoiseKind, VpNorm};
use crate::schedulers::SchedulerKind;

impl ModelManifest {
    /// Makes a manifest for a folder in the diffusers layout from its configuration files, without reading weights.
    ///
    /// Size and sampler are the checkpoint's own; the rest is as in [`GenerationParams::for_model`], but for latent
    /// consistency models (4 steps, guidance 8).
    ///
    /// # Errors
    /// If a configuration file is missing, damaged, or asks for what is not implemented.
    ///
    /// [`GenerationParams::for_model`]: crate::GenerationParams::for_model
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let index = ModelIndex::read(folder)?;
        let unet = UNetConfig::read(&folder.join("unet/config.json"))?;
        let scale = VaeConfig::read(&folder.join("vae/config.json"))?.scale();
        let scheduler = SchedulerConfig::read(&folder.join("scheduler/scheduler_config.json"), index.family)?;
        // A denoiser that takes the guidance scale as an input was distilled to few steps; LCM's authors use these.
        let (steps, guidance) = match unet.time_cond_proj_dim {
            Some(_) => (4, 8.0),
            None => (30, 7.5),
        };
        let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Ok(Self {
            name: full
                .file_name()
                .map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned()),
            description: String::new(),
            path: Some(folder.to_owned()),
            hub: None,
            memory: None,
            licence: "unknown".to_owned(),
            dtype: None,
            vp_norm: VpNorm::default(),
            scheduler_config: SchedulerOverrides::default(),
            refiner: None,
            defaults: Defaults {
                steps,
                scheduler: SchedulerKind::of_config(&scheduler),
                guidance,
                guidance_rescale: 0.0,
                clip_skip: 0,
                width: unet.sample_size.1 * scale,
                height: unet.sample_size.0 * scale,
                conditioning: Conditioning::default(),
                beta: 0.5,
                noise: NoiseKind::default(),
            },
            preview: None,
            taesd: None,
            safety_checker: None,
        })
    }
}
