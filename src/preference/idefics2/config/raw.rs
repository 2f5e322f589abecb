//! The file as written, with transformers' defaults, and its validation.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Activation, Idefics2Config, PerceiverConfig, TextConfig, VisionConfig};
use crate::ModelError;

#[derive(Deserialize)]
pub(super) struct Raw {
    model_type: Option<String>,
    quantization_config: Option<Value>,
    #[serde(default = "defaults::image_token_id")]
    image_token_id: u32,
    #[serde(default)]
    tie_word_embeddings: bool,
    text_config: Option<RawText>,
    vision_config: Option<RawVision>,
    perceiver_config: Option<RawPerceiver>,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawText {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    hidden_act: String,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_scaling: Option<RawRope>,
    rope_parameters: Option<RawRope>,
    sliding_window: Option<usize>,
}

#[derive(Deserialize)]
struct RawRope {
    rope_theta: Option<f64>,
    rope_type: Option<String>,
    r#type: Option<String>,
    partial_rotary_factor: Option<f64>,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawVision {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
}

#[derive(Deserialize)]
#[serde(default)]
struct RawPerceiver {
    hidden_size: usize,
    hidden_act: String,
    rms_norm_eps: f64,
    resampler_n_latents: usize,
    resampler_depth: usize,
    resampler_n_heads: usize,
    resampler_head_dim: usize,
    num_key_value_heads: usize,
}

mod defaults {
    pub fn image_token_id() -> u32 {
        32_001
    }
}

/// Mistral's defaults. Idefics2 has other ones for a `text_config` that is absent altogether: [`RawText::absent`].
impl Default for RawText {
    fn default() -> Self {
        Self {
            model_type: "mistral".into(),
            vocab_size: 32_000,
            hidden_size: 4096,
            intermediate_size: 14_336,
            num_hidden_layers: 32,
            num_attention_heads: 32,
            num_key_value_heads: Some(8),
            head_dim: None,
            hidden_act: "silu".into(),
            max_position_embeddings: 4096 * 32,
            rms_norm_eps: 1e-6,
            rope_theta: None,
            rope_scaling: None,
            rope_parameters: None,
            sliding_window: Some(4096),
        }
    }
}

impl RawText {
    fn absent() -> Self {
        Self {
            max_position_embeddings: 4096 * 8,
            rms_norm_eps: 1e-5,
            ..Self::default()
        }
    }
}

impl Default for RawVision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: "gelu_pytorch_tanh".into(),
            layer_norm_eps: 1e-6,
        }
    }
}

impl Default for RawPerceiver {
    fn default() -> Self {
        Self {
            hidden_size: 4096,
            hidden_act: "silu".into(),
            rms_norm_eps: 1e-6,
            resampler_n_latents: 64,
            resampler_depth: 3,
            resampler_n_heads: 16,
            resampler_head_dim: 96,
            num_key_value_heads: 4,
        }
    }
}

impl Raw {
    pub(super) fn validate(self, path: &Path) -> Result<Idefics2Config, ModelError> {
        if let Some(other) = self.model_type.filter(|name| name != "idefics2") {
            return Err(ModelError::unsupported(path, "model_type", other, "idefics2"));
        }
        if self.quantization_config.is_some() {
            return Err(ModelError::unsupported(
                path,
                "quantization_config",
                "…",
                "weights in f32, f16 or bf16; they are quantised when they are loaded",
            ));
        }
        let text = self.text_config.unwrap_or_else(RawText::absent).validate(path)?;
        let vision = self.vision_config.unwrap_or_default().validate(path)?;
        let perceiver = self.perceiver_config.unwrap_or_default().validate(&text, path)?;
        if self.image_token_id as usize >= text.vocab_size {
            let reason = format!(
                "`image_token_id` {} is none of the {} tokens of `text_config.vocab_size`",
                self.image_token_id, text.vocab_size
            );
            return Err(ModelError::malformed(path, reason));
        }
        Ok(Idefics2Config {
            text,
            vision,
            perceiver,
            image_token_id: self.image_token_id,
            tie_word_embeddings: self.tie_word_embeddings,
        })
    }
}

impl RawText {
    fn validate(self, path: &Path) -> Result<TextConfig, ModelError> {
        let key = |name: &str| format!("text_config.{name}");
        if self.model_type != "mistral" {
            return Err(ModelError::unsupported(
                path,
                &key("model_type"),
                self.model_type,
                "mistral",
            ));
        }
        positive(
            path,
            "text_config",
            &[
                ("vocab_size", self.vocab_size),
                ("hidden_size", self.hidden_size),
                ("intermediate_size", self.intermediate_size),
                ("num_hidden_layers", self.num_hidden_layers),
                ("num_attention_heads", self.num_attention_heads),
                ("num_key_value_heads", self.num_key_value_heads.unwrap_or(1)),
                ("head_dim", self.head_dim.unwrap_or(1)),
                ("sliding_window", self.sliding_window.unwrap_or(1)),
            ],
        )?;
        let heads = self.num_attention_heads;
        let kv_heads = self.num_key_value_heads.unwrap_or(heads);
        multiple(
            path,
            "text_config.num_attention_heads",
            heads,
            "num_key_value_heads",
            kv_heads,
        )?;
        let head_dim = self.head_dim.unwrap_or(self.hidden_size / heads);
        multiple(
            path,
            "text_config.head_dim",
            head_dim,
            "the two halves of a rotation",
            2,
        )?;
        let rope = self.rope_scaling.or(self.rope_parameters);
        if let Some(rope) = &rope {
            let kind = rope.rope_type.as_ref().or(rope.r#type.as_ref());
            if let Some(other) = kind.filter(|name| *name != "default") {
                return Err(ModelError::unsupported(
                    path,
                    &key("rope_parameters.rope_type"),
                    other,
                    "default",
                ));
            }
            if let Some(other) = rope.partial_rotary_factor.filter(|&factor| factor != 1.0) {
                let key = key("rope_parameters.partial_rotary_factor");
                return Err(ModelError::unsupported(path, &key, other, "1"));
            }
        }
        Ok(TextConfig {
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: heads,
            num_key_value_heads: kv_heads,
            head_dim,
            hidden_act: activation(path, &key("hidden_act"), &self.hidden_act)?,
            max_position_embeddings: self.max_position_embeddings,
            rms_norm_eps: self.rms_norm_eps,
            rope_theta: rope
                .and_then(|rope| rope.rope_theta)
                .or(self.rope_theta)
                .unwrap_or(10_000.0),
            sliding_window: self.sliding_window,
        })
    }
}

impl RawVision {
    fn validate(self, path: &Path) -> Result<VisionConfig, ModelError> {
        positive(
            path,
            "vision_config",
            &[
                ("hidden_size", self.hidden_size),
                ("intermediate_size", self.intermediate_size),
                ("num_hidden_layers", self.num_hidden_layers),
                ("num_attention_heads", self.num_attention_heads),
                ("num_channels", self.num_channels),
                ("patch_size", self.patch_size),
                ("image_size", self.image_size / self.patch_size.max(1)),
            ],
        )?;
        multiple(
            path,
            "vision_config.hidden_size",
            self.hidden_size,
            "num_attention_heads",
            self.num_attention_heads,
        )?;
        Ok(VisionConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_channels: self.num_channels,
            image_size: self.image_size,
            patch_size: self.patch_size,
            hidden_act: activation(path, "vision_config.hidden_act", &self.hidden_act)?,
            layer_norm_eps: self.layer_norm_eps,
        })
    }
}

impl RawPerceiver {
    fn validate(self, text: &TextConfig, path: &Path) -> Result<PerceiverConfig, ModelError> {
        positive(
            path,
            "perceiver_config",
            &[
                ("resampler_n_latents", self.resampler_n_latents),
                ("resampler_n_heads", self.resampler_n_heads),
                ("resampler_head_dim", self.resampler_head_dim),
                ("num_key_value_heads", self.num_key_value_heads),
            ],
        )?;
        multiple(
            path,
            "perceiver_config.resampler_n_heads",
            self.resampler_n_heads,
            "num_key_value_heads",
            self.num_key_value_heads,
        )?;
        // As transformers does: another width than the text model's means that neither was written down.
        let rms_norm_eps = match self.hidden_size == text.hidden_size {
            true => self.rms_norm_eps,
            false => text.rms_norm_eps,
        };
        Ok(PerceiverConfig {
            hidden_size: text.hidden_size,
            hidden_act: activation(path, "perceiver_config.hidden_act", &self.hidden_act)?,
            rms_norm_eps,
            n_latents: self.resampler_n_latents,
            depth: self.resampler_depth,
            n_heads: self.resampler_n_heads,
            head_dim: self.resampler_head_dim,
            num_key_value_heads: self.num_key_value_heads,
        })
    }
}

fn activation(path: &Path, key: &str, name: &str) -> Result<Activation, ModelError> {
    match name {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu" => Ok(Activation::Gelu),
        "gelu_pytorch_tanh" | "gelu_new" => Ok(Activation::GeluPytorchTanh),
        "relu" => Ok(Activation::Relu),
        other => Err(ModelError::unsupported(
            path,
            key,
            other,
            "silu, gelu, gelu_pytorch_tanh, relu",
        )),
    }
}

fn positive(path: &Path, part: &str, sizes: &[(&str, usize)]) -> Result<(), ModelError> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((name, _)) => Err(ModelError::malformed(
            path,
            format!("`{part}.{name}` must be at least 1"),
        )),
        None => Ok(()),
    }
}

fn multiple(path: &Path, key: &str, value: usize, of: &str, unit: usize) -> Result<(), ModelError> {
    match value.is_multiple_of(unit) {
        true => Ok(()),
        false => Err(ModelError::malformed(
            path,
            format!("`{key}` {value} is no multiple of {of}, {unit}"),
        )),
    }
}
