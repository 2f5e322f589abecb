//! Keys and values of the tokens read so far.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::attention::Piece;
use crate::ModelError;

/// Tokens for which room is made at once when they come one by one.
const ROOM: usize = 256;

/// What a text model remembers of the tokens it has read.
///
/// A clone is cheap: it shares what is there, and what is read afterwards is its own. So a context that many questions
/// follow is read once. Growing copies nothing that is there already.
#[derive(Clone)]
pub struct KvCache {
    layers: Vec<Layer>,
    len: usize,
    stored: DType,
}

/// One layer's pieces, the oldest first.
#[derive(Clone, Default)]
struct Layer {
    pieces: Vec<Shared>,
}

/// The used part of a piece that other caches may use as well.
#[derive(Clone)]
struct Shared {
    room: Arc<Room>,
    len: usize,
}

/// Tensors `(heads, positions, width)`; positions after those in use hold nothing yet.
struct Room {
    keys: Tensor,
    values: Tensor,
}

impl KvCache {
    /// An empty cache that keeps keys and values in `stored`.
    pub(crate) fn new(layers: usize, stored: DType) -> Self {
        Self {
            layers: vec![Layer::default(); layers],
            len: 0,
            stored,
        }
    }

    /// Tokens read so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was read yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets all but the first `len` tokens; does nothing if there are no more than that.
    pub fn truncate(&mut self, len: usize) {
        for layer in &mut self.layers {
            layer.truncate(len);
        }
        self.len = self.len.min(len);
    }

    pub(crate) fn layer_count(&self) -> usize {
        self.layers.len()
    }

    /// Counts `n` tokens that every layer has been given.
    pub(crate) fn advance(&mut self, n: usize) {
        self.len += n;
    }

    /// Gives a layer the keys and values of further tokens, `(heads, n, width)` each, and returns all it has, in their type.
    pub(crate) fn append(
        &mut self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<Vec<Piece>, ModelError> {
        let layer = &mut self.layers[layer];
        layer.append(&keys.to_dtype(self.stored)?, &values.to_dtype(self.stored)?)?;
        layer.pieces(keys.dtype())
    }
}

impl Layer {
    fn append(&mut self, keys: &Tensor, values: &Tensor) -> Result<(), ModelError> {
        let (heads, n, width) = keys.dims3()?;
        let (keys, values) = (keys.contiguous()?, values.contiguous()?);
        if let Some(last) = self.pieces.last_mut()
            // A piece that another cache uses as well must not change.
            && let Some(room) = Arc::get_mut(&mut last.room)
            && last.len + n <= room.keys.dim(1)?
        {
            room.keys.slice_set(&keys, 1, last.len)?;
            room.values.slice_set(&values, 1, last.len)?;
            last.len += n;
            return Ok(());
        }
        let room = if n >= ROOM {
            Room { keys, values }
        } else {
            let room = |given: &Tensor| -> Result<Tensor, ModelError> {
                let room = Tensor::zeros((heads, ROOM, width), given.dtype(), given.device())?;
                room.slice_set(given, 1, 0)?;
                Ok(room)
            };
            Room {
                keys: room(&keys)?,
                values: room(&values)?,
            }
        };
        let room = Arc::new(room);
        self.pieces.push(Shared { room, len: n });
        Ok(())
    }

    fn pieces(&self, dtype: DType) -> Result<Vec<Piece>, ModelError> {
        self.pieces
            .iter()
            .map(|Shared { room, len }| {
                Ok(Piece {
                    keys: room.keys.narrow(1, 0, *len)?.to_dtype(dtype)?,
                    values: room.values.narrow(1, 0, *len)?.to_dtype(dtype)?,
                })
            })
            .collect()
    }

    fn truncate(&mut self, len: usize) {
        let mut before = 0;
        self.pieces.retain_mut(|piece| {
            piece.len = piece.len.min(len.saturating_sub(before));
            before += piece.len;
            piece.len > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        /// Read so many tokens into one of the caches.
        Read(usize, usize),
        /// Go on with a copy of a cache as well.
        Copy(usize),
        /// Forget what comes after so many tokens.
        Cut(usize, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..4usize, prop_oneof![1..6usize, 200..300usize]).prop_map(|(which, n)| Step::Read(which, n)),
            1 => (0..4usize).prop_map(Step::Copy),
            1 => (0..4usize, 0..400usize).prop_map(|(which, len)| Step::Cut(which, len)),
        ];
        prop::collection::vec(step, 1..16)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn caches_hold_what_was_read_into_them_however_they_were_copied_and_cut(steps in steps()) {
            let mut caches = vec![(KvCache::new(1, DType::F32), Vec::<f32>::new())];
            let mut next = 0f32;
            for step in steps {
                let which = |which: usize, caches: &[_]| which % caches.len();
                match step {
                    Step::Read(cache, n) => {
                        let at = which(cache, &caches);
                        let (cache, expected) = &mut caches[at];
                        let values: Vec<f32> = (0..n).map(|i| next + i as f32).collect();
                        next += n as f32;
                        let keys = Tensor::from_vec(values.clone(), (1, n, 1), &Device::Cpu).unwrap();
                        expected.extend(values);
                        let pieces = cache.append(0, &keys, &keys.neg().unwrap()).unwrap();
                        cache.advance(n);
                        let found: Vec<f32> = pieces
                            .iter()
                            .flat_map(|piece| piece.keys.flatten_all().unwrap().to_vec1::<f32>().unwrap())
                            .collect();
                        let negated: Vec<f32> = pieces
                            .iter()
                            .flat_map(|piece| piece.values.neg().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap())
                            .collect();
                        prop_assert_eq!(&found, &*expected);
                        prop_assert_eq!(&negated, &*expected);
                        prop_assert_eq!(cache.len(), expected.len());
                    }
                    Step::Copy(cache) => {
                        let at = which(cache, &caches);
                        caches.push(caches[at].clone());
                    }
                    Step::Cut(cache, len) => {
                        let at = which(cache, &caches);
                        caches[at].0.truncate(len);
                        caches[at].1.truncate(len);
                    }
                }
            }
        }
    }
}
