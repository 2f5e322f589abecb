//! The part of a UNet block that attends: to other places of the picture, and to the text.

use candle_core::{DType, Result, Tensor};

use crate::ops::{Conv2d, GroupNorm, LayerNorm, Linear, attention};
use crate::weights::{Products, Weights};

/// Sizes of a transformer stack.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransformerConfig {
    pub channels: usize,
    pub heads: usize,
    pub layers: usize,
    pub cross_attention_dim: usize,
    pub groups: usize,
    /// Whether the projections around the stack are stored as matrices instead of 1×1 convolutions.
    pub use_linear_projection: bool,
    /// Whether attention runs in f32 whatever the precision: in SD 2.x its scores overflow f16.
    pub upcast_attention: bool,
    /// Whether self-attention is replaced by a first attention to the text.
    pub only_cross_attention: bool,
}

/// Projects pixels to tokens, runs transformer layers over them, projects back, adds the input.
pub(super) struct Transformer2DModel {
    norm: GroupNorm,
    proj_in: Projection,
    layers: Vec<BasicTransformerBlock>,
    proj_out: Projection,
}

enum Projection {
    Linear(Linear),
    Conv(Conv2d),
}

impl Projection {
    fn new(config: &TransformerConfig, weights: &Weights) -> crate::error::Result<Self> {
        let size = config.channels;
        Ok(match config.use_linear_projection {
            true => Self::Linear(Linear::new(size, size, weights)?),
            false => Self::Conv(Conv2d::new(size, size, 1, 1, 0, weights)?),
        })
    }
}

impl Transformer2DModel {
    pub fn new(config: &TransformerConfig, weights: &Weights) -> crate::error::Result<Self> {
        let layers = (0..config.layers)
            .map(|i| BasicTransformerBlock::new(config, &weights.pp(format!("transformer_blocks.{i}"))))
            .collect::<crate::error::Result<_>>()?;
        Ok(Self {
            norm: GroupNorm::new(config.groups, config.channels, 1e-6, &weights.pp("norm"))?,
            proj_in: Projection::new(config, &weights.pp("proj_in"))?,
            layers,
            proj_out: Projection::new(config, &weights.pp("proj_out"))?,
        })
    }

    /// `x` is (pictures, channels, height, width), `text` (pictures, tokens, features).
    pub fn forward(&self, x: &Tensor, text: &Tensor) -> Result<Tensor> {
        let normed = self.norm.forward(x)?;
        let mut tokens = match &self.proj_in {
            Projection::Linear(layer) => layer.forward_to_tokens(&normed)?,
            Projection::Conv(layer) => layer.forward_to_tokens(&normed)?,
        };
        drop(normed);
        for layer in &self.layers {
            tokens = layer.forward(&tokens, text)?;
        }
        match &self.proj_out {
            Projection::Linear(layer) => layer.forward_to_pixels(&tokens, x),
            Projection::Conv(layer) => layer.forward_to_pixels(&tokens, x),
        }
    }
}

/// Self-attention, attention to the text, and a gated feed-forward layer, each around a shortcut.
struct BasicTransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    only_cross_attention: bool,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff_in: Linear,
    ff_out: Linear,
}

impl BasicTransformerBlock {
    fn new(config: &TransformerConfig, weights: &Weights) -> crate::error::Result<Self> {
        let size = config.channels;
        let first = match config.only_cross_attention {
            true => config.cross_attention_dim,
            false => size,
        };
        let norm = |name: &str| LayerNorm::new(size, 1e-5, &weights.pp(name));
        Ok(Self {
            norm1: norm("norm1")?,
            attn1: Attention::new(config, first, &weights.pp("attn1"))?,
            only_cross_attention: config.only_cross_attention,
            norm2: norm("norm2")?,
            attn2: Attention::new(config, config.cross_attention_dim, &weights.pp("attn2"))?,
            norm3: norm("norm3")?,
            ff_in: Linear::new(size, 8 * size, &weights.pp("ff.net.0.proj"))?,
            ff_out: Linear::new(4 * size, size, &weights.pp("ff.net.2"))?,
        })
    }

    fn forward(&self, x: &Tensor, text: &Tensor) -> Result<Tensor> {
        let normed = self.norm1.forward(x)?;
        let first = if self.only_cross_attention { text } else { &normed };
        let x = self.attn1.forward(&normed, first, x)?;
        let x = self.attn2.forward(&self.norm2.forward(&x)?, text, &x)?;
        let hidden = self.ff_in.forward_geglu(&self.norm3.forward(&x)?)?;
        self.ff_out.forward_add(&hidden, &x)
    }
}

/// Multi-head attention of `x` over `context`.
struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
    scale: f64,
    upcast: bool,
}

impl Attention {
    fn new(config: &TransformerConfig, context: usize, weights: &Weights) -> crate::error::Result<Self> {
        let (size, heads) = (config.channels, config.heads);
        Ok(Self {
            to_q: Linear::without_bias(size, size, &weights.pp("to_q"))?,
            to_k: Linear::without_bias(context, size, &weights.pp("to_k"))?,
            to_v: Linear::without_bias(context, size, &weights.pp("to_v"))?,
            to_out: Linear::new(size, size, &weights.pp("to_out.0"))?,
            heads,
            scale: ((size / heads) as f64).powf(-0.5),
            upcast: config.upcast_attention,
        })
    }

    /// Adds what `x` takes from `context` to `shortcut`.
    fn forward(&self, x: &Tensor, context: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
        // CUDA's attention keeps scores in f32 in every precision, which is what upcasting is for.
        let precision = if self.upcast && !x.device().is_cuda() {
            DType::F32
        } else {
            x.dtype()
        };
        let (q, k, v) = (
            self.to_q.forward(x)?.to_dtype(precision)?,
            self.to_k.forward(context)?.to_dtype(precision)?,
            self.to_v.forward(context)?.to_dtype(precision)?,
        );
        let products = match self.upcast {
            true => Products::F32,
            false => self.to_q.products(),
        };
        let mixed = attention(&q, &k, &v, self.heads, self.scale, false, products)?;
        self.to_out.forward_add(&mixed.to_dtype(x.dtype())?, shortcut)
    }
}
