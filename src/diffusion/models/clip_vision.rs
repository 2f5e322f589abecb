//! CLIP's vision model with projection (Radford et al. 2021), as transformers' CLIPVisionModel.
//!
//! candle-transformers has one too, but takes its weights and layers from elsewhere than [`crate::ops`] and fixes the
//! norms' epsilon.

use candle_core::{IndexOp, Tensor};

use super::clip_layer::{ClipLayer, ClipLayerConfig};
use crate::config::ClipVisionConfig;
use crate::error::Result;
use crate::ops::{Conv2d, LayerNorm, Linear};
use crate::weights::Weights;

/// The model.
pub(crate) struct ClipVisionModel {
    patch_embedding: Conv2d,
    class_embedding: Tensor,
    position_embedding: Tensor,
    pre_layernorm: LayerNorm,
    layers: Vec<ClipLayer>,
    post_layernorm: LayerNorm,
    visual_projection: Linear,
}

impl ClipVisionModel {
    /// Builds the model from `vision_model` (once, or as published checkpoints have it, twice) and `visual_projection`.
    pub fn new(config: &ClipVisionConfig, weights: &Weights) -> Result<Self> {
        let size = config.hidden_size;
        let mut vision = weights.pp("vision_model");
        if vision.contains("vision_model.post_layernorm.weight") {
            vision = vision.pp("vision_model");
        }
        let embeddings = vision.pp("embeddings");
        let sizes = ClipLayerConfig {
            hidden_size: size,
            intermediate_size: config.intermediate_size,
            heads: config.heads,
            eps: config.layer_norm_eps,
            activation: config.activation,
            causal: false,
        };
        let side = config.image_size / config.patch_size;
        let norm = |name: &str| LayerNorm::new(size, config.layer_norm_eps, &vision.pp(name));
        Ok(Self {
            patch_embedding: Conv2d::without_bias(
                config.channels,
                size,
                config.patch_size,
                config.patch_size,
                0,
                &embeddings.pp("patch_embedding"),
            )?,
            class_embedding: embeddings.get(size, "class_embedding")?,
            position_embedding: embeddings.get((side * side + 1, size), "position_embedding.weight")?,
            // The missing vowel is in the published names.
            pre_layernorm: norm("pre_layrnorm")?,
            layers: (0..config.layers)
                .map(|i| ClipLayer::new(sizes, &vision.pp(format!("encoder.layers.{i}"))))
                .collect::<Result<_>>()?,
            post_layernorm: norm("post_layernorm")?,
            visual_projection: Linear::without_bias(
                size,
                config.projection,
                &weights.pp("visual_projection"),
            )?,
        })
    }

    /// Looks at one normalised picture (1, 3, side, side) and gives its features, (1, projection).
    pub fn forward(&self, picture: &Tensor) -> candle_core::Result<Tensor> {
        let patches = self.patch_embedding.forward(picture)?;
        let patches = patches.flatten_from(2)?.transpose(1, 2)?;
        let class = self.class_embedding.reshape((1, 1, ()))?;
        let embedded = Tensor::cat(&[&class, &patches], 1)?.broadcast_add(&self.position_embedding)?;
        let mut states = self.pre_layernorm.forward(&embedded)?;
        for layer in &self.layers {
            states = layer.forward(&states)?;
        }
        let class = states.i((.., 0, ..))?.contiguous()?;
        self.visual_projection
            .forward(&self.post_layernorm.forward(&class)?)
    }
}
