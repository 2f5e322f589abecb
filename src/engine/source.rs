//! Which files are loaded where: from names in the configuration to a pipeline.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tastemaker_diffusion::{DeviceChoice, DiffusionError, LoadOptions, ModelManifest, Pipeline, Precision};

use super::manifest_of;
use crate::config::{Config, find};

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
                ..manifest.load_options()?
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

fn precision(name: &str) -> anyhow::Result<Option<Precision>> {
    Ok(match name {
        "manifest" => None,
        "f32" => Some(Precision::F32),
        "f16" => Some(Precision::F16),
        "bf16" => Some(Precision::Bf16),
        other => bail!("`model.precision` is {other}, but must be manifest, f32, f16 or bf16"),
    })
}

pub(crate) fn device(name: &str) -> anyhow::Result<DeviceChoice> {
    let unknown = || format!("`model.devices` holds {name}, but a device is cpu, cuda:N, metal:N or auto");
    Ok(match name.split_once(':') {
        None if name == "cpu" => DeviceChoice::Cpu,
        None if name == "auto" => DeviceChoice::Auto,
        Some(("cuda", index)) => DeviceChoice::Cuda(index.parse().with_context(unknown)?),
        Some(("metal", index)) => DeviceChoice::Metal(index.parse().with_context(unknown)?),
        _ => bail!("{}", unknown()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::manifest;
    use super::*;

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
    fn adapters_in_the_refiners_manifest_are_the_refiners() {
        let folder = tempfile::tempdir().unwrap();
        let defaults = "licence = 'MIT'\npath = '.'\n[defaults]\nsteps = 2\nscheduler = 'ddim'\nguidance = 5.0\n\
                        width = 64\nheight = 64\nbeta = 0.5\n";
        for (name, before, after) in [
            ("base", "", "[refiner]\nmodel = 'fine'\n"),
            (
                "fine",
                "loras = [{ path = 'ink.safetensors', weight = 0.5 }]\n",
                "",
            ),
        ] {
            let text = format!("name = '{name}'\n{before}{defaults}{after}");
            std::fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
        }
        let mut config = Config::defaults().unwrap();
        config.paths.models = folder.path().to_owned();
        config.model.name = "base".into();
        let manifest = manifest(&config).unwrap();
        let source = ModelSource::of(&config, &manifest, "cpu").unwrap();
        assert_eq!(source.checkpoint.1.loras, []);
        let (_, options, _) = source.refiner.unwrap();
        let path = folder.path().join("ink.safetensors");
        assert_eq!(options.loras, [tastemaker_diffusion::Lora { path, weight: 0.5 }]);
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
}
