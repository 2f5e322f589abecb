//! Two-dimensional convolution.
//!
//! The fast path unrolls bands of output rows into a matrix (im2col, a row of a channel at a time, so that copies run
//! along memory) and multiplies the weights, in the order they are stored in, with it. A band is about a thousand output
//! pixels: large enough for the matrix product, small enough to stay in cache.

use candle_core::{CpuStorage, Result, Tensor};
use rayon::prelude::*;

use super::matmul::{Matrix, matmul, with_storage};
use super::{is_fast, with_values};
use crate::weights::{Parameter, Weights};

/// Output pixels unrolled at a time.
const BAND: usize = 1024;

/// A convolution with a square kernel and equal stride and padding on both axes.
#[derive(Debug, Clone)]
pub(crate) struct Conv2d {
    /// (out, in, kernel, kernel)
    weight: Parameter,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
}

/// Sizes of one application of the layer to one picture.
struct Geometry {
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
        let weight = self.weight.tensor()?;
        #[cfg(feature = "cuda")]
        if super::cuda::takes(x) {
            let (stride, padding) = (self.stride, self.padding);
            return super::cuda::conv2d(x, &weight, stride, padding, self.bias.as_ref(), None, None);
        }
        if !is_fast(x) {
            let config = candle_nn::Conv2dConfig {
                stride: self.stride,
                padding: self.padding,
                ..Default::default()
            };
            let layer = candle_nn::Conv2d::new(weight, self.bias.clone(), config);
            return candle_nn::Module::forward(&layer, x);
        }
        let (pictures, channels, height, width) = x.dims4()?;
        let (output, input, kernel, _) = weight.dims4()?;
        let (tall, wide) = (height + 2 * self.padding, width + 2 * self.padding);
        if channels != input || tall < kernel || wide < kernel {
            candle_core::bail!("a convolution of {:?} cannot take {:?}", weight.dims(), x.dims());
        }
        let geometry = Geometry {
            height,
            width,
            kernel,
            stride: self.stride,
            padding: self.padding,
            out_height: (tall - kernel) / self.stride + 1,
            out_width: (wide - kernel) / self.stride + 1,
        };
        let pixels = geometry.out_height * geometry.out_width;
        let mut y = vec![0f32; pictures * output * pixels];
        let bias = match &self.bias {
            Some(bias) => bias.to_vec1::<f32>()?,
            None => vec![0.0; output],
        };
        with_storage(&weight, |w, weight_start| {
            let depth = channels * kernel * kernel;
            let w = Matrix::dense(w, weight_start, output, depth);
            if kernel == 1 && self.stride == 1 && self.padding == 0 {
                return with_storage(x, |x, start| {
                    for (picture, y) in y.chunks_mut(output * pixels).enumerate() {
                        let x = Matrix::dense(x, start + picture * channels * pixels, channels, pixels);
                        place(&matmul(w, x)?, &bias, y, pixels, 0);
                    }
                    Ok(())
                });
            }
            let rows = (BAND / geometry.out_width).clamp(1, geometry.out_height);
            let mut band = CpuStorage::F32(vec![0.0; depth * rows * geometry.out_width]);
            with_values(x, |x| {
                let size = channels * height * width;
                for (x, y) in x.chunks(size).zip(y.chunks_mut(output * pixels)) {
                    for top in (0..geometry.out_height).step_by(rows) {
                        let rows = rows.min(geometry.out_height - top);
                        let width = rows * geometry.out_width;
                        if let CpuStorage::F32(band) = &mut band {
                            geometry.unroll(x, &mut band[..depth * width], top, rows);
                        }
                        let product = matmul(w, Matrix::dense(&band, 0, depth, width))?;
                        place(&product, &bias, y, pixels, top * geometry.out_width);
                    }
                }
                Ok(())
            })?
        })?;
        Tensor::from_vec(
            y,
            (pictures, output, geometry.out_height, geometry.out_width),
            x.device(),
        )
    }
}

/// Writes a band of the product, with the bias, to its place in each output channel.
fn place(product: &[f32], bias: &[f32], y: &mut [f32], pixels: usize, start: usize) {
    let width = product.len() / bias.len().max(1);
    y.par_chunks_mut(pixels)
        .zip(product.par_chunks(width))
        .zip(bias)
        .with_min_len(8)
        .for_each(|((y, product), &bias)| {
            for (y, p) in y[start..start + width].iter_mut().zip(product) {
                *y = p + bias;
            }
        });
}

impl Geometry {
    /// Fills `band` (depth × rows·out_width): row (c, ky, kx) holds the input value under kernel position (ky, kx) of
    /// channel c for each output pixel of the band, zero outside the picture.
    fn unroll(&self, x: &[f32], band: &mut [f32], top: usize, rows: usize) {
        let per_channel = self.kernel * self.kernel * rows * self.out_width;
        let channel_size = self.height * self.width;
        band.par_chunks_mut(per_channel)
            .zip(x.par_chunks(channel_size))
            .with_min_len(4)
            .for_each(|(band, channel)| {
                for (position, line) in band.chunks_mut(rows * self.out_width).enumerate() {
                    let (ky, kx) = (position / self.kernel, position % self.kernel);
                    for (row, out) in line.chunks_mut(self.out_width).enumerate() {
                        // Input coordinates shifted by the padding, to stay unsigned.
                        let iy = (top + row) * self.stride + ky;
                        if iy < self.padding || iy >= self.height + self.padding {
                            out.fill(0.0);
                            continue;
                        }
                        let source = &channel[(iy - self.padding) * self.width..][..self.width];
                        self.unroll_row(source, out, kx);
                    }
                }
            });
    }

    fn unroll_row(&self, source: &[f32], out: &mut [f32], kx: usize) {
        if self.stride == 1 {
            // out[i] = source[i + kx - padding] where that exists.
            let low = self.padding.saturating_sub(kx).min(self.out_width);
            let high = (self.width + self.padding)
                .saturating_sub(kx)
                .min(self.out_width)
                .max(low);
            out[..low].fill(0.0);
            out[high..].fill(0.0);
            let first = low + kx - self.padding.min(low + kx);
            out[low..high].copy_from_slice(&source[first..first + high - low]);
            return;
        }
        for (i, out) in out.iter_mut().enumerate() {
            let ix = i * self.stride + kx;
            *out = if ix < self.padding {
                None
            } else {
                source.get(ix - self.padding)
            }
            .copied()
            .unwrap_or(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{bits, noise, relative_error};

    fn layer(input: usize, output: usize, kernel: usize, stride: usize, padding: usize) -> Conv2d {
        let weight = Parameter::owned(&noise(1, (output, input, kernel, kernel))).unwrap();
        Conv2d {
            weight,
            bias: Some(noise(2, output)),
            stride,
            padding,
        }
    }

    fn stock(layer: &Conv2d, x: &Tensor) -> Tensor {
        let config = candle_nn::Conv2dConfig {
            stride: layer.stride,
            padding: layer.padding,
            ..Default::default()
        };
        let stock = candle_nn::Conv2d::new(layer.weight.tensor().unwrap(), layer.bias.clone(), config);
        candle_nn::Module::forward(&stock, x).unwrap()
    }

    #[test]
    fn it_agrees_with_candle_on_odd_sizes() {
        for (input, output, kernel, stride, padding, height, width) in [
            (3, 5, 3, 1, 1, 7, 9),
            (4, 8, 1, 1, 0, 5, 6),
            (2, 3, 3, 2, 1, 9, 8),
            (2, 3, 3, 2, 0, 9, 8),
            (1, 1, 3, 1, 1, 1, 1),
            (2, 2, 5, 1, 2, 3, 4),
            (3, 4, 3, 1, 1, 70, 40),
            (3, 4, 1, 2, 0, 5, 5),
            (2, 2, 3, 1, 3, 2, 2),
        ] {
            let layer = layer(input, output, kernel, stride, padding);
            let x = noise(3, (2, input, height, width));
            let y = layer.forward(&x).unwrap();
            let error = relative_error(&y, &stock(&layer, &x));
            assert!(
                error < 1e-5,
                "kernel {kernel}, stride {stride}, padding {padding}: {error}"
            );
        }
    }

    #[test]
    fn a_picture_is_the_same_alone_and_in_a_batch() {
        let layer = layer(16, 32, 3, 1, 1);
        let x = noise(5, (3, 16, 16, 16));
        let together = layer.forward(&x).unwrap();
        for picture in 0..3 {
            let alone = layer.forward(&x.narrow(0, picture, 1).unwrap()).unwrap();
            assert_eq!(bits(&alone), bits(&together.narrow(0, picture, 1).unwrap()));
        }
    }

    #[test]
    fn a_picture_smaller_than_the_kernel_is_an_error() {
        assert!(layer(1, 1, 3, 1, 0).forward(&noise(1, (1, 1, 2, 2))).is_err());
    }
}
