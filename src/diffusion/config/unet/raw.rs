//! The file before it is checked.

use serde::Deserialize;

use super::super::OneOrEach;

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum SampleSize {
    Square(usize),
    Sides([usize; 2]),
}

/// Transformer layers: of all blocks, or of each block, and there of all its residual layers or of each.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum TransformerLayers {
    One(usize),
    Each(Vec<OneOrEach<usize>>),
}

/// The file as it is, an absent key at the default of diffusers' UNet2DConditionModel.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Raw {
    pub sample_size: Option<SampleSize>,
    pub in_channels: usize,
    pub out_channels: usize,
    pub center_input_sample: bool,
    pub flip_sin_to_cos: bool,
    pub freq_shift: f64,
    pub down_block_types: Vec<String>,
    pub up_block_types: Vec<String>,
    pub block_out_channels: Vec<usize>,
    pub layers_per_block: OneOrEach<usize>,
    pub downsample_padding: usize,
    pub mid_block_scale_factor: f64,
    pub act_fn: String,
    pub norm_num_groups: usize,
    pub norm_eps: f64,
    pub cross_attention_dim: OneOrEach<usize>,
    pub transformer_layers_per_block: TransformerLayers,
    pub reverse_transformer_layers_per_block: Option<Vec<OneOrEach<usize>>>,
    pub only_cross_attention: OneOrEach<bool>,
    pub attention_head_dim: OneOrEach<usize>,
    pub use_linear_projection: bool,
    pub upcast_attention: bool,
    pub addition_embed_type: Option<String>,
    pub addition_time_embed_dim: Option<usize>,
    pub projection_class_embeddings_input_dim: Option<usize>,
    pub resnet_time_scale_shift: String,
    pub time_embedding_dim: Option<usize>,
    pub time_cond_proj_dim: Option<usize>,
    pub conv_in_kernel: usize,
    pub conv_out_kernel: usize,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            sample_size: None,
            in_channels: 4,
            out_channels: 4,
            center_input_sample: false,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            down_block_types: [
                "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D",
                "DownBlock2D",
            ]
            .map(Into::into)
            .into(),
            up_block_types: [
                "UpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
            ]
            .map(Into::into)
            .into(),
            block_out_channels: vec![320, 640, 1280, 1280],
            layers_per_block: OneOrEach::One(2),
            downsample_padding: 1,
            mid_block_scale_factor: 1.0,
            act_fn: "silu".into(),
            norm_num_groups: 32,
            norm_eps: 1e-5,
            cross_attention_dim: OneOrEach::One(1280),
            transformer_layers_per_block: TransformerLayers::One(1),
            reverse_transformer_layers_per_block: None,
            only_cross_attention: OneOrEach::One(false),
            attention_head_dim: OneOrEach::One(8),
            use_linear_projection: false,
            upcast_attention: false,
            addition_embed_type: None,
            addition_time_embed_dim: None,
            projection_class_embeddings_input_dim: None,
            resnet_time_scale_shift: "default".into(),
            time_embedding_dim: None,
            time_cond_proj_dim: None,
            conv_in_kernel: 3,
            conv_out_kernel: 3,
        }
    }
}

/// Keys read above, beside those that [`UNetConfig::read`](super::UNetConfig::read) requires to have one value.
pub(super) const READ: &[&str] = &[
    "sample_size",
    "in_channels",
    "out_channels",
    "center_input_sample",
    "flip_sin_to_cos",
    "freq_shift",
    "down_block_types",
    "mid_block_type",
    "up_block_types",
    "block_out_channels",
    "layers_per_block",
    "downsample_padding",
    "mid_block_scale_factor",
    "act_fn",
    "norm_num_groups",
    "norm_eps",
    "cross_attention_dim",
    "transformer_layers_per_block",
    "reverse_transformer_layers_per_block",
    "only_cross_attention",
    "attention_head_dim",
    "use_linear_projection",
    "upcast_attention",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
    "resnet_time_scale_shift",
    "time_embedding_dim",
    "time_cond_proj_dim",
    "conv_in_kernel",
    "conv_out_kernel",
    // No effect on inference in the parts that are supported: the supported middle blocks take no notice of their key, and
    // the last belongs to another kind of embedding.
    "dropout",
    "mid_block_only_cross_attention",
    "addition_embed_type_num_heads",
];
