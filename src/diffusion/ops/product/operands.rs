//! Matrices as operands: in place, widened, turned from pixels, or transposed on the way.

use std::ops::Range;

use super::{Block, Panels, Place, Rows, panel_width, sized};
use crate::ops::simd::{Simd, widen};
use crate::weights::Values;

/// A row-major matrix of f32 as left operand, read in place.
pub(in crate::ops) struct Dense<'a> {
    pub values: &'a [f32],
    pub depth: usize,
}

impl Rows for Dense<'_> {
    #[inline(always)]
    fn block<'a, S: Simd>(
        &'a self,
        rows: Range<usize>,
        depth: Range<usize>,
        _: &'a mut Vec<f32>,
    ) -> Block<'a> {
        Block {
            values: &self.values[rows.start * self.depth + depth.start..],
            row_stride: self.depth,
            depth_stride: 1,
        }
    }
}

/// A row-major matrix of weights as left operand; 16-bit ones are widened block by block.
pub(in crate::ops) struct Weight<'a> {
    pub values: Values<'a>,
    pub depth: usize,
}

impl Rows for Weight<'_> {
    #[inline(always)]
    fn block<'a, S: Simd>(
        &'a self,
        rows: Range<usize>,
        depth: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> Block<'a> {
        if let Values::F32(values) = self.values {
            return Block {
                values: &values[rows.start * self.depth + depth.start..],
                row_stride: self.depth,
                depth_stride: 1,
            };
        }
        let scratch = sized(scratch, rows.len() * depth.len());
        for (row, to) in rows.zip(scratch.chunks_mut(depth.len())) {
            widen::<S>(self.values, row * self.depth + depth.start, to);
        }
        Block {
            values: scratch,
            row_stride: depth.len(),
            depth_stride: 1,
        }
    }
}

/// Pixels (pictures, depth, pixels) as left operand, a row a pixel: copied block by block, with rows side by side.
pub(in crate::ops) struct Pixels<'a> {
    pub values: &'a [f32],
    pub depth: usize,
    pub pixels: usize,
}

impl Rows for Pixels<'_> {
    #[inline(always)]
    fn block<'a, S: Simd>(
        &'a self,
        rows: Range<usize>,
        depth: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> Block<'a> {
        let scratch = sized(scratch, rows.len() * depth.len());
        for (k, to) in depth.zip(scratch.chunks_mut(rows.len())) {
            let mut row = rows.start;
            while row < rows.end {
                let (picture, pixel) = (row / self.pixels, row % self.pixels);
                let count = (self.pixels - pixel).min(rows.end - row);
                let from = &self.values[(picture * self.depth + k) * self.pixels + pixel..][..count];
                to[row - rows.start..][..count].copy_from_slice(from);
                row += count;
            }
        }
        Block {
            values: scratch,
            row_stride: 1,
            depth_stride: rows.len(),
        }
    }
}

/// A row-major matrix (out, depth) as right operand, transposed, and widened, while it is packed: weights, or the tokens
/// of several pictures, whose results are then planes of (m, out) apart.
pub(in crate::ops) struct Transposed<'a> {
    pub values: Values<'a>,
    pub pictures: usize,
    /// Rows, of each picture.
    pub out: usize,
    pub depth: usize,
    pub width: usize,
    /// Rows of the left operand.
    pub m: usize,
}

impl<'a> Transposed<'a> {
    /// A layer's matrix, (out, depth), beside `m` rows.
    pub fn matrix(values: Values<'a>, out: usize, depth: usize, m: usize) -> Self {
        Self {
            values,
            pictures: 1,
            out,
            depth,
            width: panel_width(),
            m,
        }
    }
    fn panels_a_picture(&self) -> usize {
        self.out.div_ceil(self.width)
    }
}

impl Panels for Transposed<'_> {
    #[inline(always)]
    fn pack<S: Simd>(&self, panel: usize, depth: Range<usize>, to: &mut [f32]) {
        const RUN: usize = 64;
        assert!(to.len() == depth.len() * self.width);
        let (picture, panel) = (panel / self.panels_a_picture(), panel % self.panels_a_picture());
        let mut wide = [0f32; 8 * RUN];
        for j in (0..self.width).step_by(8) {
            let first = panel * self.width + j;
            let rows = self.out.saturating_sub(first).min(8);
            if rows < 8 {
                to.chunks_mut(self.width).for_each(|to| to[j..j + 8].fill(0.0));
            }
            for start in (0..depth.len()).step_by(RUN) {
                let run = RUN.min(depth.len() - start);
                let at = |row: usize| (picture * self.out + first + row) * self.depth + depth.start + start;
                // Eight rows in place, or widened.
                let (from, stride) = match self.values {
                    Values::F32(values) if rows == 8 => (&values[at(0)..], self.depth),
                    _ => {
                        for (row, wide) in wide.chunks_mut(RUN).take(rows).enumerate() {
                            widen::<S>(self.values, at(row), &mut wide[..run]);
                        }
                        (&wide[..], RUN)
                    }
                };
                let to = &mut to[start * self.width..];
                let mut k = 0;
                if rows == 8 {
                    while k + 8 <= run {
                        assert!(7 * stride + k + 8 <= from.len() && (k + 7) * self.width + j + 8 <= to.len());
                        // SAFETY: both blocks were just checked.
                        unsafe {
                            S::transpose_8x8(
                                from.as_ptr().add(k),
                                stride,
                                to.as_mut_ptr().add(k * self.width + j),
                                self.width,
                            );
                        }
                        k += 8;
                    }
                }
                for k in k..run {
                    for row in 0..rows {
                        to[k * self.width + j + row] = from[row * stride + k];
                    }
                }
            }
        }
    }

    fn place(&self, panel: usize) -> Place {
        let (picture, panel) = (panel / self.panels_a_picture(), panel % self.panels_a_picture());
        let first = panel * self.width;
        Place {
            offset: picture * self.m * self.out + first,
            width: self.width.min(self.out - first),
            row_bias: 0,
            column_bias: first,
        }
    }

    fn count(&self) -> usize {
        self.pictures * self.panels_a_picture()
    }
}
