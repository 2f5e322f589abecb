//! `config.json` of an AutoencoderTiny (TAESD).

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::{note_unknown, read_object, require, require_positive, typed, unsupported};
use crate::error::{DiffusionError, Result};
use crate::ops::Activation;

/// Sizes of the tiny decoder.
#[derive(Debug, Clone)]
pub(crate) struct TinyVaeConfig {
    pub latent_channels: usize,
    pub out_channels: usize,
    /// Channels and residual blocks of each resolution, the coarsest first.
    pub blocks: Vec<(usize, usize)>,
    pub activation: Activation,
    /// Pixels along each axis that a value becomes between two resolutions.
    pub upsampling: usize,
    /// The denoiser's latents are this multiple of the autoencoder's.
    pub scaling_factor: f64,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default = "three")]
    out_channels: usize,
    #[serde(default = "channels")]
    decoder_block_out_channels: Vec<usize>,
    #[serde(default = "counts")]
    num_decoder_blocks: Vec<usize>,
    #[serde(default = "act_fn")]
    act_fn: String,
    #[serde(default = "four")]
    latent_channels: usize,
    #[serde(default = "two")]
    upsampling_scaling_factor: usize,
    #[serde(default = "unit")]
    scaling_factor: f64,
}

fn two() -> usize {
    2
}
fn three() -> usize {
    3
}
fn four() -> usize {
    4
}
fn channels() -> Vec<usize> {
    vec![64; 4]
}
fn counts() -> Vec<usize> {
    vec![3, 3, 3, 1]
}
fn act_fn() -> String {
    "relu".into()
}
fn unit() -> f64 {
    1.0
}

const KNOWN: &[&str] = &[
    "in_channels",
    "out_channels",
    "encoder_block_out_channels",
    "decoder_block_out_channels",
    "block_out_channels",
    "act_fn",
    "upsample_fn",
    "latent_channels",
    "upsampling_scaling_factor",
    "num_encoder_blocks",
    "num_decoder_blocks",
    "latent_magnitude",
    "latent_shift",
    "force_upcast",
    "scaling_factor",
    "shift_factor",
];

impl TinyVaeConfig {
    /// Reads an AutoencoderTiny's `config.json`.
    pub fn read(path: &Path) -> Result<Self> {
        let object = read_object(path)?;
        note_unknown(path, &object, KNOWN);
        require(
            path,
            &object,
            &[
                ("_class_name", &[json!("AutoencoderTiny")]),
                ("upsample_fn", &[json!("nearest")]),
            ],
        )?;
        let raw: Raw = typed(path, object)?;
        if raw.decoder_block_out_channels.len() != raw.num_decoder_blocks.len() {
            let reason = format!(
                "`num_decoder_blocks`: {} block counts for {} block sizes",
                raw.num_decoder_blocks.len(),
                raw.decoder_block_out_channels.len()
            );
            return Err(DiffusionError::malformed(path, reason));
        }
        let Some(activation) = Activation::from_name(&raw.act_fn) else {
            return Err(unsupported(
                path,
                "act_fn",
                &raw.act_fn,
                "supported: relu, silu, gelu",
            ));
        };
        require_positive(
            path,
            &[
                ("decoder_block_out_channels", raw.decoder_block_out_channels.len()),
                ("latent_channels", raw.latent_channels),
                ("out_channels", raw.out_channels),
                ("upsampling_scaling_factor", raw.upsampling_scaling_factor),
            ],
        )?;
        if !(raw.scaling_factor.is_finite() && raw.scaling_factor != 0.0) {
            let supported = "a number other than 0";
            return Err(unsupported(path, "scaling_factor", raw.scaling_factor, supported));
        }
        Ok(Self {
            latent_channels: raw.latent_channels,
            out_channels: raw.out_channels,
            blocks: raw
                .decoder_block_out_channels
                .into_iter()
                .zip(raw.num_decoder_blocks)
                .collect(),
            activation,
            upsampling: raw.upsampling_scaling_factor,
            scaling_factor: raw.scaling_factor,
        })
    }

    /// TAESD as it was published, for latents of `latent_channels` channels.
    pub fn published(latent_channels: usize) -> Self {
        Self {
            latent_channels,
            out_channels: three(),
            blocks: channels().into_iter().zip(counts()).collect(),
            activation: Activation::Relu,
            upsampling: two(),
            scaling_factor: unit(),
        }
    }
}
