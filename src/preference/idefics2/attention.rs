//! Attention over keys and values that lie in several pieces, a block of queries at a time.

use candle_core::{D, DType, Device, Tensor};

use crate::ModelError;

/// Scores that may exist at once: 16 MiB of f32. More queries than that allows go one block after the other.
pub(crate) const SCORES: usize = 1 << 22;

/// Keys and values that follow each other, each `(key-value heads, positions, width of a head)`.
pub(crate) struct Piece {
    pub keys: Tensor,
    pub values: Tensor,
}

/// Which keys a query sees.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sight {
    /// All of them.
    Everything,
    /// Those up to its own position, and of these only the last `window`.
    Causal {
        /// Position of the first query; the first key has position 0.
        first: usize,
        window: Option<usize>,
    },
}

impl Sight {
    /// The keys that any of the queries `from..to` sees, among `total`.
    fn span(self, from: usize, to: usize, total: usize) -> (usize, usize) {
        match self {
            Self::Everything => (0, total),
            Self::Causal { first, window } => {
                let start = window.map_or(0, |window| (first + from + 1).saturating_sub(window));
                (start, total.min(first + to))
            }
        }
    }

    /// What to add to the scores of queries `from..to` and keys `span`, or `None` if each query sees them all.
    fn mask(
        self,
        from: usize,
        to: usize,
        span: (usize, usize),
        device: &Device,
    ) -> Result<Option<Tensor>, ModelError> {
        let Self::Causal { first, window } = self else {
            return Ok(None);
        };
        if to - from == 1 {
            return Ok(None);
        }
        let keys = span.0..span.1;
        let mask: Vec<f32> = (first + from..first + to)
            .flat_map(|query| {
                keys.clone().map(move |key| {
                    let seen = key <= query && window.is_none_or(|window| key + window > query);
                    if seen { 0.0 } else { f32::NEG_INFINITY }
                })
            })
            .collect();
        Ok(Some(Tensor::from_vec(mask, (to - from, keys.len()), device)?))
    }
}

/// `softmax(q·kᵀ/√d)·v`: queries `(heads, n, d)` to rows `(n, heads·d)`. A group of query heads shares each key-value head.
pub(crate) fn attention(queries: &Tensor, pieces: &[Piece], sight: Sight) -> Result<Tensor, ModelError> {
    let (heads, n, width) = queries.dims3()?;
    let total = pieces
        .iter()
        .map(|piece| piece.keys.dim(1))
        .sum::<Result<usize, _>>()?;
    let queries = (queries * (width as f64).powf(-0.5))?;
    let block = (SCORES / (heads * total)).clamp(1, n);
    let mut rows = Vec::new();
    for from in (0..n).step_by(block) {
        let to = n.min(from + block);
        let queries = queries.narrow(1, from, to - from)?;
        rows.push(of_block(&queries, pieces, sight, from, total)?);
    }
    match &rows[..] {
        [only] => Ok(only.clone()),
        _ => Ok(Tensor::cat(&rows, 0)?),
    }
}

fn of_block(
    queries: &Tensor,
    pieces: &[Piece],
    sight: Sight,
    from: usize,
    total: usize,
) -> Result<Tensor, ModelError> {
    let (heads, n, width) = queries.dims3()?;
    let key_heads = pieces[0].keys.dim(0)?;
    let grouped = queries
        .contiguous()?
        .reshape((key_heads, heads / key_heads * n, width))?;
    let span = sight.span(from, from + n, total);
    let (mut start, mut seen, mut scores) = (0, Vec::new(), Vec::new());
    for Piece { keys, values } in pieces {
        let end = start + keys.dim(1)?;
        let (a, b) = (span.0.max(start), span.1.min(end));
        if a < b {
            let keys = keys.narrow(1, a - start, b - a)?;
            scores.push(grouped.matmul(&keys.t()?)?);
            seen.push((values.narrow(1, a - start, b - a)?, b - a));
        }
        start = end;
    }
    let mut scores = match &scores[..] {
        [only] => only.to_dtype(DType::F32)?,
        _ => Tensor::cat(&scores, 2)?.to_dtype(DType::F32)?,
    };
    if let Some(mask) = sight.mask(from, from + n, span, queries.device())? {
        let keys = span.1 - span.0;
        scores = scores.reshape((heads, n, keys))?.broadcast_add(&mask)?.reshape((
            key_heads,
            heads / key_heads * n,
            keys,
        ))?;
    }
    let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(queries.dtype())?;
    let (mut at, mut sum) = (0, None);
    for (values, keys) in seen {
        let part = weights
            .narrow(D::Minus1, at, keys)?
            .contiguous()?
            .matmul(&values.contiguous()?)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
        at += keys;
    }
    let sum = sum.ok_or_else(|| ModelError::input("attention over nothing"))?;
    Ok(sum
        .reshape((heads, n, width))?
        .transpose(0, 1)?
        .reshape((n, heads * width))?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Attention as it is defined, for one query head.
    fn defined(query: &[f32], keys: &[Vec<f32>], values: &[Vec<f32>]) -> Vec<f32> {
        let scale = (query.len() as f32).sqrt();
        let weights: Vec<f32> = keys
            .iter()
            .map(|key| (query.iter().zip(key).map(|(q, k)| q * k).sum::<f32>() / scale).exp())
            .collect();
        let sum: f32 = weights.iter().sum();
        (0..query.len())
            .map(|i| {
                weights
                    .iter()
                    .zip(values)
                    .map(|(weight, value)| weight * value[i])
                    .sum::<f32>()
                    / sum
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn attention_over_pieces_is_attention_as_it_is_defined(
            seed in any::<u32>(),
            key_heads in 1..3usize,
            group in 1..3usize,
            pieces in prop::collection::vec(1..6usize, 1..4),
            n in 1..5usize,
            window in prop::option::of(1..9usize),
            causal in any::<bool>(),
        ) {
            let (total, width) = (pieces.iter().sum::<usize>(), 4);
            let n = n.min(total);
            let first = total - n;
            // Numbers in -1..1 that follow from the seed.
            let mut state = seed;
            let mut number = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            };
            let mut tensor = |a, b| {
                let values: Vec<f32> = (0..a * b * width).map(|_| number()).collect();
                Tensor::from_vec(values, (a, b, width), &Device::Cpu).unwrap()
            };
            let (keys, values) = (tensor(key_heads, total), tensor(key_heads, total));
            let queries = tensor(key_heads * group, n);
            let mut at = 0;
            let cut: Vec<Piece> = pieces
                .iter()
                .map(|&len| {
                    at += len;
                    let part = |t: &Tensor| t.narrow(1, at - len, len).unwrap();
                    Piece { keys: part(&keys), values: part(&values) }
                })
                .collect();
            let sight = match causal {
                true => Sight::Causal { first, window },
                false => Sight::Everything,
            };
            let found = attention(&queries, &cut, sight).unwrap().to_vec2::<f32>().unwrap();
            let (keys, values) = (keys.to_vec3::<f32>().unwrap(), values.to_vec3::<f32>().unwrap());
            for (head, queries) in queries.to_vec3::<f32>().unwrap().iter().enumerate() {
                for (i, query) in queries.iter().enumerate() {
                    let end = if causal { first + i + 1 } else { total };
                    let start = match (causal, window) {
                        (true, Some(window)) => end.saturating_sub(window),
                        _ => 0,
                    };
                    let shared = head / group;
                    let expected = defined(query, &keys[shared][start..end], &values[shared][start..end]);
                    for (found, expected) in found[i][head * width..].iter().zip(expected) {
                        prop_assert!((found - expected).abs() < 1e-5, "{found} {expected}");
                    }
                }
            }
        }
    }
}
