//! `config.json` of an IDEFICS2 checkpoint.

mod raw;

use std::path::Path;

use self::raw::Raw;
use crate::ModelError;

/// Shapes and constants of one IDEFICS2 model; what a file leaves out has transformers' default.
#[derive(Debug, Clone, PartialEq)]
pub struct Idefics2Config {
    /// The Mistral model that reads the prompt.
    pub text: TextConfig,
    /// The tower that looks at patches.
    pub vision: VisionConfig,
    /// The resampler that makes a few rows of many patches.
    pub perceiver: PerceiverConfig,
    /// The token whose embedding is replaced by a row of image features (`<image>`, 32001).
    pub image_token_id: u32,
    /// Whether the output layer is the token embedding.
    pub tie_word_embeddings: bool,
}

/// `text_config`: a Mistral model.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// Tokens there are.
    pub vocab_size: usize,
    /// Width of a row.
    pub hidden_size: usize,
    /// Width inside the MLP, and inside the modality projection.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; each serves a group of query heads.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Activation of the MLP's gate.
    pub hidden_act: Activation,
    /// The positions it was made for. Nothing is cut there.
    pub max_position_embeddings: usize,
    /// Added to the mean square in a norm.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How many positions a token sees, itself included; `None` is all before it.
    pub sliding_window: Option<usize>,
}

/// `vision_config`: a SigLIP tower for pictures of any shape.
#[derive(Debug, Clone, PartialEq)]
pub struct VisionConfig {
    /// Width of a row.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads.
    pub num_attention_heads: usize,
    /// Colours of a pixel.
    pub num_channels: usize,
    /// Side of the square, in pixels, whose patches have a position of their own.
    pub image_size: usize,
    /// Side of a patch in pixels.
    pub patch_size: usize,
    /// Activation of the MLP.
    pub hidden_act: Activation,
    /// Added to the variance in a norm.
    pub layer_norm_eps: f64,
}

/// `perceiver_config`.
#[derive(Debug, Clone, PartialEq)]
pub struct PerceiverConfig {
    /// Width of a row, that of the text model.
    pub hidden_size: usize,
    /// Activation of the MLP's gate.
    pub hidden_act: Activation,
    /// Added to the mean square in a norm.
    pub rms_norm_eps: f64,
    /// Rows that an image becomes.
    pub n_latents: usize,
    /// Layers.
    pub depth: usize,
    /// Query heads.
    pub n_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Key and value heads.
    pub num_key_value_heads: usize,
}

/// A pointwise function between two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x·σ(x)`.
    Silu,
    /// `x·Φ(x)`.
    Gelu,
    /// Hendrycks and Gimpel's approximation of GELU by tanh.
    GeluPytorchTanh,
    /// `max(x, 0)`.
    Relu,
}

impl VisionConfig {
    /// Positions on one side of the table.
    pub fn patches_per_side(&self) -> usize {
        self.image_size / self.patch_size
    }
}

impl Idefics2Config {
    /// Reads `config.json` in a model's folder.
    ///
    /// # Errors
    /// If it is absent or no IDEFICS2 configuration, and if it asks for something that is not supported, by name.
    pub fn from_folder(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        if !path.is_file() {
            let hint = "an IDEFICS2 folder as transformers saves it".to_owned();
            return Err(ModelError::MissingFile { path, hint });
        }
        let text = std::fs::read_to_string(&path).map_err(|e| ModelError::io(&path, e))?;
        Self::from_json(&text, &path)
    }

    /// Reads the text of a `config.json`; `path` is where it came from, for messages.
    ///
    /// # Errors
    /// As [`Self::from_folder`].
    pub fn from_json(text: &str, path: &Path) -> Result<Self, ModelError> {
        let raw: Raw = serde_json::from_str(text).map_err(|e| ModelError::malformed(path, e))?;
        raw.validate(path)
    }
}
