//! `vae/config.json`: an AutoencoderKL.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    OneOrEach, note_unknown, read_object, require, require_multiple, require_positive, typed, unsupported,
};
use crate::error::Result;
use crate::ops::Activation;

/// Sizes and scales of the autoencoder.
#[derive(Debug, Clone)]
pub(crate) struct VaeConfig {
    pub in_channels: usize,
    pub out_channels: usize,
    pub block_out_channels: Vec<usize>,
    pub layers_per_block: usize,
    pub latent_channels: usize,
    pub norm_num_groups: usize,
    pub activation: Activation,
    /// Side in pixels of the pictures it was trained on: the tiles of pictures that are coded in parts.
    pub sample_size: usize,
    /// The UNet's latents are this multiple of the autoencoder's. (A `shift_factor` belongs to other families of models:
    /// diffusers' pipelines for these ignore it, and so do we.)
    pub scaling_factor: f64,
    /// Whether the decoder overflows in f16 and has to run in f32.
    pub force_upcast: bool,
    pub use_quant_conv: bool,
    pub use_post_quant_conv: bool,
    pub mid_block_add_attention: bool,
}

/// The file as it is, an absent key at the default of diffusers' AutoencoderKL.
#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    in_channels: usize,
    out_channels: usize,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    block_out_channels: Vec<usize>,
    layers_per_block: usize,
    act_fn: String,
    latent_channels: usize,
    norm_num_groups: usize,
    sample_size: OneOrEach<usize>,
    scaling_factor: f64,
    force_upcast: bool,
    use_quant_conv: bool,
    use_post_quant_conv: bool,
    mid_block_add_attention: bool,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            down_block_types: vec!["DownEncoderBlock2D".into()],
            up_block_types: vec!["UpDecoderBlock2D".into()],
            block_out_channels: vec![64],
            layers_per_block: 1,
            act_fn: "silu".into(),
            latent_channels: 4,
            norm_num_groups: 32,
            sample_size: OneOrEach::One(32),
            scaling_factor: 0.18215,
            force_upcast: true,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
        }
    }
}

const KNOWN: &[&str] = &[
    "in_channels",
    "out_channels",
    "down_block_types",
    "up_block_types",
    "block_out_channels",
    "layers_per_block",
    "act_fn",
    "latent_channels",
    "norm_num_groups",
    "sample_size",
    "scaling_factor",
    "shift_factor",
    "latents_mean",
    "latents_std",
    "force_upcast",
    "use_quant_conv",
    "use_post_quant_conv",
    "mid_block_add_attention",
];

impl VaeConfig {
    /// Reads the autoencoder's `config.json`.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_object(path, read_object(path)?)
    }

    /// Checks settings read from `path`, which errors name.
    pub fn from_object(path: &Path, object: Map<String, Value>) -> Result<Self> {
        note_unknown(path, &object, KNOWN);
        require(
            path,
            &object,
            &[
                ("latents_mean", &[]),
                ("latents_std", &[]),
                ("_class_name", &[json!("AutoencoderKL")]),
            ],
        )?;
        let raw: Raw = typed(path, object)?;
        for (key, types, only) in [
            ("down_block_types", &raw.down_block_types, "DownEncoderBlock2D"),
            ("up_block_types", &raw.up_block_types, "UpDecoderBlock2D"),
        ] {
            if let Some(other) = types.iter().find(|name| *name != only) {
                return Err(unsupported(path, key, other, &format!("supported: {only}")));
            }
            if types.len() != raw.block_out_channels.len() {
                let reason = format!(
                    "{} block sizes for {} blocks",
                    raw.block_out_channels.len(),
                    types.len()
                );
                return Err(crate::error::DiffusionError::malformed(
                    path,
                    format!("`{key}`: {reason}"),
                ));
            }
        }
        let activation = match Activation::from_name(&raw.act_fn) {
            Some(activation) => activation,
            None => {
                return Err(unsupported(
                    path,
                    "act_fn",
                    &raw.act_fn,
                    "supported: silu, gelu, relu",
                ));
            }
        };
        require_positive(
            path,
            &[
                ("in_channels", raw.in_channels),
                ("out_channels", raw.out_channels),
                ("block_out_channels", raw.block_out_channels.len()),
                ("layers_per_block", raw.layers_per_block),
                ("latent_channels", raw.latent_channels),
            ],
        )?;
        for &channels in &raw.block_out_channels {
            require_positive(path, &[("block_out_channels", channels)])?;
            require_multiple(
                path,
                "`block_out_channels`",
                channels,
                "`norm_num_groups`",
                raw.norm_num_groups,
            )?;
        }
        if !(raw.scaling_factor.is_finite() && raw.scaling_factor != 0.0) {
            return Err(unsupported(
                path,
                "scaling_factor",
                raw.scaling_factor,
                "a number other than 0",
            ));
        }
        Ok(Self {
            in_channels: raw.in_channels,
            out_channels: raw.out_channels,
            block_out_channels: raw.block_out_channels,
            layers_per_block: raw.layers_per_block,
            latent_channels: raw.latent_channels,
            norm_num_groups: raw.norm_num_groups,
            activation,
            sample_size: match raw.sample_size {
                OneOrEach::One(side) => side,
                // diffusers goes by the height alone.
                OneOrEach::Each(sides) => sides.first().copied().unwrap_or_default(),
            },
            scaling_factor: raw.scaling_factor,
            force_upcast: raw.force_upcast,
            use_quant_conv: raw.use_quant_conv,
            use_post_quant_conv: raw.use_post_quant_conv,
            mid_block_add_attention: raw.mid_block_add_attention,
        })
    }

    /// How many pixels one latent value covers along each axis.
    pub fn scale(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }
}
