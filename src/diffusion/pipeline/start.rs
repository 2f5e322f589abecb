//! The beginning of a picture: its texts, its steps and its noise.

use candle_core::{DType, Tensor};

use super::image::{Enlargement, first_step};
use super::slot::{Role, Stage};
use super::{Pipeline, Slot, refiner};
use crate::error::{DiffusionError, Result};
use crate::params::{GenerationParams, Mixing};
use crate::rng::NoiseSource;
use crate::schedulers::Scheduler;
use crate::source::Hires;
use crate::variation;

impl Pipeline {
    /// Begins a picture: encodes its texts (or finds them in the cache), draws its noise, lays out its steps.
    ///
    /// # Errors
    /// If the parameters are out of range or do not fit the model, or the tensor library fails.
    pub fn start(&self, params: &GenerationParams) -> Result<Slot> {
        params.validate(&self.info)?;
        let strength = params.source.as_ref().map(|source| source.strength);
        let mut stages = self.stages(params, strength)?;
        if let Some(hires) = &params.hires {
            stages.extend(self.second_pass(params, hires)?);
        }
        let mut noise = NoiseSource::of(params.noise, params.seed);
        // Encoded first, since torch's generator draws in this order.
        let clean = match &params.source {
            Some(source) => Some(self.encode(&source.image, params.width, params.height, (&mut noise, 0))?),
            None => None,
        };
        let unit = self.unit_noise(params, &mut noise)?;
        let first = &stages[0];
        let latents = match &clean {
            Some(clean) => first.scheduler.add_noise(clean, &unit, first.steps.start)?,
            None => (unit * first.scheduler.init_noise_sigma())?,
        };
        Ok(Slot {
            stages,
            noise,
            latents,
            clean,
            done: 0,
            width: params.width,
            height: params.height,
        })
    }

    /// The stages of a second pass over a picture, the first of which enlarges it.
    fn second_pass(&self, params: &GenerationParams, hires: &Hires) -> Result<Vec<Stage>> {
        let pass = GenerationParams {
            steps: hires.steps,
            width: hires.width,
            height: hires.height,
            ..params.clone()
        };
        let mut stages = self.stages(&pass, Some(hires.strength))?;
        stages[0].enlarge = Some(Enlargement {
            upscale: hires.upscale,
            width: hires.width,
            height: hires.height,
        });
        Ok(stages)
    }

    /// The stages of a pass, none of them without steps, at least one; with `strength`, of a pass that begins with a
    /// picture.
    fn stages(&self, params: &GenerationParams, strength: Option<f64>) -> Result<Vec<Stage>> {
        let scheduler = params.scheduler.build(&self.base.scheduler, params.steps)?;
        let timesteps = self.info.train_timesteps;
        let first = |scheduler: &dyn Scheduler| {
            strength.map_or(0, |strength| first_step(scheduler, params.steps, strength))
        };
        let steps = match &self.refiner {
            None => 0..scheduler.timesteps().len(),
            Some(refiner) => refiner::steps_before(refiner.switch_at, timesteps, &*scheduler),
        };
        let steps = steps.start.max(first(&*scheduler))..steps.end;
        let mut stages = Vec::new();
        if !steps.is_empty() {
            stages.push(Stage {
                denoiser: Role::Base,
                plan: self.base.plan(params, self.mixing)?,
                guidance: self.base.guidance_embedding(params, &self.device)?,
                scheduler,
                steps,
                enlarge: None,
            });
        }
        if let Some(refiner) = &self.refiner {
            let scheduler = params
                .scheduler
                .build(&refiner.denoiser.scheduler, params.steps)?;
            let steps = refiner::steps_after(refiner.switch_at, timesteps, &*scheduler);
            let steps = steps.start.max(first(&*scheduler))..steps.end;
            if !steps.is_empty() {
                let plain = GenerationParams {
                    vp_plus: String::new(),
                    vp_minus: String::new(),
                    ..params.clone()
                };
                stages.push(Stage {
                    denoiser: Role::Refiner,
                    plan: refiner.denoiser.plan(&plain, Mixing::default())?,
                    guidance: refiner.denoiser.guidance_embedding(params, &self.device)?,
                    scheduler,
                    steps,
                    enlarge: None,
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
