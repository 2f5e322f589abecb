//! The decoder: Llama-, Qwen-, Gemma- and Phi-shaped models from one GGUF file, quantised as the file has them.
//!
//! candle-transformers has a module for each of these; this one serves all of them because the extractor needs what those
//! do not give alike: a cache that stands apart from the weights, so that the instruction is run once and every comment goes
//! on from there, and several tokens at once after it. Tests hold it to candle's modules.

mod layer;
mod rope;
mod tensors;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candle_core::quantized::QMatMul;
use candle_core::quantized::gguf_file::Content;
use candle_core::{DType, Device, Module, Result, Tensor};

use self::layer::{Layer, RmsNorm, layer};
use self::rope::Rope;
use self::tensors::Tensors;
use super::LlmError;
use super::gguf::{Family, Metadata, Sizes};

/// Keys and values of the positions so far, one pair for each layer. A clone shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Cache {
    layers: Vec<Option<(Tensor, Tensor)>>,
    positions: usize,
}

impl Cache {
    /// Positions held.
    pub(super) fn len(&self) -> usize {
        self.positions
    }
}

/// A model with its weights.
#[derive(Debug)]
pub(super) struct Decoder {
    sizes: Sizes,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: RmsNorm,
    head: QMatMul,
    rope: Rope,
    rope_local: Option<Rope>,
    positions: usize,
    device: Device,
}

impl Decoder {
    /// Reads the weights.
    ///
    /// `positions` bounds the context, for which tables are made.
    ///
    /// # Errors
    /// When a tensor is missing or of another shape than the metadata says.
    pub(super) fn load(
        path: &Path,
        content: &Content,
        sizes: Sizes,
        positions: usize,
        device: &Device,
    ) -> std::result::Result<Self, LlmError> {
        let file = File::open(path).map_err(|source| LlmError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut tensors = Tensors {
            content,
            reader: BufReader::new(file),
            path,
            device,
            eps: sizes.eps as f32,
        };
        let metadata = Metadata { content, path };
        let words = content
            .tensor_infos
            .get("token_embd.weight")
            .map_or(0, |info| info.shape.dims()[0]);
        let hidden = sizes.hidden;
        let embedding = tensors.plain("token_embd.weight", &[words, hidden])?;
        let head = if tensors.has("output.weight") {
            tensors.matrix("output.weight", [words, hidden])?
        } else {
            tensors.matrix("token_embd.weight", [words, hidden])?
        };
        let feed_forward = metadata
            .sizes()
            .ok()
            .and(metadata.number(&format!(
                "{}.feed_forward_length",
                metadata.text("general.architecture").unwrap_or_default()
            )))
            .ok_or_else(|| metadata.invalid("the width of the feed-forward layers is missing"))?;
        let mut layers = Vec::with_capacity(sizes.layers);
        for index in 0..sizes.layers {
            layers.push(layer(&mut tensors, &sizes, index, feed_forward)?);
        }
        let positions = positions.min(sizes.context);
        let mut factors = Vec::new();
        for name in ["rope_freqs.weight", "rope_factors_short.weight"] {
            if tensors.has(name) {
                factors = tensors.plain(name, &[sizes.rope_dim / 2])?.to_vec1::<f32>()?;
            }
        }
        let rope = Rope::new(
            &sizes,
            sizes.rope_base,
            sizes.rope_linear,
            &factors,
            positions,
            device,
        )?;
        let rope_local = match sizes.window {
            Some(_) => Some(Rope::new(
                &sizes,
                sizes.rope_base_local,
                1.0,
                &[],
                positions,
                device,
            )?),
            None => None,
        };
        Ok(Self {
            norm: tensors.norm("output_norm.weight", hidden)?,
            embedding,
            layers,
            head,
            rope,
            rope_local,
            positions,
            device: device.clone(),
            sizes,
        })
    }

    /// Words of the vocabulary.
    pub(super) fn words(&self) -> usize {
        self.embedding.dims()[0]
    }

    /// Most positions of a cache.
    pub(super) fn positions(&self) -> usize {
        self.positions
    }

    /// Runs tokens after those in the cache; returns the logits after the last, one for each word of the vocabulary.
    ///
    /// # Errors
    /// When there are no tokens, one is not in the vocabulary, or the context is full.
    pub(super) fn forward(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<f32>> {
        let (count, start) = (tokens.len(), cache.positions);
        if count == 0 || start + count > self.positions {
            candle_core::bail!(
                "{count} tokens after {start} do not fit into {} positions",
                self.positions
            );
        }
        cache.layers.resize(self.layers.len(), None);
        let ids = Tensor::new(tokens, &self.device)?;
        let mut x = self.embedding.index_select(&ids, 0)?.unsqueeze(0)?;
        if self.sizes.family == Family::Gemma3 {
            x = (x * (self.sizes.hidden as f64).sqrt())?;
        }
        let everything = self.mask(count, start, None)?;
        let windowed = match self.sizes.window {
            Some(window) => self.mask(count, start, Some(window))?,
            None => None,
        };
        for (layer, cached) in self.layers.iter().zip(&mut cache.layers) {
            let (rope, mask) = match &self.rope_local {
                Some(local) if layer.windowed => (local, &windowed),
                _ => (&self.rope, &everything),
            };
            x = layer.forward(&x, &self.sizes, rope, mask.as_ref(), start, cached)?;
        }
        cache.positions += count;
        let last = self.norm.forward(&x.narrow(1, count - 1, 1)?)?;
        self.head
            .forward(&last)?
            .flatten_all()?
            .to_dtype(DType::F32)?
            .to_vec1()
    }

    /// What is added to the scores, `(count, start + count)`; nothing where every position is seen.
    fn mask(&self, count: usize, start: usize, window: Option<usize>) -> Result<Option<Tensor>> {
        if count == 1 && window.is_none_or(|window| start < window) {
            return Ok(None);
        }
        let total = start + count;
        let mask: Vec<f32> = (start..total)
            .flat_map(|query| {
                (0..total).map(move |key| {
                    let seen = key <= query && window.is_none_or(|window| query < key + window);
                    if seen { 0.0 } else { f32::NEG_INFINITY }
                })
            })
            .collect();
        Tensor::from_vec(mask, (count, total), &self.device).map(Some)
    }
}
