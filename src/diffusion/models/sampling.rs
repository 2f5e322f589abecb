//! Halving and doubling the resolution.

use candle_core::{D, Result, Tensor};

use crate::ops::Conv2d;
use crate::weights::Weights;

/// A convolution of stride 2.
pub(crate) struct Downsample2D {
    conv: Conv2d,
    /// Pads one row and column at the end only, as the autoencoder's encoder does.
    pad_end: bool,
}

impl Downsample2D {
    pub fn new(channels: usize, padding: usize, weights: &Weights) -> crate::error::Result<Self> {
        let conv = Conv2d::new(channels, channels, 3, 2, padding, &weights.pp("conv"))?;
        Ok(Self {
            conv,
            pad_end: padding == 0,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if self.pad_end {
            let padded = x
                .pad_with_zeros(D::Minus1, 0, 1)?
                .pad_with_zeros(D::Minus2, 0, 1)?;
            return self.conv.forward(&padded);
        }
        self.conv.forward(x)
    }
}

/// Doubles the resolution by repeating values, then convolves.
pub(crate) struct Upsample2D {
    conv: Conv2d,
}

impl Upsample2D {
    pub fn new(channels: usize, weights: &Weights) -> crate::error::Result<Self> {
        Ok(Self {
            conv: Conv2d::new(channels, channels, 3, 1, 1, &weights.pp("conv"))?,
        })
    }

    /// `size` (height, width) is given where the wanted resolution is not twice the present one (odd sizes).
    pub fn forward(&self, x: &Tensor, size: Option<(usize, usize)>) -> Result<Tensor> {
        let (_, _, height, width) = x.dims4()?;
        match size {
            Some(size) if size != (2 * height, 2 * width) => {
                self.conv.forward(&x.upsample_nearest2d(size.0, size.1)?)
            }
            _ => self.conv.forward_doubled(x),
        }
    }
}
