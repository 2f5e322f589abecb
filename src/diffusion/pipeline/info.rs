//! What a loaded model says about itself.

use crate::config::PredictionType;
use crate::schedulers::SchedulerKind;
use crate::weights::ContentHash;

/// Facts about a loaded checkpoint, for defaults, limits and receipts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModelInfo {
    /// The manifest's name, or the folder's.
    pub name: String,
    /// Names the weights: the same weights, the same hash. Known some time after loading; asking waits for it.
    pub hash: ContentHash,
    /// The size it was trained on, pixels.
    pub width: usize,
    /// The size it was trained on, pixels.
    pub height: usize,
    /// Channels of its latents.
    pub latent_channels: usize,
    /// Pixels that one latent value covers along each axis; sizes must be multiples of it.
    pub vae_scale: usize,
    /// What its denoiser predicts.
    pub prediction_type: PredictionType,
    /// The sampler its own configuration names, or the nearest we have.
    pub scheduler: SchedulerKind,
    /// Timesteps it was trained on: the most steps a picture can have.
    pub train_timesteps: usize,
    /// Layers of its shortest text encoder, all of which but one can be skipped.
    pub text_layers: usize,
    /// `cpu`, `cuda` or `metal`.
    pub device: &'static str,
}
