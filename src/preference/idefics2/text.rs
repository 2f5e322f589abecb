//! The text model: Mistral with grouped-query attention, rotary positions and a sliding window.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::attention::{Sight, attention};
use super::cache::KvCache;
use super::config::TextConfig;
use super::connector::{GatedMlp, RmsNorm};
use super::linear::{Linear, Matrix};
use super::vision::split;
use crate::ModelError;

/// The text model with its output layer.
#[derive(Clone)]
pub(crate) struct TextModel {
    pub config: TextConfig,
    /// `(tokens, width)`.
    pub embedding: Arc<Matrix>,
    pub layers: Vec<TextLayer>,
    pub norm: RmsNorm,
    pub head: Linear,
    pub rotary: Rotary,
}

/// One decoder layer.
#[derive(Clone)]
pub(crate) struct TextLayer {
    pub attention_norm: RmsNorm,
    pub q: Linear,
    pub k: Linear,
    pub v: Linear,
    pub o: Linear,
    pub mlp_norm: RmsNorm,
    pub mlp: GatedMlp,
}

/// Rotations of queries and keys by their position (Su et al. 2021).
#[derive(Clone)]
pub(crate) struct Rotary {
    /// Radians per position, for each pair of values in a head.
    frequencies: Arc<[f32]>,
}

/// Cosines and sines of some positions, `(positions, d / 2)`.
struct Turns {
    cos: Tensor,
    sin: Tensor,
}

impl Rotary {
    /// `theta^(-2i/d)`.
    pub fn new(head_dim: usize, theta: f64) -> Self {
        let frequencies = (0..head_dim)
            .step_by(2)
            .map(|i| 1.0 / (theta as f32).powf(i as f32 / head_dim as f32))
            .collect();
        Self { frequencies }
    }

    fn turns(&self, first: usize, n: usize, dtype: DType, device: &Device) -> Result<Turns, ModelError> {
        let angles = (first..first + n).flat_map(|at| self.frequencies.iter().map(move |f| at as f32 * f));
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.map(|angle| (angle.cos(), angle.sin())).unzip();
        let tensor = |values| -> Result<Tensor, ModelError> {
            Ok(Tensor::from_vec(values, (n, self.frequencies.len()), device)?.to_dtype(dtype)?)
        };
        Ok(Turns {
            cos: tensor(cos)?,
            sin: tensor(sin)?,
        })
    }
}

impl Turns {
    /// Rotates `(heads, n, d)`.
    fn apply(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let turned = candle_nn::rotary_emb::rope(&x.unsqueeze(0)?, &self.cos, &self.sin)?;
        Ok(turned.squeeze(0)?)
    }
}

impl TextModel {
    /// Reads further rows `(n, width)`, remembering them, and returns what the last layer makes of them. Asks `go_on` before
    /// each layer; if it says no, the result is `None`, and some layers remember more than others.
    pub fn forward(
        &self,
        x: &Tensor,
        cache: &mut KvCache,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Tensor>, ModelError> {
        let (n, first) = (x.dim(0)?, cache.len());
        let turns = self.rotary.turns(first, n, x.dtype(), x.device())?;
        let sight = Sight::Causal {
            first,
            window: self.config.sliding_window,
        };
        let mut x = x.clone();
        for (number, layer) in self.layers.iter().enumerate() {
            if !go_on() {
                return Ok(None);
            }
            x = layer.forward(&x, &self.config, &turns, sight, number, cache)?;
        }
        cache.advance(n);
        Ok(Some(x))
    }

    /// The logits after one row `(1, width)` of the last layer: `(tokens,)` in f32.
    pub fn logits(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let logits = self.head.forward(&self.norm.forward(x)?)?;
        Ok(logits.squeeze(0)?.to_dtype(DType::F32)?)
    }

    /// Shows every linear layer.
    pub fn visit(
        &mut self,
        see: &mut dyn FnMut(&mut Linear) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        for layer in &mut self.layers {
            for linear in [&mut layer.q, &mut layer.k, &mut layer.v, &mut layer.o] {
                see(linear)?;
            }
            layer.mlp.linears().into_iter().try_for_each(&mut *see)?;
        }
        see(&mut self.head)
    }
}

impl TextLayer {
    fn forward(
        &self,
        x: &Tensor,
        config: &TextConfig,
        turns: &Turns,
        sight: Sight,
        number: usize,
        cache: &mut KvCache,
    ) -> Result<Tensor, ModelError> {
        let normed = self.attention_norm.forward(x)?;
        let queries = turns.apply(&split(&self.q.forward(&normed)?, config.num_attention_heads)?)?;
        let keys = turns.apply(&split(&self.k.forward(&normed)?, config.num_key_value_heads)?)?;
        let values = split(&self.v.forward(&normed)?, config.num_key_value_heads)?;
        let pieces = cache.append(number, &keys, &values)?;
        let x = (x + self.o.forward(&attention(&queries, &pieces, sight)?)?)?;
        let normed = self.mlp_norm.forward(&x)?;
        Ok((&x + self.mlp.forward(&normed)?)?)
    }
}
