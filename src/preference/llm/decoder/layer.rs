//! One layer: attention over the cache, then a gated feed-forward part.

use candle_core::quantized::QMatMul;
use candle_core::{Module, Result, Tensor};

use super::rope::Rope;
use super::tensors::Tensors;
use crate::llm::LlmError;
use crate::llm::gguf::{Activation, Family, Sizes};

#[derive(Debug)]
pub(super) struct RmsNorm {
    pub(super) weight: Tensor,
    pub(super) eps: f32,
}

impl RmsNorm {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
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
pub(super) struct Layer {
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
    pub(super) windowed: bool,
}

/// Reads the weights of one layer.
pub(super) fn layer(
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
    pub(super) fn forward(
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
