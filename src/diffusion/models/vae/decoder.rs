//! From latents to pictures.

use candle_core::{Result, Tensor};

use super::blocks::{EPS, MidBlock, activated, resnets};
use crate::config::VaeConfig;
use crate::error;
use crate::models::resnet::ResnetBlock2D;
use crate::models::sampling::Upsample2D;
use crate::ops::{Activation, Conv2d, GroupNorm};
use crate::weights::Weights;

pub(super) struct Decoder {
    conv_in: Conv2d,
    mid: MidBlock,
    blocks: Vec<(Vec<ResnetBlock2D>, Option<Upsample2D>)>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    activation: Activation,
}

impl Decoder {
    pub fn new(config: &VaeConfig, weights: &Weights) -> error::Result<Self> {
        let sizes = &config.block_out_channels;
        let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
        let mut blocks = Vec::with_capacity(sizes.len());
        let mut input = last;
        for (i, &output) in sizes.iter().rev().enumerate() {
            let weights = weights.pp(format!("up_blocks.{i}"));
            let resnets = resnets(config, input, output, config.layers_per_block + 1, &weights)?;
            input = output;
            let upsampler = match i + 1 == sizes.len() {
                true => None,
                false => Some(Upsample2D::new(output, &weights.pp("upsamplers.0"))?),
            };
            blocks.push((resnets, upsampler));
        }
        Ok(Self {
            conv_in: Conv2d::new(config.latent_channels, last, 3, 1, 1, &weights.pp("conv_in"))?,
            mid: MidBlock::new(config, &weights.pp("mid_block"))?,
            blocks,
            conv_norm_out: GroupNorm::new(config.norm_num_groups, first, EPS, &weights.pp("conv_norm_out"))?,
            conv_out: Conv2d::new(first, config.out_channels, 3, 1, 1, &weights.pp("conv_out"))?,
            activation: config.activation,
        })
    }

    pub fn forward(&self, z: &Tensor) -> Result<Tensor> {
        let mut x = self.mid.forward(&self.conv_in.forward(z)?)?;
        for (resnets, upsampler) in &self.blocks {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(upsampler) = upsampler {
                x = upsampler.forward(&x, None)?;
            }
        }
        self.conv_out
            .forward(&activated(self.activation, &self.conv_norm_out, &x)?)
    }
}
