//! Embeddings of time and of SDXL's extra conditioning.

use candle_core::{D, DType, Result, Tensor};

use crate::ops::{Activation, Linear};
use crate::weights::Weights;

/// Sinusoids of falling frequency: how a number becomes a vector.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timesteps {
    pub size: usize,
    pub flip_sin_to_cos: bool,
    pub freq_shift: f64,
}

impl Timesteps {
    /// Embeds numbers (n) as (n, size), f32. Sines come first unless flipped.
    pub fn forward(&self, times: &Tensor) -> Result<Tensor> {
        let half = self.size / 2;
        let scale = -(10_000f64.ln()) / (half as f64 - self.freq_shift);
        let frequencies: Vec<f32> = (0..half).map(|i| (i as f64 * scale).exp() as f32).collect();
        let frequencies = Tensor::from_vec(frequencies, (1, half), times.device())?;
        let angles = times
            .to_dtype(DType::F32)?
            .unsqueeze(1)?
            .broadcast_mul(&frequencies)?;
        let (sin, cos) = (angles.sin()?, angles.cos()?);
        let pair = if self.flip_sin_to_cos {
            [cos, sin]
        } else {
            [sin, cos]
        };
        let joined = Tensor::cat(&pair, D::Minus1)?;
        if self.size % 2 == 1 {
            joined.pad_with_zeros(D::Minus1, 0, 1)
        } else {
            Ok(joined)
        }
    }
}

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
