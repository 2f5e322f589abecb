//! A checkpoint ready to make pictures, several at a time.
//!
//! A picture is a [`Slot`]: it is started, stepped until finished, and decoded. One call of [`Pipeline::step`] joins any
//! slots in one forward pass of the denoiser, each at its own timestep, with its own sampler, guidance and conditioning;
//! slots join and leave between calls. [`Pipeline::generate`] does it all for one picture.

mod info;
mod load;
mod slot;

use std::ops::ControlFlow;
use std::sync::OnceLock;

use candle_core::{D, DType, Device, Tensor};
use image::RgbImage;

use crate::conditioning::{Plan, Row, Texts};
use crate::error::{DiffusionError, Result};
use crate::models::{AddedInputs, AutoencoderKl, TinyDecoder, UNet2DConditionModel};
use crate::params::{GenerationParams, VpNorm};
use crate::preview::{self, LatentRgb};
use crate::rng::NoiseSource;
use crate::safety::{SafetyChecker, SafetyReport};
use crate::text::TextEncoders;
use crate::variation;
pub use info::ModelInfo;
pub use load::LoadOptions;
pub use slot::Slot;

/// SDXL's refiner was trained on aesthetic scores; these are diffusers' defaults for the two sides of guidance.
const AESTHETIC_SCORE: f32 = 6.0;
const NEGATIVE_AESTHETIC_SCORE: f32 = 2.5;

/// A loaded checkpoint on one device.
pub struct Pipeline {
    info: ModelInfo,
    text: TextEncoders,
    unet: UNet2DConditionModel,
    vae: AutoencoderKl,
    scheduler: crate::config::SchedulerConfig,
    vp_norm: VpNorm,
    preview: OnceLock<LatentRgb>,
    taesd: Option<TinyDecoder>,
    safety_checker: Option<SafetyChecker>,
    device: Device,
    dtype: DType,
    vae_dtype: DType,
}

/// What [`Pipeline::generate`] tells its caller after every step.
#[non_exhaustive]
pub struct StepEvent<'a> {
    /// Steps done so far, from 1.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
    pipeline: &'a Pipeline,
    slot: &'a Slot,
}

impl StepEvent<'_> {
    /// Renders the picture as it is now; see [`Pipeline::preview`].
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn preview(&self) -> Result<RgbImage> {
        self.pipeline.preview(self.slot)
    }
}

impl Pipeline {
    /// What the model is and which sizes it has.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// How many texts the encoders have encoded since loading. Texts found in the cache do not count.
    pub fn text_encodings(&self) -> u64 {
        self.text.encodings()
    }

    /// Begins a picture: encodes its texts (or finds them in the cache), draws its noise, lays out its steps.
    ///
    /// # Errors
    /// If the parameters are out of range or do not fit the model, or the tensor library fails.
    pub fn start(&self, params: &GenerationParams) -> Result<Slot> {
        params.validate(&self.info)?;
        let prompt = self.text.prompt(&params.prompt)?;
        let guided = params.guidance > 1.0;
        let negative = if guided {
            Some(self.text.negative(&params.negative)?)
        } else {
            None
        };
        let preferences = match params.is_personalised() {
            true => Some((
                self.text.preferences(&params.vp_plus)?,
                self.text.preferences(&params.vp_minus)?,
            )),
            false => None,
        };
        let texts = Texts {
            prompt: &prompt,
            negative: negative.as_deref(),
            preferences: preferences.as_ref().map(|(plus, minus)| (&**plus, &**minus)),
        };
        let mut plan = Plan::new(
            &texts,
            params.conditioning,
            params.beta,
            params.guidance,
            params.guidance_rescale,
            self.vp_norm,
        )?;
        for row in &mut plan.rows {
            row.states = row.states.to_dtype(self.dtype)?;
            row.pooled = row
                .pooled
                .as_ref()
                .map(|pooled| pooled.to_dtype(self.dtype))
                .transpose()?;
        }
        let scale = self.info.vae_scale;
        let shape = (
            1,
            self.info.latent_channels,
            params.height / scale,
            params.width / scale,
        );
        let mut noise = NoiseSource::of(params.noise, params.seed);
        let unit = match &params.init_latents {
            Some(latents) => latents.to_device(&self.device)?.to_dtype(DType::F32)?,
            None => noise.initial(&shape.into(), &self.device)?,
        };
        let unit = params.variations.iter().try_fold(unit, |unit, step| {
            let towards = NoiseSource::of(params.noise, step.seed).initial(&shape.into(), &self.device)?;
            variation::turn(&unit, &towards, step.strength)
        })?;
        let scheduler = params.scheduler.build(&self.scheduler, params.steps)?;
        let latents = (unit * scheduler.init_noise_sigma())?;
        Ok(Slot {
            plan,
            noise,
            scheduler,
            latents,
            clean: None,
            step: 0,
            width: params.width,
            height: params.height,
        })
    }

    /// Takes every unfinished slot one step on, with one forward pass of the denoiser for all slots of equal size.
    ///
    /// On the processor a picture's bits do not depend on which slots are stepped together.
    ///
    /// # Errors
    /// If the tensor library fails; the slots are then as they were before.
    pub fn step(&self, slots: &mut [&mut Slot]) -> Result<()> {
        let mut waiting: Vec<_> = slots.iter_mut().filter(|slot| !slot.is_finished()).collect();
        let mut nexts = Vec::with_capacity(waiting.len());
        // Sizes are few, so quadratic grouping will do.
        while let Some(first) = waiting.first() {
            let size = first.latents.dims().to_vec();
            let (mut group, rest): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|slot| slot.latents.dims() == size);
            waiting = rest;
            let outputs = self.denoise(&group)?;
            for (slot, output) in group.drain(..).zip(outputs) {
                nexts.push((slot, output));
            }
        }
        for (slot, output) in nexts {
            slot.advance(&output)?;
        }
        Ok(())
    }

    /// Runs the denoiser on all rows of slots of one size; one guided output a slot, f32.
    fn denoise(&self, group: &[&mut &mut Slot]) -> Result<Vec<Tensor>> {
        let mut inputs = Vec::new();
        let mut times = Vec::new();
        let mut rows: Vec<(&Row, &Slot)> = Vec::new();
        for slot in group {
            let input = slot
                .scheduler
                .scale_input(&slot.latents, slot.step)?
                .to_dtype(self.dtype)?;
            for row in &slot.plan.rows {
                inputs.push(input.clone());
                times.push(slot.scheduler.timesteps()[slot.step]);
                rows.push((row, slot));
            }
        }
        let states: Vec<_> = rows.iter().map(|(row, _)| &row.states).collect();
        let added = self.added_inputs(&rows)?;
        let output = self.unet.forward(
            &Tensor::cat(&inputs, 0)?,
            &times,
            &Tensor::cat(&states, 0)?,
            added.as_ref(),
        )?;
        let output = output.to_dtype(DType::F32)?;
        let mut at = 0;
        let mut joined = Vec::with_capacity(group.len());
        for slot in group {
            let count = slot.plan.rows.len();
            let parts: Vec<_> = (at..at + count)
                .map(|i| output.narrow(0, i, 1))
                .collect::<candle_core::Result<_>>()?;
            at += count;
            joined.push(slot.plan.combine(&parts)?);
        }
        Ok(joined)
    }

    /// SDXL's extra conditioning of each row, if the model has it.
    fn added_inputs(&self, rows: &[(&Row, &Slot)]) -> Result<Option<AddedInputs>> {
        let Some(added) = self.unet.config().added else {
            return Ok(None);
        };
        let pooled: Vec<_> = rows.iter().filter_map(|(row, _)| row.pooled.as_ref()).collect();
        let text_embeds = Tensor::cat(&pooled, 0)?;
        let ids = (added.input_dim - text_embeds.dim(D::Minus1)?) / added.time_embed_dim;
        let mut time_ids = Vec::with_capacity(rows.len() * ids);
        for (row, slot) in rows {
            let (height, width) = (slot.height as f32, slot.width as f32);
            // Original size and crop corner; then the target size, or for a refiner the aesthetic score.
            time_ids.extend([height, width, 0.0, 0.0]);
            match ids {
                6 => time_ids.extend([height, width]),
                _ => time_ids.push(if row.negative {
                    NEGATIVE_AESTHETIC_SCORE
                } else {
                    AESTHETIC_SCORE
                }),
            }
        }
        let time_ids = Tensor::from_vec(time_ids, (rows.len(), ids), &self.device)?;
        Ok(Some(AddedInputs {
            text_embeds,
            time_ids,
        }))
    }

    /// Renders a slot's present estimate of the finished picture, roughly and at almost no cost.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn preview(&self, slot: &Slot) -> Result<RgbImage> {
        let latents = slot.clean.as_ref().unwrap_or(&slot.latents);
        if let Some(taesd) = &self.taesd {
            let decoded = taesd.decode(&latents.to_dtype(self.dtype)?)?;
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

    /// Asks the safety checker about a finished picture; `None` if there is no checker.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn check(&self, picture: &RgbImage) -> Result<Option<SafetyReport>> {
        self.safety_checker
            .as_ref()
            .map(|checker| checker.check(picture))
            .transpose()
    }

    /// Makes one picture.
    ///
    /// `on_step` hears of every step and may stop the work by breaking, which gives `None`.
    ///
    /// # Errors
    /// If the parameters are out of range or do not fit the model, or the tensor library fails.
    pub fn generate(
        &self,
        params: &GenerationParams,
        mut on_step: impl FnMut(StepEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Option<RgbImage>> {
        let mut slot = self.start(params)?;
        while !slot.is_finished() {
            self.step(&mut [&mut slot])?;
            let event = StepEvent {
                done: slot.step_index(),
                total: slot.steps(),
                pipeline: self,
                slot: &slot,
            };
            if on_step(event).is_break() {
                return Ok(None);
            }
        }
        self.decode(&slot).map(Some)
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
    fn a_pipeline_and_its_slots_can_move_between_threads() {
        fn sendable<T: Send>() {}
        sendable::<Pipeline>();
        sendable::<Slot>();
    }

    #[test]
    fn colours_are_clamped_and_rounded() {
        let x = Tensor::from_vec(vec![-3f32, -1.0, 0.0, 1.0, 2.0, 0.5], (1, 3, 1, 2), &Device::Cpu).unwrap();
        let picture = to_image(&x).unwrap();
        assert_eq!(picture.get_pixel(0, 0).0, [0, 128, 255]);
        assert_eq!(picture.get_pixel(1, 0).0, [0, 255, 191]);
    }
}
