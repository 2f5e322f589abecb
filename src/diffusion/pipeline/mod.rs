//! A checkpoint ready to make pictures, several at a time.
//!
//! A picture is a [`Slot`]: it is started, stepped until finished, and decoded. One call of [`Pipeline::step`] joins any
//! slots in one forward pass of the denoiser, each at its own timestep, with its own sampler, guidance and conditioning;
//! slots join and leave between calls. [`Pipeline::generate`] does it all for one picture.
//!
//! A slot runs one or two stages: all its steps on the checkpoint's denoiser, or the last of them on a refiner's
//! ([`Pipeline::with_refiner`]). A second pass at a larger size ([`GenerationParams::hires`]) adds as many.

mod decode;
mod denoiser;
mod image;
mod info;
mod load;
mod loras;
mod refiner;
mod slot;
mod start;
mod step;

use std::ops::ControlFlow;
use std::sync::OnceLock;

use ::image::RgbImage;
use candle_core::{DType, Device};

use crate::error::Result;
use crate::models::{AutoencoderKl, TinyDecoder};
use crate::params::{GenerationParams, Mixing};
use crate::preview::LatentRgb;
use crate::safety::{SafetyChecker, SafetyReport};
use crate::text::LongText;
use denoiser::Denoiser;
pub use info::ModelInfo;
pub use load::LoadOptions;
use refiner::Refiner;
pub use slot::Slot;

/// A loaded checkpoint on one device.
pub struct Pipeline {
    info: ModelInfo,
    base: Denoiser,
    refiner: Option<Refiner>,
    adapters: loras::Adapters,
    vae: AutoencoderKl,
    mixing: Mixing,
    preview: OnceLock<LatentRgb>,
    taesd: Option<TinyDecoder>,
    safety_checker: Option<SafetyChecker>,
    device: Device,
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

    #[cfg(test)]
    pub(crate) fn texts(&self) -> &crate::text::TextEncoders {
        &self.base.text
    }

    /// How many texts the encoders have encoded since loading. Texts found in the cache do not count.
    pub fn text_encodings(&self) -> u64 {
        let refiner = self.refiner.as_ref().map_or(0, |it| it.denoiser.text.encodings());
        self.base.text.encodings() + refiner
    }

    /// Says which texts are longer than the text encoder's context, with the words beyond it.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn notices(&self, params: &GenerationParams) -> Result<Vec<LongText>> {
        let mut texts = vec![("prompt", &params.prompt)];
        if params.guidance > 1.0 {
            texts.push(("negative", &params.negative));
        }
        if params.is_personalised() {
            texts.extend([("vp_plus", &params.vp_plus), ("vp_minus", &params.vp_minus)]);
        }
        let mut notices = Vec::new();
        for (parameter, text) in texts {
            notices.extend(self.base.text.long_text(parameter, text, params.prompt_weights)?);
        }
        Ok(notices)
    }

    /// Whether a safety checker was loaded. It does not look at previews: whoever shows those must see to it.
    pub fn has_safety_checker(&self) -> bool {
        self.safety_checker.is_some()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_and_its_slots_can_move_between_threads() {
        fn sendable<T: Send>() {}
        sendable::<Pipeline>();
        sendable::<Slot>();
    }
}
