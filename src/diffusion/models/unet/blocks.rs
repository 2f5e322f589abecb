//! The UNet's blocks: one down and one up for each resolution, one in the middle.

use candle_core::{Result, Tensor};

use super::transformer::{Transformer2DModel, TransformerConfig};
use crate::config::{MidBlock, UNetConfig};
use crate::models::resnet::{ResnetBlock2D, ResnetConfig};
use crate::models::sampling::{Downsample2D, Upsample2D};
use crate::weights::Weights;

/// What all blocks of a step are conditioned on.
pub(super) struct Conditioning<'a> {
    /// The activated time embedding, (pictures, features).
    pub time: &'a Tensor,
    /// The text, (pictures, tokens, features).
    pub text: &'a Tensor,
}

/// Residual layers, each followed by a transformer if the block attends.
struct Layers {
    resnets: Vec<ResnetBlock2D>,
    attentions: Vec<Transformer2DModel>,
}

impl Layers {
    /// `inputs` are the channels that each residual layer takes in.
    fn new(
        config: &UNetConfig,
        level: usize,
        inputs: &[usize],
        // Of each attention; empty if the block has none.
        depths: &[usize],
        weights: &Weights,
    ) -> crate::error::Result<Self> {
        let output = config.blocks[level].channels;
        let resnets = inputs.iter().enumerate().map(|(i, &input)| {
            ResnetBlock2D::new(
                resnet(config, input, output, 1.0),
                &weights.pp(format!("resnets.{i}")),
            )
        });
        let attentions = depths.iter().enumerate().map(|(i, &depth)| {
            let sizes = TransformerConfig {
                only_cross_attention: config.blocks[level].only_cross_attention,
                ..transformer(config, level, depth)
            };
            Transformer2DModel::new(&sizes, &weights.pp(format!("attentions.{i}")))
        });
        Ok(Self {
            resnets: resnets.collect::<crate::error::Result<_>>()?,
            attentions: attentions.collect::<crate::error::Result<_>>()?,
        })
    }

    fn forward(&self, i: usize, x: &Tensor, on: &Conditioning<'_>) -> Result<Tensor> {
        let x = self.resnets[i].forward(x, Some(on.time))?;
        match self.attentions.get(i) {
            Some(attention) => attention.forward(&x, on.text),
            None => Ok(x),
        }
    }
}

fn resnet(config: &UNetConfig, input: usize, output: usize, output_scale: f64) -> ResnetConfig {
    ResnetConfig {
        input,
        output,
        groups: config.norm_num_groups,
        eps: config.norm_eps,
        activation: config.activation,
        time: Some(config.time_embedding_dim),
        scale_shift: config.time_scale_shift,
        output_scale,
    }
}

fn transformer(config: &UNetConfig, level: usize, layers: usize) -> TransformerConfig {
    let block = &config.blocks[level];
    TransformerConfig {
        channels: block.channels,
        heads: block.heads,
        layers,
        cross_attention_dim: config.cross_attention_dim,
        groups: config.norm_num_groups,
        use_linear_projection: config.use_linear_projection,
        upcast_attention: config.upcast_attention,
        only_cross_attention: false,
    }
}

/// DownBlock2D and CrossAttnDownBlock2D.
pub(super) struct DownBlock {
    layers: Layers,
    downsampler: Option<Downsample2D>,
}

impl DownBlock {
    pub fn new(config: &UNetConfig, level: usize, weights: &Weights) -> crate::error::Result<Self> {
        let block = &config.blocks[level];
        let mut inputs = vec![block.channels; block.layers];
        inputs[0] = config.blocks[level.saturating_sub(1)].channels;
        let depths = if block.attention {
            &block.transformer_layers[..]
        } else {
            &[]
        };
        let downsampler = match level + 1 == config.blocks.len() {
            true => None,
            false => {
                let weights = weights.pp("downsamplers.0");
                Some(Downsample2D::new(
                    block.channels,
                    config.downsample_padding,
                    &weights,
                )?)
            }
        };
        Ok(Self {
            layers: Layers::new(config, level, &inputs, depths, weights)?,
            downsampler,
        })
    }

    /// Pushes every intermediate result on `skips`, for the up block of the same resolution.
    pub fn forward(&self, x: &Tensor, on: &Conditioning<'_>, skips: &mut Vec<Tensor>) -> Result<Tensor> {
        let mut x = x.clone();
        for i in 0..self.layers.resnets.len() {
            x = self.layers.forward(i, &x, on)?;
            skips.push(x.clone());
        }
        if let Some(downsampler) = &self.downsampler {
            x = downsampler.forward(&x)?;
            skips.push(x.clone());
        }
        Ok(x)
    }
}

/// UpBlock2D and CrossAttnUpBlock2D.
pub(super) struct UpBlock {
    layers: Layers,
    upsampler: Option<Upsample2D>,
}

impl UpBlock {
    /// `index` counts up blocks from the lowest resolution.
    pub fn new(config: &UNetConfig, index: usize, weights: &Weights) -> crate::error::Result<Self> {
        let count = config.blocks.len();
        let level = count - 1 - index;
        let channels = |level: usize| config.blocks[level].channels;
        let (own, below, above) = (
            channels(level),
            channels((level + 1).min(count - 1)),
            channels(level.saturating_sub(1)),
        );
        let layers = config.blocks[level].layers + 1;
        let inputs: Vec<_> = (0..layers)
            .map(|i| {
                let incoming = if i == 0 { below } else { own };
                incoming + if i + 1 == layers { above } else { own }
            })
            .collect();
        let depths = match config.up_attention[index] {
            true => &config.up_transformer_layers[index][..],
            false => &[],
        };
        let upsampler = match level {
            0 => None,
            _ => Some(Upsample2D::new(own, &weights.pp("upsamplers.0"))?),
        };
        Ok(Self {
            layers: Layers::new(config, level, &inputs, depths, weights)?,
            upsampler,
        })
    }

    /// Takes its shortcuts off the end of `skips`.
    pub fn forward(&self, x: &Tensor, on: &Conditioning<'_>, skips: &mut Vec<Tensor>) -> Result<Tensor> {
        let mut x = x.clone();
        for i in 0..self.layers.resnets.len() {
            let Some(skip) = skips.pop() else {
                candle_core::bail!("the UNet's up blocks outnumber its down blocks")
            };
            x = self.layers.forward(i, &Tensor::cat(&[&x, &skip], 1)?, on)?;
        }
        let Some(upsampler) = &self.upsampler else {
            return Ok(x);
        };
        // The next block joins this size, which is not twice ours where halving had to round up.
        let size = match skips.last() {
            Some(skip) => Some((skip.dim(2)?, skip.dim(3)?)),
            None => None,
        };
        upsampler.forward(&x, size)
    }
}

/// UNetMidBlock2DCrossAttn and UNetMidBlock2D.
pub(super) struct UNetMidBlock {
    first: ResnetBlock2D,
    rest: Option<(Transformer2DModel, ResnetBlock2D)>,
}

impl UNetMidBlock {
    pub fn new(config: &UNetConfig, weights: &Weights) -> crate::error::Result<Option<Self>> {
        let level = config.blocks.len() - 1;
        let channels = config.blocks[level].channels;
        let resnet = |i: usize| {
            let config = resnet(config, channels, channels, config.mid_block_scale_factor);
            ResnetBlock2D::new(config, &weights.pp(format!("resnets.{i}")))
        };
        let rest = match config.mid_block {
            MidBlock::Absent => return Ok(None),
            MidBlock::Resnet => None,
            MidBlock::CrossAttention => {
                let sizes = transformer(config, level, config.mid_transformer_layers);
                let attention = Transformer2DModel::new(&sizes, &weights.pp("attentions.0"))?;
                Some((attention, resnet(1)?))
            }
        };
        Ok(Some(Self {
            first: resnet(0)?,
            rest,
        }))
    }

    pub fn forward(&self, x: &Tensor, on: &Conditioning<'_>) -> Result<Tensor> {
        let x = self.first.forward(x, Some(on.time))?;
        match &self.rest {
            Some((attention, resnet)) => resnet.forward(&attention.forward(&x, on.text)?, Some(on.time)),
            None => Ok(x),
        }
    }
}
