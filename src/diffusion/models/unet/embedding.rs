//! What follows the sinusoids of time and of SDXL's extra conditioning.

use candle_core::{Result, Tensor};

use crate::ops::{Activation, Linear};
use crate::weights::Weights;

/// Two layers on top of an embedding.
pub(super) struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
    activation: Activation,
}

impl TimestepEmbedding {
    pub fn new(
        input: usize,
        output: usize,
        activation: Activation,
        weights: &Weights,
    ) -> crate::error::Result<Self> {
        Ok(Self {
            linear_1: Linear::new(input, output, &weights.pp("linear_1"))?,
            linear_2: Linear::new(output, output, &weights.pp("linear_2"))?,
            activation,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.linear_2
            .forward(&self.activation.forward(&self.linear_1.forward(x)?)?)
    }
}
