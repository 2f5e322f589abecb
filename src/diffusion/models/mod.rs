//! The networks of a checkpoint, built from its configuration: text encoder, UNet, autoencoder; and beside it the tiny
//! decoder of previews and the vision model of the safety checker.
//!
//! Of candle-transformers they take what is exact (the sinusoids of timesteps). The rest is our own, because that crate
//! fixes what published checkpoints leave open (its CLIP sizes are private constants, its GEGLU approximates, it has no
//! pooled or added conditioning) and because its layers cannot be given the kernels of [`crate::ops`]. Names of layers
//! follow diffusers and transformers, so that a reader can put the two side by side, and so do the names of tensors.

mod clip_layer;
mod clip_text;
mod clip_vision;
mod resnet;
mod sampling;
mod unet;
mod vae;
mod vae_tiny;

pub(crate) use clip_text::{ClipTextModel, TextStates};
pub(crate) use clip_vision::ClipVisionModel;
pub(crate) use unet::{AddedInputs, UNet2DConditionModel, guidance_scale_embedding};
pub(crate) use vae::AutoencoderKl;
#[cfg(test)]
pub(crate) use vae::Tiling;
pub(crate) use vae_tiny::TinyDecoder;
