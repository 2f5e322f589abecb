//! A checkpoint without a manifest: what its own files say.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::config::SchedulerOverrides;
use crate::error::Result;
use crate::manifest::{Defaults, ModelManifest};
use crate::params::{Conditioning, NoiseKind, VpNorm, VpPooled};
use crate::schedulers::SchedulerKind;

impl ModelManifest {
    /// Makes a manifest for a folder in the diffusers layout, or for a single file, without reading weights.
    ///
    /// Size and sampler are the checkpoint's own; the rest is as in [`GenerationParams::for_model`], but for latent
    /// consistency models (4 steps, guidance 8).
    ///
    /// # Errors
    /// If a configuration file is missing, damaged, or asks for what is not implemented; if a file is no checkpoint.
    ///
    /// [`GenerationParams::for_model`]: crate::GenerationParams::for_model
    pub fn of_checkpoint(path: &Path) -> Result<Self> {
        let checkpoint = Checkpoint::open(path)?;
        let (unet, scheduler) = (&checkpoint.unet, &checkpoint.scheduler);
        let scale = checkpoint.vae.scale();
        // A denoiser that takes the guidance scale as an input was distilled to few steps; LCM's authors use these.
        let (steps, guidance) = match unet.time_cond_proj_dim {
            Some(_) => (4, 8.0),
            None => (30, 7.5),
        };
        Ok(Self {
            name: checkpoint.name(),
            description: String::new(),
            path: Some(path.to_owned()),
            tokenizer: None,
            loras: Vec::new(),
            hub: None,
            memory: None,
            licence: "unknown".to_owned(),
            dtype: None,
            vp_norm: VpNorm::default(),
            vp_pooled: VpPooled::default(),
            scheduler_config: SchedulerOverrides::default(),
            refiner: None,
            defaults: Defaults {
                steps,
                scheduler: SchedulerKind::of_config(scheduler),
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
