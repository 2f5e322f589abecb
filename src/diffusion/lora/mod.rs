//! Low-rank adapters (LoRA, Hu et al. 2021): small changes to a model's weights.
//!
//! An adapter gives a layer two thin matrices, `down` (rank, in) and `up` (out, rank), and its weight becomes
//! `W + weight · (alpha / rank) · up · down`. Adapters are added to the weights as these are loaded, in f32, and the sum is
//! rounded once to the precision that the checkpoint stores; a picture then costs the same with adapters as without.

mod adapter;
mod keys;
mod set;

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{DiffusionError, Result};
pub(crate) use set::LoraSet;

/// An adapter file and how strongly it acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lora {
    /// A `.safetensors` file in diffusers', PEFT's or kohya's format, or a folder in which diffusers or PEFT saved one.
    pub path: PathBuf,
    /// What its change is multiplied by: 1 is as trained, 0 nothing, negative the opposite.
    #[serde(default = "as_trained")]
    pub weight: f64,
}

pub(crate) fn as_trained() -> f64 {
    1.0
}

impl Lora {
    /// An adapter at the strength it was trained with.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            weight: as_trained(),
        }
    }
}

impl FromStr for Lora {
    type Err = DiffusionError;

    /// Reads `FILE` or `FILE:WEIGHT`.
    fn from_str(text: &str) -> Result<Self> {
        let (path, weight) = match text.rsplit_once(':') {
            // A colon may also be part of the file's name.
            Some((path, weight)) if !path.is_empty() => match weight.parse::<f64>() {
                Ok(weight) => (path, weight),
                Err(_) => (text, as_trained()),
            },
            _ => (text, as_trained()),
        };
        if path.is_empty() || !weight.is_finite() {
            let problem = format!(
                "`{text}` is not a file, or a file and a weight with a colon between, such as ink.safetensors:0.8"
            );
            return Err(DiffusionError::invalid("lora", problem));
        }
        Ok(Self {
            path: path.into(),
            weight,
        })
    }
}

/// The network that an adapter's tensor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Component {
    Unet,
    /// `text_encoder` of a diffusers folder, or a model's only text encoder if the adapter does not number them.
    TextEncoder,
    /// `text_encoder_2` of a diffusers folder.
    TextEncoder2,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_may_follow_the_file() {
        let lora = |text: &str| text.parse::<Lora>().unwrap();
        assert_eq!(lora("ink.safetensors"), Lora::new("ink.safetensors"));
        assert_eq!(lora("a/ink.safetensors:-0.5").weight, -0.5);
        assert_eq!(lora("C:\\ink.safetensors"), Lora::new("C:\\ink.safetensors"));
        for wrong in ["", "ink:NaN"] {
            assert!(
                wrong.parse::<Lora>().unwrap_err().to_string().contains("0.8"),
                "{wrong}"
            );
        }
    }
}
