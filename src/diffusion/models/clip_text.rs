//! CLIP's text encoder (Radford et al. 2021), as transformers' CLIPTextModel and CLIPTextModelWithProjection.

use candle_core::{DType, IndexOp, Tensor};

use super::clip_layer::{ClipLayer, ClipLayerConfig};
use crate::config::TextEncoderConfig;
use crate::error::Result;
use crate::ops::{LayerNorm, Linear};
use crate::weights::{Parameter, Weights};

/// What an encoder makes of one text.
#[derive(Debug, Clone)]
pub(crate) struct TextStates {
    /// Hidden states after the last layer that is not skipped, with the final norm, (1, positions, features). SD
    /// conditions on these.
    pub last: Tensor,
    /// Hidden states of the layer before that one, without norm, (1, positions, features). SDXL conditions on these.
    pub penultimate: Tensor,
    /// The final state (of the last layer, whatever is skipped) at the end token, projected, (1, features), if the model
    /// has a projection.
    pub pooled: Option<Tensor>,
}

/// The encoder.
pub(crate) struct ClipTextModel {
    token_embedding: Parameter,
    position_embedding: Tensor,
    layers: Vec<ClipLayer>,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
    eos_token_id: u32,
}

impl ClipTextModel {
    /// Builds the encoder. Tensor names may have the `text_model.` prefix of published checkpoints or not.
    pub fn new(config: &TextEncoderConfig, weights: &Weights) -> Result<Self> {
        let size = config.hidden_size;
        let prefixed = weights.contains("text_model.final_layer_norm.weight");
        let text = if prefixed {
            weights.pp("text_model")
        } else {
            weights.clone()
        };
        let embeddings = text.pp("embeddings");
        let sizes = ClipLayerConfig {
            hidden_size: size,
            intermediate_size: config.intermediate_size,
            heads: config.heads,
            eps: config.layer_norm_eps,
            activation: config.activation,
            causal: true,
        };
        let layers = (0..config.layers)
            .map(|i| ClipLayer::new(sizes, &text.pp(format!("encoder.layers.{i}"))))
            .collect::<Result<_>>()?;
        let text_projection = match config.projection {
            Some(projection) => Some(Linear::without_bias(
                size,
                projection,
                &weights.pp("text_projection"),
            )?),
            None => None,
        };
        Ok(Self {
            token_embedding: embeddings.parameter((config.vocab_size, size), "token_embedding.weight")?,
            position_embedding: embeddings.get((config.positions, size), "position_embedding.weight")?,
            layers,
            final_layer_norm: LayerNorm::new(size, config.layer_norm_eps, &text.pp("final_layer_norm"))?,
            text_projection,
            eos_token_id: config.eos_token_id,
        })
    }

    /// How many layers it has.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Encodes one text's tokens; at most as many as there are positions. `skip` layers at the end are left out of the
    /// states; fewer than there are.
    pub fn forward(&self, tokens: &[u32], skip: usize) -> Result<TextStates> {
        let embedded = self.token_embedding.rows(tokens)?;
        let positions = self.position_embedding.narrow(0, 0, tokens.len())?;
        let mut states = (embedded + positions)?.unsqueeze(0)?;
        let kept = self.layers.len().saturating_sub(skip);
        let mut penultimate = states.clone();
        for layer in &self.layers[..kept] {
            penultimate = states.clone();
            states = layer.forward(&states)?;
        }
        let last = self.final_layer_norm.forward(&states)?;
        let pooled = match &self.text_projection {
            Some(projection) => {
                for layer in &self.layers[kept..] {
                    states = layer.forward(&states)?;
                }
                let end = states.i((.., self.end_of(tokens), ..))?;
                Some(projection.forward(&self.final_layer_norm.forward(&end)?)?)
            }
            None => None,
        };
        Ok(TextStates {
            last,
            penultimate,
            pooled,
        })
    }

    /// The position whose state stands for the whole text.
    fn end_of(&self, tokens: &[u32]) -> usize {
        // Configurations written before a fix in transformers say 2 and mean the highest token, CLIP's end token.
        let wanted = if self.eos_token_id == 2 {
            tokens.iter().copied().max().unwrap_or_default()
        } else {
            self.eos_token_id
        };
        tokens.iter().position(|&token| token == wanted).unwrap_or(0)
    }
}

impl TextStates {
    /// The same in f32, which mixing of embeddings is done in.
    pub fn to_f32(&self) -> Result<Self> {
        Ok(Self {
            last: self.last.to_dtype(DType::F32)?,
            penultimate: self.penultimate.to_dtype(DType::F32)?,
            pooled: self
                .pooled
                .as_ref()
                .map(|pooled| pooled.to_dtype(DType::F32))
                .transpose()?,
        })
    }
}
