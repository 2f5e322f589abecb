//! From pictures to the moments of a distribution over latents.

use candle_core::{Result, Tensor};

use super::blocks::{EPS, MidBlock, activated, resnets};
use crate::config::VaeConfig;
use crate::error;
use crate::models::resnet::ResnetBlock2D;
use crate::models::sampling::Downsample2D;
use crate::ops::{Activation, Conv2d, GroupNorm};
use crate::weights::Weights;

pub(super) struct Encoder {
    conv_in: Conv2d,
    blocks: Vec<(Vec<ResnetBlock2D>, Option<Downsample2D>)>,
    mid: MidBlock,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    activation: Activation,
}

impl Encoder {
    pub fn new(config: &VaeConfig, weights: &Weights) -> error::Result<Self> {
        let sizes = &config.block_out_channels;
        let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
        let mut blocks = Vec::with_capacity(sizes.len());
        let mut input = first;
        for (i, &output) in sizes.iter().enumerate() {
            let weights = weights.pp(format!("down_blocks.{i}"));
            let resnets = resnets(config, input, output, config.layers_per_block, &weights)?;
            input = output;
            let downsampler = match i + 1 == sizes.len() {
                true => None,
                false => Some(Downsample2D::new(output, 0, &weights.pp("downsamplers.0"))?),
            };
            blocks.push((resnets, downsampler));
        }
        Ok(Self {
            conv_in: Conv2d::new(config.in_channels, first, 3, 1, 1, &weights.pp("conv_in"))?,
            blocks,
            mid: MidBlock::new(config, &weights.pp("mid_block"))?,
            conv_norm_out: GroupNorm::new(config.norm_num_groups, last, EPS, &weights.pp("conv_norm_out"))?,
            conv_out: Conv2d::new(last, 2 * config.latent_channels, 3, 1, 1, &weights.pp("conv_out"))?,
            activation: config.activation,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.conv_in.forward(x)?;
        for (resnets, downsampler) in &self.blocks {
            for resnet in resnets {
                x = resnet.forward(&x, None)?;
            }
            if let Some(downsampler) = downsampler {
                x = downsampler.forward(&x)?;
            }
        }
        let x = self.mid.forward(&x)?;
        self.conv_out
            .forward(&activated(self.activation, &self.conv_norm_out, &x)?)
    }
}
