//! What a GGUF file says about its model: architecture and sizes, read from the metadata.

use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};

use super::LlmError;

/// The architectures that are read, as `general.architecture` names them.
pub(super) const SUPPORTED: [&str; 5] = ["llama", "qwen2", "qwen3", "gemma3", "phi3"];

/// Where the sliding layers of Gemma 3 stand: every sixth layer sees everything.
const GEMMA_PATTERN: usize = 6;

/// The families of decoders, by what differs in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Llama, Mistral, SmolLM: rotates neighbouring pairs.
    Llama,
    /// Qwen 2 and 2.5: biases on queries, keys and values.
    Qwen2,
    /// Qwen 3: norms on queries and keys.
    Qwen3,
    /// Gemma 3: norms before and after, sliding layers, scaled embeddings, GELU.
    Gemma3,
    /// Phi 3: fused projections.
    Phi3,
}

/// How the two halves of the gated feed-forward layer meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Silu,
    /// GELU with the tanh approximation.
    Gelu,
}

/// Sizes of a decoder.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    pub(super) family: Family,
    pub(super) layers: usize,
    pub(super) hidden: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    /// Dimensions of a head that are rotated, from the first.
    pub(super) rope_dim: usize,
    pub(super) rope_base: f32,
    /// Base of the layers that see a window only.
    pub(super) rope_base_local: f32,
    /// Positions are divided by it in the layers that see everything.
    pub(super) rope_linear: f32,
    /// Cosine and sine are multiplied by it.
    pub(super) rope_magnitude: f32,
    /// Positions that the windowed layers look back.
    pub(super) window: Option<usize>,
    pub(super) eps: f64,
    pub(super) context: usize,
    pub(super) activation: Activation,
}

impl Sizes {
    /// Tells whether a layer looks back over its window only.
    pub(super) fn is_windowed(&self, layer: usize) -> bool {
        self.window.is_some() && !(layer + 1).is_multiple_of(GEMMA_PATTERN)
    }
}

/// A file's metadata, with the file's name for errors.
pub(super) struct Metadata<'a> {
    pub(super) content: &'a Content,
    pub(super) path: &'a Path,
}

impl Metadata<'_> {
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.content.metadata.get(key)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.value(key)
            .and_then(|value| value.to_string().ok())
            .map(String::as_str)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.value(key).and_then(|value| value.to_bool().ok())
    }

    /// A whole number of any width.
    pub(super) fn number(&self, key: &str) -> Option<usize> {
        let value = self.value(key)?;
        match value {
            Value::Array(values) => values.iter().filter_map(whole).max(),
            value => whole(value),
        }
    }

    pub(super) fn real(&self, key: &str) -> Option<f32> {
        match self.value(key)? {
            Value::F32(value) => Some(*value),
            Value::F64(value) => Some(*value as f32),
            _ => None,
        }
    }

    /// The texts of an array; nothing if there is no such array.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        let Value::Array(values) = self.value(key)? else {
            return None;
        };
        values
            .iter()
            .map(|value| value.to_string().ok().cloned())
            .collect()
    }

    /// The whole numbers of an array; empty if there is no such array.
    pub(super) fn numbers(&self, key: &str) -> Vec<usize> {
        match self.value(key) {
            Some(Value::Array(values)) => values.iter().filter_map(whole).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn reals(&self, key: &str) -> Vec<f32> {
        match self.value(key) {
            Some(Value::Array(values)) => values.iter().filter_map(|value| value.to_f32().ok()).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn invalid(&self, problem: impl Into<String>) -> LlmError {
        LlmError::Invalid {
            path: PathBuf::from(self.path),
            problem: problem.into(),
        }
    }

    fn need(&self, key: &str) -> Result<usize, LlmError> {
        self.number(key)
            .filter(|number| *number > 0)
            .ok_or_else(|| self.invalid(format!("`{key}` is missing or not a positive number")))
    }

    /// Reads the sizes.
    ///
    /// # Errors
    /// For an architecture that is not read, and for keys that are missing or do not go together.
    pub(super) fn sizes(&self) -> Result<Sizes, LlmError> {
        let architecture = self.text("general.architecture").unwrap_or_default();
        let family = match architecture {
            "llama" => Family::Llama,
            "qwen2" => Family::Qwen2,
            "qwen3" => Family::Qwen3,
            "gemma3" => Family::Gemma3,
            "phi3" => Family::Phi3,
            other => {
                return Err(LlmError::Architecture {
                    path: self.path.to_owned(),
                    found: other.to_owned(),
                });
            }
        };
        let key = |name: &str| format!("{architecture}.{name}");
        if self.number(&key("expert_count")).unwrap_or(0) > 0 {
            return Err(self.invalid("mixtures of experts are not read; take a dense model"));
        }
        let (hidden, heads) = (
            self.need(&key("embedding_length"))?,
            self.need(&key("attention.head_count"))?,
        );
        let head_dim = self
            .number(&key("attention.key_length"))
            .unwrap_or(hidden / heads);
        let kv_heads = self.number(&key("attention.head_count_kv")).unwrap_or(heads);
        let rope_dim = self.number(&key("rope.dimension_count")).unwrap_or(head_dim);
        if kv_heads == 0
            || !heads.is_multiple_of(kv_heads)
            || rope_dim > head_dim
            || !rope_dim.is_multiple_of(2)
        {
            return Err(self.invalid(format!(
                "{heads} heads, {kv_heads} key heads and {rope_dim} of {head_dim} rotated dimensions do not go together"
            )));
        }
        let gemma = family == Family::Gemma3;
        let linear = self.text(&key("rope.scaling.type")) == Some("linear");
        Ok(Sizes {
            family,
            layers: self.need(&key("block_count"))?,
            hidden,
            heads,
            kv_heads,
            head_dim,
            rope_dim,
            rope_base: self
                .real(&key("rope.freq_base"))
                .unwrap_or(if gemma { 1e6 } else { 1e4 }),
            rope_base_local: self.real(&key("rope.local_freq_base")).unwrap_or(1e4),
            rope_linear: self
                .real(&key("rope.scaling.factor"))
                .filter(|_| linear)
                .unwrap_or(1.0),
            rope_magnitude: self.real(&key("rope.scaling.attn_factor")).unwrap_or(1.0),
            window: self
                .number(&key("attention.sliding_window"))
                .filter(|window| gemma && *window > 0),
            eps: f64::from(
                self.real(&key("attention.layer_norm_rms_epsilon"))
                    .unwrap_or(1e-6),
            ),
            context: self.need(&key("context_length"))?,
            activation: if gemma { Activation::Gelu } else { Activation::Silu },
        })
    }
}

fn whole(value: &Value) -> Option<usize> {
    match *value {
        Value::U8(n) => Some(n.into()),
        Value::U16(n) => Some(n.into()),
        Value::U32(n) => usize::try_from(n).ok(),
        Value::U64(n) => usize::try_from(n).ok(),
        Value::I8(n) => usize::try_from(n).ok(),
        Value::I16(n) => usize::try_from(n).ok(),
        Value::I32(n) => usize::try_from(n).ok(),
        Value::I64(n) => usize::try_from(n).ok(),
        _ => None,
    }
}
