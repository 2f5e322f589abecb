//! Multi-head attention.
//!
//! The fast path takes a block of queries at a time, so that scores never exist for all queries at once (at 4,096
//! positions and 8 heads they would need half a gigabyte a picture), and reads heads in place instead of transposing.

use candle_core::{CpuStorage, DType, Result, Tensor};
use rayon::prelude::*;

use super::fast_math::exp;
use super::is_fast;
use super::matmul::{Matrix, matmul, with_storage};

/// Scores kept at a time and head: 1 MiB of f32.
const SCORES: usize = 256 * 1024;
/// Scores that candle's operations are given at a time, over all heads: 256 MiB of f32. At 1024² the autoencoder's would
/// be a gigabyte at once.
const PLAIN_SCORES: usize = 64 * 1024 * 1024;
/// Queries in a block: enough for the matrix product, and enough blocks to occupy the cores.
const QUERIES: usize = 128;

/// `softmax(q · kᵀ · scale) · v` in each of `heads` parts of the last axis.
///
/// `q` is (pictures, n, heads · d), `k` and `v` (pictures, m, heads · d); the result is shaped like `q`. With `causal`,
/// position i attends to positions up to i only.
pub(crate) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    scale: f64,
    causal: bool,
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
    if k.dims() != v.dims() || k.dim(0)? != pictures || k.dim(2)? != size || size % heads != 0 {
        candle_core::bail!(
            "attention of {:?} over {:?} with {heads} heads",
            q.dims(),
            k.dims()
        );
    }
    let d = size / heads;
    let block = (SCORES / m.max(1)).clamp(8, QUERIES).min(n);
    let blocks = n.div_ceil(block);
    let mut y = vec![0f32; pictures * n * size];
    with_storage(q, |q, q0| {
        with_storage(k, |k, k0| {
            with_storage(v, |v, v0| {
                let slices: Vec<&mut [f32]> = y
                    .chunks_mut(n * size)
                    .flat_map(|picture| picture.chunks_mut(block * size))
                    .collect();
                slices.into_par_iter().enumerate().try_for_each(|(i, y)| {
                    let (picture, first) = (i / blocks, (i % blocks) * block);
                    let rows = y.len() / size;
                    for head in 0..heads {
                        let part = |values, offset| Matrix {
                            values,
                            offset: offset + head * d,
                            rows: m,
                            cols: d,
                            row_stride: size,
                            col_stride: 1,
                        };
                        let keys = part(k, k0 + picture * m * size);
                        let queries = Matrix {
                            rows,
                            ..part(q, q0 + (picture * n + first) * size)
                        };
                        let mut scores = matmul(queries, keys.transposed())?;
                        let sums = softmax_rows(&mut scores, m, scale as f32, causal.then_some(first));
                        let scores = CpuStorage::F32(scores);
                        let mixed = matmul(
                            Matrix::dense(&scores, 0, rows, m),
                            part(v, v0 + picture * m * size),
                        )?;
                        for ((y, mixed), sum) in y.chunks_mut(size).zip(mixed.chunks(d)).zip(sums) {
                            for (y, mixed) in y[head * d..][..d].iter_mut().zip(mixed) {
                                *y = mixed * sum;
                            }
                        }
                    }
                    Ok(())
                })
            })
        })
    })?;
    Tensor::from_vec(y, (pictures, n, size), q.device())
}

/// Replaces each row by its scaled exponentials and returns the reciprocals of their sums.
///
/// With `first`, row r is query `first + r` of a causal attention, and later positions get no weight.
fn softmax_rows(scores: &mut [f32], m: usize, scale: f32, first: Option<usize>) -> Vec<f32> {
    let mut reciprocals = Vec::with_capacity(scores.len() / m.max(1));
    for (r, row) in scores.chunks_mut(m).enumerate() {
        let seen = first.map_or(m, |first| (first + r + 1).min(m));
        let (row, hidden) = row.split_at_mut(seen);
        hidden.fill(0.0);
        let largest = lanes(row, f32::MIN, f32::max) * scale;
        // The scale is positive, so the largest score stays the largest.
        for x in row.iter_mut() {
            *x = exp(*x * scale - largest);
        }
        reciprocals.push(1.0 / lanes(row, 0.0, |a, b| a + b));
    }
    reciprocals
}

/// Folds values in sixteen independent lanes, which the compiler can vectorise; the order is fixed.
fn lanes(values: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; 16];
    let mut parts = values.chunks_exact(16);
    for part in &mut parts {
        for (lane, &v) in lanes.iter_mut().zip(part) {
            *lane = f(*lane, v);
        }
    }
    let rest = parts.remainder().iter().fold(start, |a, &b| f(a, b));
    lanes.into_iter().fold(rest, f)
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
mod tests {
    use super::*;
    use crate::ops::testing::{bits, noise, relative_error};

    #[test]
    fn it_agrees_with_candle() {
        for (pictures, n, m, heads, d) in [
            (1, 1, 1, 1, 3),
            (2, 5, 77, 2, 8),
            (1, 300, 300, 3, 10),
            (2, 256, 77, 4, 16),
        ] {
            let q = noise(1, (pictures, n, heads * d));
            let (k, v) = (
                noise(2, (pictures, m, heads * d)),
                noise(3, (pictures, m, heads * d)),
            );
            for causal in [false, n == m] {
                let ours = attention(&q, &k, &v, heads, 0.3, causal).unwrap();
                let expected = plain(&q, &k, &v, heads, 0.3, causal).unwrap();
                assert!(relative_error(&ours, &expected) < 1e-5);
            }
        }
    }

    #[test]
    fn a_picture_is_the_same_alone_and_in_a_batch() {
        let (q, k, v) = (
            noise(1, (3, 200, 32)),
            noise(2, (3, 77, 32)),
            noise(3, (3, 77, 32)),
        );
        let together = attention(&q, &k, &v, 4, 0.35, false).unwrap();
        for p in 0..3 {
            let one = |x: &Tensor| x.narrow(0, p, 1).unwrap();
            let alone = attention(&one(&q), &one(&k), &one(&v), 4, 0.35, false).unwrap();
            assert_eq!(bits(&alone), bits(&one(&together)));
        }
    }

    #[test]
    fn large_scores_stay_finite() {
        let q = (noise(1, (1, 4, 8)) * 1e4).unwrap();
        let y = attention(&q, &q, &noise(2, (1, 4, 8)), 1, 1.0, false).unwrap();
        assert!(
            y.flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
                .iter()
                .all(|v| v.is_finite())
        );
    }
}
