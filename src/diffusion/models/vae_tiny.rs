//! The tiny autoencoder's decoder (AutoencoderTiny, known as TAESD): previews in a fraction of a decode's time.

use std::path::Path;

use candle_core::{DType, Device, Result, Tensor};

use crate::config::TinyVaeConfig;
use crate::error::{self, DiffusionError};
use crate::ops::{Activation, Conv2d};
use crate::weights::Weights;

/// The decoder alone: nothing here encodes with it.
pub(crate) struct TinyDecoder {
    layers: Vec<Layer>,
    activation: Activation,
    scaling_factor: f64,
    latent_channels: usize,
}

enum Layer {
    Conv(Conv2d),
    Activation,
    Block(Block),
    /// Repeats every value so many times along each axis.
    Upsample(usize),
}

/// Three convolutions around which the input passes unchanged.
struct Block {
    convs: [Conv2d; 3],
}

impl TinyDecoder {
    /// Loads a folder in the diffusers layout (`config.json`, `diffusion_pytorch_model.safetensors`), or one file: TAESD's
    /// own (`taesd_decoder.safetensors`, layers numbered in sequence) or diffusers' without its configuration.
    ///
    /// `latent_channels` are those of the model whose latents it is to decode.
    ///
    /// # Errors
    /// If a file is missing or damaged, the names in it are of neither kind, or a shape does not fit.
    pub fn load(path: &Path, latent_channels: usize, dtype: DType, device: &Device) -> error::Result<Self> {
        if path.is_dir() {
            let config = TinyVaeConfig::read(&path.join("config.json"))?;
            let weights = Weights::open(path, "diffusion_pytorch_model", dtype, device)?;
            let decoder = Self::new(&config, &weights.pp("decoder.layers"), 0)?;
            if decoder.latent_channels != latent_channels {
                let found = decoder.latent_channels;
                let reason =
                    format!("`latent_channels` is {found}, the model's latents have {latent_channels}");
                return Err(DiffusionError::malformed(&path.join("config.json"), reason));
            }
            return Ok(decoder);
        }
        let stem = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".safetensors"));
        let (Some(stem), Some(folder)) = (stem, path.parent()) else {
            return Err(DiffusionError::MissingFile {
                path: path.to_owned(),
                hint: "a TAESD is a folder in the diffusers layout or a .safetensors file".to_owned(),
            });
        };
        let weights = Weights::open(folder, stem, dtype, device)?;
        let config = TinyVaeConfig::published(latent_channels);
        if weights.contains("decoder.layers.0.weight") {
            Self::new(&config, &weights.pp("decoder.layers"), 0)
        } else if weights.contains("1.weight") {
            // The original counts the clamp at the beginning as its layer 0.
            Self::new(&config, &weights, 1)
        } else {
            let reason = "is no TAESD decoder: it has neither `1.weight` nor `decoder.layers.0.weight`";
            Err(DiffusionError::malformed(path, reason))
        }
    }

    /// Builds the decoder from layers numbered from `first`.
    fn new(config: &TinyVaeConfig, weights: &Weights, first: usize) -> error::Result<Self> {
        let mut layers = Vec::new();
        let at = |layers: &Vec<Layer>| weights.pp(first + layers.len());
        let widest = config.blocks[0].0;
        let conv = Conv2d::new(config.latent_channels, widest, 3, 1, 1, &at(&layers))?;
        layers.extend([Layer::Conv(conv), Layer::Activation]);
        let last = config.blocks.len() - 1;
        for (i, &(channels, count)) in config.blocks.iter().enumerate() {
            for _ in 0..count {
                let block = Block::new(channels, &at(&layers))?;
                layers.push(Layer::Block(block));
            }
            if i == last {
                let conv = Conv2d::new(channels, config.out_channels, 3, 1, 1, &at(&layers))?;
                layers.push(Layer::Conv(conv));
            } else {
                layers.push(Layer::Upsample(config.upsampling));
                let conv = Conv2d::without_bias(channels, channels, 3, 1, 1, &at(&layers))?;
                layers.push(Layer::Conv(conv));
            }
        }
        Ok(Self {
            layers,
            activation: config.activation,
            scaling_factor: config.scaling_factor,
            latent_channels: config.latent_channels,
        })
    }

    /// Decodes the denoiser's latents (pictures, channels, height, width) to pictures in about −1 to 1.
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        // Soft bounds in place of a clamp.
        let mut x = (((latents / self.scaling_factor)? / 3.0)?.tanh()? * 3.0)?;
        for layer in &self.layers {
            x = match layer {
                Layer::Conv(conv) => conv.forward(&x)?,
                Layer::Activation => self.activation.forward(&x)?,
                Layer::Block(block) => block.forward(&x, self.activation)?,
                Layer::Upsample(factor) => {
                    let (_, _, height, width) = x.dims4()?;
                    x.upsample_nearest2d(factor * height, factor * width)?
                }
            };
        }
        // The network's own range is 0 to 1.
        (x * 2.0)? - 1.0
    }
}

impl Block {
    fn new(channels: usize, weights: &Weights) -> error::Result<Self> {
        let conv = |i: usize| Conv2d::new(channels, channels, 3, 1, 1, &weights.pp(format!("conv.{i}")));
        Ok(Self {
            convs: [conv(0)?, conv(2)?, conv(4)?],
        })
    }

    fn forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let [first, second, third] = &self.convs;
        let hidden = activation.forward(&first.forward(x)?)?;
        let hidden = activation.forward(&second.forward(&hidden)?)?;
        (third.forward(&hidden)? + x)?.relu()
    }
}
