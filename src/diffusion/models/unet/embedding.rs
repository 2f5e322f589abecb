//! What follows the sinusoids of time and of SDXL's extra conditioning.

use candle_core::{Device, Result, Tensor};

use crate::ops::{Activation, Linear};
use crate::weights::Weights;

/// Two layers on top of an embedding.
pub(super) struct TimestepEmbedding {
    /// Maps a condition (the guidance scale's embedding) to what is added to the input.
    cond_proj: Option<Linear>,
    linear_1: Linear,
    linear_2: Linear,
    activation: Activation,
}

impl TimestepEmbedding {
    pub fn new(
        input: usize,
        output: usize,
        condition: Option<usize>,
        activation: Activation,
        weights: &Weights,
    ) -> crate::error::Result<Self> {
        let cond_proj = match condition {
            Some(condition) => Some(Linear::without_bias(condition, input, &weights.pp("cond_proj"))?),
            None => None,
        };
        Ok(Self {
            cond_proj,
            linear_1: Linear::new(input, output, &weights.pp("linear_1"))?,
            linear_2: Linear::new(output, output, &weights.pp("linear_2"))?,
            activation,
        })
    }

    /// `condition` is used by the embedding that was built for one; without it, that embedding counts it as zero.
    pub fn forward(&self, x: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        let hidden = match (&self.cond_proj, condition) {
            (Some(projection), Some(condition)) => {
                self.linear_1.forward(&(x + projection.forward(condition)?)?)?
            }
            _ => self.linear_1.forward(x)?,
        };
        self.linear_2.forward(&self.activation.forward(&hidden)?)
    }
}

/// The sinusoids of guidance scale `scale` in `size` features, as guidance-distilled models were trained on them
/// (diffusers' `get_guidance_scale_embedding` of `scale − 1`), (1, size), f32.
pub(crate) fn guidance_scale_embedding(scale: f64, size: usize) -> Result<Tensor> {
    // In f32 like diffusers: the products are large, so that other roundings would show.
    let w = (scale - 1.0) as f32 * 1000.0;
    let half = size / 2;
    let step = (10_000f32.ln() / (half as f32 - 1.0)).max(0.0);
    let angles: Vec<f32> = (0..half).map(|i| w * (i as f32 * -step).exp()).collect();
    let mut values: Vec<f32> = angles.iter().map(|a| a.sin()).collect();
    values.extend(angles.iter().map(|a| a.cos()));
    values.resize(size, 0.0);
    Tensor::from_vec(values, (1, size), &Device::Cpu)
}
