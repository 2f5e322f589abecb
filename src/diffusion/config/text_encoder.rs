//! `text_encoder/config.json`: a CLIP text model.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{read_object, require, require_multiple, require_positive, typed, unsupported};
use crate::error::{DiffusionError, Result};
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

/// The file as it is, an absent key at the default of transformers' CLIPTextConfig.
#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    eos_token_id: u32,
    projection_dim: usize,
    architectures: Vec<String>,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
            eos_token_id: 49407,
            projection_dim: 512,
            architectures: Vec::new(),
        }
    }
}

impl TextEncoderConfig {
    /// Reads a text encoder's `config.json`.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_object(path, read_object(path)?)
    }

    /// Reads the text part of a dual encoder's `config.json` (a CLIPConfig); the projection is that of both parts.
    pub fn read_part(path: &Path) -> Result<Self> {
        let whole = read_object(path)?;
        require(path, &whole, &[("model_type", &[json!("clip")])])?;
        let Some(Value::Object(part)) = whole.get("text_config") else {
            return Err(DiffusionError::malformed(path, "has no `text_config`"));
        };
        let mut part = part.clone();
        part.insert("architectures".into(), json!(["CLIPTextModelWithProjection"]));
        part.insert(
            "projection_dim".into(),
            whole.get("projection_dim").cloned().unwrap_or_default(),
        );
        Self::from_object(path, part)
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
