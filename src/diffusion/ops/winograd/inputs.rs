//! From pictures to transformed tiles.

use std::ops::Range;

use super::transform::transform_input;
use super::{OUT, Winograd};
use crate::ops::product::Shared;
use crate::ops::simd::{Kernel, Simd};

/// Tiles of a row transformed together.
const RUN: usize = 16;
/// Columns under `RUN` tiles, and room for the last vector.
const COLUMNS: usize = RUN * OUT + 16;

/// Transforms some channels of some tiles to `to`: (point, panel, channel of `depth`, tile of the panel).
pub(super) struct Inputs<'a> {
    pub layer: &'a Winograd<'a>,
    pub tiles: Range<usize>,
    pub channels: Range<usize>,
    pub depth: Range<usize>,
    pub panels: usize,
    pub to: Shared,
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
