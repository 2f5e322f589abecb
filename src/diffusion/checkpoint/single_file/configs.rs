//! What the JSON files of a diffusers folder would say about a single file's parts.

use serde_json::{Value, json};

use super::family::{Encoder, EncoderLayout, Family, Kind, UNET};
use super::prediction::{Prediction, prediction};
use crate::config::PredictionType;
use crate::error::{DiffusionError, Result};
use crate::weights::TensorFile;

/// Features of an attention head in all text encoders, and in the denoisers that do not have a fixed number of heads.
const HEAD: usize = 64;
/// Heads in SD 1.x's denoiser, whatever the channels.
const SD1_HEADS: usize = 8;
/// Layers of SD 2.x's text encoder that are used: its last one was cut off before training.
const SD2_LAYERS: usize = 23;

/// A tensor's size along one axis.
fn size(file: &TensorFile, name: &str, axis: usize) -> Result<usize> {
    let entry = file.entry(name).ok_or_else(|| {
        let reason = format!("tensor `{name}` is missing, without which the model's sizes cannot be told");
        DiffusionError::malformed(file.path(), reason)
    })?;
    entry.shape.get(axis).copied().ok_or_else(|| {
        let reason = format!("tensor `{name}` has shape {:?}, too few axes", entry.shape);
        DiffusionError::malformed(file.path(), reason)
    })
}

/// How many tensors `name(0)`, `name(1)`, … there are.
fn count(file: &TensorFile, name: impl Fn(usize) -> String) -> usize {
    (0..).take_while(|&i| file.entry(&name(i)).is_some()).count()
}

/// `unet/config.json`. `pooled` is the size of the pooled text vector.
pub(super) fn unet(file: &TensorFile, family: &Family, pooled: Option<usize>) -> Result<Value> {
    let at = |name: &str| format!("{UNET}{name}");
    let has = |name: &str| file.entry(&at(name)).is_some();
    let inputs = count(file, |i| match i {
        0 => at("input_blocks.0.0.weight"),
        _ if has(&format!("input_blocks.{i}.0.op.weight")) => at(&format!("input_blocks.{i}.0.op.weight")),
        _ => at(&format!("input_blocks.{i}.0.in_layers.0.weight")),
    });
    let is_down = |i: &usize| has(&format!("input_blocks.{i}.0.op.weight"));
    let layers = (1..inputs).find(is_down).unwrap_or(inputs).saturating_sub(1);
    let levels = (1..inputs).filter(is_down).count() + 1;
    let uneven = || {
        let reason = "the denoiser's blocks are not all of the same depth, which is not supported";
        DiffusionError::malformed(file.path(), reason)
    };
    if layers == 0 || inputs != levels * (layers + 1) {
        return Err(uneven());
    }
    let depth_at = |block: &str| {
        count(file, |k| {
            at(&format!("{block}.1.transformer_blocks.{k}.norm1.weight"))
        })
    };
    let (mut channels, mut depths) = (Vec::new(), Vec::new());
    for level in 0..levels {
        let first = 1 + level * (layers + 1);
        channels.push(size(
            file,
            &at(&format!("input_blocks.{first}.0.out_layers.3.weight")),
            0,
        )?);
        let depth = depth_at(&format!("input_blocks.{first}"));
        if (first..first + layers).any(|i| depth_at(&format!("input_blocks.{i}")) != depth) {
            return Err(uneven());
        }
        depths.push(depth);
    }
    let middle = depth_at("middle_block");
    let up: Vec<_> = (0..levels)
        .map(|block| depth_at(&format!("output_blocks.{}", block * (layers + 1))))
        .collect();
    for (block, &depth) in up.iter().enumerate() {
        let first = block * (layers + 1);
        let same = (first..=first + layers).all(|i| depth_at(&format!("output_blocks.{i}")) == depth);
        if !same || depth != depths[levels - 1 - block] {
            return Err(uneven());
        }
    }
    let attention = (0..inputs)
        .map(|i| format!("input_blocks.{i}"))
        .find(|block| depth_at(block) > 0)
        .map(|block| format!("{block}.1"))
        .ok_or_else(uneven)?;
    let linear = file
        .entry(&at(&format!("{attention}.proj_in.weight")))
        .is_some_and(|entry| entry.shape.len() == 2);
    let heads: Vec<_> = channels
        .iter()
        .map(|&channels| {
            if family.kind == Kind::Sd1 {
                SD1_HEADS
            } else {
                channels / HEAD
            }
        })
        .collect();
    let block_types = |depths: &[usize], way: &str| -> Vec<String> {
        depths
            .iter()
            .map(|&depth| format!("{}{way}Block2D", if depth > 0 { "CrossAttn" } else { "" }))
            .collect()
    };
    // A level that does not attend has no depth of its own; the last one's is the middle's.
    let mut transformer_layers: Vec<_> = depths.iter().map(|&depth| depth.max(1)).collect();
    transformer_layers[levels - 1] = match (depths[levels - 1], middle) {
        (0, middle) => middle.max(1),
        (depth, middle) if middle == depth || middle == 0 => depth,
        _ => return Err(uneven()),
    };
    let mut config = json!({
        "_class_name": "UNet2DConditionModel",
        "sample_size": sample_size(file, family)?,
        "in_channels": size(file, &at("input_blocks.0.0.weight"), 1)?,
        "out_channels": size(file, &at("out.2.weight"), 0)?,
        "block_out_channels": channels,
        "down_block_types": block_types(&depths, "Down"),
        "mid_block_type": if middle > 0 { "UNetMidBlock2DCrossAttn" } else { "UNetMidBlock2D" },
        "up_block_types": block_types(&up, "Up"),
        "layers_per_block": layers,
        "transformer_layers_per_block": transformer_layers,
        "attention_head_dim": heads,
        "cross_attention_dim": size(file, &at(&format!("{attention}.transformer_blocks.0.attn2.to_k.weight")), 1)?,
        "use_linear_projection": linear,
        "time_embedding_dim": size(file, &at("time_embed.0.weight"), 0)?,
    });
    if family.kind == Kind::Sd2 {
        // Its attention overflows in f16.
        config["upcast_attention"] = json!(true);
    }
    if has("time_embed.cond_proj.weight") {
        config["time_cond_proj_dim"] = json!(size(file, &at("time_embed.cond_proj.weight"), 1)?);
    }
    if family.is_xl() {
        let input = size(file, &at("label_emb.0.0.weight"), 1)?;
        let ids = if family.kind == Kind::SdxlBase { 6 } else { 5 };
        config["addition_embed_type"] = json!("text_time");
        config["projection_class_embeddings_input_dim"] = json!(input);
        config["addition_time_embed_dim"] = json!(input.saturating_sub(pooled.unwrap_or_default()) / ids);
    }
    Ok(config)
}

/// The side of the latents the family was trained on.
fn sample_size(file: &TensorFile, family: &Family) -> Result<usize> {
    Ok(match family.kind {
        Kind::Sd1 => 64,
        Kind::Sd2 => match prediction(file, family)?.kind {
            PredictionType::VPrediction => 96,
            _ => 64,
        },
        Kind::SdxlBase | Kind::SdxlRefiner => 128,
    })
}

/// `vae/config.json`.
pub(super) fn vae(file: &TensorFile, family: &Family) -> Result<Value> {
    let at = |name: &str| format!("{}{name}", family.vae);
    let level = |level: usize| at(&format!("encoder.down.{level}.block.0.conv1.weight"));
    let channels: Vec<_> = (0..count(file, level))
        .map(|i| size(file, &level(i), 0))
        .collect::<Result<_>>()?;
    let has = |name: &str| file.entry(&at(name)).is_some();
    Ok(json!({
        "_class_name": "AutoencoderKL",
        "in_channels": size(file, &at("encoder.conv_in.weight"), 1)?,
        "out_channels": size(file, &at("decoder.conv_out.weight"), 0)?,
        "latent_channels": size(file, &at("decoder.conv_in.weight"), 1)?,
        "down_block_types": vec!["DownEncoderBlock2D"; channels.len()],
        "up_block_types": vec!["UpDecoderBlock2D"; channels.len()],
        "block_out_channels": channels,
        "layers_per_block": count(file, |i| at(&format!("encoder.down.0.block.{i}.conv1.weight"))),
        "use_quant_conv": has("quant_conv.weight"),
        "use_post_quant_conv": has("post_quant_conv.weight"),
        "mid_block_add_attention": has("decoder.mid.attn_1.q.weight"),
        "scaling_factor": if family.is_xl() { 0.13025 } else { 0.18215 },
    }))
}

/// A text encoder's `config.json`.
pub(super) fn text_encoder(file: &TensorFile, family: &Family, encoder: &Encoder) -> Result<Value> {
    let at = |name: &str| format!("{}{name}", encoder.prefix);
    let projected = family.is_xl() && encoder.layout == EncoderLayout::OpenClip;
    let (tokens, positions, layers, hidden) = match encoder.layout {
        EncoderLayout::Clip => {
            // Some tools leave the first part of the names out.
            let prefixed = file.entry(&at("text_model.final_layer_norm.weight")).is_some();
            let at = |name: &str| at(&format!("{}{name}", if prefixed { "text_model." } else { "" }));
            let layer = |i: usize, part: &str| at(&format!("encoder.layers.{i}.{part}"));
            (
                at("embeddings.token_embedding.weight"),
                at("embeddings.position_embedding.weight"),
                count(file, |i| layer(i, "mlp.fc1.weight")),
                layer(0, "mlp.fc1.weight"),
            )
        }
        EncoderLayout::OpenClip => {
            let layer = |i: usize| at(&format!("transformer.resblocks.{i}.mlp.c_fc.weight"));
            let found = count(file, layer);
            let used = match family.kind {
                Kind::Sd2 if found != SD2_LAYERS => found.saturating_sub(1),
                _ => found,
            };
            (
                at("token_embedding.weight"),
                at("positional_embedding"),
                used,
                layer(0),
            )
        }
    };
    let width = size(file, &tokens, 1)?;
    let projection = match projected {
        true => size(file, &at("text_projection"), 1)?,
        false => width,
    };
    Ok(json!({
        "architectures": [if projected { "CLIPTextModelWithProjection" } else { "CLIPTextModel" }],
        "model_type": "clip_text_model",
        "vocab_size": size(file, &tokens, 0)?,
        "max_position_embeddings": size(file, &positions, 0)?,
        "hidden_size": width,
        "intermediate_size": size(file, &hidden, 0)?,
        "num_hidden_layers": layers,
        "num_attention_heads": (width / HEAD).max(1),
        "hidden_act": if encoder.layout == EncoderLayout::OpenClip { "gelu" } else { "quick_gelu" },
        "projection_dim": projection,
        // transformers' way to say: the highest token of a text stands for the whole.
        "eos_token_id": 2,
    }))
}

/// `scheduler/scheduler_config.json`.
pub(super) fn scheduler(file: &TensorFile, family: &Family) -> Result<Value> {
    let Prediction { kind, zero_snr } = prediction(file, family)?;
    let distilled = file
        .entry("model.diffusion_model.time_embed.cond_proj.weight")
        .is_some();
    let class = match (family.kind, kind) {
        _ if distilled => "LCMScheduler",
        (Kind::SdxlBase | Kind::SdxlRefiner, _) => "EulerDiscreteScheduler",
        (_, PredictionType::VPrediction) => "DDIMScheduler",
        _ => "PNDMScheduler",
    };
    let mut config = json!({
        "_class_name": class,
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": kind,
        "clip_sample": false,
        "set_alpha_to_one": false,
        "steps_offset": 1,
        "timestep_spacing": "leading",
        "interpolation_type": "linear",
    });
    if zero_snr {
        // The last timestep is pure noise, so a picture has to start exactly there.
        config["rescale_betas_zero_snr"] = json!(true);
        config["timestep_spacing"] = json!("trailing");
    }
    Ok(config)
}
