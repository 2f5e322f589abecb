//! The matrix product under all layers.
//!
//! Both operands are read through traits: a left one in place or copied block by block ([`Rows`]), a right one always
//! packed, block by block, into panels as wide as two vectors ([`Panels`]). Transposition, unrolling of pictures and widening of
//! 16-bit weights happen in that copy, so none of them needs a pass or a buffer of its own. Bias and shortcuts are added
//! while results are still in registers.
//!
//! Every result is one sum in the order of depth, cut at the same places whatever the other sizes are. So its bits depend
//! on its own row and column only, and **pictures may share one product without seeing each other**.
#![allow(unsafe_code)]

mod memory;
mod operands;
mod paired;

use std::ops::Range;

use rayon::prelude::*;

use super::simd::{Kernel, Simd, dispatch, dispatch_pairs, lanes};
use crate::weights::Products;
pub(super) use memory::{Scratch, Shared, filled, sized};
pub(super) use operands::{Dense, Pixels, Transposed, Weight};
pub(super) use paired::{PairedPanels, PairedRows};

/// Rows of a tile. With two vectors a row, twelve sums: enough to hide the latency of multiply-add, few enough for
/// sixteen registers.
const TILE_ROWS: usize = 6;
/// Longest cut in depth: a packed panel of it stays in the first-level cache (at AVX2's width).
const DEPTH: usize = 384;
/// Rows of the left operand used together: with a panel block, about half of a second-level cache.
const ROWS: usize = 96;
/// Panels packed together.
const PANELS: usize = 8;

/// The left operand.
pub(super) trait Rows: Sync {
    /// Lends a block, from `scratch` if it has to be copied.
    fn block<'a, S: Simd>(
        &'a self,
        rows: Range<usize>,
        depth: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> Block<'a>;
}

/// Values of a block of the left operand: row r, depth k is at `r · row_stride + k · depth_stride`.
pub(super) struct Block<'a> {
    pub values: &'a [f32],
    pub row_stride: usize,
    pub depth_stride: usize,
}

/// The right operand.
pub(super) trait Panels: Sync {
    /// Copies a panel's part to `to`, (depth, width) with width two vectors; columns beyond the operand are zero.
    fn pack<S: Simd>(&self, panel: usize, depth: Range<usize>, to: &mut [f32]);
    /// Where a panel's results belong.
    fn place(&self, panel: usize) -> Place;
    /// How many panels there are.
    fn count(&self) -> usize;
}

/// Where a panel's results go: row r, column j to `offset + r · row_stride + j`, for `width` columns.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub offset: usize,
    pub width: usize,
    /// First value of the row bias.
    pub row_bias: usize,
    /// First value of the column bias.
    pub column_bias: usize,
}

/// What is added to the product.
#[derive(Clone, Copy, Default)]
pub(super) struct Finish<'a> {
    /// One value a row, from [`Place::row_bias`] on.
    pub row_bias: Option<&'a [f32]>,
    /// One value a column, from [`Place::column_bias`] on.
    pub column_bias: Option<&'a [f32]>,
    /// Shaped like the output.
    pub shortcut: Option<&'a [f32]>,
}

/// Columns of a panel.
pub(super) fn panel_width() -> usize {
    2 * lanes()
}

/// Cuts `total` into the fewest equal parts of at most `longest`.
pub(super) fn cut(total: usize, longest: usize) -> usize {
    total.div_ceil(total.div_ceil(longest.max(1)).max(1)).max(1)
}

/// Sizes of a product.
#[derive(Clone, Copy)]
pub(super) struct Size {
    /// Rows of the left operand.
    pub m: usize,
    /// Columns of the left operand and rows of the right.
    pub depth: usize,
    /// From a row of the result to the next.
    pub row_stride: usize,
    /// Values of the result.
    pub len: usize,
}

impl Products {
    /// Runs a kernel on operands of this kind.
    pub(super) fn dispatch<K: Kernel>(self, kernel: K) {
        match self {
            Self::F32 => dispatch(kernel),
            Self::Bf16 => dispatch_pairs(kernel),
        }
    }
}

/// Multiplies `rows` (m × depth) with `panels` (depth × n) and writes the result to a new buffer.
///
/// # Panics
/// If the places of all panels do not cover the result exactly, or an operand lends too little.
pub(super) fn product(
    size: Size,
    products: Products,
    rows: &impl Rows,
    panels: &impl Panels,
    finish: Finish<'_>,
) -> Vec<f32> {
    match products {
        Products::F32 => multiply(size, products, rows, panels, finish),
        Products::Bf16 => {
            let (rows, panels) = (
                PairedRows::of(rows, size.depth),
                PairedPanels::of(panels, size.depth),
            );
            let depth = size.depth.div_ceil(2);
            multiply(Size { depth, ..size }, products, &rows, &panels, finish)
        }
    }
}

fn multiply(
    size: Size,
    products: Products,
    rows: &impl Rows,
    panels: &impl Panels,
    finish: Finish<'_>,
) -> Vec<f32> {
    let Size {
        m,
        depth,
        row_stride,
        len,
    } = size;
    let count = panels.count();
    let mut covered = 0;
    for panel in 0..count {
        let place = panels.place(panel);
        let end = place.offset + m.saturating_sub(1) * row_stride + place.width;
        assert!(end <= len || m == 0, "a panel lies outside the output");
        covered += place.width * m;
    }
    assert_eq!(covered, len, "panels must cover the output");
    assert!(finish.shortcut.is_none_or(|shortcut| shortcut.len() == len));
    if depth == 0 || len == 0 {
        return vec![0.0; len];
    }
    let (by_panels, by_rows) = split(m, depth, count);
    let (panel_step, row_step) = (count.div_ceil(by_panels), m.div_ceil(by_rows));
    // SAFETY: panels cover all values, as just counted (places do not overlap: each panel has columns of its own), and
    // the tasks below cover all rows of all panels.
    unsafe {
        filled(len, |out| {
            let tasks = by_panels * by_rows;
            (0..tasks).into_par_iter().with_max_len(1).for_each(|task| {
                // Neighbouring tasks share panels, which are then still in the shared cache.
                let (i, j) = (task / by_rows, task % by_rows);
                let task = Task {
                    rows,
                    panels,
                    row_range: j * row_step..((j + 1) * row_step).min(m),
                    panel_range: i * panel_step..((i + 1) * panel_step).min(count),
                    depth,
                    row_stride,
                    base: 0,
                    out,
                    finish,
                };
                if !(task.row_range.is_empty() || task.panel_range.is_empty()) {
                    products.dispatch(task);
                }
            });
        })
    }
}

/// Into how many parts panels and rows are split: enough for the threads, with as little copied twice as possible.
pub(super) fn split(m: usize, depth: usize, panels: usize) -> (usize, usize) {
    let wanted = 4 * rayon::current_num_threads();
    let width = panel_width();
    let most_rows = m.div_ceil(2 * TILE_ROWS).max(1);
    (panels.div_ceil(PANELS)..=panels)
        .map(|by_panels| {
            let by_rows = wanted.div_ceil(by_panels).max(m.div_ceil(1024)).min(most_rows);
            // Left values are read once for each part of panels, right ones packed once for each part of rows.
            let work = m * depth * by_panels + 4 * panels * width * depth * by_rows;
            let missing = wanted.saturating_sub(by_panels * by_rows);
            (missing, work, by_panels, by_rows)
        })
        .min()
        .map_or((1, 1), |(_, _, by_panels, by_rows)| (by_panels, by_rows))
}

/// Some rows and panels of a product.
pub(super) struct Task<'a, R, P> {
    pub rows: &'a R,
    pub panels: &'a P,
    pub row_range: Range<usize>,
    pub panel_range: Range<usize>,
    pub depth: usize,
    pub row_stride: usize,
    /// Where in the whole output `out` begins.
    pub base: usize,
    pub out: Shared,
    pub finish: Finish<'a>,
}

impl<R: Rows, P: Panels> Kernel for Task<'_, R, P> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        self.multiply::<S>();
    }
}

impl<R: Rows, P: Panels> Task<'_, R, P> {
    /// Multiplies; whoever makes the task upholds that `out` has room for it.
    #[inline(always)]
    pub fn multiply<S: Simd>(&self) {
        let width = 2 * S::LANES;
        let step = cut(self.depth, DEPTH);
        let row_step = cut(self.row_range.len(), ROWS).next_multiple_of(TILE_ROWS);
        let mut scratch = Scratch::take();
        let [packed, copied, ..] = &mut scratch.buffers;
        for start in (0..self.depth).step_by(step) {
            let depth = start..(start + step).min(self.depth);
            let size = depth.len() * width;
            let packed = sized(packed, size * self.panel_range.len());
            for (panel, to) in self.panel_range.clone().zip(packed.chunks_mut(size)) {
                self.panels.pack::<S>(panel, depth.clone(), to);
            }
            for top in self.row_range.clone().step_by(row_step) {
                let rows = top..(top + row_step).min(self.row_range.end);
                let block = self.rows.block::<S>(rows.clone(), depth.clone(), copied);
                let last = (rows.len() - 1) * block.row_stride + (depth.len() - 1) * block.depth_stride;
                assert!(last < block.values.len(), "the left operand is too short");
                for (panel, b) in self.panel_range.clone().zip(packed.chunks(size)) {
                    let place = self.panels.place(panel);
                    for r in (0..rows.len()).step_by(TILE_ROWS) {
                        let target = Target {
                            first: start == 0,
                            last: depth.end == self.depth,
                            row: rows.start + r,
                            place,
                            row_stride: self.row_stride,
                            base: self.base,
                            out: self.out,
                            finish: self.finish,
                        };
                        let a = Left {
                            // In bounds: r is less than the number of rows.
                            values: block.values[r * block.row_stride..].as_ptr(),
                            row_stride: block.row_stride,
                            depth_stride: block.depth_stride,
                        };
                        // SAFETY: the block's last value was checked, b holds `size` values, and `product` checked
                        // the places.
                        unsafe {
                            match rows.len() - r {
                                1 => target.store::<S, 1>(tile::<S, 1>(depth.len(), a, b.as_ptr())),
                                2 => target.store::<S, 2>(tile::<S, 2>(depth.len(), a, b.as_ptr())),
                                3 => target.store::<S, 3>(tile::<S, 3>(depth.len(), a, b.as_ptr())),
                                4 => target.store::<S, 4>(tile::<S, 4>(depth.len(), a, b.as_ptr())),
                                5 => target.store::<S, 5>(tile::<S, 5>(depth.len(), a, b.as_ptr())),
                                _ => target.store::<S, 6>(tile::<S, 6>(depth.len(), a, b.as_ptr())),
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The left side of a tile.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub values: *const f32,
    pub row_stride: usize,
    pub depth_stride: usize,
}

/// R rows of the left operand times one packed panel.
///
/// # Safety
/// `a` must be readable at R rows and `depth` positions, `b` at `depth` times two vectors.
#[inline(always)]
pub(super) unsafe fn tile<S: Simd, const R: usize>(depth: usize, a: Left, b: *const f32) -> [[S::V; 2]; R] {
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums = [[S::splat(0.0); 2]; R];
        let (mut a_at, mut b_at) = (a.values, b);
        for _ in 0..depth {
            let right = [S::load(b_at), S::load(b_at.add(S::LANES))];
            for (i, sums) in sums.iter_mut().enumerate() {
                let left = S::splat(*a_at.add(i * a.row_stride));
                sums[0] = S::dot(left, right[0], sums[0]);
                sums[1] = S::dot(left, right[1], sums[1]);
            }
            // May point behind the last value, which is not read.
            a_at = a_at.wrapping_add(a.depth_stride);
            b_at = b_at.wrapping_add(2 * S::LANES);
        }
        sums
    }
}

/// Where a tile goes.
struct Target<'a> {
    /// Whether this is the first cut in depth: nothing is there yet.
    first: bool,
    /// Whether this is the last cut: the finish is due.
    last: bool,
    row: usize,
    place: Place,
    row_stride: usize,
    base: usize,
    out: Shared,
    finish: Finish<'a>,
}

impl Target<'_> {
    /// # Safety
    /// R rows from `row` on must lie in the output, and no other task may write there.
    #[inline(always)]
    unsafe fn store<S: Simd, const R: usize>(&self, sums: [[S::V; 2]; R]) {
        let width = 2 * S::LANES;
        for (i, sums) in sums.into_iter().enumerate() {
            let at = self.place.offset + (self.row + i) * self.row_stride;
            // SAFETY: in bounds as the caller promises.
            let to = unsafe { self.out.at(at - self.base) };
            let row_bias = match self.finish.row_bias {
                Some(bias) if self.last => bias[self.place.row_bias + self.row + i],
                _ => 0.0,
            };
            let shortcut = self.finish.shortcut.filter(|_| self.last);
            let column_bias = self.finish.column_bias.filter(|_| self.last);
            if self.place.width == width {
                for (half, sum) in sums.into_iter().enumerate() {
                    let j = half * S::LANES;
                    // SAFETY: the panel is full, so both vectors lie in the output and in the slices beside it.
                    unsafe {
                        let mut sum = S::add(sum, S::splat(row_bias));
                        if !self.first {
                            sum = S::add(sum, S::load(to.add(j)));
                        }
                        if let Some(bias) = column_bias {
                            let bias = &bias[self.place.column_bias + j..][..S::LANES];
                            sum = S::add(sum, S::load(bias.as_ptr()));
                        }
                        if let Some(shortcut) = shortcut {
                            sum = S::add(sum, S::load(shortcut[at + j..][..S::LANES].as_ptr()));
                        }
                        S::store(to.add(j), sum);
                    }
                }
                continue;
            }
            let mut row = [0f32; 64];
            // SAFETY: two vectors are at most 32 values.
            unsafe {
                S::store(row.as_mut_ptr(), sums[0]);
                S::store(row.as_mut_ptr().add(S::LANES), sums[1]);
            }
            for (j, sum) in row[..self.place.width].iter().enumerate() {
                // SAFETY: j is below the panel's width.
                unsafe {
                    let mut sum = sum + row_bias;
                    if !self.first {
                        sum += *to.add(j);
                    }
                    if let Some(bias) = column_bias {
                        sum += bias[self.place.column_bias + j];
                    }
                    if let Some(shortcut) = shortcut {
                        sum += shortcut[at + j];
                    }
                    *to.add(j) = sum;
                }
            }
        }
    }
}
