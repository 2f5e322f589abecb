//! The autoencoder between pictures and latents (AutoencoderKL).

use candle_core::{Result, Tensor};

use super::resnet::{ResnetBlock2D, ResnetConfig};
use super::sampling::{Downsample2D, Upsample2D};
use crate::config::VaeConfig;
use crate::error;
use crate::ops::{Activation, Conv2d, GroupNorm, Linear, attention};
use crate::weights::Weights;

/// The autoencoder's own norms are finer than the UNet's.
const EPS: f64 = 1e-6;

/// Decoder, and encoder for fixtures and later image-to-image work.
pub(crate) struct AutoencoderKl {
    config: VaeConfig,
    encoder: Encoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
    decoder: Decoder,
}

impl AutoencoderKl {
    /// Builds the autoencoder.
    pub fn new(config: VaeConfig, weights: &Weights) -> error::Result<Self> {
        let z = config.latent_channels;
        let pointwise = |wanted: bool, size: usize, name: &str| match wanted {
            true => Conv2d::new(size, size, 1, 1, 0, &weights.pp(name)).map(Some),
            false => Ok(None),
        };
        Ok(Self {
            encoder: Encoder::new(&config, &weights.pp("encoder"))?,
            quant_conv: pointwise(config.use_quant_conv, 2 * z, "quant_conv")?,
            post_quant_conv: pointwise(config.use_post_quant_conv, z, "post_quant_conv")?,
            decoder: Decoder::new(&config, &weights.pp("decoder"))?,
            config,
        })
    }

    /// Decodes the denoiser's latents (pictures, channels, height, width) to pictures in about −1 to 1.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let z = (latents / self.config.scaling_factor)?;
        match &self.post_quant_conv {
            Some(conv) => self.decoder.forward(&conv.forward(&z)?),
            None => self.decoder.forward(&z),
        }
    }

    /// Encodes pictures in −1 to 1 to the denoiser's latents: the mean of the distribution, not a sample.
    #[allow(dead_code)] // Golden tests pin it; image-to-image will call it.
    pub fn encode_mean(&self, pictures: &Tensor) -> Result<Tensor> {
        let moments = self.encoder.forward(pictures)?;
        let moments = match &self.quant_conv {
            Some(conv) => conv.forward(&moments)?,
            None => moments,
        };
        let mean = moments.narrow(1, 0, self.config.latent_channels)?;
        mean * self.config.scaling_factor
    }
}

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

fn activated(activation: Activation, norm: &GroupNorm, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Silu => norm.forward_silu(x),
        other => other.forward(&norm.forward(x)?),
    }
}

struct Encoder {
    conv_in: Conv2d,
    blocks: Vec<(Vec<ResnetBlock2D>, Option<Downsample2D>)>,
    mid: MidBlock,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    activation: Activation,
}

impl Encoder {
    fn new(config: &VaeConfig, weights: &Weights) -> error::Result<Self> {
        let sizes = &config.block_out_channels;
        let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
        let mut blocks = Vec::with_capacity(sizes.len());
        let mut input = first;
        for (i, &output) in sizes.iter().enumerate() {
            let weights = weights.pp(format!("down_blocks.{i}"));
            let mut resnets = Vec::with_capacity(config.layers_per_block);
            for layer in 0..config.layers_per_block {
                resnets.push(resnet(
                    config,
                    input,
                    output,
                    &weights.pp(format!("resnets.{layer}")),
                )?);
                input = output;
            }
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

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
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

struct Decoder {
    conv_in: Conv2d,
    mid: MidBlock,
    blocks: Vec<(Vec<ResnetBlock2D>, Option<Upsample2D>)>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    activation: Activation,
}

impl Decoder {
    fn new(config: &VaeConfig, weights: &Weights) -> error::Result<Self> {
        let sizes = &config.block_out_channels;
        let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
        let mut blocks = Vec::with_capacity(sizes.len());
        let mut input = last;
        for (i, &output) in sizes.iter().rev().enumerate() {
            let weights = weights.pp(format!("up_blocks.{i}"));
            let mut resnets = Vec::with_capacity(config.layers_per_block + 1);
            for layer in 0..=config.layers_per_block {
                resnets.push(resnet(
                    config,
                    input,
                    output,
                    &weights.pp(format!("resnets.{layer}")),
                )?);
                input = output;
            }
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

    fn forward(&self, z: &Tensor) -> Result<Tensor> {
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

/// Two residual blocks with attention over all pixels between them.
struct MidBlock {
    first: ResnetBlock2D,
    attention: Option<PixelAttention>,
    second: ResnetBlock2D,
}

impl MidBlock {
    fn new(config: &VaeConfig, weights: &Weights) -> error::Result<Self> {
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

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
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
        let (pictures, channels, height, width) = x.dims4()?;
        let normed = self.group_norm.forward(x)?;
        let pixels = normed
            .reshape((pictures, channels, height * width))?
            .transpose(1, 2)?
            .contiguous()?;
        let (q, k, v) = (
            self.to_q.forward(&pixels)?,
            self.to_k.forward(&pixels)?,
            self.to_v.forward(&pixels)?,
        );
        let mixed = attention(&q, &k, &v, 1, (channels as f64).powf(-0.5), false)?;
        let mixed = self.to_out.forward(&mixed)?.transpose(1, 2)?.contiguous()?;
        x + mixed.reshape((pictures, channels, height, width))?
    }
}
