//! `text_encoder/config.json`: a CLIP text model.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{read_object, require, require_multiple, require_positive, typed, unsupported};
use crate::error::Result;
use crate::ops::Activation;

/// Sizes of a CLIP text encoder.
#[derive(Debug, Clone)]
pub(crate) struct TextEncoderConfig {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    /// Context length in tokens, with the start and end tokens.
    pub positions: usize,
    pub layer_norm_eps: f64,
    pub activation: Activation,
    pub eos_token_id: u32,
    /// Features of the pooled, projected vector; `None` for a model without projection.
    pub projection: Option<usize>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default = "vocab_size")]
    vocab_size: usize,
    #[serde(default = "hidden_size")]
    hidden_size: usize,
    #[serde(default = "intermediate_size")]
    intermediate_size: usize,
    #[serde(default = "layers")]
    num_hidden_layers: usize,
    #[serde(default = "heads")]
    num_attention_heads: usize,
    #[serde(default = "positions")]
    max_position_embeddings: usize,
    #[serde(default = "hidden_act")]
    hidden_act: String,
    #[serde(default = "layer_norm_eps")]
    layer_norm_eps: f64,
    #[serde(default = "eos_token_id")]
    eos_token_id: u32,
    #[serde(default = "projection_dim")]
    projection_dim: usize,
    #[serde(default)]
    architectures: Vec<String>,
}

// The defaults of transformers' CLIPTextConfig, which its files leave out.
fn vocab_size() -> usize {
    49408
}
fn hidden_size() -> usize {
    512
}
fn intermediate_size() -> usize {
    2048
}
fn layers() -> usize {
    12
}
fn heads() -> usize {
    8
}
fn positions() -> usize {
    77
}
fn hidden_act() -> String {
    "quick_gelu".into()
}
fn layer_norm_eps() -> f64 {
    1e-5
}
fn eos_token_id() -> u32 {
    49407
}
fn projection_dim() -> usize {
    512
}

impl TextEncoderConfig {
    /// Reads a text encoder's `config.json`.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_object(path, read_object(path)?)
    }

    /// Checks settings read from `path`, which errors name.
    pub fn from_object(path: &Path, object: Map<String, Value>) -> Result<Self> {
        let model_types = [json!("clip_text_model"), json!("clip")];
        require(
            path,
            &object,
            &[
                ("model_type", &model_types),
                ("use_attention_mask", &[json!(false)]),
            ],
        )?;
        let raw: Raw = typed(path, object)?;
        let projected = raw
            .architectures
            .iter()
            .any(|name| name == "CLIPTextModelWithProjection");
        if let Some(other) = raw
            .architectures
            .iter()
            .find(|n| !["CLIPTextModelWithProjection", "CLIPTextModel"].contains(&n.as_str()))
        {
            let supported = "supported: CLIPTextModel, CLIPTextModelWithProjection";
            return Err(unsupported(path, "architectures", other, supported));
        }
        require_positive(
            path,
            &[
                ("vocab_size", raw.vocab_size),
                ("hidden_size", raw.hidden_size),
                ("intermediate_size", raw.intermediate_size),
                ("num_hidden_layers", raw.num_hidden_layers),
                ("num_attention_heads", raw.num_attention_heads),
            ],
        )?;
        require_multiple(
            path,
            "`hidden_size`",
            raw.hidden_size,
            "`num_attention_heads`",
            raw.num_attention_heads,
        )?;
        if raw.max_position_embeddings < 3 {
            let supported = "at least 3: start, one word, end";
            return Err(unsupported(
                path,
                "max_position_embeddings",
                raw.max_position_embeddings,
                supported,
            ));
        }
        let activation = Activation::from_name(&raw.hidden_act).ok_or_else(|| {
            unsupported(
                path,
                "hidden_act",
                &raw.hidden_act,
                "supported: quick_gelu, gelu, gelu_new, silu, relu",
            )
        })?;
        Ok(Self {
            vocab_size: raw.vocab_size,
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            positions: raw.max_position_embeddings,
            layer_norm_eps: raw.layer_norm_eps,
            activation,
            eos_token_id: raw.eos_token_id,
            projection: projected.then_some(raw.projection_dim),
        })
    }
}
