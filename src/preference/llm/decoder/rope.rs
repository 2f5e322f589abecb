//! Rotary positions.

use candle_core::{DType, Device, Result, Tensor};

use crate::llm::gguf::{Family, Sizes};

/// Cosine and sine of each position, `(positions, rope_dim / 2)`.
#[derive(Debug)]
pub(super) struct Rope {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    pub(super) fn new(
        sizes: &Sizes,
        base: f32,
        linear: f32,
        factors: &[f32],
        positions: usize,
        device: &Device,
    ) -> Result<Self> {
        let frequencies: Vec<f32> = (0..sizes.rope_dim / 2)
            .map(|i| {
                let frequency = 1.0 / base.powf(2.0 * i as f32 / sizes.rope_dim as f32);
                frequency / linear / factors.get(i).copied().unwrap_or(1.0)
            })
            .collect();
        let count = frequencies.len();
        let frequencies = Tensor::from_vec(frequencies, (1, count), device)?;
        let angles = Tensor::arange(0, positions as u32, device)?
            .to_dtype(DType::F32)?
            .unsqueeze(1)?
            .matmul(&frequencies)?;
        let magnitude = f64::from(sizes.rope_magnitude);
        Ok(Self {
            cos: (angles.cos()? * magnitude)?,
            sin: (angles.sin()? * magnitude)?,
        })
    }

    /// Turns `(1, heads, count, head_dim)` by the positions from `start` on.
    pub(super) fn turn(&self, x: &Tensor, sizes: &Sizes, start: usize) -> Result<Tensor> {
        let count = x.dim(2)?;
        let (cos, sin) = (
            self.cos.narrow(0, start, count)?,
            self.sin.narrow(0, start, count)?,
        );
        let rotated = x.narrow(3, 0, sizes.rope_dim)?.contiguous()?;
        let rotated = match sizes.family {
            Family::Llama => candle_nn::rotary_emb::rope_i(&rotated, &cos, &sin)?,
            _ => candle_nn::rotary_emb::rope(&rotated, &cos, &sin)?,
        };
        if sizes.rope_dim == sizes.head_dim {
            return Ok(rotated);
        }
        let rest = x.narrow(3, sizes.rope_dim, sizes.head_dim - sizes.rope_dim)?;
        Tensor::cat(&[&rotated, &rest], 3)
    }
}
