//! A layer followed by GEGLU in one pass: what the layer gives, twice as wide as what is kept, never leaves the cache.
#![allow(unsafe_code)]

use std::ops::Range;

use rayon::prelude::*;

use super::fast_math::gelu;
use super::product::{
    Dense, Finish, PairedPanels, PairedRows, Panels, Place, Rows, Scratch, Shared, Task, Transposed, filled,
    sized, split,
};
use super::simd::{Kernel, Simd};
use crate::weights::{Products, Values};

/// The weight (2 · half, depth) as right operand: panels of values and of gates alternate.
struct Alternating<'a> {
    weight: Transposed<'a>,
    /// Panels of either half.
    half: usize,
}

impl Alternating<'_> {
    fn panel(&self, panel: usize) -> usize {
        panel / 2 + panel % 2 * self.half
    }
}

impl Panels for Alternating<'_> {
    #[inline(always)]
    fn pack<S: Simd>(&self, panel: usize, depth: Range<usize>, to: &mut [f32]) {
        self.weight.pack::<S>(self.panel(panel), depth, to);
    }

    fn place(&self, panel: usize) -> Place {
        Place {
            offset: panel * self.weight.width,
            ..self.weight.place(self.panel(panel))
        }
    }

    fn count(&self) -> usize {
        2 * self.half
    }
}

/// `value · GELU(gate)` with `(value, gate) = x · Wᵀ + b` for `m` rows of `x`: (m, half). `None` if `half` is not whole
/// panels.
pub(super) fn gated(
    m: usize,
    products: Products,
    x: &Dense<'_>,
    weight: Values<'_>,
    bias: Option<&[f32]>,
    half: usize,
    width: usize,
) -> Option<Vec<f32>> {
    if half == 0 || !half.is_multiple_of(width) || x.depth == 0 || m == 0 {
        return None;
    }
    assert!(x.values.len() == m * x.depth && weight.len() == 2 * half * x.depth);
    assert!(bias.is_none_or(|bias| bias.len() == 2 * half));
    let panels = Alternating {
        weight: Transposed {
            values: weight,
            pictures: 1,
            out: 2 * half,
            depth: x.depth,
            width,
            m,
        },
        half: half / width,
    };
    let layer = Layer { m, bias, half };
    Some(match products {
        Products::F32 => layer.run(products, x, &panels, x.depth),
        Products::Bf16 => {
            let (rows, panels) = (PairedRows::of(x, x.depth), PairedPanels::of(&panels, x.depth));
            layer.run(products, &rows, &panels, x.depth.div_ceil(2))
        }
    })
}

/// What every part of the work knows.
#[derive(Clone, Copy)]
struct Layer<'a> {
    m: usize,
    bias: Option<&'a [f32]>,
    half: usize,
}

impl Layer<'_> {
    fn run(self, products: Products, x: &impl Rows, panels: &impl Panels, depth: usize) -> Vec<f32> {
        let Self { m, half, .. } = self;
        let (by_panels, by_rows) = split(m, depth, panels.count());
        let panel_step = panels.count().div_ceil(by_panels).next_multiple_of(2);
        let row_step = m.div_ceil(by_rows);
        let by_panels = panels.count().div_ceil(panel_step);
        // SAFETY: the tasks cover all rows and all pairs of panels, each once.
        unsafe {
            filled(m * half, |out| {
                (0..by_panels * by_rows)
                    .into_par_iter()
                    .with_max_len(1)
                    .for_each(|task| {
                        let (i, j) = (task / by_rows, task % by_rows);
                        let rows = j * row_step..((j + 1) * row_step).min(m);
                        let pairs = i * panel_step..((i + 1) * panel_step).min(panels.count());
                        if !rows.is_empty() {
                            products.dispatch(Gated {
                                layer: self,
                                x,
                                panels,
                                depth,
                                rows,
                                pairs,
                                out,
                            });
                        }
                    });
            })
        }
    }
}

struct Gated<'a, R, P> {
    layer: Layer<'a>,
    x: &'a R,
    panels: &'a P,
    depth: usize,
    rows: Range<usize>,
    /// Panels, an even number.
    pairs: Range<usize>,
    out: Shared,
}

impl<R: Rows, P: Panels> Kernel for Gated<'_, R, P> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = 2 * S::LANES;
        let stride = self.pairs.len() * width;
        let mut scratch = Scratch::take();
        let both = sized(&mut scratch.buffers[0], self.rows.len() * stride);
        Task {
            rows: self.x,
            panels: self.panels,
            row_range: self.rows.clone(),
            panel_range: self.pairs.clone(),
            depth: self.depth,
            row_stride: stride,
            base: self.rows.start * stride + self.pairs.start * width,
            out: Shared(both.as_mut_ptr()),
            finish: Finish {
                column_bias: self.layer.bias,
                ..Default::default()
            },
        }
        .multiply::<S>();
        for (row, both) in self.rows.zip(both.chunks_exact(stride)) {
            for (pair, both) in both.chunks_exact(2 * width).enumerate() {
                let at = row * self.layer.half + (self.pairs.start / 2 + pair) * width;
                for lane in (0..width).step_by(S::LANES) {
                    // SAFETY: `both` holds a panel of values and one of gates; this place belongs to this task alone.
                    unsafe {
                        let value = S::load(both.as_ptr().add(lane));
                        let gate = gelu::<S>(S::load(both.as_ptr().add(width + lane)));
                        S::store(self.out.at(at + lane), S::mul(value, gate));
                    }
                }
            }
        }
    }
}
