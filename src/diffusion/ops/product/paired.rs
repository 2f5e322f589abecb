//! Operands rounded to bf16 while they are copied, two values of neighbouring depths a lane: for vectors that add up the
//! products of such pairs in f32. Half as deep as what they wrap.

use std::ops::Range;

use super::{Block, Panels, Place, Rows, Scratch, sized};
use crate::ops::simd::{Simd, pair_neighbours, pair_rows};

/// A left operand in pairs.
pub(in crate::ops) struct PairedRows<'a, R> {
    rows: &'a R,
    /// Of what is wrapped.
    depth: usize,
}

/// A right operand in pairs.
pub(in crate::ops) struct PairedPanels<'a, P> {
    panels: &'a P,
    /// Of what is wrapped.
    depth: usize,
}

impl<'a, R> PairedRows<'a, R> {
    /// Wraps an operand of this depth.
    pub fn of(rows: &'a R, depth: usize) -> Self {
        Self { rows, depth }
    }
}

impl<'a, P> PairedPanels<'a, P> {
    /// Wraps an operand of this depth.
    pub fn of(panels: &'a P, depth: usize) -> Self {
        Self { panels, depth }
    }
}

/// The depths that some pairs stand for, of `whole`.
fn values(pairs: &Range<usize>, whole: usize) -> Range<usize> {
    2 * pairs.start..(2 * pairs.end).min(whole)
}

impl<R: Rows> Rows for PairedRows<'_, R> {
    #[inline(always)]
    fn block<'a, S: Simd>(
        &'a self,
        rows: Range<usize>,
        depth: Range<usize>,
        scratch: &'a mut Vec<f32>,
    ) -> Block<'a> {
        let values = values(&depth, self.depth);
        let (count, pairs) = (rows.len(), depth.len());
        let mut own = Scratch::take();
        let block = self.rows.block::<S>(rows, values.clone(), &mut own.buffers[0]);
        let to = sized(scratch, count * pairs);
        if block.depth_stride == 1 {
            for (row, to) in to.chunks_mut(pairs).enumerate() {
                pair_neighbours(&block.values[row * block.row_stride..][..values.len()], to);
            }
            return Block {
                values: to,
                row_stride: pairs,
                depth_stride: 1,
            };
        }
        assert!(block.row_stride == 1, "rows or depths lie side by side");
        for (pair, to) in to.chunks_mut(count).enumerate() {
            let row = |k: usize| &block.values[k * block.depth_stride..][..count];
            let high = (2 * pair + 1 < values.len()).then(|| row(2 * pair + 1));
            pair_rows(row(2 * pair), high, to);
        }
        Block {
            values: to,
            row_stride: 1,
            depth_stride: count,
        }
    }
}

impl<P: Panels> Panels for PairedPanels<'_, P> {
    #[inline(always)]
    fn pack<S: Simd>(&self, panel: usize, depth: Range<usize>, to: &mut [f32]) {
        let values = values(&depth, self.depth);
        let width = 2 * S::LANES;
        let mut own = Scratch::take();
        let wide = sized(&mut own.buffers[0], values.len() * width);
        self.panels.pack::<S>(panel, values, wide);
        for (rows, to) in wide.chunks(2 * width).zip(to.chunks_mut(width)) {
            let (low, high) = rows.split_at(width);
            pair_rows(low, (!high.is_empty()).then_some(high), to);
        }
    }

    fn place(&self, panel: usize) -> Place {
        self.panels.place(panel)
    }

    fn count(&self) -> usize {
        self.panels.count()
    }
}
