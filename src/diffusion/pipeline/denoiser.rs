//! What turns texts and noise into steps: a checkpoint without its autoencoder.

use candle_core::{D, DType, Device, Tensor};

use super::slot::Stage;
use crate::conditioning::{Plan, Row, Texts};
use crate::config::SchedulerConfig;
use crate::error::Result;
use crate::models::{AddedInputs, UNet2DConditionModel, guidance_scale_embedding};
use crate::params::{GenerationParams, Mixing};
use crate::text::{Reading, TextEncoders};
use crate::weights::Products;

/// SDXL's refiner was trained on aesthetic scores; these are diffusers' defaults for the two sides of guidance.
const AESTHETIC_SCORE: f32 = 6.0;
const NEGATIVE_AESTHETIC_SCORE: f32 = 2.5;

/// Text encoders, UNet and noise schedule of one checkpoint.
pub(super) struct Denoiser {
    pub text: TextEncoders,
    pub unet: UNet2DConditionModel,
    pub scheduler: SchedulerConfig,
    /// The precision that text encoders and UNet compute in.
    pub dtype: DType,
    /// How the UNet's layers multiply on a processor.
    pub products: Products,
}

/// One slot's part in a forward pass: the stage it is in, its latents, and its size in pixels.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub stage: &'a Stage,
    pub latents: &'a Tensor,
    pub width: usize,
    pub height: usize,
}

impl Denoiser {
    /// Encodes a picture's texts (or finds them in the cache) and lays out the rows they condition.
    pub fn plan(&self, params: &GenerationParams, mixing: Mixing) -> Result<Plan> {
        let reading = Reading {
            clip_skip: params.clip_skip,
            weights: params.prompt_weights,
        };
        let prompt = self.text.prompt(&params.prompt, reading)?;
        let negative = match self.is_guided(params) {
            true => Some(self.text.negative(&params.negative, reading.weights)?),
            false => None,
        };
        let preferences = match params.is_personalised() {
            true => Some((
                self.text.preferences(&params.vp_plus, reading)?,
                self.text.preferences(&params.vp_minus, reading)?,
            )),
            false => None,
        };
        // The rows of one picture share a forward pass, hence a length.
        let contexts = prompt
            .contexts
            .max(negative.as_ref().map_or(1, |negative| negative.contexts));
        let prompt = self.text.fill_prompt(prompt, contexts, reading)?;
        let negative = negative
            .map(|negative| self.text.fill_negative(negative, contexts))
            .transpose()?;
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
            mixing,
        )?;
        for row in &mut plan.rows {
            row.states = row.states.to_dtype(self.dtype)?;
            row.pooled = row
                .pooled
                .as_ref()
                .map(|pooled| pooled.to_dtype(self.dtype))
                .transpose()?;
        }
        Ok(plan)
    }

    /// Whether a picture has classifier-free guidance: not up to a scale of 1, and not in a model that was distilled to
    /// take the scale as an input.
    fn is_guided(&self, params: &GenerationParams) -> bool {
        params.guidance > 1.0 && self.unet.config().time_cond_proj_dim.is_none()
    }

    /// The guidance scale as the UNet's input, (1, features), if it takes one.
    pub fn guidance_embedding(&self, params: &GenerationParams, device: &Device) -> Result<Option<Tensor>> {
        let Some(size) = self.unet.config().time_cond_proj_dim else {
            return Ok(None);
        };
        let embedding = guidance_scale_embedding(params.guidance, size)?;
        Ok(Some(embedding.to_device(device)?.to_dtype(self.dtype)?))
    }

    /// Runs the UNet on all rows of slots of one size and token count; one guided output a slot, f32.
    pub fn denoise(&self, parts: &[Part<'_>]) -> Result<Vec<Tensor>> {
        let mut inputs = Vec::new();
        let mut times = Vec::new();
        let mut guidance = Vec::new();
        let mut rows: Vec<(&Row, Part<'_>)> = Vec::new();
        for &part in parts {
            let Part { stage, latents, .. } = part;
            let (scheduler, step) = (&stage.scheduler, stage.steps.start);
            let input = scheduler.scale_input(latents, step)?.to_dtype(self.dtype)?;
            for row in &stage.plan.rows {
                inputs.push(input.clone());
                times.push(scheduler.timesteps()[step]);
                guidance.extend(stage.guidance.as_ref());
                rows.push((row, part));
            }
        }
        let states: Vec<_> = rows.iter().map(|(row, _)| &row.states).collect();
        let added = self.added_inputs(&rows)?;
        let guidance = match guidance.is_empty() {
            true => None,
            false => Some(Tensor::cat(&guidance, 0)?),
        };
        let output = self.unet.forward(
            &Tensor::cat(&inputs, 0)?,
            &times,
            &Tensor::cat(&states, 0)?,
            added.as_ref(),
            guidance.as_ref(),
        )?;
        let output = output.to_dtype(DType::F32)?;
        let mut at = 0;
        let mut joined = Vec::with_capacity(parts.len());
        for Part { stage, .. } in parts {
            let count = stage.plan.rows.len();
            let outputs: Vec<_> = (at..at + count)
                .map(|i| output.narrow(0, i, 1))
                .collect::<candle_core::Result<_>>()?;
            at += count;
            joined.push(stage.plan.combine(&outputs)?);
        }
        Ok(joined)
    }

    /// SDXL's extra conditioning of each row, if the model has it.
    fn added_inputs(&self, rows: &[(&Row, Part<'_>)]) -> Result<Option<AddedInputs>> {
        let Some(added) = self.unet.config().added else {
            return Ok(None);
        };
        let pooled: Vec<_> = rows.iter().filter_map(|(row, _)| row.pooled.as_ref()).collect();
        let text_embeds = Tensor::cat(&pooled, 0)?;
        let ids = (added.input_dim - text_embeds.dim(D::Minus1)?) / added.time_embed_dim;
        let mut time_ids = Vec::with_capacity(rows.len() * ids);
        for (row, part) in rows {
            let (height, width) = (part.height as f32, part.width as f32);
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
        let time_ids = Tensor::from_vec(time_ids, (rows.len(), ids), text_embeds.device())?;
        Ok(Some(AddedInputs {
            text_embeds,
            time_ids,
        }))
    }
}
