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

use std::ops::Range;

use rayon::prelude::*;

use super::product::{Left, Scratch, Shared, cut, filled, panel_width, sized, tile};
use super::simd::{Kernel, Simd, dispatch, widen};
use crate::weights::Values;

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
/// Tiles of a row transformed together.
const RUN: usize = 16;
/// Columns under `RUN` tiles, and room for the last vector.
const COLUMNS: usize = RUN * OUT + 16;

const A: f32 = 0.75;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;

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

/// `Bᵀ` applied to six vectors.
#[inline(always)]
unsafe fn transform_input<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let (a, b) = (S::splat(A), S::splat(B));
        let (minus_a2, minus_b2) = (S::splat(-A2), S::splat(-B2));
        let (product, minus_sum) = (S::splat(A2 * B2), S::splat(-(A2 + B2)));
        let even_a = S::fma(minus_b2, d[2], d[4]);
        let odd_a = S::mul(a, S::fma(minus_b2, d[1], d[3]));
        let even_b = S::fma(minus_a2, d[2], d[4]);
        let odd_b = S::mul(b, S::fma(minus_a2, d[1], d[3]));
        [
            S::fma(product, d[0], S::fma(minus_sum, d[2], d[4])),
            S::add(even_a, odd_a),
            S::sub(even_a, odd_a),
            S::add(even_b, odd_b),
            S::sub(even_b, odd_b),
            S::fma(product, d[1], S::fma(minus_sum, d[3], d[5])),
        ]
    }
}

/// `G` applied to three vectors.
#[inline(always)]
unsafe fn transform_weight<S: Simd>(g: [S::V; 3]) -> [S::V; 6] {
    const AT_ZERO: f32 = 1.0 / (A2 * B2);
    const AT_A: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
    const AT_B: f32 = 1.0 / (2.0 * B2 * (B2 - A2));
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let even_a = S::fma(S::splat(AT_A * A2), g[2], S::mul(S::splat(AT_A), g[0]));
        let odd_a = S::mul(S::splat(AT_A * A), g[1]);
        let even_b = S::fma(S::splat(AT_B * B2), g[2], S::mul(S::splat(AT_B), g[0]));
        let odd_b = S::mul(S::splat(AT_B * B), g[1]);
        [
            S::mul(S::splat(AT_ZERO), g[0]),
            S::add(even_a, odd_a),
            S::sub(even_a, odd_a),
            S::add(even_b, odd_b),
            S::sub(even_b, odd_b),
            g[2],
        ]
    }
}

/// `Aᵀ` applied to six vectors.
#[inline(always)]
unsafe fn transform_sum<S: Simd>(m: [S::V; 6]) -> [S::V; OUT] {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let (even_a, odd_a) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (even_b, odd_b) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(S::add(m[0], even_a), even_b),
            S::fma(S::splat(A), odd_a, S::mul(S::splat(B), odd_b)),
            S::fma(S::splat(A2), even_a, S::mul(S::splat(B2), even_b)),
            S::add(
                S::fma(S::splat(A * A2), odd_a, S::mul(S::splat(B * B2), odd_b)),
                m[5],
            ),
        ]
    }
}

/// Transforms some channels of some tiles to `to`: (point, panel, channel of `depth`, tile of the panel).
struct Inputs<'a> {
    layer: &'a Winograd<'a>,
    tiles: Range<usize>,
    channels: Range<usize>,
    depth: Range<usize>,
    panels: usize,
    to: Shared,
}

impl Kernel for Inputs<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Winograd {
            x,
            doubled,
            input,
            height,
            width,
            ..
        } = *self.layer;
        let halving = usize::from(doubled);
        let stride = width >> halving;
        let size = (height >> halving) * stride;
        let panel = 2 * S::LANES;
        let mut lines = [[0f32; COLUMNS]; 6];
        let mut phases = [0f32; 8 * 16];
        for channel in self.channels {
            let mut at = self.tiles.start;
            while at < self.tiles.end {
                let (picture, row, column) = self.layer.tile(at);
                let count = RUN.min(self.tiles.end - at).min(width.div_ceil(OUT) - column);
                let plane = &x[(picture * input + channel) * size..][..size];
                // The six lines under the tiles, one column of padding on the left.
                let needed = (count * OUT + 2).next_multiple_of(S::LANES);
                for (i, line) in lines.iter_mut().enumerate() {
                    let Some(y) = (row * OUT + i).checked_sub(1).filter(|&y| y < height) else {
                        line[..needed].fill(0.0);
                        continue;
                    };
                    let source = &plane[(y >> halving) * stride..][..stride];
                    let (from, skip) = match column {
                        0 => (0, 1),
                        _ => (column * OUT - 1, 0),
                    };
                    let copied = (count * OUT + 2 - skip).min(width - from);
                    line[..skip].fill(0.0);
                    if doubled {
                        for (i, to) in line[skip..skip + copied].iter_mut().enumerate() {
                            *to = source[(from + i) / 2];
                        }
                    } else {
                        line[skip..skip + copied].copy_from_slice(&source[from..from + copied]);
                    }
                    line[skip + copied..needed].fill(0.0);
                }
                let mut j = 0;
                while j < needed {
                    // SAFETY: `COLUMNS` is at least the number needed, which is whole vectors.
                    unsafe {
                        let mut d = [S::splat(0.0); 6];
                        for (d, line) in d.iter_mut().zip(&lines) {
                            *d = S::load(line.as_ptr().add(j));
                        }
                        let d = transform_input::<S>(d);
                        for (d, line) in d.into_iter().zip(&mut lines) {
                            S::store(line.as_mut_ptr().add(j), d);
                        }
                    }
                    j += S::LANES;
                }
                for i in (0..count).step_by(S::LANES) {
                    let lane = at + i - self.tiles.start;
                    let (to_panel, to_lane) = (lane / panel, lane % panel);
                    let count = (count - i).min(S::LANES);
                    let target = |point: usize, panel_at: usize| {
                        ((point * self.panels + panel_at) * self.depth.len() + channel - self.depth.start)
                            * panel
                    };
                    for (r, line) in lines.iter().enumerate() {
                        // SAFETY: tiles reach `4 · (i + lanes) + 4` columns, which `COLUMNS` covers; targets lie in the
                        // buffer, in this task's channels.
                        unsafe {
                            for eight in (0..S::LANES).step_by(8) {
                                S::transpose_8x8(
                                    line.as_ptr().add((i + eight) * OUT),
                                    OUT,
                                    phases.as_mut_ptr().add(eight),
                                    S::LANES,
                                );
                            }
                            let mut d = [S::splat(0.0); 6];
                            for (q, d) in d.iter_mut().enumerate() {
                                *d = S::load(phases.as_ptr().add(q * S::LANES));
                            }
                            let d = transform_input::<S>(d);
                            if to_lane.is_multiple_of(S::LANES) && count == S::LANES {
                                for (q, d) in d.into_iter().enumerate() {
                                    S::store(self.to.at(target(6 * r + q, to_panel) + to_lane), d);
                                }
                                continue;
                            }
                            let mut values = [0f32; 16];
                            for (q, d) in d.into_iter().enumerate() {
                                S::store(values.as_mut_ptr(), d);
                                for (k, value) in values[..count].iter().enumerate() {
                                    let (to_panel, to_lane) = ((lane + k) / panel, (lane + k) % panel);
                                    *self.to.at(target(6 * r + q, to_panel) + to_lane) = *value;
                                }
                            }
                        }
                    }
                }
                at += count;
            }
        }
    }
}

/// Transforms some output channels' weights, multiplies, and after the last cut in depth transforms the sums back.
struct Products<'a> {
    layer: &'a Winograd<'a>,
    tiles: Range<usize>,
    rows: Range<usize>,
    depth: Range<usize>,
    panels: usize,
    inputs: Shared,
    /// (row, point, tile)
    sums: Shared,
    out: Shared,
}

impl Kernel for Products<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let panel = 2 * S::LANES;
        let (count, depth) = (self.rows.len(), self.depth.len());
        let mut scratch = Scratch::take();
        let weights = sized(&mut scratch.buffers[0], POINTS * count * depth);
        self.transform_weights::<S>(weights);
        let used = self.tiles.len().div_ceil(panel);
        let first = self.depth.start == 0;
        for point in 0..POINTS {
            for p in 0..used {
                for r in (0..count).step_by(6) {
                    let a = Left {
                        values: weights[(point * count + r) * depth..].as_ptr(),
                        row_stride: depth,
                        depth_stride: 1,
                    };
                    // SAFETY: the panel was filled by `Inputs`; `a` has the rows that are left, up to six.
                    unsafe {
                        let b = self.inputs.at((point * self.panels + p) * depth * panel);
                        let at = self.sum_at(r, point, p, panel);
                        let stride = POINTS * self.panels * panel;
                        match count - r {
                            1 => store::<S, 1>(tile::<S, 1>(depth, a, b), self.sums.at(at), stride, first),
                            2 => store::<S, 2>(tile::<S, 2>(depth, a, b), self.sums.at(at), stride, first),
                            3 => store::<S, 3>(tile::<S, 3>(depth, a, b), self.sums.at(at), stride, first),
                            4 => store::<S, 4>(tile::<S, 4>(depth, a, b), self.sums.at(at), stride, first),
                            5 => store::<S, 5>(tile::<S, 5>(depth, a, b), self.sums.at(at), stride, first),
                            _ => store::<S, 6>(tile::<S, 6>(depth, a, b), self.sums.at(at), stride, first),
                        }
                    }
                }
            }
        }
        if self.depth.end == self.layer.input {
            self.finish::<S>();
        }
    }
}

/// Stores a tile of sums, or adds to what is there.
///
/// # Safety
/// R rows of two vectors must be writable from `to` on.
#[inline(always)]
unsafe fn store<S: Simd, const R: usize>(sums: [[S::V; 2]; R], to: *mut f32, stride: usize, first: bool) {
    for (i, sums) in sums.into_iter().enumerate() {
        for (half, sum) in sums.into_iter().enumerate() {
            // SAFETY: as the caller promises.
            unsafe {
                let to = to.add(i * stride + half * S::LANES);
                S::store(to, if first { sum } else { S::add(sum, S::load(to)) });
            }
        }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn sum_at(&self, row: usize, point: usize, panel_at: usize, panel: usize) -> usize {
        (((self.rows.start + row) * POINTS + point) * self.panels + panel_at) * panel
    }

    /// To (point, row, channel).
    #[inline(always)]
    fn transform_weights<S: Simd>(&self, to: &mut [f32]) {
        let (count, depth) = (self.rows.len(), self.depth.len());
        let mut wide = [0f32; 16 * 9 + 8];
        let mut turned = [0f32; 9 * 16];
        for (r, row) in self.rows.clone().enumerate() {
            for c in (0..depth).step_by(S::LANES) {
                let channels = S::LANES.min(depth - c);
                let start = (row * self.layer.input + self.depth.start + c) * 9;
                let source = match self.layer.weight {
                    Values::F32(values) if channels == S::LANES => &values[start..start + 9 * S::LANES],
                    _ => {
                        wide[channels * 9..].fill(0.0);
                        widen::<S>(self.layer.weight, start, &mut wide[..channels * 9]);
                        &wide[..9 * S::LANES]
                    }
                };
                // SAFETY: `source` has nine values for each lane, of which the transposition takes eight.
                unsafe {
                    for eight in (0..S::LANES).step_by(8) {
                        S::transpose_8x8(
                            source.as_ptr().add(eight * 9),
                            9,
                            turned.as_mut_ptr().add(eight),
                            S::LANES,
                        );
                    }
                }
                for (ninth, nine) in turned[8 * S::LANES..9 * S::LANES]
                    .iter_mut()
                    .zip(source.as_chunks::<9>().0)
                {
                    *ninth = nine[8];
                }
                // SAFETY: offsets lie in the arrays; whole vectors are stored only where all channels exist.
                unsafe {
                    let mut columns = [[S::splat(0.0); 6]; 3];
                    for (j, column) in columns.iter_mut().enumerate() {
                        let mut g = [S::splat(0.0); 3];
                        for (i, g) in g.iter_mut().enumerate() {
                            *g = S::load(turned.as_ptr().add((3 * i + j) * S::LANES));
                        }
                        *column = transform_weight::<S>(g);
                    }
                    let [first, second, third] = columns;
                    for (i, ((&g0, &g1), &g2)) in first.iter().zip(&second).zip(&third).enumerate() {
                        let u = transform_weight::<S>([g0, g1, g2]);
                        for (j, u) in u.into_iter().enumerate() {
                            let at = ((6 * i + j) * count + r) * depth + c;
                            if channels == S::LANES {
                                S::store(to[at..at + S::LANES].as_mut_ptr(), u);
                            } else {
                                let mut values = [0f32; 16];
                                S::store(values.as_mut_ptr(), u);
                                to[at..at + channels].copy_from_slice(&values[..channels]);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Transforms the sums of all tiles back and writes them, with bias and shortcut, to their pixels.
    #[inline(always)]
    fn finish<S: Simd>(&self) {
        let Winograd {
            height,
            width,
            output,
            pictures,
            ..
        } = *self.layer;
        let panel = 2 * S::LANES;
        let mut flat = [0f32; 16 * 16];
        let mut blocks = [0f32; 16 * 16];
        for row in 0..self.rows.len() {
            let channel = self.rows.start + row;
            for first in (0..self.tiles.len()).step_by(S::LANES) {
                let (p, lane) = (first / panel, first % panel);
                // SAFETY: the sums of this row and panel were stored by this task; the arrays have 16 vectors' room.
                unsafe {
                    let mut columns = [[S::splat(0.0); OUT]; 6];
                    for (j, column) in columns.iter_mut().enumerate() {
                        let mut m = [S::splat(0.0); 6];
                        for (i, m) in m.iter_mut().enumerate() {
                            *m = S::load(self.sums.at(self.sum_at(row, 6 * i + j, p, panel) + lane));
                        }
                        *column = transform_sum::<S>(m);
                    }
                    for i in 0..OUT {
                        let mut m = [S::splat(0.0); 6];
                        for (m, column) in m.iter_mut().zip(&columns) {
                            *m = column[i];
                        }
                        for (j, y) in transform_sum::<S>(m).into_iter().enumerate() {
                            S::store(flat.as_mut_ptr().add((OUT * i + j) * S::LANES), y);
                        }
                    }
                    // From (pixel of the tile, tile) to (tile, pixel).
                    for eight in (0..S::LANES).step_by(8) {
                        for half in [0, 8] {
                            S::transpose_8x8(
                                flat.as_ptr().add(half * S::LANES + eight),
                                S::LANES,
                                blocks.as_mut_ptr().add(eight * 16 + half),
                                16,
                            );
                        }
                    }
                }
                let count = S::LANES.min(self.tiles.len() - first);
                for (k, block) in blocks.as_chunks::<16>().0[..count].iter().enumerate() {
                    let (picture, y, x) = self.layer.tile(self.tiles.start + first + k);
                    let bias = match self.layer.bias {
                        Some(bias) if bias.len() == pictures * output => bias[picture * output + channel],
                        Some(bias) => bias[channel],
                        None => 0.0,
                    };
                    for (i, line) in block.as_chunks::<OUT>().0.iter().enumerate() {
                        let y = y * OUT + i;
                        if y >= height {
                            break;
                        }
                        let at = ((picture * output + channel) * height + y) * width + x * OUT;
                        let columns = OUT.min(width - x * OUT);
                        let mut line = line.map(|v| v + bias);
                        if let Some(shortcut) = self.layer.shortcut {
                            for (v, s) in line.iter_mut().zip(&shortcut[at..at + columns]) {
                                *v += s;
                            }
                        }
                        // SAFETY: these pixels belong to this tile and channel alone.
                        unsafe {
                            std::ptr::copy_nonoverlapping(line.as_ptr(), self.out.at(at), columns);
                        }
                    }
                }
            }
        }
    }
}
