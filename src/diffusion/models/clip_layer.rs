//! The transformer layer that CLIP's text and vision models are made of.

use candle_core::{D, Tensor};

use crate::error::Result;
use crate::ops::{Activation, LayerNorm, Linear, attention};
use crate::weights::{Products, Weights};

/// Sizes of a layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClipLayerConfig {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub heads: usize,
    pub eps: f64,
    pub activation: Activation,
    /// Whether a position sees only those before it, as in text.
    pub causal: bool,
}

/// Attention, then two fully connected layers, each behind a norm and beside a shortcut.
pub(super) struct ClipLayer {
    config: ClipLayerConfig,
    layer_norm1: LayerNorm,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl ClipLayer {
    pub fn new(config: ClipLayerConfig, weights: &Weights) -> Result<Self> {
        let (size, eps) = (config.hidden_size, config.eps);
        let attention = |name: &str| Linear::new(size, size, &weights.pp("self_attn").pp(name));
        Ok(Self {
            config,
            layer_norm1: LayerNorm::new(size, eps, &weights.pp("layer_norm1"))?,
            q_proj: attention("q_proj")?,
            k_proj: attention("k_proj")?,
            v_proj: attention("v_proj")?,
            out_proj: attention("out_proj")?,
            layer_norm2: LayerNorm::new(size, eps, &weights.pp("layer_norm2"))?,
            fc1: Linear::new(size, config.intermediate_size, &weights.pp("mlp.fc1"))?,
            fc2: Linear::new(config.intermediate_size, size, &weights.pp("mlp.fc2"))?,
        })
    }

    /// Applies the layer to (rows, positions, features).
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let ClipLayerConfig {
            heads,
            activation,
            causal,
            ..
        } = self.config;
        let normed = self.layer_norm1.forward(x)?;
        let scale = ((normed.dim(D::Minus1)? / heads) as f64).powf(-0.5);
        let (q, k, v) = (
            self.q_proj.forward(&normed)?,
            self.k_proj.forward(&normed)?,
            self.v_proj.forward(&normed)?,
        );
        let mixed = attention(&q, &k, &v, heads, scale, causal, Products::F32)?;
        let x = self.out_proj.forward_add(&mixed, x)?;
        let hidden = self.fc1.forward(&self.layer_norm2.forward(&x)?)?;
        self.fc2.forward_add(&activation.forward(&hidden)?, &x)
    }
}
