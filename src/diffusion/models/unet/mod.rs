//! The denoiser: a UNet conditioned on time and text (UNet2DConditionModel).

mod blocks;
mod embedding;
mod transformer;

pub(crate) use embedding::guidance_scale_embedding;

use candle_core::{D, Module as _, Tensor};
use candle_transformers::models::stable_diffusion::embeddings::Timesteps;

use crate::config::UNetConfig;
use crate::error::Result;
use crate::ops::{Activation, Conv2d, GroupNorm};
use crate::weights::Weights;
use blocks::{Conditioning, DownBlock, UNetMidBlock, UpBlock};
use embedding::TimestepEmbedding;

/// SDXL's extra conditioning, one row a picture.
#[derive(Debug, Clone)]
pub(crate) struct AddedInputs {
    /// The pooled text vector, (pictures, features).
    pub text_embeds: Tensor,
    /// Original size, crop corner and target size, (pictures, 6).
    pub time_ids: Tensor,
}

/// The network.
pub(crate) struct UNet2DConditionModel {
    config: UNetConfig,
    time_proj: Timesteps,
    time_embedding: TimestepEmbedding,
    added: Option<(Timesteps, TimestepEmbedding)>,
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: Option<UNetMidBlock>,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl UNet2DConditionModel {
    /// Builds the network.
    pub fn new(config: UNetConfig, weights: &Weights) -> Result<Self> {
        let first = config.blocks[0].channels;
        let sinusoids = |size| Timesteps::new(size, config.flip_sin_to_cos, config.freq_shift);
        let embedding = |input, condition, name: &str| {
            TimestepEmbedding::new(
                input,
                config.time_embedding_dim,
                condition,
                config.activation,
                &weights.pp(name),
            )
        };
        let added = match config.added {
            Some(added) => Some((
                sinusoids(added.time_embed_dim),
                embedding(added.input_dim, None, "add_embedding")?,
            )),
            None => None,
        };
        let count = config.blocks.len();
        let conv = |input, output, kernel, name: &str| {
            Conv2d::new(input, output, kernel, 1, (kernel - 1) / 2, &weights.pp(name))
        };
        Ok(Self {
            time_proj: sinusoids(first),
            time_embedding: embedding(first, config.time_cond_proj_dim, "time_embedding")?,
            added,
            conv_in: conv(config.in_channels, first, config.conv_in_kernel, "conv_in")?,
            down_blocks: (0..count)
                .map(|i| DownBlock::new(&config, i, &weights.pp(format!("down_blocks.{i}"))))
                .collect::<Result<_>>()?,
            mid_block: UNetMidBlock::new(&config, &weights.pp("mid_block"))?,
            up_blocks: (0..count)
                .map(|i| UpBlock::new(&config, i, &weights.pp(format!("up_blocks.{i}"))))
                .collect::<Result<_>>()?,
            conv_norm_out: GroupNorm::new(
                config.norm_num_groups,
                first,
                config.norm_eps,
                &weights.pp("conv_norm_out"),
            )?,
            conv_out: conv(first, config.out_channels, config.conv_out_kernel, "conv_out")?,
            config,
        })
    }

    /// Predicts noise (or velocity, or clean latents: the scheduler knows) for several pictures at once.
    ///
    /// `latents` is (pictures, channels, height, width), `times` one training timestep a picture, `text` (pictures,
    /// tokens, features). `added` is needed exactly if the configuration asks for it, `guidance` (the scale's embedding,
    /// (pictures, features)) if it has `time_cond_proj_dim`. The result is shaped like `latents`. Every picture is computed independently of the others, to the last bit on processors.
    pub fn forward(
        &self,
        latents: &Tensor,
        times: &[f64],
        text: &Tensor,
        added: Option<&AddedInputs>,
        guidance: Option<&Tensor>,
    ) -> Result<Tensor> {
        let dtype = latents.dtype();
        let times: Vec<f32> = times.iter().map(|&t| t as f32).collect();
        let times = Tensor::new(times, latents.device())?;
        let mut time = self
            .time_embedding
            .forward(&self.time_proj.forward(&times)?.to_dtype(dtype)?, guidance)?;
        match (&self.added, added) {
            (Some((sinusoids, embedding)), Some(added)) => {
                let pictures = added.time_ids.dim(0)?;
                let ids = sinusoids
                    .forward(&added.time_ids.flatten_all()?)?
                    .reshape((pictures, ()))?;
                let joined = Tensor::cat(&[&added.text_embeds, &ids.to_dtype(dtype)?], D::Minus1)?;
                time = (time + embedding.forward(&joined, None)?)?;
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                return Err(
                    candle_core::Error::Msg("added conditioning does not match the UNet".into()).into(),
                );
            }
        }
        // Every residual block starts by activating the time embedding; once is enough.
        let time = self.config.activation.forward(&time)?;
        let on = Conditioning { time: &time, text };
        let latents = if self.config.center_input_sample {
            ((latents * 2.0)? - 1.0)?
        } else {
            latents.clone()
        };

        let mut x = self.conv_in.forward(&latents)?;
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(&x, &on, &mut skips)?;
        }
        if let Some(block) = &self.mid_block {
            x = block.forward(&x, &on)?;
        }
        for block in &self.up_blocks {
            x = block.forward(&x, &on, &mut skips)?;
        }
        let x = match self.config.activation {
            Activation::Silu => self.conv_norm_out.forward_silu(&x)?,
            other => other.forward(&self.conv_norm_out.forward(&x)?)?,
        };
        Ok(self.conv_out.forward(&x)?)
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }
}
