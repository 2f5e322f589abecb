//! One adapter file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde_json::{Map, Value};

use super::keys::{self, Role};
use super::{Component, Lora};
use crate::config::read_object;
use crate::error::{DiffusionError, Result};
use crate::weights::TensorFile;

/// The files that diffusers and PEFT save adapters to.
const SAVED: [&str; 2] = ["pytorch_lora_weights.safetensors", "adapter_model.safetensors"];
/// Where diffusers keeps PEFT's settings in the header.
const METADATA: &str = "lora_adapter_metadata";

/// The change to one layer.
#[derive(Debug, Clone)]
pub(super) struct Module {
    pub file: Arc<TensorFile>,
    /// The names of its matrices in the file.
    pub down: String,
    pub up: String,
    /// What their product is multiplied by.
    pub scale: f64,
}

/// Where a change belongs.
pub(super) type Address = (Component, String);

/// Reads an adapter's table; its matrices are read when they are merged.
///
/// # Errors
/// If the file is missing, damaged, made by another method than LoRA, or has tensors that no adapter has.
pub(super) fn open(lora: &Lora) -> Result<BTreeMap<Address, Module>> {
    if !lora.weight.is_finite() {
        return Err(DiffusionError::invalid(
            "lora",
            format!("weight {} is not a number", lora.weight),
        ));
    }
    let path = locate(&lora.path)?;
    let file = Arc::new(TensorFile::open(&path)?);
    let refuse = |reason: String| Err(DiffusionError::malformed(&path, reason));
    let mut names: Vec<_> = file.names().collect();
    names.sort_unstable();
    if let Some((name, method)) = names
        .iter()
        .find_map(|name| Some((name, keys::other_method(name)?)))
    {
        return refuse(format!(
            "tensor `{name}` makes this {method}, which is not supported (plain LoRA is)"
        ));
    }
    let mut parts: BTreeMap<Address, [Option<&str>; 3]> = BTreeMap::new();
    for &name in &names {
        let Some(key) = keys::parse(name) else {
            return refuse(format!("tensor `{name}` is none that a LoRA has"));
        };
        let Some(component) = key.component else {
            return refuse(format!(
                "tensor `{name}` belongs to no part of a Stable Diffusion model; is it for another family?"
            ));
        };
        let slot = match key.role {
            Role::Down => 0,
            Role::Up => 1,
            Role::Alpha => 2,
        };
        let entry = parts.entry((component, key.module)).or_default();
        if let Some(other) = entry[slot].replace(name) {
            return refuse(format!("tensors `{other}` and `{name}` are for the same layer"));
        }
    }
    let settings = Settings::read(&file)?;
    let mut modules = BTreeMap::new();
    for (address, [down, up, alpha]) in parts {
        let (down, up) = match (down, up) {
            (Some(down), Some(up)) => (down, up),
            (Some(one), None) | (None, Some(one)) => {
                return refuse(format!("tensor `{one}` lacks its other half"));
            }
            (None, None) => return refuse(format!("tensor `{}` scales nothing", alpha.unwrap_or_default())),
        };
        let rank = file
            .entry(down)
            .and_then(|entry| entry.shape.first().copied())
            .unwrap_or_default();
        if rank == 0 {
            return refuse(format!("tensor `{down}` has no rank"));
        }
        let (settled, root) = settings.alpha(address.0, &address.1)?;
        let alpha = match alpha {
            Some(name) => Some(number(&file, name)?),
            None => settled,
        };
        let rank = rank as f64;
        let scale = alpha.map_or(1.0, |alpha| alpha / if root { rank.sqrt() } else { rank });
        modules.insert(
            address,
            Module {
                file: file.clone(),
                down: down.to_owned(),
                up: up.to_owned(),
                scale: scale * lora.weight,
            },
        );
    }
    if modules.is_empty() {
        return refuse("the file has no LoRA in it".to_owned());
    }
    Ok(modules)
}

/// The file itself, if a folder is given.
pub(super) fn locate(path: &Path) -> Result<PathBuf> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    SAVED
        .iter()
        .map(|name| path.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| DiffusionError::MissingFile {
            path: path.to_owned(),
            hint: format!(
                "a LoRA is a .safetensors file, or a folder with {} or {}",
                SAVED[0], SAVED[1]
            ),
        })
}

fn number(file: &TensorFile, name: &str) -> Result<f64> {
    let values = match file.entry(name) {
        Some(entry) => file
            .tensor(name, entry, &Device::Cpu)?
            .to_dtype(DType::F64)?
            .flatten_all()?
            .to_vec1::<f64>()?,
        None => Vec::new(),
    };
    match values[..] {
        [value] if value.is_finite() => Ok(value),
        _ => Err(DiffusionError::malformed(
            file.path(),
            format!("tensor `{name}` should be one number"),
        )),
    }
}

impl Module {
    /// `up` (out, rank) and `down` (rank, the rest), f32.
    ///
    /// # Errors
    /// If their shapes do not fit each other, or they cannot be read.
    pub fn matrices(&self) -> Result<(Tensor, Tensor)> {
        let read = |name: &str| -> Result<Tensor> {
            let entry = self
                .file
                .entry(name)
                .ok_or_else(|| DiffusionError::MissingTensor {
                    path: self.file.path().to_owned(),
                    tensor: name.to_owned(),
                    expected: Vec::new(),
                })?;
            let tensor = self
                .file
                .tensor(name, entry, &Device::Cpu)?
                .to_dtype(DType::F32)?;
            Ok(tensor.flatten_from(1)?)
        };
        let (up, down) = (read(&self.up)?, read(&self.down)?);
        if up.dim(1)? != down.dim(0)? {
            return Err(DiffusionError::TensorShape {
                path: self.file.path().to_owned(),
                tensor: self.up.clone(),
                expected: vec![up.dim(0)?, down.dim(0)?],
                found: up.dims().to_vec(),
            });
        }
        Ok((up, down))
    }
}

/// PEFT's settings, if they came with the adapter.
struct Settings {
    /// For all components (PEFT's own file) or with each component's name before a dot (diffusers' header).
    object: Map<String, Value>,
    path: PathBuf,
}

impl Settings {
    fn read(file: &TensorFile) -> Result<Self> {
        let path = file.path().to_owned();
        let object = if let Some(text) = file.metadata().get(METADATA) {
            serde_json::from_str(text)
                .map_err(|error| DiffusionError::malformed(&path, format!("{METADATA}: {error}")))?
        } else {
            let beside = path.with_file_name("adapter_config.json");
            let saved_by_peft = path.file_name().is_some_and(|name| name == SAVED[1]);
            if saved_by_peft && beside.is_file() {
                read_object(&beside)?
            } else {
                Map::new()
            }
        };
        Ok(Self { object, path })
    }

    /// A layer's alpha, and whether it is divided by the root of the rank.
    fn alpha(&self, component: Component, module: &str) -> Result<(Option<f64>, bool)> {
        let prefix = match component {
            Component::Unet => "unet.",
            Component::TextEncoder => "text_encoder.",
            Component::TextEncoder2 => "text_encoder_2.",
        };
        let get = |key: &str| {
            self.object
                .get(&format!("{prefix}{key}"))
                .or_else(|| self.object.get(key))
        };
        let on = |key: &str| get(key).and_then(Value::as_bool).unwrap_or(false);
        for (key, method) in [("use_dora", "DoRA"), ("lora_bias", "a LoRA with biases")] {
            if on(key) {
                let reason =
                    format!("its settings make this {method}, which is not supported (plain LoRA is)");
                return Err(DiffusionError::malformed(&self.path, reason));
            }
        }
        let mut alpha = get("lora_alpha").and_then(Value::as_f64);
        if let Some(patterns) = get("alpha_pattern").and_then(Value::as_object) {
            for (pattern, value) in patterns {
                if pattern.contains(|letter: char| !(letter.is_alphanumeric() || "._-".contains(letter))) {
                    let reason = format!(
                        "`alpha_pattern` `{pattern}` is an expression; names of layers are supported"
                    );
                    return Err(DiffusionError::malformed(&self.path, reason));
                }
                let pattern = keys::underscored(pattern.strip_prefix("text_model.").unwrap_or(pattern));
                let ends = module.strip_suffix(pattern.as_str());
                if ends.is_some_and(|start| start.is_empty() || start.ends_with('_')) {
                    alpha = value.as_f64();
                }
            }
        }
        Ok((alpha, on("use_rslora")))
    }
}
