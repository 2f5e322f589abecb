//! Multi-head attention.
//!
//! On the processor, scores are computed transposed: keys are the rows of a tile and queries its columns. Then the softmax of
//! a query runs down a vector's lane, without sums across lanes, and the weights lie exactly as the product with the
//! values wants its right operand. Keys are taken a block at a time, with a running maximum and sum (online softmax,
//! Milakov and Gimelshein, arXiv 1805.02867), so that scores never leave the cache: at 4,096 positions and 8 heads they
//! would need half a gigabyte a picture.
#![allow(unsafe_code)]

use candle_core::{DType, Result, Tensor};
use rayon::prelude::*;

use super::fast_math::exp;
use super::product::{Left, Scratch, Shared, cut, filled, panel_width, sized, tile};
use super::simd::{Kernel, Simd, pair_neighbours, pair_rows};
use super::{is_fast, with_values};
use crate::weights::Products;

/// Values of keys in a block: with as many of the values, half of a second-level cache.
const BLOCK: usize = 24 * 1024;
/// Scores that candle's operations are given at a time, over all heads: 256 MiB of f32. At 1024² the autoencoder's would
/// be a gigabyte at once.
const PLAIN_SCORES: usize = 64 * 1024 * 1024;
/// Queries of one task, in panels.
const PANELS: usize = 4;
/// The score of a position that a causal query may not see.
const UNSEEN: f32 = -1e30;

/// `softmax(q · kᵀ · scale) · v` in each of `heads` parts of the last axis.
///
/// `q` is (pictures, n, heads · d), `k` and `v` (pictures, m, heads · d); the result is shaped like `q`. With `causal`,
/// position i attends to positions up to i only. `products` says how both products are computed on the processor; softmax
/// is always in f32.
pub(crate) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    scale: f64,
    causal: bool,
    products: Products,
) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if super::cuda::takes(q) {
        return super::cuda::attention(q, k, v, heads, scale, causal);
    }
    if !is_fast(q) {
        return plain(q, k, v, heads, scale, causal);
    }
    let (pictures, n, size) = q.dims3()?;
    let m = k.dim(1)?;
    if k.dims() != v.dims() || k.dim(0)? != pictures || k.dim(2)? != size || size % heads != 0 || m == 0 {
        candle_core::bail!(
            "attention of {:?} over {:?} with {heads} heads",
            q.dims(),
            k.dims()
        );
    }
    let y = with_values(q, |q| {
        with_values(k, |k| {
            with_values(v, |v| {
                let layer = Attention {
                    q,
                    k,
                    v,
                    pictures,
                    n,
                    m,
                    heads,
                    d: size / heads,
                    scale: scale as f32,
                    causal,
                    products,
                };
                layer.run()
            })
        })
    })???;
    Tensor::from_vec(y, (pictures, n, size), q.device())
}

struct Attention<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    pictures: usize,
    n: usize,
    m: usize,
    heads: usize,
    d: usize,
    scale: f32,
    causal: bool,
    products: Products,
}

impl Attention<'_> {
    /// A head's part of a key or value; `pair` is picture and head.
    fn row<'a>(&self, from: &'a [f32], pair: usize, row: usize) -> &'a [f32] {
        let (picture, head) = (pair / self.heads, pair % self.heads);
        &from[((picture * self.m + row) * self.heads + head) * self.d..][..self.d]
    }

    fn run(&self) -> Vec<f32> {
        let (m, d) = (self.m, self.d);
        let (pairs, size) = (self.pictures * self.heads, self.heads * d);
        // In pairs of bf16, keys are half as wide and values half as many.
        let (key_part, value_part) = match self.products {
            Products::F32 => (m * d, m * d),
            Products::Bf16 => (m * d.div_ceil(2), m.div_ceil(2) * d),
        };
        assert!(self.q.len() == self.pictures * self.n * size);
        assert!(self.k.len() == self.pictures * self.m * size && self.v.len() == self.k.len());
        let mut scratch = Scratch::take();
        let [keys, values, _] = &mut scratch.buffers;
        // Each head's keys and values together: read many times, and powers of two apart they would fall on each other
        // in the cache.
        let (keys, values) = (sized(keys, pairs * key_part), sized(values, pairs * value_part));
        keys.par_chunks_mut(key_part).enumerate().for_each(|(pair, to)| {
            for (key, to) in to.chunks_mut(key_part / m).enumerate() {
                match self.products {
                    Products::F32 => to.copy_from_slice(self.row(self.k, pair, key)),
                    Products::Bf16 => pair_neighbours(self.row(self.k, pair, key), to),
                }
            }
        });
        values
            .par_chunks_mut(value_part)
            .enumerate()
            .for_each(|(pair, to)| {
                for (at, to) in to.chunks_mut(d).enumerate() {
                    match self.products {
                        Products::F32 => to.copy_from_slice(self.row(self.v, pair, at)),
                        Products::Bf16 => {
                            let high = (2 * at + 1 < m).then(|| self.row(self.v, pair, 2 * at + 1));
                            pair_rows(self.row(self.v, pair, 2 * at), high, to);
                        }
                    }
                }
            });
        let step = PANELS * panel_width();
        let blocks = self.n.div_ceil(step);
        // SAFETY: the tasks cover all queries of all heads, each writes its own.
        unsafe {
            filled(self.pictures * self.n * size, |out| {
                (0..pairs * blocks)
                    .into_par_iter()
                    .with_max_len(4)
                    .for_each(|task| {
                        let (pair, first) = (task / blocks, task % blocks * step);
                        self.products.dispatch(Queries {
                            layer: self,
                            pair,
                            first,
                            count: step.min(self.n - first),
                            keys: &keys[pair * key_part..][..key_part],
                            values: &values[pair * value_part..][..value_part],
                            out,
                        });
                    });
            })
        }
    }
}

/// Some queries of one head of one picture.
struct Queries<'a> {
    layer: &'a Attention<'a>,
    /// Picture and head.
    pair: usize,
    first: usize,
    count: usize,
    /// (m, d), or pairs of neighbours in d
    keys: &'a [f32],
    /// (m, d), or pairs of neighbours in m
    values: &'a [f32],
    out: Shared,
}

impl Kernel for Queries<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Attention { n, m, heads, d, .. } = *self.layer;
        let width = 2 * S::LANES;
        let panels = self.count.div_ceil(width);
        let mut step = cut(m, (BLOCK / d).clamp(6, 384));
        if S::PAIRS {
            step = step.next_multiple_of(2);
        }
        let halved = |size: usize| if S::PAIRS { size.div_ceil(2) } else { size };
        let depth = halved(d);
        let mut scratch = Scratch::take();
        let [turned, mixed, scores] = &mut scratch.buffers;
        let turned = sized(turned, panels * d * width);
        let mixed = sized(mixed, panels * d * width);
        let scores = sized(scores, step * width);
        self.turn_queries::<S>(turned);
        if S::PAIRS {
            turned
                .chunks_mut(d * width)
                .for_each(|queries| pair_in_place(queries, width));
        }
        mixed.fill(0.0);
        // Running maximum and sum of each query, two vectors a panel.
        let mut largest = [[UNSEEN; 32]; PANELS];
        let mut sums = [[0f32; 32]; PANELS];
        for start in (0..m).step_by(step) {
            let block = step.min(m - start);
            let (keys, values) = (
                &self.keys[start * depth..][..block * depth],
                &self.values[halved(start) * d..][..halved(block) * d],
            );
            for panel in 0..panels {
                let first = self.first + panel * width;
                if self.layer.causal && start >= first + width {
                    continue;
                }
                let queries = &turned[panel * d * width..][..d * width];
                let mixed = &mut mixed[panel * d * width..][..d * width];
                // SAFETY: tiles stay inside `keys` (block × d), `values` (d × block, transposed), `queries` and `mixed`
                // (d × width) and `scores` (step × width), in pairs half as much of each; 32 is at least two vectors.
                unsafe {
                    for r in (0..block).step_by(6) {
                        let a = Left {
                            values: keys[r * depth..].as_ptr(),
                            row_stride: depth,
                            depth_stride: 1,
                        };
                        let to = scores[r * width..].as_mut_ptr();
                        match block - r {
                            1 => keep::<S, 1>(tile::<S, 1>(depth, a, queries.as_ptr()), to),
                            2 => keep::<S, 2>(tile::<S, 2>(depth, a, queries.as_ptr()), to),
                            3 => keep::<S, 3>(tile::<S, 3>(depth, a, queries.as_ptr()), to),
                            4 => keep::<S, 4>(tile::<S, 4>(depth, a, queries.as_ptr()), to),
                            5 => keep::<S, 5>(tile::<S, 5>(depth, a, queries.as_ptr()), to),
                            _ => keep::<S, 6>(tile::<S, 6>(depth, a, queries.as_ptr()), to),
                        }
                    }
                    let scores = &mut scores[..block * width];
                    if self.layer.causal {
                        for (key, row) in scores.chunks_mut(width).enumerate() {
                            let hidden = (start + key).saturating_sub(first).min(width);
                            row[..hidden].fill(UNSEEN);
                        }
                    }
                    let shrink = softmax::<S>(scores, &mut largest[panel], &mut sums[panel]);
                    if S::PAIRS {
                        pair_in_place(scores, width);
                    }
                    for r in (0..d).step_by(6) {
                        let a = Left {
                            values: values[r..].as_ptr(),
                            row_stride: 1,
                            depth_stride: d,
                        };
                        let to = mixed[r * width..].as_mut_ptr();
                        let b = scores.as_ptr();
                        match d - r {
                            1 => mix::<S, 1>(tile::<S, 1>(halved(block), a, b), shrink, to),
                            2 => mix::<S, 2>(tile::<S, 2>(halved(block), a, b), shrink, to),
                            3 => mix::<S, 3>(tile::<S, 3>(halved(block), a, b), shrink, to),
                            4 => mix::<S, 4>(tile::<S, 4>(halved(block), a, b), shrink, to),
                            5 => mix::<S, 5>(tile::<S, 5>(halved(block), a, b), shrink, to),
                            _ => mix::<S, 6>(tile::<S, 6>(halved(block), a, b), shrink, to),
                        }
                    }
                }
            }
        }
        let (picture, head) = (self.pair / heads, self.pair % heads);
        for panel in 0..panels {
            let first = self.first + panel * width;
            let mixed = &mixed[panel * d * width..][..d * width];
            for (j, sum) in sums[panel][..width.min(n - first)].iter().enumerate() {
                let reciprocal = 1.0 / sum;
                let at = (picture * n + first + j) * heads * d + head * d;
                for i in 0..d {
                    // SAFETY: this query's part of this head belongs to this task alone.
                    unsafe { *self.out.at(at + i) = mixed[i * width + j] * reciprocal }
                }
            }
        }
    }
}

impl Queries<'_> {
    /// Scales the queries and writes them as panels, (d, width); columns beyond the last query are zero.
    #[inline(always)]
    fn turn_queries<S: Simd>(&self, to: &mut [f32]) {
        let Attention {
            q,
            n,
            heads,
            d,
            scale,
            ..
        } = *self.layer;
        let width = 2 * S::LANES;
        let (picture, head) = (self.pair / heads, self.pair % heads);
        for (panel, to) in to.chunks_mut(d * width).enumerate() {
            for j in 0..width {
                let query = panel * width + j;
                if query >= self.count {
                    to.iter_mut().skip(j).step_by(width).for_each(|to| *to = 0.0);
                    continue;
                }
                let from = &q[(picture * n + self.first + query) * heads * d + head * d..][..d];
                for (from, to) in from.iter().zip(to.iter_mut().skip(j).step_by(width)) {
                    *to = from * scale;
                }
            }
        }
    }
}

/// Rounds rows to bf16 and puts each two neighbours into one row, from the first row on.
#[inline(always)]
fn pair_in_place(rows: &mut [f32], width: usize) {
    let count = rows.len() / width;
    let mut pair = [0f32; 32];
    for at in 0..count.div_ceil(2) {
        let low = &rows[2 * at * width..][..width];
        let high = (2 * at + 1 < count).then(|| &rows[(2 * at + 1) * width..][..width]);
        pair_rows(low, high, &mut pair[..width]);
        rows[at * width..][..width].copy_from_slice(&pair[..width]);
    }
}

/// Stores a tile of scores.
///
/// # Safety
/// R rows of two vectors must be writable.
#[inline(always)]
unsafe fn keep<S: Simd, const R: usize>(sums: [[S::V; 2]; R], to: *mut f32) {
    for (i, [low, high]) in sums.into_iter().enumerate() {
        // SAFETY: as the caller promises.
        unsafe {
            S::store(to.add(2 * i * S::LANES), low);
            S::store(to.add((2 * i + 1) * S::LANES), high);
        }
    }
}

/// Adds a tile to what was mixed so far, shrunk to the new maximum.
///
/// # Safety
/// R rows of two vectors must be writable.
#[inline(always)]
unsafe fn mix<S: Simd, const R: usize>(sums: [[S::V; 2]; R], shrink: [S::V; 2], to: *mut f32) {
    for (i, sums) in sums.into_iter().enumerate() {
        for (half, sum) in sums.into_iter().enumerate() {
            // SAFETY: as the caller promises.
            unsafe {
                let to = to.add((2 * i + half) * S::LANES);
                S::store(to, S::fma(S::load(to), shrink[half], sum));
            }
        }
    }
}

/// Replaces scores (keys, queries) by their exponentials over the running maximum and adds them to the running sum.
/// Returns the factor by which everything so far has to shrink.
///
/// # Safety
/// `scores` must be whole rows of two vectors.
#[inline(always)]
unsafe fn softmax<S: Simd>(scores: &mut [f32], largest: &mut [f32; 32], sums: &mut [f32; 32]) -> [S::V; 2] {
    let width = 2 * S::LANES;
    // SAFETY: as the caller promises; 32 is at least two vectors.
    unsafe {
        let mut shrinks = [S::splat(1.0); 2];
        for (half, shrink) in shrinks.iter_mut().enumerate() {
            let lane = half * S::LANES;
            let old = S::load(largest.as_ptr().add(lane));
            let mut new = old;
            let mut at = lane;
            while at < scores.len() {
                new = S::max(new, S::load(scores.as_ptr().add(at)));
                at += width;
            }
            *shrink = exp::<S>(S::sub(old, new));
            let mut sum = S::splat(0.0);
            let mut at = lane;
            while at < scores.len() {
                let to = scores.as_mut_ptr().add(at);
                let weight = exp::<S>(S::sub(S::load(to), new));
                S::store(to, weight);
                sum = S::add(sum, weight);
                at += width;
            }
            S::store(largest.as_mut_ptr().add(lane), new);
            let sums = sums.as_mut_ptr().add(lane);
            S::store(sums, S::fma(S::load(sums), *shrink, sum));
        }
        shrinks
    }
}

/// The same with candle's operations, for other devices and precisions. Softmax runs in f32; queries are scaled before
/// they meet the keys, so that 16 bits do not overflow where the scaled scores would fit.
pub(super) fn plain(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    scale: f64,
    causal: bool,
) -> Result<Tensor> {
    let (pictures, n, size) = q.dims3()?;
    let m = k.dim(1)?;
    let split = |x: &Tensor, rows: usize| {
        x.reshape((pictures, rows, heads, size / heads))?
            .transpose(1, 2)?
            .contiguous()
    };
    let (q, k, v) = ((split(q, n)? * scale)?, split(k, m)?.t()?, split(v, m)?);
    let dtype = q.dtype();
    let block = (PLAIN_SCORES / (pictures * heads * m).max(1)).clamp(1, n.max(1));
    let mut mixed = Vec::with_capacity(n.div_ceil(block));
    for first in (0..n).step_by(block) {
        let rows = block.min(n - first);
        let queries = q.narrow(2, first, rows)?.contiguous()?;
        let mut scores = queries.matmul(&k)?.to_dtype(DType::F32)?;
        if causal {
            let mask: Vec<f32> = (0..rows * m)
                .map(|i| {
                    if i % m > first + i / m {
                        f32::NEG_INFINITY
                    } else {
                        0.0
                    }
                })
                .collect();
            scores = scores.broadcast_add(&Tensor::from_vec(mask, (rows, m), scores.device())?)?;
        }
        let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(dtype)?;
        mixed.push(weights.matmul(&v)?);
    }
    Tensor::cat(&mixed, 2)?
        .transpose(1, 2)?
        .reshape((pictures, n, size))
}

#[cfg(test)]
mod tests;
