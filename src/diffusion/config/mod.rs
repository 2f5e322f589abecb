//! What a checkpoint's JSON files say, read and checked before any weight is touched.
//!
//! Every size comes from these files. A setting that would change the arithmetic in a way this crate does not implement
//! is an error that names file, key and value: better than a picture that is quietly wrong. Keys that nobody here knows
//! are logged, since newer tools add keys that older models ignore.

mod model_index;
mod safety;
mod scheduler;
mod text_encoder;
mod unet;
mod vae;
mod vae_tiny;

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{DiffusionError, Result};

pub(crate) use model_index::{ModelIndex, PipelineFamily};
pub(crate) use safety::{ClipVisionConfig, ImageProcessorConfig};
pub(crate) use scheduler::{BetaSchedule, GivenSteps, SchedulerConfig, SolverType};
pub use scheduler::{PredictionType, SchedulerOverrides, TimestepSpacing};
pub(crate) use text_encoder::TextEncoderConfig;
pub(crate) use unet::{MidBlock, UNetConfig};
pub(crate) use vae::VaeConfig;
pub(crate) use vae_tiny::TinyVaeConfig;

/// Reads a JSON object.
pub(crate) fn read_object(path: &Path) -> Result<Map<String, Value>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let hint = "a model in the diffusers folder layout has this file".to_owned();
            return Err(DiffusionError::MissingFile {
                path: path.to_owned(),
                hint,
            });
        }
        Err(error) => return Err(DiffusionError::io(path, error)),
    };
    serde_json::from_str(&without_infinities(&text)).map_err(|error| DiffusionError::malformed(path, error))
}

/// Replaces the bare words `-Infinity`, `Infinity` and `NaN` by `null`.
///
/// Python writes them (a scheduler's `lambda_min_clipped` is `-Infinity` by default) although JSON does not have them.
fn without_infinities(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for (i, part) in text.split('"').enumerate() {
        if i > 0 {
            result.push('"');
        }
        // Odd parts are inside quotes; a quoted quote would shift the count, but then no word below follows a colon.
        if i % 2 == 0 {
            let part = part
                .replace("-Infinity", "null")
                .replace("Infinity", "null")
                .replace("NaN", "null");
            result.push_str(&part);
        } else {
            result.push_str(part);
        }
    }
    result
}

/// Turns an object into a typed configuration; `null` counts as absent, as it does for diffusers' defaults.
fn typed<T: DeserializeOwned>(path: &Path, object: Map<String, Value>) -> Result<T> {
    let present = object.into_iter().filter(|(_, value)| !value.is_null()).collect();
    serde_json::from_value(Value::Object(present)).map_err(|error| DiffusionError::malformed(path, error))
}

/// Requires settings that change the arithmetic to have the one value that is implemented.
///
/// `fixed` lists keys with the values accepted (an absent or null key is accepted).
fn require(path: &Path, object: &Map<String, Value>, fixed: &[(&str, &[Value])]) -> Result<()> {
    for (key, accepted) in fixed {
        match object.get(*key) {
            None | Some(Value::Null) => {}
            Some(value) if accepted.iter().any(|a| same(a, value)) => {}
            Some(value) => {
                let list: Vec<_> = accepted.iter().map(Value::to_string).collect();
                return Err(unsupported(
                    path,
                    key,
                    value,
                    &format!("supported: {}", list.join(", ")),
                ));
            }
        }
    }
    Ok(())
}

/// Compares JSON values, taking 1 and 1.0 for equal.
fn same(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

fn unsupported(path: &Path, key: &str, value: impl std::fmt::Display, supported: &str) -> DiffusionError {
    DiffusionError::Unsupported {
        path: path.to_owned(),
        key: key.to_owned(),
        value: value.to_string(),
        supported: supported.to_owned(),
    }
}

/// Logs keys that are neither read nor checked.
fn note_unknown(path: &Path, object: &Map<String, Value>, known: &[&str]) {
    for key in object.keys() {
        if !key.starts_with('_') && !known.contains(&key.as_str()) {
            tracing::warn!(file = %path.display(), key, "unknown setting in a model's configuration, ignored");
        }
    }
}

/// A value for all blocks (or layers), or one for each.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrEach<T> {
    One(T),
    Each(Vec<T>),
}

impl<T: Clone> OneOrEach<T> {
    /// One value a block.
    fn expand(self, path: &Path, key: &str, count: usize) -> Result<Vec<T>> {
        match self {
            Self::One(value) => Ok(vec![value; count]),
            Self::Each(values) if values.len() == count => Ok(values),
            Self::Each(values) => {
                let reason = format!("`{key}` has {} entries, {count} are needed", values.len());
                Err(DiffusionError::malformed(path, reason))
            }
        }
    }
}

/// Requires sizes to be at least one, so that no later division can fail.
fn require_positive(path: &Path, sizes: &[(&str, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((key, _)) => Err(DiffusionError::malformed(
            path,
            format!("`{key}` must be at least 1"),
        )),
        None => Ok(()),
    }
}

/// Requires `size` to be a multiple of `divisor` (channels of groups, features of heads).
fn require_multiple(path: &Path, what: &str, size: usize, of: &str, divisor: usize) -> Result<()> {
    if divisor == 0 || !size.is_multiple_of(divisor) {
        let reason = format!("{what} ({size}) must be a multiple of {of} ({divisor})");
        return Err(DiffusionError::malformed(path, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
