//! From transformed tiles to pictures: weights, products, sums.

use std::ops::Range;

use super::transform::{transform_sum, transform_weight};
use super::{OUT, POINTS, Winograd};
use crate::ops::product::{Left, Scratch, Shared, sized, tile};
use crate::ops::simd::{Kernel, Simd, widen};
use crate::weights::Values;

/// Transforms some output channels' weights, multiplies, and after the last cut in depth transforms the sums back.
pub(super) struct Products<'a> {
    pub layer: &'a Winograd<'a>,
    pub tiles: Range<usize>,
    pub rows: Range<usize>,
    pub depth: Range<usize>,
    pub panels: usize,
    pub inputs: Shared,
    /// (row, point, tile)
    pub sums: Shared,
    pub out: Shared,
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
