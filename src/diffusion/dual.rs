//! A dual encoder: how well a picture and a text go together.
//!
//! As transformers' CLIPModel (Radford et al. 2021), with the bias of SigLIP (Zhai et al. 2023): both are encoded to a
//! direction in one space, and the chance that the text holds for the picture is
//! sigmoid(exp(`logit_scale`) · cosine + `logit_bias`), whatever other texts there are.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use image::RgbImage;

use crate::config::{ClipVisionConfig, TextEncoderConfig};
use crate::error::{DiffusionError, Result};
use crate::models::{ClipTextModel, ClipVisionModel};
use crate::resample::{Filter, resize};
use crate::text::ClipTokenizer;
use crate::weights::Weights;

/// A loaded pair of encoders.
pub struct DualEncoder {
    tokenizer: ClipTokenizer,
    text: ClipTextModel,
    vision: ClipVisionModel,
    /// Side of the pictures it looks at, pixels.
    side: u32,
    scale: f32,
    bias: f32,
    device: Device,
}

/// A direction in the space of pictures and texts: of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Direction(Vec<f32>);

impl Direction {
    fn of(features: &Tensor) -> Result<Self> {
        let mut values: Vec<f32> = features.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let norm = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        for value in &mut values {
            *value = (f64::from(*value) / norm.max(1e-12)) as f32;
        }
        Ok(Self(values))
    }

    /// The cosine of the angle to another, −1 to 1.
    pub fn cosine(&self, other: &Self) -> f32 {
        let products = self.0.iter().zip(&other.0);
        products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32
    }

    /// Its components.
    pub fn values(&self) -> &[f32] {
        &self.0
    }
}

impl DualEncoder {
    /// Loads a folder with `config.json` and `model.safetensors` in the layout of transformers' CLIPModel, and the tokenizer of
    /// another: `tokenizer.json`, or `vocab.json` with `merges.txt`. It computes in f32.
    ///
    /// # Errors
    /// If a file is missing, damaged or a pickle, asks for what is not implemented, or a tensor is missing or misshapen.
    pub fn load(folder: &Path, tokenizer: &Path, device: &Device) -> Result<Self> {
        let path = folder.join("config.json");
        let text = TextEncoderConfig::read_part(&path)?;
        let vision = ClipVisionConfig::read(&path)?;
        if text.projection != Some(vision.projection) {
            let reason = "`projection_dim` is not one number for both encoders";
            return Err(DiffusionError::malformed(&path, reason));
        }
        let weights = Weights::open(folder, "model", DType::F32, device)?;
        let number = |name: &str| -> Result<f32> {
            // Numbers are saved as scalars or as lists of one.
            let value = weights.get((), name).or_else(|_| weights.get(1, name))?;
            Ok(value
                .flatten_all()?
                .to_vec1::<f32>()?
                .first()
                .copied()
                .unwrap_or_default())
        };
        let bias = if weights.contains("logit_bias") {
            number("logit_bias")?
        } else {
            0.0
        };
        Ok(Self {
            tokenizer: ClipTokenizer::read(tokenizer, None, &text)?,
            text: ClipTextModel::new(&text, &weights)?,
            side: u32::try_from(vision.image_size)
                .map_err(|_| DiffusionError::malformed(&path, "`image_size` is too large"))?,
            vision: ClipVisionModel::new(&vision, &weights)?,
            scale: number("logit_scale")?.exp(),
            bias,
            device: device.clone(),
        })
    }

    /// Encodes a text; of a longer one than it reads at once, the beginning.
    ///
    /// # Errors
    /// If the tokenizer or the tensor library fails.
    pub fn text(&self, text: &str) -> Result<Direction> {
        let mut words = self.tokenizer.content(text)?;
        words.truncate(self.tokenizer.room());
        let states = self.text.forward(&self.tokenizer.sequence(&words), 0)?;
        match states.pooled {
            Some(pooled) => Direction::of(&pooled),
            None => Err(DiffusionError::Tensor(candle_core::Error::Msg(
                "a text encoder without projection".to_owned(),
            ))),
        }
    }

    /// Encodes a picture of any size and shape, all of it.
    ///
    /// # Errors
    /// If the picture has no pixels or the tensor library fails.
    pub fn picture(&self, picture: &RgbImage) -> Result<Direction> {
        if picture.width() == 0 || picture.height() == 0 {
            return Err(DiffusionError::invalid("picture", "has no pixels".to_owned()));
        }
        Direction::of(&self.vision.forward(&self.pixels(picture)?)?)
    }

    /// The chance that a text holds for a picture, 0 to 1.
    pub fn chance(&self, picture: &Direction, text: &Direction) -> f32 {
        1.0 / (1.0 + (-(self.scale * picture.cosine(text) + self.bias)).exp())
    }

    /// The picture as the model wants to see it, (1, 3, side, side): resized as a whole (bilinear, as Pillow does it), −1 to 1.
    pub(crate) fn pixels(&self, picture: &RgbImage) -> Result<Tensor> {
        let picture = resize(picture, self.side, self.side, Filter::Bilinear);
        let side = self.side as usize;
        let bytes = Tensor::from_slice(picture.as_raw(), (1, side, side, 3), &self.device)?;
        let channels = bytes.permute((0, 3, 1, 2))?.contiguous()?;
        Ok(channels.to_dtype(DType::F32)?.affine(2.0 / 255.0, -1.0)?)
    }
}
