//! From latents to pictures: rough ones on the way, the decoded one at the end.

use candle_core::{DType, Device, Tensor};
use image::RgbImage;

use super::{Pipeline, Slot};
use crate::error::{DiffusionError, Result};
use crate::preview::{self, LatentRgb};

impl Pipeline {
    /// Renders a slot's present estimate of the finished picture, roughly and at almost no cost.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn preview(&self, slot: &Slot) -> Result<RgbImage> {
        let latents = slot.clean.as_ref().unwrap_or(&slot.latents);
        if let Some(taesd) = &self.taesd {
            let decoded = taesd.decode(&latents.to_dtype(self.base.dtype)?)?;
            let picture = to_image(&decoded.to_dtype(DType::F32)?.to_device(&Device::Cpu)?)?;
            return Ok(preview::at_size(picture, slot.width, slot.height));
        }
        let map = match self.preview.get() {
            Some(map) => map,
            None => {
                let channels = self.info.latent_channels;
                let map = LatentRgb::fit(&self.vae, channels, &self.device, self.vae_dtype)?;
                self.preview.get_or_init(|| map)
            }
        };
        map.render(latents, slot.width, slot.height)
    }

    /// Decodes a slot's latents to the picture.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn decode(&self, slot: &Slot) -> Result<RgbImage> {
        let decoded = self
            .vae
            .decode(&slot.latents.to_dtype(self.vae_dtype)?)?
            .to_dtype(DType::F32)?;
        to_image(&decoded.to_device(&Device::Cpu)?)
    }
}

/// Converts (1, 1 or 3 channels, height, width) in −1 to 1 to 8 bits, rounding as diffusers does.
fn to_image(x: &Tensor) -> Result<RgbImage> {
    let (_, channels, height, width) = x.dims4()?;
    let scaled = ((x / 2.0)? + 0.5)?.clamp(0.0, 1.0)?;
    let planes = (scaled * 255.0)?.squeeze(0)?.flatten_from(1)?.to_vec2::<f32>()?;
    if planes.iter().flatten().any(|v| v.is_nan()) {
        let reason = "the decoder produced no numbers; a 16-bit precision may have overflowed, try f32";
        return Err(DiffusionError::Tensor(candle_core::Error::Msg(reason.to_owned())));
    }
    Ok(RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = y as usize * width + x as usize;
        image::Rgb(std::array::from_fn(|c| {
            planes[c.min(channels - 1)][at].round_ties_even() as u8
        }))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_clamped_and_rounded() {
        let x = Tensor::from_vec(vec![-3f32, -1.0, 0.0, 1.0, 2.0, 0.5], (1, 3, 1, 2), &Device::Cpu).unwrap();
        let picture = to_image(&x).unwrap();
        assert_eq!(picture.get_pixel(0, 0).0, [0, 128, 255]);
        assert_eq!(picture.get_pixel(1, 0).0, [0, 255, 191]);
    }
}
