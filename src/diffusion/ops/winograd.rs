//! Winograd's minimal filtering for 3×3 convolutions of stride 1: F(4×4, 3×3) of Lavin and Gray (arXiv 1509.09308).
//!
//! A tile of 6×6 inputs gives 4×4 outputs with 36 products a channel instead of 144. Inputs, weights and sums are
//! transformed by `Bᵀ d B`, `G g Gᵀ` and `Aᵀ m A`; between, there are 36 matrix products, (out × in) times (in × tiles).
//! The points of interpolation are 0, ±3/4, ±3/2 and ∞: exact in binary, and half as far off as the usual 0, ±1, ±2, ∞
//! (2.5e-6 against 4.8e-6 relative to the result, where plain summation in f32 gives 1.3e-6).
//!
//! Weights are transformed anew in every call, in blocks that stay in cache: kept, they would take four times the memory
//! of the weights themselves, and all tiles of all pictures share the work.
#![allow(unsafe_code)]

mod inputs;
mod products;
mod transform;

use rayon::prelude::*;

use super::product::{Scratch, Shared, cut, filled, panel_width, sized};
use super::simd::dispatch;
use crate::weights::Values;
use inputs::Inputs;
use products::Products;

/// Positions of a transformed tile.
const POINTS: usize = 36;
/// Outputs of a tile along an axis.
const OUT: usize = 4;
/// Panels of tiles worked on together.
const PANELS: usize = 8;
/// Input channels worked on together: transformed inputs of all tiles then stay in the shared cache.
const DEPTH: usize = 320;
/// Output channels of one task.
const ROWS: usize = 48;

/// One convolution with padding 1.
pub(super) struct Winograd<'a> {
    /// (pictures, input, height, width), or of half the height and width if `doubled`.
    pub x: &'a [f32],
    /// Whether each value of `x` stands for 2×2 equal ones.
    pub doubled: bool,
    pub pictures: usize,
    pub input: usize,
    pub height: usize,
    pub width: usize,
    /// (output, input, 3, 3)
    pub weight: Values<'a>,
    pub output: usize,
    /// One value an output channel, or one a picture and output channel.
    pub bias: Option<&'a [f32]>,
    pub shortcut: Option<&'a [f32]>,
}

impl Winograd<'_> {
    /// Runs the convolution: (pictures, output, height, width).
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn run(&self) -> Vec<f32> {
        let pixels = self.height * self.width;
        let stored = if self.doubled { pixels / 4 } else { pixels };
        assert_eq!(self.x.len(), self.pictures * self.input * stored);
        assert!(!self.doubled || (self.height.is_multiple_of(2) && self.width.is_multiple_of(2)));
        assert_eq!(self.weight.len(), self.output * self.input * 9);
        let len = self.pictures * self.output * pixels;
        assert!(self.shortcut.is_none_or(|shortcut| shortcut.len() == len));
        let (wide, width) = (self.width.div_ceil(OUT), panel_width());
        let tiles = self.pictures * self.height.div_ceil(OUT) * wide;
        let block = (PANELS * width).min(tiles.next_multiple_of(width));
        let panels = block / width;
        // Cuts in depth depend on the layer alone, so that sums are the same whatever the pictures.
        let step = cut(self.input, DEPTH);
        let threads = rayon::current_num_threads();
        let parts = self.output.div_ceil(ROWS).next_multiple_of(threads);
        let rows = self.output.div_ceil(parts).next_multiple_of(6);
        let mut scratch = Scratch::take();
        let [inputs, sums, _] = &mut scratch.buffers;
        let inputs = Shared(sized(inputs, POINTS * panels * step * width).as_mut_ptr());
        let sums = Shared(sized(sums, POINTS * self.output * block).as_mut_ptr());
        // SAFETY: every pixel of every output channel lies in one tile, and all tiles of all channels are stored below.
        // Tasks that run together write to different channels of `inputs`, `sums` and the output.
        unsafe {
            filled(len, |out| {
                for first in (0..tiles).step_by(block) {
                    let tiles = first..(first + block).min(tiles);
                    for start in (0..self.input).step_by(step) {
                        let depth = start..(start + step).min(self.input);
                        let channels = depth.len().div_ceil(2 * threads);
                        depth
                            .clone()
                            .into_par_iter()
                            .step_by(channels)
                            .for_each(|channel| {
                                dispatch(Inputs {
                                    layer: self,
                                    tiles: tiles.clone(),
                                    channels: channel..(channel + channels).min(depth.end),
                                    depth: depth.clone(),
                                    panels,
                                    to: inputs,
                                });
                            });
                        (0..self.output)
                            .into_par_iter()
                            .step_by(rows)
                            .with_max_len(1)
                            .for_each(|row| {
                                dispatch(Products {
                                    layer: self,
                                    tiles: tiles.clone(),
                                    rows: row..(row + rows).min(self.output),
                                    depth: depth.clone(),
                                    panels,
                                    inputs,
                                    sums,
                                    out,
                                });
                            });
                    }
                }
            })
        }
    }

    /// Picture, row and column of a tile.
    #[inline(always)]
    fn tile(&self, tile: usize) -> (usize, usize, usize) {
        let (high, wide) = (self.height.div_ceil(OUT), self.width.div_ceil(OUT));
        (tile / (high * wide), tile / wide % high, tile % wide)
    }
}
