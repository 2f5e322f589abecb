//! What encoder and decoder are both made of.

use candle_core::{Result, Tensor};

use crate::config::VaeConfig;
use crate::error;
use crate::models::resnet::{ResnetBlock2D, ResnetConfig};
use crate::ops::{Activation, GroupNorm, Linear, attention};
use crate::weights::{Products, Weights};

/// The autoencoder's own norms are finer than the UNet's.
pub(super) const EPS: f64 = 1e-6;

/// A residual block without time.
fn resnet(
    config: &VaeConfig,
    input: usize,
    output: usize,
    weights: &Weights,
) -> error::Result<ResnetBlock2D> {
    let config = ResnetConfig {
        input,
        output,
        groups: config.norm_num_groups,
        eps: EPS,
        activation: config.activation,
        time: None,
        scale_shift: false,
        output_scale: 1.0,
    };
    ResnetBlock2D::new(config, weights)
}

/// `count` residual blocks one after the other, `resnets.0` and on, the first from `input` channels.
pub(super) fn resnets(
    config: &VaeConfig,
    input: usize,
    output: usize,
    count: usize,
    weights: &Weights,
) -> error::Result<Vec<ResnetBlock2D>> {
    (0..count)
        .map(|nth| {
            let input = if nth == 0 { input } else { output };
            resnet(config, input, output, &weights.pp(format!("resnets.{nth}")))
        })
        .collect()
}

/// Normalises and activates.
pub(super) fn activated(activation: Activation, norm: &GroupNorm, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Silu => norm.forward_silu(x),
        other => other.forward(&norm.forward(x)?),
    }
}

/// Two residual blocks with attention over all pixels between them.
pub(super) struct MidBlock {
    first: ResnetBlock2D,
    attention: Option<PixelAttention>,
    second: ResnetBlock2D,
}

impl MidBlock {
    pub fn new(config: &VaeConfig, weights: &Weights) -> error::Result<Self> {
        let channels = config.block_out_channels[config.block_out_channels.len() - 1];
        let attention = match config.mid_block_add_attention {
            true => Some(PixelAttention::new(
                channels,
                config.norm_num_groups,
                &weights.pp("attentions.0"),
            )?),
            false => None,
        };
        Ok(Self {
            first: resnet(config, channels, channels, &weights.pp("resnets.0"))?,
            attention,
            second: resnet(config, channels, channels, &weights.pp("resnets.1"))?,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.first.forward(x, None)?;
        let x = match &self.attention {
            Some(attention) => attention.forward(&x)?,
            None => x,
        };
        self.second.forward(&x, None)
    }
}

/// Attention with one head over all pixels.
struct PixelAttention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
}

impl PixelAttention {
    fn new(channels: usize, groups: usize, weights: &Weights) -> error::Result<Self> {
        // Checkpoints from before diffusers 0.12 use the second names.
        let legacy = weights.contains("query.weight");
        let linear = |name: &str, old: &str| {
            Linear::new(channels, channels, &weights.pp(if legacy { old } else { name }))
        };
        Ok(Self {
            group_norm: GroupNorm::new(groups, channels, EPS, &weights.pp("group_norm"))?,
            to_q: linear("to_q", "query")?,
            to_k: linear("to_k", "key")?,
            to_v: linear("to_v", "value")?,
            to_out: linear("to_out.0", "proj_attn")?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let channels = x.dim(1)?;
        let normed = self.group_norm.forward(x)?;
        let (q, k, v) = (
            self.to_q.forward_to_tokens(&normed)?,
            self.to_k.forward_to_tokens(&normed)?,
            self.to_v.forward_to_tokens(&normed)?,
        );
        let mixed = attention(&q, &k, &v, 1, (channels as f64).powf(-0.5), false, Products::F32)?;
        self.to_out.forward_to_pixels(&mixed, x)
    }
}
