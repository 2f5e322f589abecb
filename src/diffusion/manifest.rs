//! A checkpoint as data: `config/models/NAME.toml`.

mod beside;
mod source;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::SchedulerOverrides;
use crate::device::{DeviceChoice, Precision};
use crate::error::{DiffusionError, Result};
use crate::params::{Conditioning, GenerationParams, Mixing, NoiseKind, VpNorm, VpPooled};
use crate::pipeline::LoadOptions;
use crate::preview::LatentRgb;
use crate::schedulers::SchedulerKind;

pub use beside::{Beside, Companion, LoraChoice};
pub use source::{HubFile, HubSource, MemoryNeed};

/// Where a checkpoint is, under which terms, and how it makes its best pictures. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    /// The name people choose it by.
    pub name: String,
    /// One line about it.
    #[serde(default)]
    pub description: String,
    /// Its folder in the diffusers layout, or its single `.safetensors` file. A relative path is relative to the manifest's
    /// own folder (after loading: to the working directory, as usual).
    pub path: Option<PathBuf>,
    /// A tokenizer's folder, in place of the checkpoint's own; a relative path as in `path`.
    pub tokenizer: Option<PathBuf>,
    /// Adapters to add to the weights.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loras: Vec<LoraChoice>,
    /// Where it is published, and which files of it are needed.
    pub hub: Option<HubSource>,
    /// What its weights take in memory.
    pub memory: Option<MemoryNeed>,
    /// Its licence, as SPDX or by name.
    pub licence: String,
    /// Precision to compute in; the device's best if absent.
    pub dtype: Option<Precision>,
    /// What mixed embeddings are rescaled to.
    #[serde(default)]
    pub vp_norm: VpNorm,
    /// Which pooled vector goes with mixed embeddings.
    #[serde(default)]
    pub vp_pooled: VpPooled,
    /// What stands in for settings of the checkpoint's own `scheduler_config.json`.
    #[serde(default)]
    pub scheduler_config: SchedulerOverrides,
    /// The model that takes over for the last steps, if one does.
    pub refiner: Option<RefinerChoice>,
    /// What a picture is made with unless the request says otherwise.
    pub defaults: Defaults,
    /// The latent → RGB map for previews; fitted to the decoder if absent.
    pub preview: Option<LatentRgb>,
    /// The tiny decoder (TAESD) that previews are made with instead: a folder in the diffusers layout, or one file.
    pub taesd: Option<Companion>,
    /// The safety checker that looks at finished pictures: a folder.
    pub safety_checker: Option<Companion>,
}

/// Which model refines, and from where on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefinerChoice {
    /// The name of its manifest, in the same folder.
    pub model: String,
    /// The share of the noise schedule after which it takes over, between 0 and 1: diffusers' `denoising_end` and
    /// `denoising_start`.
    #[serde(default = "switch_at")]
    pub switch_at: f64,
}

/// Where SDXL's refiner was meant to take over.
fn switch_at() -> f64 {
    0.8
}

/// Default parameters of a picture; units and ranges as in [`GenerationParams`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Denoising steps.
    pub steps: usize,
    /// Sampler.
    pub scheduler: SchedulerKind,
    /// Guidance scale.
    pub guidance: f64,
    /// Share by which guided contrast is brought back.
    #[serde(default)]
    pub guidance_rescale: f64,
    /// Layers left out at the end of the text encoders.
    #[serde(default)]
    pub clip_skip: usize,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// How preferences enter.
    #[serde(default)]
    pub conditioning: Conditioning,
    /// Degree of personalisation.
    pub beta: f64,
    /// Which generator makes a seed's noise.
    #[serde(default)]
    pub noise: NoiseKind,
}

impl ModelManifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or has an unknown key or an impossible value.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| DiffusionError::io(path, error))?;
        let mut manifest: Self =
            toml::from_str(&text).map_err(|error| DiffusionError::malformed(path, error.message()))?;
        if let Some(part) = manifest
            .beside_mut()
            .into_iter()
            .find(|it| it.path.is_some() == it.hub.is_some())
        {
            let reason = format!("`{}` needs either a `path` or a `hub` table", part.name);
            return Err(DiffusionError::malformed(path, reason));
        }
        let given = manifest.scheduler_config.steps();
        if let Some(given) = given.filter(|&given| given != manifest.defaults.steps) {
            let reason = format!(
                "`scheduler_config` lists {given} steps, but `defaults.steps` is {}",
                manifest.defaults.steps
            );
            return Err(DiffusionError::malformed(path, reason));
        }
        if let Some(folder) = path.parent() {
            for path in manifest.path.iter_mut().chain(&mut manifest.tokenizer) {
                // An absolute path stays what it is.
                *path = folder.join(&*path);
            }
            for part in manifest.beside_mut() {
                if let Some(path) = part.path {
                    *path = folder.join(&*path);
                }
            }
        }
        Ok(manifest)
    }

    /// The checkpoint's folder.
    ///
    /// # Errors
    /// If the manifest names none; the message says where to get the checkpoint.
    pub fn folder(&self) -> Result<&Path> {
        self.path.as_deref().ok_or_else(|| {
            let source = self
                .hub
                .as_ref()
                .map_or(String::new(), |hub| format!(" (it is published as {})", hub.repo));
            let problem = format!(
                "of `{}` is not set: put the checkpoint's folder there{source}",
                self.name
            );
            DiffusionError::invalid("path", problem)
        })
    }

    /// How to load it, on the device that is best here.
    ///
    /// # Errors
    /// If something beside it is published, and nobody has said where it is on this machine.
    pub fn load_options(&self) -> Result<LoadOptions> {
        let companion = |name, it: &Option<Companion>| -> Result<_> {
            let place = it.as_ref().map(|it| it.place(name));
            Ok(place.transpose()?.map(Path::to_owned))
        };
        Ok(LoadOptions {
            name: Some(self.name.clone()),
            device: DeviceChoice::Auto,
            dtype: self.dtype,
            mixing: Mixing {
                norm: self.vp_norm,
                pooled: self.vp_pooled,
            },
            scheduler: self.scheduler_config.clone(),
            tokenizer: self.tokenizer.clone(),
            loras: self.loras.iter().map(LoraChoice::lora).collect::<Result<_>>()?,
            preview: self.preview.clone(),
            taesd: companion("taesd", &self.taesd)?,
            safety_checker: companion("safety_checker", &self.safety_checker)?,
            vae_memory: None,
        })
    }

    /// The parameters of a plain picture of `prompt`: no preferences, seed 0.
    pub fn defaults(&self, prompt: impl Into<String>) -> GenerationParams {
        let defaults = &self.defaults;
        GenerationParams {
            prompt: prompt.into(),
            negative: String::new(),
            vp_plus: String::new(),
            vp_minus: String::new(),
            beta: defaults.beta,
            conditioning: defaults.conditioning,
            seed: 0,
            noise: defaults.noise,
            variations: Vec::new(),
            steps: defaults.steps,
            guidance: defaults.guidance,
            guidance_rescale: defaults.guidance_rescale,
            clip_skip: defaults.clip_skip,
            prompt_weights: true,
            scheduler: defaults.scheduler,
            width: defaults.width,
            height: defaults.height,
            source: None,
            hires: None,
            init_latents: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TimestepSpacing;

    const MANIFEST: &str = r#"
name = "small"
path = "weights"
licence = "Apache-2.0"
vp_norm = "keep"
vp_pooled = "mixed"
[defaults]
steps = 20
scheduler = "dpmpp_2m_karras"
guidance = 2.5
width = 128
height = 128
beta = 0.6
"#;

    fn load(text: &str) -> Result<ModelManifest> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.toml");
        std::fs::write(&path, text).unwrap();
        let mut manifest = ModelManifest::load(&path)?;
        let model = manifest.path.take();
        manifest.path = model.map(|model| model.strip_prefix(folder.path()).unwrap().to_owned());
        Ok(manifest)
    }

    #[test]
    fn a_manifest_is_read_and_paths_are_relative_to_it() {
        let companions =
            format!("{MANIFEST}[taesd]\npath = \"/tiny\"\n[safety_checker]\npath = \"checker\"\n");
        let manifest = load(&companions).unwrap();
        assert_eq!(manifest.path.as_deref(), Some(Path::new("weights")));
        let options = manifest.load_options().unwrap();
        assert_eq!(options.taesd.as_deref(), Some(Path::new("/tiny")));
        assert!(
            options
                .safety_checker
                .is_some_and(|path| path.is_absolute() && path.ends_with("checker"))
        );
        let params = manifest.defaults("a cat");
        assert_eq!(
            (params.steps, params.scheduler),
            (20, SchedulerKind::Dpmpp2mKarras)
        );
        let mixing = manifest.load_options().unwrap().mixing;
        assert_eq!((mixing.norm, mixing.pooled), (VpNorm::Keep, VpPooled::Mixed));
    }

    #[test]
    fn a_refiner_is_named_with_where_it_takes_over() {
        let refined = |lines: &str| load(&format!("{MANIFEST}[refiner]\n{lines}"));
        let refiner = refined("model = \"other\"").unwrap().refiner.unwrap();
        assert_eq!((refiner.model.as_str(), refiner.switch_at), ("other", 0.8));
        let refiner = refined("model = \"other\"\nswitch_at = 0.5").unwrap().refiner;
        assert_eq!(refiner.unwrap().switch_at, 0.5);
        assert!(refined("switch_at = 0.5").is_err());
    }

    #[test]
    fn a_manifest_corrects_the_schedule() {
        let text = format!("{MANIFEST}[scheduler_config]\ntimestep_spacing = \"trailing\"\n");
        let overrides = load(&text).unwrap().load_options().unwrap().scheduler;
        assert_eq!(overrides.timestep_spacing, Some(TimestepSpacing::Trailing));
        let text = text.replace("trailing", "sideways");
        assert!(load(&text).unwrap_err().to_string().contains("sideways"));
    }

    #[test]
    fn what_stands_beside_it_has_a_path_or_is_published() {
        let hub = "hub = { repo = 'owner/tiny', files = [{ path = 'w.safetensors' }] }";
        let text = MANIFEST.replace(
            "[defaults]",
            &format!("loras = [{{ {hub}, weight = 0.5 }}]\n[defaults]"),
        );
        let mut manifest = load(&format!("{text}[taesd]\n{hub}\n")).unwrap();
        let names: Vec<_> = manifest.beside_mut().into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["lora-1", "taesd"]);
        let error = manifest.load_options().unwrap_err().to_string();
        assert!(error.contains("owner/tiny"), "{error}");
        for part in manifest.beside_mut() {
            *part.path = Some(PathBuf::from("/here"));
        }
        let options = manifest.load_options().unwrap();
        let lora = crate::Lora {
            path: "/here".into(),
            weight: 0.5,
        };
        assert_eq!((options.loras, options.taesd), (vec![lora], Some("/here".into())));
        for wrong in ["", "path = 'a'\nhub = { repo = 'a/b', files = [] }\n"] {
            let error = load(&format!("{MANIFEST}[taesd]\n{wrong}"))
                .unwrap_err()
                .to_string();
            assert!(error.contains("`taesd`") && error.contains("either"), "{error}");
        }
    }

    #[test]
    fn a_distilled_models_manifest_lists_its_steps() {
        let listed = |list: &str, steps: usize| {
            let text = MANIFEST.replace("steps = 20", &format!("steps = {steps}"));
            load(&format!("{text}[scheduler_config]\n{list}\n"))
        };
        let manifest = listed("timesteps = [999, 749, 499, 249]", 4).unwrap();
        let options = manifest.load_options().unwrap();
        assert_eq!(options.scheduler.timesteps, Some(vec![999, 749, 499, 249]));
        assert!(listed("sigmas = [14.6, 2.0, 0.0]", 2).is_ok());
        let error = listed("timesteps = [999, 499]", 4).unwrap_err().to_string();
        assert!(
            error.contains("lists 2 steps") && error.contains("is 4"),
            "{error}"
        );
    }

    #[test]
    fn unknown_keys_and_values_are_named() {
        let error = load(&MANIFEST.replace("guidance = ", "guidence = "))
            .unwrap_err()
            .to_string();
        assert!(error.contains("guidence"), "{error}");
        let error = load(&MANIFEST.replace("dpmpp_2m_karras", "plms"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("plms") && error.contains("euler_a"), "{error}");
    }

    #[test]
    fn a_published_checkpoint_names_its_repository_and_files() {
        let text = MANIFEST.replace("path = \"weights\"\n", "");
        let hub = r#"
[hub]
repo = "owner/small"
files = [
    { path = "model_index.json" },
    { path = "unet_fp16.safetensors", as = "unet/diffusion_pytorch_model.fp16.safetensors", size = 7 },
]
"#;
        let manifest = load(&format!("{text}{hub}[memory]\nf16 = 12\n")).unwrap();
        let source = manifest.hub.clone().unwrap();
        assert_eq!((source.revision.as_str(), source.gated), ("main", false));
        assert_eq!(source.files[0].place, None);
        assert_eq!(source.files[1].size, Some(7));
        assert_eq!(manifest.memory.unwrap().f16, Some(12));
        let error = manifest.folder().unwrap_err().to_string();
        assert!(error.contains("owner/small"), "{error}");

        let wrong = hub.replace("size = 7", "bytes = 7");
        let error = load(&format!("{text}{wrong}")).unwrap_err().to_string();
        assert!(error.contains("bytes"), "{error}");
    }

    #[test]
    fn the_manifests_in_the_repository_are_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/models");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let manifest = ModelManifest::load(&path).unwrap();
            assert_eq!(
                Some(manifest.name.as_str()),
                path.file_stem().and_then(|stem| stem.to_str())
            );
            count += 1;
        }
        assert!(count >= 2);
    }
}
