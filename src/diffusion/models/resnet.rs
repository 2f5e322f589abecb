//! The residual block that both the UNet and the autoencoder are made of.

use candle_core::{D, Result, Tensor};

use crate::ops::{Activation, Added, Conv2d, GroupNorm, Linear};
use crate::weights::Weights;

/// Sizes of a residual block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResnetConfig {
    pub input: usize,
    pub output: usize,
    pub groups: usize,
    pub eps: f64,
    pub activation: Activation,
    /// Features of the time embedding; `None` in the autoencoder.
    pub time: Option<usize>,
    /// Whether time scales and shifts the hidden values instead of being added.
    pub scale_shift: bool,
    /// What the sum is divided by.
    pub output_scale: f64,
}

/// Two convolutions with norms and activations, around them a shortcut; conditioned on time.
pub(crate) struct ResnetBlock2D {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
    config: ResnetConfig,
}

impl ResnetBlock2D {
    pub fn new(config: ResnetConfig, weights: &Weights) -> crate::error::Result<Self> {
        let ResnetConfig {
            input,
            output,
            groups,
            eps,
            ..
        } = config;
        let conv_shortcut = match input == output {
            true => None,
            false => Some(Conv2d::new(input, output, 1, 1, 0, &weights.pp("conv_shortcut"))?),
        };
        let time_emb_proj = match config.time {
            Some(time) => {
                let features = if config.scale_shift { 2 * output } else { output };
                Some(Linear::new(time, features, &weights.pp("time_emb_proj"))?)
            }
            None => None,
        };
        Ok(Self {
            norm1: GroupNorm::new(groups, input, eps, &weights.pp("norm1"))?,
            conv1: Conv2d::new(input, output, 3, 1, 1, &weights.pp("conv1"))?,
            time_emb_proj,
            norm2: GroupNorm::new(groups, output, eps, &weights.pp("norm2"))?,
            conv2: Conv2d::new(output, output, 3, 1, 1, &weights.pp("conv2"))?,
            conv_shortcut,
            config,
        })
    }

    /// Applies the block to (pictures, channels, height, width). `time` is (pictures, features), already activated: it is
    /// the same for all blocks.
    pub fn forward(&self, x: &Tensor, time: Option<&Tensor>) -> Result<Tensor> {
        let time = match (&self.time_emb_proj, time) {
            (Some(projection), Some(time)) => Some(projection.forward(time)?),
            _ => None,
        };
        let activated = self.activated(&self.norm1, x)?;
        let hidden = match &time {
            Some(time) if !self.config.scale_shift => {
                let added = Added {
                    channels: Some(time),
                    ..Default::default()
                };
                self.conv1.forward_add(&activated, added)?
            }
            _ => self.conv1.forward(&activated)?,
        };
        // The largest tensors of a picture: none is kept longer than it is needed.
        drop(activated);
        let activated = match &time {
            Some(time) if self.config.scale_shift => {
                let time = time.unsqueeze(D::Minus1)?.unsqueeze(D::Minus1)?;
                let parts = time.chunk(2, 1)?;
                let normed = self.norm2.forward(&hidden)?;
                let scaled = normed
                    .broadcast_mul(&(&parts[0] + 1.0)?)?
                    .broadcast_add(&parts[1])?;
                self.config.activation.forward(&scaled)?
            }
            _ => self.activated(&self.norm2, &hidden)?,
        };
        drop(hidden);
        let shortcut = match &self.conv_shortcut {
            Some(shortcut) => &shortcut.forward(x)?,
            None => x,
        };
        let added = Added {
            shortcut: Some(shortcut),
            ..Default::default()
        };
        let sum = self.conv2.forward_add(&activated, added)?;
        if self.config.output_scale == 1.0 {
            Ok(sum)
        } else {
            sum / self.config.output_scale
        }
    }

    fn activated(&self, norm: &GroupNorm, x: &Tensor) -> Result<Tensor> {
        match self.config.activation {
            Activation::Silu => norm.forward_silu(x),
            other => other.forward(&norm.forward(x)?),
        }
    }
}
