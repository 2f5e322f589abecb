//! LoRA adapters as PEFT saves them: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! `W + s·B·A` with `s = alpha / r`, or `alpha / √r` with `use_rslora` (Hu et al. 2021; Kalajdzievski 2023).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use fancy_regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::weights::{Weights, widen};
use crate::ModelError;

/// What one adapter adds to one layer.
pub(crate) struct Lora {
    /// `(r, columns)`.
    a: Tensor,
    /// `(rows, r)`, already scaled.
    b: Tensor,
}

impl Lora {
    /// `x·Aᵀ·Bᵀ·s` for the rows of `x`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let x = x.to_dtype(self.a.dtype())?;
        Ok(x.matmul(&self.a.t()?)?.matmul(&self.b.t()?)?)
    }

    /// `n` rows of `s·B·A`, from row `from` on, one after the other.
    pub fn delta(&self, from: usize, n: usize) -> Result<Vec<f32>, ModelError> {
        let rows = self.b.narrow(0, from, n)?.matmul(&self.a)?;
        Ok(rows.flatten_all()?.to_vec1()?)
    }

    /// The same on another device, or in another precision.
    pub fn to(&self, dtype: DType, device: &Device) -> Result<Self, ModelError> {
        let to = |tensor: &Tensor| tensor.to_device(device)?.to_dtype(dtype);
        Ok(Self {
            a: to(&self.a)?,
            b: to(&self.b)?,
        })
    }
}

/// An adapter's settings and tensors.
pub(crate) struct Adapter {
    folder: PathBuf,
    config: Config,
    targets: Targets,
    weights: Weights,
    /// Of each module, the names in the file of its A and its B.
    modules: BTreeMap<String, [Option<String>; 2]>,
    /// Whether it was trained on the model without its output layer, so that names lack their first `model.`.
    headless: bool,
    used: BTreeSet<String>,
}

enum Targets {
    Names(Vec<String>),
    Pattern(Regex),
}

#[derive(Deserialize)]
struct Config {
    peft_type: Option<String>,
    r: usize,
    lora_alpha: f64,
    target_modules: Option<NamesOrPattern>,
    exclude_modules: Option<NamesOrPattern>,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    rank_pattern: BTreeMap<String, usize>,
    #[serde(default)]
    alpha_pattern: BTreeMap<String, f64>,
    layers_to_transform: Option<OneOrMany<usize>>,
    layers_pattern: Option<OneOrMany<String>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NamesOrPattern {
    Pattern(String),
    Names(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: Clone> OneOrMany<T> {
    fn list(&self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one.clone()],
            Self::Many(many) => many.clone(),
        }
    }
}

/// Settings that change what an adapter does and are not supported, unless they are absent, null, false, 0 or empty.
const REFUSED: [&str; 14] = [
    "modules_to_save",
    "use_dora",
    "target_parameters",
    "fan_in_fan_out",
    "lora_bias",
    "layer_replication",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "use_qalora",
    "use_bdlora",
    "kasa_config",
    "arrow_config",
    "velora_config",
    "monteclora_config",
];

/// Initialisations that leave the base as it is published; others keep a changed base beside the adapter.
const PLAIN_STARTS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

impl Adapter {
    /// Reads an adapter's settings and maps its tensors.
    ///
    /// # Errors
    /// If a file is absent or damaged, or a setting is not supported, by name.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("adapter_config.json");
        if !path.is_file() {
            let hint = "an adapter's folder as PEFT saves it".to_owned();
            return Err(ModelError::MissingFile { path, hint });
        }
        let text = std::fs::read_to_string(&path).map_err(|e| ModelError::io(&path, e))?;
        let config: Config = serde_json::from_str(&text).map_err(|e| ModelError::malformed(&path, e))?;
        config.check(&path)?;
        let targets = match &config.target_modules {
            Some(NamesOrPattern::Names(names)) => Targets::Names(names.clone()),
            Some(NamesOrPattern::Pattern(pattern)) if pattern == "all-linear" => {
                return Err(ModelError::unsupported(
                    &path,
                    "target_modules",
                    pattern,
                    "a list of names, or a regular expression",
                ));
            }
            Some(NamesOrPattern::Pattern(pattern)) => Targets::Pattern(whole(pattern, &path)?),
            None => {
                return Err(ModelError::malformed(&path, "`target_modules` is missing"));
            }
        };
        let weights = Weights::open(folder, "adapter_model")?;
        let mut modules = BTreeMap::<String, [Option<String>; 2]>::new();
        for name in weights.names() {
            let Some((module, side)) = split(name) else {
                let reason = format!("tensor `{name}` is no part of a LoRA on a linear layer");
                return Err(adapter_error(weights.path(), reason));
            };
            modules.entry(module.to_owned()).or_default()[side] = Some(name.to_owned());
        }
        let headed = |module: &String| module.starts_with("model.") || module == "lm_head";
        Ok(Self {
            folder: folder.to_owned(),
            config,
            targets,
            weights,
            headless: !modules.keys().any(headed),
            modules,
            used: BTreeSet::new(),
        })
    }

    /// What the adapter adds to a module of the model, if it is one of its targets, in f32 on the processor.
    ///
    /// # Errors
    /// If a target has no tensors, or they do not fit.
    pub fn take(&mut self, module: &str, rows: usize, columns: usize) -> Result<Option<Lora>, ModelError> {
        let module = match self.headless {
            true => module.strip_prefix("model.").unwrap_or(module),
            false => module,
        };
        if !self.targets(module)? {
            return Ok(None);
        }
        let found = self.modules.get_key_value(module);
        let Some((_, [Some(a), Some(b)])) = found else {
            let reason =
                format!("`target_modules` names the layer `{module}`, but the adapter lacks its tensors");
            return Err(adapter_error(self.weights.path(), reason));
        };
        let rank = self
            .pattern(&self.config.rank_pattern, module)?
            .unwrap_or(self.config.r);
        let alpha = self
            .pattern(&self.config.alpha_pattern, module)?
            .unwrap_or(self.config.lora_alpha);
        let scale = match self.config.use_rslora {
            true => alpha / (rank as f64).sqrt(),
            false => alpha / rank as f64,
        };
        let read = |name: &str, shape: [usize; 2]| -> Result<Tensor, ModelError> {
            let (entry, bytes) = self.weights.find(name, &shape)?;
            let mut values = vec![0f32; shape[0] * shape[1]];
            widen(entry.format, bytes.as_slice(), &mut values);
            Ok(Tensor::from_vec(values, &shape, &Device::Cpu)?)
        };
        let lora = Lora {
            a: read(a, [rank, columns])?,
            b: (read(b, [rows, rank])? * scale)?,
        };
        self.used.insert(module.to_owned());
        Ok(Some(lora))
    }

    /// Checks, when the whole model has been offered, that every tensor found its layer.
    ///
    /// # Errors
    /// If one did not, by name.
    pub fn finish(&self) -> Result<(), ModelError> {
        match self
            .modules
            .iter()
            .find(|(module, _)| !self.used.contains(*module))
        {
            Some((_, names)) => {
                let name = names.iter().flatten().next().map_or("", String::as_str);
                let reason =
                    format!("tensor `{name}` belongs to no layer of the model that `target_modules` names");
                Err(adapter_error(self.weights.path(), reason))
            }
            None if self.used.is_empty() => {
                Err(adapter_error(&self.folder, "the adapter changes no layer".into()))
            }
            None => Ok(()),
        }
    }

    /// Whether PEFT would adapt the module.
    fn targets(&self, module: &str) -> Result<bool, ModelError> {
        let path = || self.folder.join("adapter_config.json");
        let excluded = match &self.config.exclude_modules {
            Some(NamesOrPattern::Names(names)) => named(names, module),
            Some(NamesOrPattern::Pattern(pattern)) if !pattern.is_empty() => {
                matches(&whole(pattern, &path())?, module, &path())?
            }
            _ => false,
        };
        if excluded {
            return Ok(false);
        }
        match &self.targets {
            Targets::Pattern(pattern) => matches(pattern, module, &path()),
            Targets::Names(names) if names.iter().any(|name| name == module) => Ok(true),
            Targets::Names(names) => Ok(named(names, module) && self.in_layers(module)?),
        }
    }

    /// Whether `layers_to_transform` lets a module pass.
    fn in_layers(&self, module: &str) -> Result<bool, ModelError> {
        let Some(layers) = self.config.layers_to_transform.as_ref().map(OneOrMany::list) else {
            return Ok(true);
        };
        if layers.is_empty() {
            return Ok(true);
        }
        let patterns = match self.config.layers_pattern.as_ref().map(OneOrMany::list) {
            Some(patterns) if !patterns.is_empty() => patterns
                .iter()
                .map(|pattern| format!(r"^(?:|.*?\.){pattern}\.(\d+)\."))
                .collect(),
            _ => vec![r"^.*?\.[^.]*\.(\d+)\.".to_owned()],
        };
        let path = self.folder.join("adapter_config.json");
        for pattern in patterns {
            let regex = Regex::new(&pattern).map_err(|e| ModelError::malformed(&path, e))?;
            let found = regex
                .captures(module)
                .map_err(|e| ModelError::malformed(&path, e))?;
            if let Some(number) = found.as_ref().and_then(|found| found.get(1)) {
                return Ok(number.as_str().parse().is_ok_and(|layer| layers.contains(&layer)));
            }
        }
        Ok(false)
    }

    /// The value of the first key that fits the end of a module's name.
    fn pattern<T: Copy>(
        &self,
        patterns: &BTreeMap<String, T>,
        module: &str,
    ) -> Result<Option<T>, ModelError> {
        let path = self.folder.join("adapter_config.json");
        for (key, value) in patterns {
            if matches(&whole(&format!(r"(?:.*\.)?(?:{key})"), &path)?, module, &path)? {
                return Ok(Some(*value));
            }
        }
        Ok(None)
    }
}

impl Config {
    fn check(&self, path: &Path) -> Result<(), ModelError> {
        if let Some(other) = self.peft_type.as_ref().filter(|name| *name != "LORA") {
            return Err(ModelError::unsupported(path, "peft_type", other, "LORA"));
        }
        if self.r == 0 || self.rank_pattern.values().any(|&r| r == 0) {
            return Err(ModelError::malformed(path, "a rank must be at least 1"));
        }
        for key in REFUSED {
            if let Some(value) = self.rest.get(key).filter(|value| !is_empty(value)) {
                return Err(ModelError::unsupported(path, key, value, "leave it out"));
            }
        }
        match self.rest.get("bias").and_then(Value::as_str) {
            None | Some("none") => {}
            Some(other) => return Err(ModelError::unsupported(path, "bias", other, "none")),
        }
        match self.rest.get("init_lora_weights").and_then(Value::as_str) {
            Some(start) if !PLAIN_STARTS.contains(&start) => Err(ModelError::unsupported(
                path,
                "init_lora_weights",
                start,
                "true, false, gaussian, eva, orthogonal",
            )),
            _ => Ok(()),
        }
    }
}

/// A module's name and a side, 0 for A and 1 for B, from a tensor's name with any of PEFT's prefixes.
fn split(name: &str) -> Option<(&str, usize)> {
    let name = name.strip_suffix(".weight")?;
    let name = name.strip_suffix(".default").unwrap_or(name);
    let (module, side) = match name.strip_suffix(".lora_A") {
        Some(module) => (module, 0),
        None => (name.strip_suffix(".lora_B")?, 1),
    };
    let module = module.strip_prefix("base_model.model.").unwrap_or(module);
    Some((module, side))
}

/// Whether a module's name is, or ends with, one of the names.
fn named(names: &[String], module: &str) -> bool {
    names.iter().any(|name| {
        module == name
            || module
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
    })
}

/// A pattern that has to fit a name from its first letter to its last.
fn whole(pattern: &str, path: &Path) -> Result<Regex, ModelError> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|e| ModelError::malformed(path, e))
}

fn matches(regex: &Regex, module: &str, path: &Path) -> Result<bool, ModelError> {
    regex.is_match(module).map_err(|e| ModelError::malformed(path, e))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

fn adapter_error(path: &Path, reason: String) -> ModelError {
    let path = path.to_owned();
    ModelError::Adapter { path, reason }
}
