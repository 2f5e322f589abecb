//! The adapter between the pool's workers and the diffusion pipeline.
//!
//! The pool moves requests without understanding them; the pipeline draws without knowing of jobs. Here a request
//! becomes parameters, a checkpoint is found by its name, and every configured device gets a worker.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use image::RgbImage;
use image::imageops::{FilterType, resize};
use tastemaker_diffusion::{
    DeviceChoice, DiffusionError, GenerationParams, Hires, LoadOptions, ModelInfo, ModelManifest, Pipeline,
    Precision, Slot, SourceImage, Variation,
};
use tastemaker_pool::{
    Backend, BackendError, ImageRequest, LimitOptions, LongText, Picture, PoolOptions, Progress, Rate,
    RequestText, WorkerPool,
};

use crate::catalogue;
use crate::config::{Config, Limits, OnHit, find};

/// Pixels that the shorter side of a blurred picture keeps.
const BLURRED_SIDE: u32 = 6;

/// What the workers found in the checkpoint; empty until the first one has loaded it.
pub type LoadedModel = Arc<OnceLock<ModelInfo>>;

/// Finds the manifest that the configuration names, with the place of its checkpoint: a file of the manifests' folder, or a
/// checkpoint itself.
///
/// # Errors
/// When there is neither, what is there cannot be read, or the checkpoint has not been downloaded.
pub fn manifest(config: &Config) -> anyhow::Result<ModelManifest> {
    manifest_of(config, &config.model.name)
}

fn manifest_of(config: &Config, name: &str) -> anyhow::Result<ModelManifest> {
    let mut manifest = catalogue::named(config, name)?;
    manifest.path = Some(catalogue::locate(config, &manifest)?);
    Ok(manifest)
}

/// Starts one worker for each configured device. It loads the checkpoint on its own thread, so this returns at once.
///
/// # Errors
/// When the checkpoint's folder or a device's name is not there to begin with.
pub fn start_pool(
    config: &Config,
    manifest: &ModelManifest,
    loaded: &LoadedModel,
) -> anyhow::Result<WorkerPool> {
    let on_hit = config.on_hit;
    let mut factories = Vec::new();
    for name in &config.model.devices {
        let model = ModelSource::of(config, manifest, name)?;
        let (loaded, plain) = (Arc::clone(loaded), manifest.defaults("a picture"));
        let make = move || {
            let pipeline = model.load().map_err(unusable)?;
            let info = loaded.get_or_init(|| pipeline.info().clone());
            tracing::info!(model = %info.name, device = pipeline.info().device, "model loaded");
            Ok(PipelineBackend {
                pipeline,
                plain: plain.clone(),
                on_hit,
            })
        };
        factories.push(Box::new(make) as tastemaker_pool::BackendFactory<PipelineBackend>);
    }
    Ok(WorkerPool::start(factories, pool_options(config)))
}

/// What is loaded on one device: a checkpoint and, where its manifest names one, the refiner that takes over from it.
pub struct ModelSource {
    checkpoint: (PathBuf, LoadOptions),
    refiner: Option<(PathBuf, LoadOptions, f64)>,
}

impl ModelSource {
    /// Finds a manifest's files: for the named device, in the configured precision.
    ///
    /// # Errors
    /// When the configuration names a device or a precision that there is not, or the manifest a refiner that is not among
    /// the models.
    pub fn of(config: &Config, manifest: &ModelManifest, device_name: &str) -> anyhow::Result<Self> {
        let source = |manifest: &ModelManifest| {
            let options = LoadOptions {
                device: device(device_name)?,
                dtype: precision(&config.model.precision)?.or(manifest.dtype),
                vae_memory: Some(config.model.vae_memory_bytes),
                ..manifest.load_options()
            };
            anyhow::Ok((find(manifest.folder()?), options))
        };
        let refiner = match &manifest.refiner {
            None => None,
            Some(refiner) => {
                let model = manifest_of(config, &refiner.model)
                    .with_context(|| format!("cannot find the refiner of `{}`", manifest.name))?;
                let (folder, options) = source(&model)?;
                Some((folder, options, refiner.switch_at))
            }
        };
        Ok(Self {
            checkpoint: source(manifest)?,
            refiner,
        })
    }

    /// Loads it.
    ///
    /// # Errors
    /// As [`Pipeline::load`] and [`Pipeline::with_refiner`].
    pub fn load(&self) -> Result<Pipeline, DiffusionError> {
        let (folder, options) = &self.checkpoint;
        let pipeline = Pipeline::load(folder, options)?;
        match &self.refiner {
            None => Ok(pipeline),
            Some((folder, options, switch_at)) => {
                pipeline.with_refiner(Pipeline::load(folder, options)?, *switch_at)
            }
        }
    }
}

fn pool_options(config: &Config) -> PoolOptions {
    PoolOptions {
        queue_capacity: config.pool.queue_capacity,
        waiting_per_user: config.pool.waiting_per_user,
        max_slots: config.pool.max_slots,
        max_pixels: config.pool.max_pixels,
        preview_every: config.pool.preview_every,
        job_deadline: Duration::from_secs(config.pool.job_deadline_s),
        limits: limits(&config.limits),
    }
}

fn limits(limits: &Limits) -> LimitOptions {
    // A rate of one request a minute refills every 60 s; zero is refused by the configuration.
    let rate = |per_minute: u32, burst| Rate::new(burst, Duration::from_secs(60).checked_div(per_minute)?);
    LimitOptions {
        user: rate(limits.user_per_minute, limits.user_burst),
        guild: rate(limits.guild_per_minute, limits.guild_burst),
        global: rate(limits.global_per_minute, limits.global_burst),
    }
}

fn precision(name: &str) -> anyhow::Result<Option<Precision>> {
    Ok(match name {
        "manifest" => None,
        "f32" => Some(Precision::F32),
        "f16" => Some(Precision::F16),
        "bf16" => Some(Precision::Bf16),
        other => bail!("`model.precision` is {other}, but must be manifest, f32, f16 or bf16"),
    })
}

fn device(name: &str) -> anyhow::Result<DeviceChoice> {
    let unknown = || format!("`model.devices` holds {name}, but a device is cpu, cuda:N, metal:N or auto");
    Ok(match name.split_once(':') {
        None if name == "cpu" => DeviceChoice::Cpu,
        None if name == "auto" => DeviceChoice::Auto,
        Some(("cuda", index)) => DeviceChoice::Cuda(index.parse().with_context(unknown)?),
        Some(("metal", index)) => DeviceChoice::Metal(index.parse().with_context(unknown)?),
        _ => bail!("{}", unknown()),
    })
}

/// Draws with one pipeline on one device.
pub struct PipelineBackend {
    pipeline: Pipeline,
    /// What a warm-up draws: the manifest's defaults.
    plain: GenerationParams,
    /// What happens to a picture in which the safety checker finds something.
    on_hit: OnHit,
}

impl PipelineBackend {
    fn params(&self, request: &ImageRequest, picture: u8) -> Result<GenerationParams, BackendError> {
        Ok(GenerationParams {
            clip_skip: self.plain.clip_skip,
            ..params(request, picture).map_err(failed)?
        })
    }
}

impl Backend for PipelineBackend {
    type Slot = Slot;

    /// Takes one step of a plain picture, which touches every weight and compiles a GPU's kernels.
    fn warm_up(&mut self) -> Result<(), BackendError> {
        let mut slot = self.pipeline.start(&self.plain).map_err(unusable)?;
        self.pipeline.step(&mut [&mut slot]).map_err(failed)?;
        let picture = self.pipeline.decode(&slot).map_err(failed)?;
        self.pipeline.check(&picture).map_err(failed)?;
        Ok(())
    }

    fn start(&mut self, request: &ImageRequest, picture: u8) -> Result<Slot, BackendError> {
        let params = self.params(request, picture)?;
        self.pipeline.start(&params).map_err(failed)
    }

    fn long_texts(&mut self, request: &ImageRequest) -> Result<Vec<LongText>, BackendError> {
        let notices = self.pipeline.notices(&self.params(request, 0)?);
        Ok(notices.map_err(failed)?.into_iter().map(long_text).collect())
    }

    fn step(&mut self, slots: &mut [&mut Slot]) -> Result<(), BackendError> {
        self.pipeline.step(slots).map_err(failed)
    }

    fn row_pixels(&self, slot: &Slot) -> u64 {
        slot.row_pixels() as u64
    }

    fn progress(&self, slot: &Slot) -> Progress {
        let count = |steps: usize| u32::try_from(steps).unwrap_or(u32::MAX);
        Progress {
            done: count(slot.step_index()),
            total: count(slot.steps()),
        }
    }

    fn preview(&mut self, slot: &Slot) -> Result<RgbImage, BackendError> {
        let preview = self.pipeline.preview(slot).map_err(failed)?;
        // Nothing has looked at it yet.
        Ok(match self.pipeline.has_safety_checker() {
            true => blurred(&preview),
            false => preview,
        })
    }

    fn finish(&mut self, slot: Slot) -> Result<Picture, BackendError> {
        let picture = self.pipeline.decode(&slot).map_err(failed)?;
        let report = self.pipeline.check(&picture).map_err(failed)?;
        Ok(match report.filter(|report| report.is_flagged()) {
            Some(report) => {
                tracing::debug!(scores = ?report.scores, "the safety checker found something");
                guarded(picture, self.on_hit)
            }
            None => Picture::Clear(picture),
        })
    }
}

fn long_text(notice: tastemaker_diffusion::LongText) -> LongText {
    let text = match notice.parameter {
        "prompt" => RequestText::Prompt,
        "negative" => RequestText::Negative,
        "vp_plus" => RequestText::VpPlus,
        _ => RequestText::VpMinus,
    };
    LongText {
        text,
        beyond: notice.beyond,
        unused: notice.unused,
    }
}

/// Does to a picture in which something was found what is configured.
fn guarded(picture: RgbImage, on_hit: OnHit) -> Picture {
    match on_hit {
        OnHit::Blur => Picture::Blurred(blurred(&picture)),
        OnHit::Spoiler => Picture::Spoiler(picture),
        OnHit::Refuse => Picture::Withheld,
    }
}

/// Leaves of a picture its colours and roughly where they are. What is gone cannot be sharpened back.
fn blurred(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let short = width.min(height).max(1);
    let side = |length: u32| (u64::from(length) * u64::from(BLURRED_SIDE) / u64::from(short)).max(1) as u32;
    let small = resize(picture, side(width), side(height), FilterType::Triangle);
    resize(&small, width, height, FilterType::CatmullRom)
}

/// Reads what a request says of a second pass.
///
/// # Errors
/// When it names something to enlarge that there is not.
pub fn hires(asked: &tastemaker_pool::Hires) -> Result<Hires, DiffusionError> {
    Ok(Hires {
        width: asked.width as usize,
        height: asked.height as usize,
        strength: asked.strength,
        steps: asked.steps as usize,
        upscale: asked.upscale.parse()?,
    })
}

/// Reads the picture that one of a request's pictures starts from.
///
/// # Errors
/// When its pixels were not filled in.
fn source(request: &ImageRequest, picture: u8) -> Result<Option<SourceImage>, DiffusionError> {
    let Some(source) = &request.source else {
        return Ok(None);
    };
    let image = source
        .pixels_of(picture)
        .ok_or_else(|| DiffusionError::InvalidParameter {
            parameter: "source",
            problem: "has no pixels".to_owned(),
        })?;
    Ok(Some(SourceImage {
        image: Arc::clone(image),
        strength: source.strength,
    }))
}

/// Reads a request into the parameters of one of its pictures.
///
/// # Errors
/// When it names a conditioning mode, a noise, a scheduler or a kind of enlarging that there is not, or lacks the pixels
/// that it starts from.
pub fn params(request: &ImageRequest, picture: u8) -> Result<GenerationParams, DiffusionError> {
    let nth = u64::from(picture);
    let variation = |it: &tastemaker_pool::Variation| Variation {
        seed: it.seed.wrapping_add(nth),
        strength: it.strength,
    };
    Ok(GenerationParams {
        prompt: request.prompt.clone(),
        negative: request.negative.clone(),
        vp_plus: request.vp_plus.clone(),
        vp_minus: request.vp_minus.clone(),
        beta: request.beta,
        conditioning: request.conditioning.parse()?,
        seed: request.seed_of(picture),
        noise: request.noise.parse()?,
        variations: request.variations.iter().map(variation).collect(),
        steps: request.steps as usize,
        guidance: request.guidance,
        guidance_rescale: request.guidance_rescale,
        clip_skip: 0,
        prompt_weights: true,
        scheduler: request.scheduler.parse()?,
        width: request.width as usize,
        height: request.height as usize,
        source: source(request, picture)?,
        hires: request.hires.as_ref().map(hires).transpose()?,
        init_latents: None,
    })
}

/// Sorts an error by what the pool can do about it.
fn failed(error: DiffusionError) -> BackendError {
    let message = error.to_string();
    match error {
        DiffusionError::InvalidParameter { .. } => BackendError::invalid(message),
        DiffusionError::OutOfMemory { .. } => BackendError::out_of_memory(message),
        _ => BackendError::failed(message),
    }
}

/// An error before the first picture: only a lack of memory may pass, everything else is the configuration's.
fn unusable(error: DiffusionError) -> BackendError {
    let message = error.to_string();
    match error {
        DiffusionError::OutOfMemory { .. } => BackendError::out_of_memory(message),
        _ => BackendError::invalid(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> ImageRequest {
        ImageRequest {
            prompt: "a lighthouse".into(),
            negative: String::new(),
            vp_plus: "ink".into(),
            vp_minus: String::new(),
            beta: 0.4,
            conditioning: "guidance".into(),
            seed: u64::MAX,
            noise: "portable".into(),
            steps: 3,
            guidance: 5.0,
            guidance_rescale: 0.0,
            scheduler: "euler_a_karras".into(),
            width: 64,
            height: 96,
            count: 2,
            variations: vec![tastemaker_pool::Variation {
                seed: 5,
                strength: 0.35,
            }],
            source: None,
            hires: None,
        }
    }

    #[test]
    fn what_was_found_is_blurred_hidden_or_withheld_as_configured() {
        let fine = RgbImage::from_fn(96, 64, |x, y| image::Rgb([((x ^ y) % 2 * 255) as u8; 3]));
        let Picture::Blurred(blurred) = guarded(fine.clone(), OnHit::Blur) else {
            panic!("not blurred")
        };
        assert_eq!(blurred.dimensions(), (96, 64));
        // Nothing of the pattern is left.
        assert!(blurred.pixels().all(|pixel| (100..156).contains(&pixel.0[0])));
        assert_eq!(
            guarded(fine.clone(), OnHit::Spoiler),
            Picture::Spoiler(fine.clone())
        );
        assert_eq!(guarded(fine, OnHit::Refuse), Picture::Withheld);
    }

    #[test]
    fn each_picture_starts_from_its_own_source() {
        let picture = |value| Arc::new(RgbImage::from_pixel(2, 2, image::Rgb([value; 3])));
        let with = |pixels: Vec<Arc<RgbImage>>| ImageRequest {
            source: Some(tastemaker_pool::Source {
                of: tastemaker_pool::SourceOf::Pictures(1),
                strength: 0.5,
                hashes: Vec::new(),
                pixels: tastemaker_pool::Pixels(pixels),
            }),
            ..request()
        };
        let two = with(vec![picture(1), picture(2)]);
        assert_eq!(params(&two, 1).unwrap().source.unwrap().image, picture(2));
        let one = with(vec![picture(1)]);
        assert_eq!(params(&one, 1).unwrap().source.unwrap().image, picture(1));
        assert!(
            params(&with(Vec::new()), 0)
                .unwrap_err()
                .to_string()
                .contains("source")
        );
    }

    #[test]
    fn the_second_picture_has_the_next_seed_and_the_next_variation() {
        let params = params(&request(), 1).unwrap();
        assert_eq!((params.seed, params.variations[0].seed), (0, 6));
        assert_eq!((params.width, params.height, params.steps), (64, 96, 3));
    }

    #[test]
    fn a_request_from_before_there_was_a_choice_of_noise_reads() {
        let mut old = serde_json::to_value(request()).unwrap();
        old.as_object_mut().unwrap().remove("noise");
        let old: ImageRequest = serde_json::from_value(old).unwrap();
        assert_eq!(
            params(&old, 0).unwrap().noise,
            tastemaker_diffusion::NoiseKind::Portable
        );
    }

    #[test]
    fn names_that_do_not_exist_are_the_requests_fault() {
        let unknown = ImageRequest {
            scheduler: "plms".into(),
            ..request()
        };
        let error = failed(params(&unknown, 0).unwrap_err());
        assert_eq!(error.kind, tastemaker_pool::BackendErrorKind::Invalid);
    }

    #[test]
    fn devices_are_read_by_name_and_number() {
        assert_eq!(device("cuda:1").unwrap(), DeviceChoice::Cuda(1));
        assert_eq!(device("auto").unwrap(), DeviceChoice::Auto);
        for wrong in ["gpu", "cuda", "cuda:", "cuda:x", "tpu:0"] {
            let error = device(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn a_model_that_is_not_there_is_named_with_what_was_looked_for() {
        let mut config = Config::defaults().unwrap();
        config.model.name = "no-such-model".into();
        let error = manifest(&config).unwrap_err().to_string();
        assert!(error.contains("no-such-model.toml"), "{error}");
    }

    #[test]
    fn a_refiner_that_is_not_there_is_named_with_the_model_that_wants_it() {
        let config = Config::defaults().unwrap();
        let mut manifest = manifest(&config).unwrap();
        manifest.refiner = Some(tastemaker_diffusion::manifest::RefinerChoice {
            model: "no-such-refiner".into(),
            switch_at: 0.8,
        });
        let error = ModelSource::of(&config, &manifest, "cpu").err().unwrap();
        let error = format!("{error:#}");
        assert!(
            error.contains("no-such-refiner.toml") && error.contains("embedded"),
            "{error}"
        );
    }

    #[test]
    fn configured_rates_refill_evenly() {
        let config = Config::defaults().unwrap();
        assert_eq!(limits(&config.limits).user, Rate::new(5, Duration::from_secs(6)));
    }
}
