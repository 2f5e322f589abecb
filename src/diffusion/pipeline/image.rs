//! Pictures that begin with a picture, and the second pass at a larger size.
//!
//! The arithmetic is that of diffusers' image-to-image pipelines: the picture is encoded, a sample of its latents gets the
//! noise of a later step, and the sampler goes on from there. A second pass does the same with what the first one made.

use candle_core::{Device, Tensor};
use image::RgbImage;

use super::slot::Stage;
use super::{Pipeline, Slot};
use crate::error::Result;
use crate::interpolate::{Interpolation, interpolate};
use crate::resample::{Filter, resize};
use crate::rng::NoiseSource;
use crate::schedulers::Scheduler;
use crate::source::Upscale;

/// What a slot grows by before a stage begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Enlargement {
    pub upscale: Upscale,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
}

/// The first of a schedule's steps that a picture of this strength takes: diffusers' `get_timesteps`, but at least one
/// step is left.
pub(super) fn first_step(scheduler: &dyn Scheduler, steps: usize, strength: f64) -> usize {
    let taken = ((steps as f64 * strength) as usize).clamp(1, steps);
    (steps - taken) * scheduler.order()
}

impl Pipeline {
    /// Latents of a picture, sampled after so many steps, at the given size in pixels.
    pub(super) fn encode(
        &self,
        picture: &RgbImage,
        width: usize,
        height: usize,
        (noise, done): (&mut NoiseSource, usize),
    ) -> Result<Tensor> {
        let picture = resize(picture, width as u32, height as u32, Filter::Lanczos);
        let pixels = from_image(&picture)?
            .to_device(&self.device)?
            .to_dtype(self.vae_dtype)?;
        let distribution = self.vae.encode(&pixels)?;
        let draw = noise.posterior(done, distribution.shape(), &self.device)?;
        Ok(distribution.sample(&draw)?)
    }

    /// Enlarges a slot whose next stage is at a larger size, and gives it that stage's noise. If it fails, the slot is as
    /// it was before.
    pub(super) fn enlarge(&self, slot: &mut Slot) -> Result<()> {
        let Some((stage, enlargement)) = slot.stage().and_then(|stage| Some((stage, stage.enlarge?))) else {
            return Ok(());
        };
        let Enlargement {
            upscale,
            width,
            height,
        } = enlargement;
        let mut source = slot.noise.clone();
        let scale = self.info.vae_scale;
        let (rows, columns) = (height / scale, width / scale);
        let clean = match upscale {
            Upscale::Latent => interpolate(&slot.latents, rows, columns, Interpolation::Bilinear)?,
            Upscale::LatentNearest => interpolate(&slot.latents, rows, columns, Interpolation::Nearest)?,
            Upscale::Image => self.encode(&self.decode(slot)?, width, height, (&mut source, slot.done))?,
        };
        let noise = source.for_pass(slot.done, clean.shape(), &self.device)?;
        let Stage { scheduler, steps, .. } = stage;
        let latents = scheduler.add_noise(&clean, &noise, steps.start)?;
        (slot.latents, slot.clean) = (latents, Some(clean));
        (slot.width, slot.height, slot.noise) = (width, height, source);
        slot.entered();
        Ok(())
    }
}

/// Converts a picture to (1, 3, height, width) in −1 to 1.
fn from_image(picture: &RgbImage) -> Result<Tensor> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut planes = vec![0f32; 3 * width * height];
    for (at, pixel) in picture.pixels().enumerate() {
        for (channel, value) in pixel.0.into_iter().enumerate() {
            planes[channel * width * height + at] = 2.0 * (f32::from(value) / 255.0) - 1.0;
        }
    }
    Ok(Tensor::from_vec(planes, (1, 3, height, width), &Device::Cpu)?)
}
