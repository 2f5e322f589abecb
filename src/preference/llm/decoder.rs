//! The decoder: Llama-, Qwen-, Gemma- and Phi-shaped models from one GGUF file, quantised as the file has them.
//!
//! candle-transformers has a module for each of these; this one serves all of them because the extractor needs what those
//! do not give alike: a cache that stands apart from the weights, so that the instruction is run once and every comment goes
//! on from there, and several tokens at once after it. Tests hold it to candle's modules.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{DType, Device, Module, Result, Tensor};

use super::LlmError;
use super::gguf::{Activation, Family, Metadata, Sizes};

/// Kinds of blocks for which candle has no vector code on processors. They are widened to eight bits when they are read: a
/// little more memory and next to no error, for an order of magnitude in time.
const SLOW: [GgmlDType; 3] = [GgmlDType::Q4_1, GgmlDType::Q5_0, GgmlDType::Q5_1];

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

#[derive(Debug)]
struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

impl RmsNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        candle_nn::ops::rms_norm(&x.contiguous()?, &self.weight, self.eps)
    }
}

#[derive(Debug)]
enum Inputs {
    Apart([(QMatMul, Option<Tensor>); 3]),
    /// Queries, keys and values in one.
    Fused(QMatMul),
}

#[derive(Debug)]
enum Gate {
    Apart(QMatMul, QMatMul),
    /// Gate and value in one.
    Fused(QMatMul),
}

#[derive(Debug)]
struct Layer {
    attention_norm: RmsNorm,
    inputs: Inputs,
    query_norm: Option<RmsNorm>,
    key_norm: Option<RmsNorm>,
    output: QMatMul,
    post_attention_norm: Option<RmsNorm>,
    feed_forward_norm: RmsNorm,
    gate: Gate,
    down: QMatMul,
    post_feed_forward_norm: Option<RmsNorm>,
    windowed: bool,
}

/// Cosine and sine of each position, `(positions, rope_dim / 2)`.
#[derive(Debug)]
struct Rope {
    cos: Tensor,
    sin: Tensor,
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

/// Reads tensors, and names the one that is missing or of another shape.
struct Tensors<'a> {
    content: &'a Content,
    reader: BufReader<File>,
    path: &'a Path,
    device: &'a Device,
    eps: f32,
}

impl Tensors<'_> {
    fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    fn quantised(&mut self, name: &str, shape: &[usize]) -> std::result::Result<QTensor, LlmError> {
        let invalid = |problem: String| LlmError::Invalid {
            path: self.path.to_owned(),
            problem,
        };
        let info = self
            .content
            .tensor_infos
            .get(name)
            .ok_or_else(|| invalid(format!("the tensor `{name}` is missing")))?;
        if info.shape.dims() != shape {
            let found = info.shape.dims();
            return Err(invalid(format!(
                "`{name}` has the shape {found:?}, expected {shape:?}"
            )));
        }
        self.content
            .tensor(&mut self.reader, name, self.device)
            .map_err(|error| invalid(format!("`{name}` cannot be read: {error}")))
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> std::result::Result<QMatMul, LlmError> {
        let mut matrix = self.quantised(name, &shape)?;
        if self.device.is_cpu() && SLOW.contains(&matrix.dtype()) {
            matrix = QTensor::quantize(&matrix.dequantize(self.device)?, GgmlDType::Q8_0)?;
        }
        Ok(QMatMul::from_qtensor(matrix)?)
    }

    fn plain(&mut self, name: &str, shape: &[usize]) -> std::result::Result<Tensor, LlmError> {
        Ok(self.quantised(name, shape)?.dequantize(self.device)?)
    }

    fn norm(&mut self, name: &str, width: usize) -> std::result::Result<RmsNorm, LlmError> {
        Ok(RmsNorm {
            weight: self.plain(name, &[width])?,
            eps: self.eps,
        })
    }
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

fn layer(
    tensors: &mut Tensors<'_>,
    sizes: &Sizes,
    index: usize,
    feed_forward: usize,
) -> std::result::Result<Layer, LlmError> {
    let name = |part: &str| format!("blk.{index}.{part}.weight");
    let (hidden, queries, keys) = (
        sizes.hidden,
        sizes.heads * sizes.head_dim,
        sizes.kv_heads * sizes.head_dim,
    );
    let fused = sizes.family == Family::Phi3;
    let inputs = if fused {
        Inputs::Fused(tensors.matrix(&name("attn_qkv"), [queries + 2 * keys, hidden])?)
    } else {
        let mut projection = |part: &str, width: usize| {
            let matrix = tensors.matrix(&name(part), [width, hidden])?;
            let bias = format!("blk.{index}.{part}.bias");
            let bias = match tensors.has(&bias) {
                true => Some(tensors.plain(&bias, &[width])?),
                false => None,
            };
            Ok::<_, LlmError>((matrix, bias))
        };
        Inputs::Apart([
            projection("attn_q", queries)?,
            projection("attn_k", keys)?,
            projection("attn_v", keys)?,
        ])
    };
    let gate = if fused {
        Gate::Fused(tensors.matrix(&name("ffn_up"), [2 * feed_forward, hidden])?)
    } else {
        Gate::Apart(
            tensors.matrix(&name("ffn_gate"), [feed_forward, hidden])?,
            tensors.matrix(&name("ffn_up"), [feed_forward, hidden])?,
        )
    };
    let mut norm_if = |wanted: bool, part: &str, width: usize| match wanted {
        true => tensors.norm(&name(part), width).map(Some),
        false => Ok(None),
    };
    let gemma = sizes.family == Family::Gemma3;
    let head_norms = gemma || sizes.family == Family::Qwen3;
    Ok(Layer {
        query_norm: norm_if(head_norms, "attn_q_norm", sizes.head_dim)?,
        key_norm: norm_if(head_norms, "attn_k_norm", sizes.head_dim)?,
        post_attention_norm: norm_if(gemma, "post_attention_norm", hidden)?,
        post_feed_forward_norm: norm_if(gemma, "post_ffw_norm", hidden)?,
        attention_norm: tensors.norm(&name("attn_norm"), hidden)?,
        inputs,
        output: tensors.matrix(&name("attn_output"), [hidden, queries])?,
        feed_forward_norm: tensors.norm(&name("ffn_norm"), hidden)?,
        gate,
        down: tensors.matrix(&name("ffn_down"), [hidden, feed_forward])?,
        windowed: sizes.is_windowed(index),
    })
}

impl Layer {
    fn forward(
        &self,
        x: &Tensor,
        sizes: &Sizes,
        rope: &Rope,
        mask: Option<&Tensor>,
        start: usize,
        cached: &mut Option<(Tensor, Tensor)>,
    ) -> Result<Tensor> {
        let attended = self.attend(&self.attention_norm.forward(x)?, sizes, rope, mask, start, cached)?;
        let x = (x + normed(self.post_attention_norm.as_ref(), attended)?)?;
        let inner = self.feed_forward_norm.forward(&x)?;
        let (gate, up) = match &self.gate {
            Gate::Apart(gate, up) => (gate.forward(&inner)?, up.forward(&inner)?),
            Gate::Fused(both) => {
                let both = both.forward(&inner)?;
                let half = both.dim(2)? / 2;
                (
                    both.narrow(2, 0, half)?.contiguous()?,
                    both.narrow(2, half, half)?.contiguous()?,
                )
            }
        };
        let gate = match sizes.activation {
            Activation::Silu => gate.silu()?,
            Activation::Gelu => gate.gelu()?,
        };
        let fed = self.down.forward(&(gate * up)?)?;
        x + normed(self.post_feed_forward_norm.as_ref(), fed)?
    }

    /// Attention of `(1, count, hidden)` over the cache and itself.
    fn attend(
        &self,
        x: &Tensor,
        sizes: &Sizes,
        rope: &Rope,
        mask: Option<&Tensor>,
        start: usize,
        cached: &mut Option<(Tensor, Tensor)>,
    ) -> Result<Tensor> {
        let count = x.dim(1)?;
        let &Sizes {
            heads,
            kv_heads,
            head_dim,
            ..
        } = sizes;
        let [q, k, v] = match &self.inputs {
            Inputs::Apart(projections) => {
                let project = |(matrix, bias): &(QMatMul, Option<Tensor>)| {
                    let projected = matrix.forward(x)?;
                    match bias {
                        Some(bias) => projected.broadcast_add(bias),
                        None => Ok(projected),
                    }
                };
                let [q, k, v] = projections;
                [project(q)?, project(k)?, project(v)?]
            }
            Inputs::Fused(all) => {
                let all = all.forward(x)?;
                let (queries, keys) = (heads * head_dim, kv_heads * head_dim);
                [
                    all.narrow(2, 0, queries)?,
                    all.narrow(2, queries, keys)?,
                    all.narrow(2, queries + keys, keys)?,
                ]
            }
        };
        let by_head = |x: Tensor, heads: usize| {
            x.reshape((1, count, heads, head_dim))?
                .transpose(1, 2)?
                .contiguous()
        };
        let q = normed(self.query_norm.as_ref(), by_head(q, heads)?)?;
        let k = normed(self.key_norm.as_ref(), by_head(k, kv_heads)?)?;
        let (q, k) = (rope.turn(&q, sizes, start)?, rope.turn(&k, sizes, start)?);
        let (k, v) = match cached.take() {
            Some((keys, values)) => (
                Tensor::cat(&[keys, k], 2)?,
                Tensor::cat(&[values, by_head(v, kv_heads)?], 2)?,
            ),
            None => (k, by_head(v, kv_heads)?),
        };
        // The queries that share a key head stand together, so that neither keys nor values are copied for them.
        let (groups, total) = (heads / kv_heads, k.dim(2)?);
        let q = q.reshape((1, kv_heads, groups * count, head_dim))?;
        let scores = (q.matmul(&k.t()?)? / (head_dim as f64).sqrt())?;
        let scores = match mask {
            Some(mask) => scores
                .reshape((kv_heads, groups, count, total))?
                .broadcast_add(mask)?
                .reshape((1, kv_heads, groups * count, total))?,
            None => scores,
        };
        let seen = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&v)?;
        *cached = Some((k, v));
        let seen = seen
            .reshape((1, heads, count, head_dim))?
            .transpose(1, 2)?
            .reshape((1, count, heads * head_dim))?;
        self.output.forward(&seen)
    }
}

fn normed(norm: Option<&RmsNorm>, x: Tensor) -> Result<Tensor> {
    match norm {
        Some(norm) => norm.forward(&x),
        None => Ok(x),
    }
}

impl Rope {
    fn new(
        sizes: &Sizes,
        base: f32,
        linear: f32,
        factors: &[f32],
        positions: usize,
        device: &Device,
    ) -> Result<Self> {
        let frequencies: Vec<f32> = (0..sizes.rope_dim / 2)
            .map(|i| {
                let frequency = 1.0 / base.powf(2.0 * i as f32 / sizes.rope_dim as f32);
                frequency / linear / factors.get(i).copied().unwrap_or(1.0)
            })
            .collect();
        let count = frequencies.len();
        let frequencies = Tensor::from_vec(frequencies, (1, count), device)?;
        let angles = Tensor::arange(0, positions as u32, device)?
            .to_dtype(DType::F32)?
            .unsqueeze(1)?
            .matmul(&frequencies)?;
        let magnitude = f64::from(sizes.rope_magnitude);
        Ok(Self {
            cos: (angles.cos()? * magnitude)?,
            sin: (angles.sin()? * magnitude)?,
        })
    }

    /// Turns `(1, heads, count, head_dim)` by the positions from `start` on.
    fn turn(&self, x: &Tensor, sizes: &Sizes, start: usize) -> Result<Tensor> {
        let count = x.dim(2)?;
        let (cos, sin) = (
            self.cos.narrow(0, start, count)?,
            self.sin.narrow(0, start, count)?,
        );
        let rotated = x.narrow(3, 0, sizes.rope_dim)?.contiguous()?;
        let rotated = match sizes.family {
            Family::Llama => candle_nn::rotary_emb::rope_i(&rotated, &cos, &sin)?,
            _ => candle_nn::rotary_emb::rope(&rotated, &cos, &sin)?,
        };
        if sizes.rope_dim == sizes.head_dim {
            return Ok(rotated);
        }
        let rest = x.narrow(3, sizes.rope_dim, sizes.head_dim - sizes.rope_dim)?;
        Tensor::cat(&[&rotated, &rest], 3)
    }
}
