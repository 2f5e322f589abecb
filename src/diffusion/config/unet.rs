//! `unet/config.json`: a UNet2DConditionModel.

mod raw;

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{
    OneOrEach, note_unknown, read_object, require, require_multiple, require_positive, typed, unsupported,
};
use crate::error::{DiffusionError, Result};
use crate::ops::Activation;
use raw::{READ, Raw, SampleSize, TransformerLayers};

/// Sizes of the denoiser.
#[derive(Debug, Clone)]
pub(crate) struct UNetConfig {
    /// (height, width) of the latents it was trained on.
    pub sample_size: (usize, usize),
    pub in_channels: usize,
    pub out_channels: usize,
    pub center_input_sample: bool,
    pub flip_sin_to_cos: bool,
    pub freq_shift: f64,
    /// From the highest resolution down.
    pub blocks: Vec<BlockConfig>,
    /// Whether each up block, from the lowest resolution up, attends.
    pub up_attention: Vec<bool>,
    /// Transformer layers after each residual layer of each up block, from the lowest resolution up.
    pub up_transformer_layers: Vec<Vec<usize>>,
    pub mid_block: MidBlock,
    /// Transformer layers of the middle block.
    pub mid_transformer_layers: usize,
    pub mid_block_scale_factor: f64,
    pub downsample_padding: usize,
    pub activation: Activation,
    pub norm_num_groups: usize,
    pub norm_eps: f64,
    pub cross_attention_dim: usize,
    pub use_linear_projection: bool,
    pub upcast_attention: bool,
    pub conv_in_kernel: usize,
    pub conv_out_kernel: usize,
    pub time_embedding_dim: usize,
    /// Features of the guidance scale's embedding, in models that were distilled to take it as an input.
    pub time_cond_proj_dim: Option<usize>,
    pub added: Option<AddedConditioning>,
    pub time_scale_shift: bool,
}

/// One resolution of the UNet.
#[derive(Debug, Clone)]
pub(crate) struct BlockConfig {
    pub channels: usize,
    /// Whether the down block attends.
    pub attention: bool,
    pub heads: usize,
    /// Residual layers of the down block (the up block has one more).
    pub layers: usize,
    /// Transformer layers after each residual layer of the down block.
    pub transformer_layers: Vec<usize>,
    /// Whether the first attention of each transformer layer goes to the text too, instead of to the picture itself.
    pub only_cross_attention: bool,
}

/// What sits at the lowest resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MidBlock {
    CrossAttention,
    Resnet,
    Absent,
}

/// Extra conditioning added to the time embedding (`addition_embed_type: text_time`, as SDXL has it).
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddedConditioning {
    /// Features each of the time ids is embedded in.
    pub time_embed_dim: usize,
    /// Features of the pooled text vector and all embedded time ids together.
    pub input_dim: usize,
}

impl UNetConfig {
    /// Reads the denoiser's `config.json`.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_object(path, read_object(path)?)
    }

    /// Checks settings read from `path`, which errors name.
    pub fn from_object(path: &Path, object: Map<String, Value>) -> Result<Self> {
        let fixed: &[(&str, &[Value])] = &[
            ("_class_name", &[json!("UNet2DConditionModel")]),
            ("encoder_hid_dim", &[]),
            ("encoder_hid_dim_type", &[]),
            ("num_attention_heads", &[]),
            ("dual_cross_attention", &[json!(false)]),
            ("class_embed_type", &[]),
            ("num_class_embeds", &[]),
            ("resnet_skip_time_act", &[json!(false)]),
            ("resnet_out_scale_factor", &[json!(1.0)]),
            ("time_embedding_type", &[json!("positional")]),
            ("time_embedding_act_fn", &[]),
            ("timestep_post_act", &[]),
            ("attention_type", &[json!("default")]),
            ("class_embeddings_concat", &[json!(false)]),
            ("cross_attention_norm", &[]),
        ];
        require(path, &object, fixed)?;
        let known: Vec<_> = READ
            .iter()
            .copied()
            .chain(fixed.iter().map(|(key, _)| *key))
            .collect();
        note_unknown(path, &object, &known);
        // Here null means something: no middle block at all.
        let mid_block = match object.get("mid_block_type") {
            None => MidBlock::CrossAttention,
            Some(Value::Null) => MidBlock::Absent,
            Some(Value::String(name)) if name == "UNetMidBlock2DCrossAttn" => MidBlock::CrossAttention,
            Some(Value::String(name)) if name == "UNetMidBlock2D" => MidBlock::Resnet,
            Some(other) => {
                let supported = "supported: UNetMidBlock2DCrossAttn, UNetMidBlock2D, null";
                return Err(unsupported(path, "mid_block_type", other, supported));
            }
        };
        Self::resolve(path, typed(path, object)?, mid_block)
    }

    fn resolve(path: &Path, raw: Raw, mid_block: MidBlock) -> Result<Self> {
        let count = raw.block_out_channels.len();
        require_positive(
            path,
            &[
                ("block_out_channels", count),
                ("in_channels", raw.in_channels),
                ("out_channels", raw.out_channels),
                ("conv_in_kernel", raw.conv_in_kernel),
                ("conv_out_kernel", raw.conv_out_kernel),
                ("time_cond_proj_dim", raw.time_cond_proj_dim.unwrap_or(1)),
            ],
        )?;
        let down = attends(
            path,
            "down_block_types",
            &raw.down_block_types,
            ["CrossAttnDownBlock2D", "DownBlock2D"],
        )?;
        let up = attends(
            path,
            "up_block_types",
            &raw.up_block_types,
            ["CrossAttnUpBlock2D", "UpBlock2D"],
        )?;
        if down.len() != count || up.len() != count {
            let reason = format!(
                "{count} block sizes for {} down and {} up blocks",
                down.len(),
                up.len()
            );
            return Err(DiffusionError::malformed(path, reason));
        }
        let layers = raw.layers_per_block.expand(path, "layers_per_block", count)?;
        let key = "transformer_layers_per_block";
        let depths = match raw.transformer_layers_per_block {
            TransformerLayers::One(depth) => OneOrEach::One(OneOrEach::One(depth)),
            TransformerLayers::Each(depths) => OneOrEach::Each(depths),
        };
        let depths = depths.expand(path, key, count)?;
        let mid_transformer_layers = match &depths[count - 1] {
            OneOrEach::One(depth) => *depth,
            OneOrEach::Each(each) => each.first().copied().unwrap_or(1),
        };
        let up_depths = match raw.reverse_transformer_layers_per_block {
            None => depths.iter().rev().cloned().collect(),
            Some(reverse) => {
                OneOrEach::Each(reverse).expand(path, "reverse_transformer_layers_per_block", count)?
            }
        };
        let up_transformer_layers = up_depths
            .into_iter()
            .zip(layers.iter().rev())
            .map(|(depths, layers)| depths.expand(path, "reverse_transformer_layers_per_block", layers + 1))
            .collect::<Result<_>>()?;
        let only_cross_attention = raw
            .only_cross_attention
            .expand(path, "only_cross_attention", count)?;
        // A misnomer of diffusers: the value is the number of heads.
        let heads = raw.attention_head_dim.expand(path, "attention_head_dim", count)?;
        let cross = raw
            .cross_attention_dim
            .expand(path, "cross_attention_dim", count)?;
        let cross_attention_dim = cross[0];
        if cross.iter().any(|&dim| dim != cross_attention_dim) {
            return Err(unsupported(
                path,
                "cross_attention_dim",
                format!("{cross:?}"),
                "one size for all blocks",
            ));
        }
        let mut blocks = Vec::with_capacity(count);
        for (i, depths) in depths.into_iter().enumerate() {
            let block = BlockConfig {
                channels: raw.block_out_channels[i],
                attention: down[i],
                heads: heads[i],
                layers: layers[i],
                transformer_layers: depths.expand(path, "transformer_layers_per_block", layers[i])?,
                only_cross_attention: only_cross_attention[i],
            };
            require_positive(
                path,
                &[
                    ("layers_per_block", block.layers),
                    ("block_out_channels", block.channels),
                ],
            )?;
            require_multiple(
                path,
                "`block_out_channels`",
                block.channels,
                "`norm_num_groups`",
                raw.norm_num_groups,
            )?;
            let attends =
                down[i] || up[count - 1 - i] || (i == count - 1 && mid_block == MidBlock::CrossAttention);
            if attends {
                require_multiple(
                    path,
                    "`block_out_channels`",
                    block.channels,
                    "`attention_head_dim`",
                    block.heads,
                )?;
            }
            blocks.push(block);
        }
        let added = match raw.addition_embed_type.as_deref() {
            None => None,
            Some("text_time") => {
                match (
                    raw.addition_time_embed_dim,
                    raw.projection_class_embeddings_input_dim,
                ) {
                    (Some(time_embed_dim), Some(input_dim)) if time_embed_dim > 0 => {
                        Some(AddedConditioning {
                            time_embed_dim,
                            input_dim,
                        })
                    }
                    _ => {
                        let needs = "`addition_time_embed_dim` and `projection_class_embeddings_input_dim`";
                        return Err(DiffusionError::malformed(
                            path,
                            format!("text_time needs {needs}"),
                        ));
                    }
                }
            }
            Some(other) => {
                return Err(unsupported(
                    path,
                    "addition_embed_type",
                    other,
                    "supported: null, text_time",
                ));
            }
        };
        let activation = Activation::from_name(&raw.act_fn)
            .ok_or_else(|| unsupported(path, "act_fn", &raw.act_fn, "supported: silu, swish, gelu, relu"))?;
        let time_scale_shift = match raw.resnet_time_scale_shift.as_str() {
            "default" => false,
            "scale_shift" => true,
            other => {
                let supported = "supported: default, scale_shift";
                return Err(unsupported(path, "resnet_time_scale_shift", other, supported));
            }
        };
        let sample_size = match raw.sample_size {
            Some(SampleSize::Square(side)) => (side, side),
            Some(SampleSize::Sides([height, width])) => (height, width),
            None => (64, 64),
        };
        Ok(Self {
            sample_size,
            in_channels: raw.in_channels,
            out_channels: raw.out_channels,
            center_input_sample: raw.center_input_sample,
            flip_sin_to_cos: raw.flip_sin_to_cos,
            freq_shift: raw.freq_shift,
            time_embedding_dim: raw.time_embedding_dim.unwrap_or(4 * raw.block_out_channels[0]),
            blocks,
            up_attention: up,
            up_transformer_layers,
            mid_block,
            mid_transformer_layers,
            mid_block_scale_factor: raw.mid_block_scale_factor,
            downsample_padding: raw.downsample_padding,
            activation,
            norm_num_groups: raw.norm_num_groups,
            norm_eps: raw.norm_eps,
            cross_attention_dim,
            use_linear_projection: raw.use_linear_projection,
            upcast_attention: raw.upcast_attention,
            conv_in_kernel: raw.conv_in_kernel,
            conv_out_kernel: raw.conv_out_kernel,
            time_cond_proj_dim: raw.time_cond_proj_dim,
            added,
            time_scale_shift,
        })
    }
}

/// Which blocks attend; `names` are the block with and the one without attention.
fn attends(path: &Path, key: &str, types: &[String], names: [&str; 2]) -> Result<Vec<bool>> {
    types
        .iter()
        .map(|name| match name.as_str() {
            name if name == names[0] => Ok(true),
            name if name == names[1] => Ok(false),
            other => Err(unsupported(
                path,
                key,
                other,
                &format!("supported: {}, {}", names[0], names[1]),
            )),
        })
        .collect()
}
