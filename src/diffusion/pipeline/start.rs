//! The beginning of a picture: its texts, its steps and its noise.

use candle_core::{DType, Tensor};

use super::slot::{Role, Stage};
use super::{Pipeline, Slot, refiner};
use crate::error::{DiffusionError, Result};
use crate::params::{GenerationParams, VpNorm};
use crate::rng::NoiseSource;
use crate::variation;

impl Pipeline {
    /// Begins a picture: encodes its texts (or finds them in the cache), draws its noise, lays out its steps.
    ///
    /// # Errors
    /// If the parameters are out of range or do not fit the model, or the tensor library fails.
    pub fn start(&self, params: &GenerationParams) -> Result<Slot> {
        params.validate(&self.info)?;
        let stages = self.stages(params)?;
        let mut noise = NoiseSource::of(params.noise, params.seed);
        let unit = self.unit_noise(params, &mut noise)?;
        let latents = (unit * stages[0].scheduler.init_noise_sigma())?;
        Ok(Slot {
            stages,
            noise,
            latents,
            clean: None,
            done: 0,
            width: params.width,
            height: params.height,
        })
    }

    /// The stages of a picture, none of them without steps, at least one.
    fn stages(&self, params: &GenerationParams) -> Result<Vec<Stage>> {
        let scheduler = params.scheduler.build(&self.base.scheduler, params.steps)?;
        let timesteps = self.info.train_timesteps;
        let steps = match &self.refiner {
            None => 0..scheduler.timesteps().len(),
            Some(refiner) => refiner::steps_before(refiner.switch_at, timesteps, &*scheduler),
        };
        let mut stages = Vec::new();
        if !steps.is_empty() {
            stages.push(Stage {
                denoiser: Role::Base,
                plan: self.base.plan(params, self.vp_norm)?,
                guidance: self.base.guidance_embedding(params, &self.device)?,
                scheduler,
                steps,
            });
        }
        if let Some(refiner) = &self.refiner {
            let scheduler = params
                .scheduler
                .build(&refiner.denoiser.scheduler, params.steps)?;
            let steps = refiner::steps_after(refiner.switch_at, timesteps, &*scheduler);
            if !steps.is_empty() {
                let plain = GenerationParams {
                    vp_plus: String::new(),
                    vp_minus: String::new(),
                    ..params.clone()
                };
                stages.push(Stage {
                    denoiser: Role::Refiner,
                    plan: refiner.denoiser.plan(&plain, VpNorm::Raw)?,
                    guidance: refiner.denoiser.guidance_embedding(params, &self.device)?,
                    scheduler,
                    steps,
                });
            }
        }
        if stages.is_empty() {
            let problem = "the schedules of model and refiner leave no step for either; take more steps";
            return Err(DiffusionError::invalid("steps", problem));
        }
        Ok(stages)
    }

    /// The picture's noise, of unit variance: given or the seed's, turned towards its variations.
    fn unit_noise(&self, params: &GenerationParams, noise: &mut NoiseSource) -> Result<Tensor> {
        let scale = self.info.vae_scale;
        let shape = (
            1,
            self.info.latent_channels,
            params.height / scale,
            params.width / scale,
        );
        let unit = match &params.init_latents {
            Some(latents) => latents.to_device(&self.device)?.to_dtype(DType::F32)?,
            None => noise.initial(&shape.into(), &self.device)?,
        };
        params.variations.iter().try_fold(unit, |unit, step| {
            let towards = NoiseSource::of(params.noise, step.seed).initial(&shape.into(), &self.device)?;
            Ok(variation::turn(&unit, &towards, step.strength)?)
        })
    }
}
