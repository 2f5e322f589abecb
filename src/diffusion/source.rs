//! Pictures made from pictures: what to start from, and the second pass at a larger size.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use image::{RgbImage, imageops};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{DiffusionError, Result};
use crate::resample::{Filter, resize};

/// Hexadecimal digits of a picture's hash.
const HASH_DIGITS: usize = 16;

/// A picture to start from instead of noise alone (image-to-image).
#[derive(Debug, Clone, PartialEq)]
pub struct SourceImage {
    /// Its pixels. At another size than the picture's it is stretched to it, as diffusers does.
    pub image: Arc<RgbImage>,
    /// Share of the denoising steps that are taken, above 0 (hardly anything changes) to 1 (hardly anything stays). At least
    /// one step is taken.
    pub strength: f64,
}

impl SourceImage {
    /// The middle of a picture at a size: what exceeds the shape is cut off, evenly on both sides, so that nothing is
    /// distorted.
    pub fn fitting(picture: &RgbImage, width: usize, height: usize, strength: f64) -> Self {
        let (old_width, old_height) = (u64::from(picture.width()), u64::from(picture.height()));
        let (wide, high) = (width as u64, height as u64);
        // The largest part of the wanted shape.
        let (cut_width, cut_height) = match old_width * high > old_height * wide {
            true => ((old_height * wide / high.max(1)).max(1), old_height),
            false => (old_width, (old_width * high / wide.max(1)).max(1)),
        };
        let (left, top) = ((old_width - cut_width) / 2, (old_height - cut_height) / 2);
        let part = imageops::crop_imm(
            picture,
            left as u32,
            top as u32,
            cut_width as u32,
            cut_height as u32,
        )
        .to_image();
        Self {
            image: Arc::new(resize(&part, width as u32, height as u32, Filter::Lanczos)),
            strength,
        }
    }
}

/// Names a picture by its pixels: 16 hexadecimal digits of SHA-256 over width, height (32 bits each, little-endian) and
/// colours. Receipts carry it for the picture that another one started from.
pub fn picture_hash(picture: &RgbImage) -> String {
    let mut hasher = Sha256::new();
    hasher.update(picture.width().to_le_bytes());
    hasher.update(picture.height().to_le_bytes());
    hasher.update(picture.as_raw());
    let digits: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    digits[..HASH_DIGITS].to_owned()
}

/// A second pass: the finished picture is enlarged and denoised again at its new size (hires fix).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hires {
    /// Pixels; a multiple of the model's latent scale.
    pub width: usize,
    /// Pixels; a multiple of the model's latent scale.
    pub height: usize,
    /// Share of `steps` that are taken, above 0 to 1; at least one step is taken.
    pub strength: f64,
    /// Denoising steps of a whole pass.
    pub steps: usize,
    /// What is enlarged.
    pub upscale: Upscale,
}

/// What a second pass enlarges, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Upscale {
    /// The latents, bilinearly: nothing is decoded in between, but a low strength leaves a blur.
    Latent,
    /// The latents, by the nearest value: sharper, and coarser at a low strength.
    LatentNearest,
    /// The decoded picture (Lanczos), which is encoded again: clean at any strength, at the price of both.
    Image,
}

impl Upscale {
    /// All kinds, in the order they are listed to people.
    pub const ALL: [Self; 3] = [Self::Image, Self::Latent, Self::LatentNearest];

    /// The name used in commands and receipts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latent => "latent",
            Self::LatentNearest => "latent_nearest",
            Self::Image => "image",
        }
    }
}

impl fmt::Display for Upscale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Upscale> for &'static str {
    fn from(kind: Upscale) -> Self {
        kind.name()
    }
}

impl FromStr for Upscale {
    type Err = DiffusionError;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                DiffusionError::invalid("upscale", format!("`{name}` is unknown; there are {names}"))
            })
    }
}

impl TryFrom<String> for Upscale {
    type Error = DiffusionError;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_cut_to_the_shape_and_not_distorted() {
        // A white square in the middle of a wide black picture.
        let wide = RgbImage::from_fn(90, 30, |x, _| {
            image::Rgb([if (30..60).contains(&x) { 255 } else { 0 }; 3])
        });
        let square = SourceImage::fitting(&wide, 15, 15, 0.5);
        assert!(square.image.pixels().all(|pixel| pixel.0 == [255; 3]));
        let tall = SourceImage::fitting(&imageops::rotate90(&wide), 16, 16, 0.5);
        assert!(tall.image.pixels().all(|pixel| pixel.0 == [255; 3]));
        assert_eq!(SourceImage::fitting(&wide, 90, 30, 0.5).image.as_ref(), &wide);
    }

    #[test]
    fn a_hash_names_pixels_and_shape() {
        let picture = RgbImage::from_pixel(2, 3, image::Rgb([1, 2, 3]));
        assert_eq!(picture_hash(&picture).len(), HASH_DIGITS);
        assert_eq!(picture_hash(&picture), picture_hash(&picture.clone()));
        let turned = RgbImage::from_pixel(3, 2, image::Rgb([1, 2, 3]));
        assert_ne!(picture_hash(&picture), picture_hash(&turned));
    }

    #[test]
    fn what_can_be_enlarged_goes_by_its_name() {
        for kind in Upscale::ALL {
            assert_eq!(kind.name().parse::<Upscale>().unwrap(), kind);
        }
        let error = "esrgan".parse::<Upscale>().unwrap_err().to_string();
        assert!(
            error.contains("esrgan") && error.contains("latent_nearest"),
            "{error}"
        );
    }
}
