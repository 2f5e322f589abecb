//! Cheap pictures of unfinished latents.
//!
//! A linear map from latent channels to red, green and blue, the same for every latent pixel: a thousandth of a decode.
//! A manifest may give the map; otherwise it is fitted, once and when first needed, by least squares on what the
//! checkpoint's own decoder makes of patches of random colour. Where the tiny decoder (TAESD) is at hand, it is used instead:
//! a hundredth of a decode, and sharp.

use candle_core::{Device, Tensor};
use image::{RgbImage, imageops};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::models::AutoencoderKl;
use crate::rng::NoiseSource;

/// Latent pixels along each side of the grid of patches that the map is fitted on, and of one patch.
const GRID: usize = 8;
const PATCH: usize = 2;

/// The map: `rgb = bias + Σ latent[c] · weights[c]`, in −1 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatentRgb {
    /// Red, green and blue for each latent channel.
    pub weights: Vec<[f64; 3]>,
    /// The colour of latents that are all zero.
    #[serde(default)]
    pub bias: [f64; 3],
}

impl LatentRgb {
    /// Fits the map to a decoder.
    pub(crate) fn fit(
        vae: &AutoencoderKl,
        channels: usize,
        device: &Device,
        dtype: candle_core::DType,
    ) -> Result<Self> {
        let side = GRID * PATCH;
        // Patches rather than single pixels: a decoder answers to colour over an area, not to salt and pepper.
        let patches = NoiseSource::new(0).initial(&(1, channels, GRID, GRID).into(), &Device::Cpu)?;
        let latents = patches.upsample_nearest2d(side, side)?;
        let decoded = vae.decode(&latents.to_device(device)?.to_dtype(dtype)?)?;
        let decoded = decoded
            .to_dtype(candle_core::DType::F32)?
            .to_device(&Device::Cpu)?;
        let scale = decoded.dim(3)? / side;
        // One colour a patch: the mean of its decoded pixels.
        let colours = decoded.avg_pool2d(scale * PATCH)?.clamp(-1.0, 1.0)?;
        let rows = |x: &Tensor, n: usize| -> Result<Vec<Vec<f64>>> {
            let flat = x.reshape((n, GRID * GRID))?.t()?.to_vec2::<f32>()?;
            Ok(flat
                .into_iter()
                .map(|row| row.into_iter().map(f64::from).collect())
                .collect())
        };
        let out_channels = decoded.dim(1)?;
        Ok(Self::least_squares(
            &rows(&patches, channels)?,
            &rows(&colours, out_channels)?,
        ))
    }

    /// Solves the normal equations for weights and bias by Gaussian elimination, slightly regularised.
    fn least_squares(inputs: &[Vec<f64>], outputs: &[Vec<f64>]) -> Self {
        let channels = inputs.first().map_or(0, Vec::len);
        let size = channels + 1;
        // Each row: the left-hand side, then red, green and blue.
        let mut system = vec![vec![0.0; size + 3]; size];
        for (input, output) in inputs.iter().zip(outputs) {
            let input: Vec<_> = input.iter().copied().chain([1.0]).collect();
            for (row, a) in system.iter_mut().zip(&input) {
                for (cell, b) in row.iter_mut().zip(&input) {
                    *cell += a * b;
                }
                for (channel, cell) in row[size..].iter_mut().enumerate() {
                    // A decoder of grey pictures has one channel for all three colours.
                    *cell += a * output[channel.min(output.len() - 1)];
                }
            }
        }
        for (i, row) in system.iter_mut().enumerate() {
            row[i] += 1e-6;
        }
        for pivot in 0..size {
            let pivot_row = system[pivot].clone();
            for (i, row) in system.iter_mut().enumerate() {
                if i != pivot {
                    let factor = row[pivot] / pivot_row[pivot];
                    row.iter_mut()
                        .zip(&pivot_row)
                        .for_each(|(cell, p)| *cell -= factor * p);
                }
            }
        }
        let solution = |i: usize| -> [f64; 3] { std::array::from_fn(|c| system[i][size + c] / system[i][i]) };
        Self {
            weights: (0..channels).map(solution).collect(),
            bias: solution(channels),
        }
    }

    /// Renders latents (1, channels, height, width) at `width` × `height` pixels.
    pub(crate) fn render(&self, latents: &Tensor, width: usize, height: usize) -> Result<RgbImage> {
        let (_, _, rows, columns) = latents.dims4()?;
        let latents = latents
            .to_dtype(candle_core::DType::F32)?
            .squeeze(0)?
            .flatten_from(1)?;
        let latents = latents.to_device(&Device::Cpu)?.to_vec2::<f32>()?;
        let small = RgbImage::from_fn(columns as u32, rows as u32, |x, y| {
            let at = y as usize * columns + x as usize;
            image::Rgb(std::array::from_fn(|colour| {
                let sum: f64 = self
                    .weights
                    .iter()
                    .zip(&latents)
                    .map(|(w, channel)| w[colour] * f64::from(channel[at]))
                    .sum();
                // A float becomes the nearest u8, saturating.
                ((sum + self.bias[colour]) * 127.5 + 127.5).round() as u8
            }))
        });
        Ok(at_size(small, width, height))
    }
}

/// Brings a preview to the picture's size.
pub(crate) fn at_size(preview: RgbImage, width: usize, height: usize) -> RgbImage {
    let (width, height) = (width as u32, height as u32);
    if preview.dimensions() == (width, height) {
        return preview;
    }
    imageops::resize(&preview, width, height, imageops::FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exactly_linear_decoder_is_found() {
        let truth = LatentRgb {
            weights: vec![[0.3, -0.2, 0.1], [0.0, 0.5, -0.4]],
            bias: [0.1, 0.0, -0.2],
        };
        let inputs: Vec<Vec<f64>> = (0..20)
            .map(|i| vec![(i % 5) as f64 - 2.0, (i / 5) as f64 - 1.5])
            .collect();
        let outputs: Vec<Vec<f64>> = inputs
            .iter()
            .map(|x| {
                (0..3)
                    .map(|c| truth.bias[c] + x[0] * truth.weights[0][c] + x[1] * truth.weights[1][c])
                    .collect()
            })
            .collect();
        let found = LatentRgb::least_squares(&inputs, &outputs);
        for (a, b) in found.weights.iter().flatten().zip(truth.weights.iter().flatten()) {
            assert!((a - b).abs() < 1e-5);
        }
        for (a, b) in found.bias.iter().zip(truth.bias) {
            assert!((a - b).abs() < 1e-5);
        }
    }

    #[test]
    fn a_preview_has_the_pictures_size_and_saturates() {
        let map = LatentRgb {
            weights: vec![[1.0, 0.0, -1.0]],
            bias: [0.0; 3],
        };
        let latents = Tensor::full(9f32, (1, 1, 2, 3), &Device::Cpu).unwrap();
        let picture = map.render(&latents, 24, 16).unwrap();
        assert_eq!(picture.dimensions(), (24, 16));
        assert_eq!(picture.get_pixel(5, 5).0, [255, 128, 0]);
    }
}
