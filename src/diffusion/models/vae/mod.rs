//! The autoencoder between pictures and latents (AutoencoderKL).
//!
//! Pictures of a batch are coded one after the other, so that memory is that of one picture (diffusers calls it slicing);
//! a picture that would need more than the configured memory is coded in overlapping tiles ([`tiling`]).

mod blocks;
mod decoder;
mod encoder;
mod tiling;

use candle_core::{DType, Result, Shape, Tensor};

use crate::config::VaeConfig;
use crate::error;
use crate::ops::Conv2d;
use crate::weights::Weights;
use decoder::Decoder;
use encoder::Encoder;
pub(crate) use tiling::Tiling;

/// Encoder and decoder.
pub(crate) struct AutoencoderKl {
    config: VaeConfig,
    encoder: Encoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
    decoder: Decoder,
    memory: u64,
}

/// A normal distribution over a picture's latents, (pictures, channels, height, width).
pub(crate) struct LatentDistribution {
    mean: Tensor,
    logvar: Tensor,
    scaling_factor: f64,
}

impl LatentDistribution {
    /// The latents' shape.
    pub fn shape(&self) -> &Shape {
        self.mean.shape()
    }

    /// The likeliest latents, scaled for the denoiser.
    #[allow(dead_code)] // What golden tests compare; pictures begin with a sample, as in diffusers.
    pub fn mode(&self) -> Result<Tensor> {
        &self.mean * self.scaling_factor
    }

    /// Latents drawn with `noise` (standard normal, of the mean's shape), scaled for the denoiser.
    pub fn sample(&self, noise: &Tensor) -> Result<Tensor> {
        let deviation = (&self.logvar * 0.5)?.exp()?;
        (&self.mean + (deviation * noise)?)? * self.scaling_factor
    }
}

impl AutoencoderKl {
    /// Builds the autoencoder; a picture whose coding would take more than `memory` bytes is cut into tiles.
    pub fn new(config: VaeConfig, weights: &Weights, memory: u64) -> error::Result<Self> {
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
            memory,
        })
    }

    /// Decodes the denoiser's latents (pictures, channels, height, width) to pictures in about −1 to 1.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = latents.dims4()?;
        let bytes = latents.dtype().size_in_bytes() as u64;
        let tiling = Tiling::fitting(&self.config, height, width, bytes, self.memory);
        self.decode_with(latents, tiling)
    }

    /// Decodes with given tiles, or whole.
    pub fn decode_with(&self, latents: &Tensor, tiling: Option<Tiling>) -> Result<Tensor> {
        let z = (latents / self.config.scaling_factor)?;
        each(&z, |z| match tiling {
            Some(tiling) => tiling.decode(z, |tile| self.decode_whole(tile)),
            None => self.decode_whole(z),
        })
    }

    fn decode_whole(&self, z: &Tensor) -> Result<Tensor> {
        match &self.post_quant_conv {
            Some(conv) => self.decoder.forward(&conv.forward(z)?),
            None => self.decoder.forward(z),
        }
    }

    /// Encodes pictures in −1 to 1, (pictures, 3, height, width), both sides multiples of the latent scale.
    pub fn encode(&self, pictures: &Tensor) -> Result<LatentDistribution> {
        let (_, _, height, width) = pictures.dims4()?;
        let scale = self.config.scale();
        let bytes = pictures.dtype().size_in_bytes() as u64;
        let tiling = Tiling::fitting(&self.config, height / scale, width / scale, bytes, self.memory);
        self.encode_with(pictures, tiling)
    }

    /// Encodes with given tiles, or whole.
    pub fn encode_with(&self, pictures: &Tensor, tiling: Option<Tiling>) -> Result<LatentDistribution> {
        let moments = each(pictures, |picture| match tiling {
            Some(tiling) => tiling.encode(picture, |tile| self.encode_whole(tile)),
            None => self.encode_whole(picture),
        })?
        .to_dtype(DType::F32)?;
        let channels = self.config.latent_channels;
        Ok(LatentDistribution {
            mean: moments.narrow(1, 0, channels)?,
            // As diffusers bounds it, so that its exponential stays finite.
            logvar: moments.narrow(1, channels, channels)?.clamp(-30.0, 20.0)?,
            scaling_factor: self.config.scaling_factor,
        })
    }

    fn encode_whole(&self, picture: &Tensor) -> Result<Tensor> {
        let moments = self.encoder.forward(picture)?;
        match &self.quant_conv {
            Some(conv) => conv.forward(&moments),
            None => Ok(moments),
        }
    }
}

/// Applies `code` to one picture after the other.
fn each(x: &Tensor, code: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    match x.dim(0)? {
        1 => code(x),
        pictures => {
            let coded = (0..pictures)
                .map(|picture| code(&x.narrow(0, picture, 1)?))
                .collect::<Result<Vec<_>>>()?;
            Tensor::cat(&coded, 0)
        }
    }
}
