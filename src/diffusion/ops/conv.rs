//! Two-dimensional convolution.
//!
//! On the processor, 3×3 convolutions of stride 1 go through [`super::winograd`]. All others are one matrix product of the
//! weights, in the order they are stored in, with the unrolled pictures (im2col); a picture is unrolled panel by panel
//! while the product packs its right operand, so the unrolled matrix never exists as a whole.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::product::{Finish, Panels, Place, Size, Weight, panel_width, product};
use super::projection::{to_pixels, to_tokens};
use super::simd::Simd;
use super::winograd::Winograd;
use super::{is_fast, with_values};
use crate::weights::{Parameter, Weights};

/// A convolution with a square kernel and equal stride and padding on both axes.
#[derive(Debug, Clone)]
pub(crate) struct Conv2d {
    /// (out, in, kernel, kernel)
    weight: Parameter,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
}

/// What may be added to the convolution's result while it is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Added<'a> {
    /// (pictures, out): one value a channel of each picture.
    pub channels: Option<&'a Tensor>,
    /// Shaped like the result.
    pub shortcut: Option<&'a Tensor>,
}

/// Sizes of one application of the layer.
struct Geometry {
    pictures: usize,
    channels: usize,
    height: usize,
    width: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    out_height: usize,
    out_width: usize,
}

impl Conv2d {
    /// Reads `weight` and `bias`.
    pub fn new(
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        weights: &Weights,
    ) -> crate::error::Result<Self> {
        let weight = weights.parameter((output, input, kernel, kernel), "weight")?;
        Ok(Self {
            weight,
            bias: Some(weights.get(output, "bias")?),
            stride,
            padding,
        })
    }

    /// Reads `weight` alone.
    pub fn without_bias(
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        weights: &Weights,
    ) -> crate::error::Result<Self> {
        Ok(Self {
            weight: weights.parameter((output, input, kernel, kernel), "weight")?,
            bias: None,
            stride,
            padding,
        })
    }

    /// Applies the layer to (pictures, channels, height, width).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_add(x, Added::default())
    }

    /// Applies a 1×1 layer to (pictures, channels, height, width): (pictures, pixels, out).
    pub fn forward_to_tokens(&self, x: &Tensor) -> Result<Tensor> {
        to_tokens(&self.weight, self.bias.as_ref(), x)
    }

    /// Applies a 1×1 layer to (pictures, pixels, channels) and adds `shortcut`, (pictures, out, height, width), whose shape
    /// the result has.
    pub fn forward_to_pixels(&self, tokens: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
        to_pixels(&self.weight, self.bias.as_ref(), tokens, shortcut)
    }

    /// Applies the layer to `x` with each pixel repeated to 2×2.
    pub fn forward_doubled(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = x.dims4()?;
        if is_fast(x) && self.suits_winograd(2 * height, 2 * width) {
            return self.apply(x, Added::default(), true);
        }
        self.forward(&x.upsample_nearest2d(2 * height, 2 * width)?)
    }

    /// Applies the layer and adds what is given.
    pub fn forward_add(&self, x: &Tensor, added: Added<'_>) -> Result<Tensor> {
        self.apply(x, added, false)
    }

    /// Whether the layer gains from Winograd's transformations. Must not depend on the number of pictures: it changes the
    /// last bits.
    fn suits_winograd(&self, height: usize, width: usize) -> bool {
        let &[_, input, kernel, _] = self.weight.dims() else {
            return false;
        };
        self.weight.values().is_some()
            && (kernel, self.stride, self.padding) == (3, 1, 1)
            && input >= 16
            // Below, a guided picture's tiles fill half a panel.
            && height * width > 64
    }

    fn apply(&self, x: &Tensor, added: Added<'_>, doubled: bool) -> Result<Tensor> {
        let weight = match self.weight.values() {
            Some(weight) if is_fast(x) => weight,
            _ => return self.plain(x, added),
        };
        let (pictures, channels, mut height, mut width) = x.dims4()?;
        if doubled {
            (height, width) = (2 * height, 2 * width);
        }
        let &[output, input, kernel, _] = self.weight.dims() else {
            candle_core::bail!("a convolution's weight has four axes");
        };
        let (tall, wide) = (height + 2 * self.padding, width + 2 * self.padding);
        if channels != input || tall < kernel || wide < kernel {
            candle_core::bail!(
                "a convolution of {:?} cannot take {:?}",
                self.weight.dims(),
                x.dims()
            );
        }
        let geometry = Geometry {
            pictures,
            channels,
            height,
            width,
            kernel,
            stride: self.stride,
            padding: self.padding,
            out_height: (tall - kernel) / self.stride + 1,
            out_width: (wide - kernel) / self.stride + 1,
        };
        let shape = (pictures, output, geometry.out_height, geometry.out_width);
        if let Some(shortcut) = added.shortcut
            && shortcut.dims4()? != shape
        {
            candle_core::bail!("a shortcut of {:?} beside {shape:?}", shortcut.dims());
        }
        let bias = self.row_bias(pictures, output, added.channels)?;
        let run = |shortcut: Option<&[f32]>| {
            with_values(x, |x| {
                if self.suits_winograd(height, width) {
                    let bias = bias.as_deref();
                    return Winograd {
                        x,
                        doubled,
                        pictures,
                        input,
                        height,
                        width,
                        weight,
                        output,
                        bias,
                        shortcut,
                    }
                    .run();
                }
                let depth = channels * kernel * kernel;
                let pixels = geometry.out_height * geometry.out_width;
                let panels = Unrolled {
                    x,
                    geometry: &geometry,
                    output,
                    width: panel_width(),
                };
                let finish = Finish {
                    row_bias: bias.as_deref(),
                    shortcut,
                    ..Default::default()
                };
                let rows = Weight {
                    values: weight,
                    depth,
                };
                let size = Size {
                    m: output,
                    depth,
                    row_stride: pixels,
                    len: pictures * output * pixels,
                };
                product(size, self.weight.products(), &rows, &panels, finish)
            })
        };
        let y = match added.shortcut {
            Some(shortcut) => with_values(shortcut, |shortcut| run(Some(shortcut)))??,
            None => run(None)?,
        };
        Tensor::from_vec(y, shape, x.device())
    }

    /// The bias, with the channels' values of each picture: (pictures, out).
    fn row_bias(
        &self,
        pictures: usize,
        output: usize,
        channels: Option<&Tensor>,
    ) -> Result<Option<Vec<f32>>> {
        let bias = match &self.bias {
            Some(bias) => bias.to_vec1::<f32>()?,
            None => vec![0.0; output],
        };
        let mut all: Vec<f32> = bias.iter().copied().cycle().take(pictures * output).collect();
        if let Some(channels) = channels {
            if channels.dims2()? != (pictures, output) {
                candle_core::bail!("{:?} values for {pictures} × {output} channels", channels.dims());
            }
            with_values(channels, |values| {
                all.iter_mut().zip(values).for_each(|(a, v)| *a += v)
            })?;
        }
        Ok(Some(all))
    }

    /// The same with candle's operations, for other devices and precisions.
    fn plain(&self, x: &Tensor, added: Added<'_>) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if super::cuda::takes(x) {
            let (stride, padding) = (self.stride, self.padding);
            let (weight, bias) = (self.weight.tensor()?, self.bias.as_ref());
            return super::cuda::conv2d(x, &weight, stride, padding, bias, added.channels, added.shortcut);
        }
        let config = candle_nn::Conv2dConfig {
            stride: self.stride,
            padding: self.padding,
            ..Default::default()
        };
        let layer = candle_nn::Conv2d::new(self.weight.tensor()?, self.bias.clone(), config);
        let mut y = candle_nn::Module::forward(&layer, x)?;
        if let Some(channels) = added.channels {
            let (pictures, output) = channels.dims2()?;
            y = y.broadcast_add(&channels.reshape((pictures, output, 1, 1))?)?;
        }
        match added.shortcut {
            Some(shortcut) => y + shortcut,
            None => Ok(y),
        }
    }
}

/// Pictures as right operand: column p holds, for each (channel, ky, kx), the input value under that kernel position at
/// output pixel p, zero outside the picture. Panels do not reach from one picture into the next.
struct Unrolled<'a> {
    x: &'a [f32],
    geometry: &'a Geometry,
    output: usize,
    width: usize,
}

impl Unrolled<'_> {
    fn pixels(&self) -> usize {
        self.geometry.out_height * self.geometry.out_width
    }

    fn panels_a_picture(&self) -> usize {
        self.pixels().div_ceil(self.width)
    }
}

/// Consecutive output pixels of one row.
#[derive(Clone, Copy, Default)]
struct Segment {
    lane: usize,
    len: usize,
    y: usize,
    x: usize,
}

impl Panels for Unrolled<'_> {
    #[inline(always)]
    fn pack<S: Simd>(&self, panel: usize, depth: Range<usize>, to: &mut [f32]) {
        let g = self.geometry;
        let (picture, first) = (
            panel / self.panels_a_picture(),
            panel % self.panels_a_picture() * self.width,
        );
        let count = self.width.min(self.pixels() - first);
        let mut segments = [Segment::default(); 32];
        let mut used = 0;
        let mut lane = 0;
        while lane < count {
            let (y, x) = ((first + lane) / g.out_width, (first + lane) % g.out_width);
            let len = (g.out_width - x).min(count - lane);
            segments[used] = Segment {
                lane,
                len,
                y: y * g.stride,
                x: x * g.stride,
            };
            used += 1;
            lane += len;
        }
        let squared = g.kernel * g.kernel;
        for (k, to) in depth.zip(to.chunks_exact_mut(self.width)) {
            let (channel, ky, kx) = (k / squared, k % squared / g.kernel, k % g.kernel);
            let plane =
                &self.x[(picture * g.channels + channel) * g.height * g.width..][..g.height * g.width];
            to[count..].fill(0.0);
            for segment in &segments[..used] {
                let out = &mut to[segment.lane..segment.lane + segment.len];
                // Input coordinates are shifted by the padding, to stay unsigned.
                let y = segment.y + ky;
                if y < g.padding || y >= g.height + g.padding {
                    out.fill(0.0);
                    continue;
                }
                let line = &plane[(y - g.padding) * g.width..][..g.width];
                let x = segment.x + kx;
                if g.stride == 1 && x >= g.padding && x + segment.len <= g.width + g.padding {
                    out.copy_from_slice(&line[x - g.padding..][..segment.len]);
                    continue;
                }
                for (i, out) in out.iter_mut().enumerate() {
                    *out = (x + i * g.stride)
                        .checked_sub(g.padding)
                        .and_then(|x| line.get(x))
                        .copied()
                        .unwrap_or(0.0);
                }
            }
        }
    }

    fn place(&self, panel: usize) -> Place {
        let (picture, first) = (
            panel / self.panels_a_picture(),
            panel % self.panels_a_picture() * self.width,
        );
        Place {
            offset: picture * self.output * self.pixels() + first,
            width: self.width.min(self.pixels() - first),
            row_bias: picture * self.output,
            column_bias: 0,
        }
    }

    fn count(&self) -> usize {
        self.geometry.pictures * self.panels_a_picture()
    }
}

#[cfg(test)]
mod tests;
