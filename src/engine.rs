//! The adapter between the pool's workers and the diffusion pipeline.
//!
//! The pool moves requests without understanding them; the pipeline draws without knowing of jobs. Here a request
//! becomes parameters (`request.rs`), a checkpoint is found by its name (`source.rs`), and every configured device gets a
//! worker (`backend.rs`).

mod backend;
mod request;
mod source;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tastemaker_diffusion::{ModelInfo, ModelManifest};
use tastemaker_pool::{LimitOptions, PoolOptions, Rate, WorkerPool};

use crate::catalogue;
use crate::config::{Config, Limits};

pub use backend::PipelineBackend;
pub use request::{hires, params};
pub use source::ModelSource;
pub(crate) use source::device;

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
    catalogue::locate_beside(config, &mut manifest)?;
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
            let pipeline = model.load().map_err(backend::unusable)?;
            let info = loaded.get_or_init(|| pipeline.info().clone());
            tracing::info!(model = %info.name, device = pipeline.info().device, "model loaded");
            Ok(PipelineBackend::new(pipeline, plain.clone(), on_hit))
        };
        factories.push(Box::new(make) as tastemaker_pool::BackendFactory<PipelineBackend>);
    }
    Ok(WorkerPool::start(factories, pool_options(config)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_not_there_is_named_with_what_was_looked_for() {
        let mut config = Config::defaults().unwrap();
        config.model.name = "no-such-model".into();
        let error = manifest(&config).unwrap_err().to_string();
        assert!(error.contains("no-such-model.toml"), "{error}");
    }

    #[test]
    fn configured_rates_refill_evenly() {
        let config = Config::defaults().unwrap();
        assert_eq!(limits(&config.limits).user, Rate::new(5, Duration::from_secs(6)));
    }
}
