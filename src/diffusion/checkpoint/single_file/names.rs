//! The names of tensors in single-file checkpoints: those of CompVis' latent-diffusion code and its successors.
//!
//! Models ask for tensors by their names in diffusers; the tables here lead from those to the file's.

use crate::config::UNetConfig;
use crate::weights::{Naming, Place, Section};

/// Beginnings of names in the denoiser that do not depend on its size.
const UNET: &[(&str, &str)] = &[
    ("time_embedding.linear_1.", "time_embed.0."),
    ("time_embedding.linear_2.", "time_embed.2."),
    ("time_embedding.cond_proj.", "time_embed.cond_proj."),
    ("add_embedding.linear_1.", "label_emb.0.0."),
    ("add_embedding.linear_2.", "label_emb.0.2."),
    ("conv_in.", "input_blocks.0.0."),
    ("conv_norm_out.", "out.0."),
    ("conv_out.", "out.2."),
    ("mid_block.resnets.0.", "middle_block.0."),
    ("mid_block.attentions.0.", "middle_block.1."),
    ("mid_block.resnets.1.", "middle_block.2."),
];

/// Parts of the denoiser's residual blocks.
const UNET_RESNET: &[(&str, &str)] = &[
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("time_emb_proj", "emb_layers.1"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
];

/// Beginnings of names in the autoencoder.
const VAE: &[(&str, &str)] = &[
    ("conv_norm_out.", "norm_out."),
    ("mid_block.resnets.0.", "mid.block_1."),
    ("mid_block.resnets.1.", "mid.block_2."),
    ("mid_block.attentions.0.", "mid.attn_1."),
];

/// Parts of the attention over an autoencoder's pixels.
const VAE_ATTENTION: &[(&str, &str)] = &[
    ("group_norm", "norm"),
    ("to_q", "q"),
    ("to_k", "k"),
    ("to_v", "v"),
    ("to_out.0", "proj_out"),
];

/// Names in OpenCLIP's text encoder that are not in a layer.
const OPEN_CLIP: &[(&str, &str)] = &[
    ("embeddings.position_embedding.weight", "positional_embedding"),
    ("embeddings.token_embedding.weight", "token_embedding.weight"),
    ("final_layer_norm.weight", "ln_final.weight"),
    ("final_layer_norm.bias", "ln_final.bias"),
];

/// Parts of OpenCLIP's layers.
const OPEN_CLIP_LAYER: &[(&str, &str)] = &[
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
    ("self_attn.out_proj", "attn.out_proj"),
];

/// Where a denoiser's blocks are in a list of all layers.
#[derive(Debug, Clone)]
pub(crate) struct UNetNames {
    /// Residual layers of a down block.
    layers: usize,
    /// Whether each up block, from the lowest resolution up, attends: its upsampler comes after that.
    up_attention: Vec<bool>,
}

impl UNetNames {
    /// The names for a denoiser of this configuration.
    pub fn of(config: &UNetConfig) -> Self {
        Self {
            layers: config.blocks[0].layers,
            up_attention: config.up_attention.clone(),
        }
    }

    /// The name of a tensor, or of a module if `name` ends with a dot, without the file's prefix.
    pub fn name(&self, name: &str) -> Option<String> {
        let renamed = swap_start(name, UNET).or_else(|| {
            let (side, rest) = name.split_once("_blocks.")?;
            let (block, rest) = number(rest)?;
            let (kind, rest) = rest.split_once('.')?;
            let (layer, rest) = number(rest)?;
            let each = self.layers + 1;
            let first = block * each;
            Some(match (side, kind) {
                ("down", "resnets") => format!("input_blocks.{}.0.{rest}", 1 + first + layer),
                ("down", "attentions") => format!("input_blocks.{}.1.{rest}", 1 + first + layer),
                ("down", "downsamplers") => {
                    format!(
                        "input_blocks.{}.0.op.{}",
                        first + each,
                        rest.strip_prefix("conv.")?
                    )
                }
                ("up", "resnets") => format!("output_blocks.{}.0.{rest}", first + layer),
                ("up", "attentions") => format!("output_blocks.{}.1.{rest}", first + layer),
                ("up", "upsamplers") => {
                    let place = if *self.up_attention.get(block)? { 2 } else { 1 };
                    format!("output_blocks.{}.{place}.{rest}", first + self.layers)
                }
                _ => return None,
            })
        })?;
        if !name.contains("resnets.") {
            return Some(renamed);
        }
        UNET_RESNET.iter().find_map(|(ours, theirs)| {
            let (before, after) = renamed.split_once(&format!(".{ours}."))?;
            Some(format!("{before}.{theirs}.{after}"))
        })
    }
}

/// The denoiser in a file.
pub(super) struct Unet {
    pub prefix: &'static str,
    pub names: UNetNames,
}

impl Naming for Unet {
    fn places(&self, name: &str) -> Vec<Place> {
        let found = self.names.name(name);
        found
            .map(|name| Place::whole(format!("{}{name}", self.prefix)))
            .into_iter()
            .collect()
    }
}

/// The autoencoder in a file.
pub(super) struct Vae {
    pub prefix: &'static str,
    /// Resolutions: the decoder's blocks are counted from the other end.
    pub levels: usize,
}

impl Vae {
    fn name(&self, name: &str) -> Option<String> {
        let Some((side, rest)) = name
            .split_once('.')
            .filter(|(side, _)| ["encoder", "decoder"].contains(side))
        else {
            // The convolutions at the latents have the same names.
            return Some(name.to_owned());
        };
        let rest = if let Some(renamed) = swap_start(rest, VAE) {
            match renamed.strip_prefix("mid.attn_1.") {
                Some(part) => format!("mid.attn_1.{}", swap_start(part, VAE_ATTENTION)?),
                None => renamed,
            }
        } else if let Some((direction, rest)) = rest.split_once("_blocks.") {
            let (block, rest) = number(rest)?;
            let block = match direction {
                "up" => self.levels.checked_sub(block + 1)?,
                _ => block,
            };
            let rest = match rest.split_once('.')? {
                ("resnets", rest) => format!("block.{rest}"),
                ("downsamplers", rest) => format!("downsample.{}", rest.strip_prefix("0.")?),
                ("upsamplers", rest) => format!("upsample.{}", rest.strip_prefix("0.")?),
                _ => return None,
            };
            format!("{direction}.{block}.{rest}")
        } else {
            rest.to_owned()
        };
        Some(format!(
            "{side}.{}",
            rest.replace("conv_shortcut", "nin_shortcut")
        ))
    }
}

impl Naming for Vae {
    fn places(&self, name: &str) -> Vec<Place> {
        let Some(renamed) = self.name(name) else {
            return Vec::new();
        };
        // Pixel attention is stored as 1×1 convolutions.
        let section = if renamed.contains(".attn_1.") && renamed.ends_with(".weight") {
            Section::Matrix
        } else {
            Section::Whole
        };
        vec![Place {
            name: format!("{}{renamed}", self.prefix),
            section,
        }]
    }
}

/// A text encoder that was stored as transformers names it.
pub(super) struct Clip {
    pub prefix: &'static str,
}

impl Naming for Clip {
    fn places(&self, name: &str) -> Vec<Place> {
        vec![Place::whole(format!("{}{name}", self.prefix))]
    }
}

/// A text encoder that was stored as OpenCLIP names it.
pub(super) struct OpenClip {
    pub prefix: &'static str,
}

impl Naming for OpenClip {
    fn places(&self, name: &str) -> Vec<Place> {
        let place = |name: String, section| Place {
            name: format!("{}{name}", self.prefix),
            section,
        };
        if name == "text_projection.weight" {
            return vec![
                place("text_projection".to_owned(), Section::Transposed),
                place("text_projection.weight".to_owned(), Section::Whole),
            ];
        }
        let Some(name) = name.strip_prefix("text_model.") else {
            return Vec::new();
        };
        let found = swap_start(name, OPEN_CLIP)
            .map(|name| place(name, Section::Whole))
            .or_else(|| {
                let (layer, part) = number(name.strip_prefix("encoder.layers.")?)?;
                let resblock = format!("transformer.resblocks.{layer}");
                for (third, projection) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
                    let joint = part
                        .strip_prefix("self_attn.")
                        .and_then(|part| part.strip_prefix(projection));
                    if let Some(what) = joint.and_then(|rest| rest.strip_prefix('.')) {
                        return Some(place(
                            format!("{resblock}.attn.in_proj_{what}"),
                            Section::Third(third),
                        ));
                    }
                }
                let part = swap_start(part, OPEN_CLIP_LAYER)?;
                Some(place(format!("{resblock}.{part}"), Section::Whole))
            });
        found.into_iter().collect()
    }
}

/// Replaces a name's beginning by the table's.
fn swap_start(name: &str, table: &[(&str, &str)]) -> Option<String> {
    table
        .iter()
        .find_map(|(ours, theirs)| Some(format!("{theirs}{}", name.strip_prefix(ours)?)))
}

/// A number, and what follows the dot after it.
fn number(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = text.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(naming: &dyn Naming, name: &str) -> String {
        naming.places(name)[0].name.clone()
    }

    #[test]
    fn the_denoisers_blocks_are_found_in_the_list_of_layers() {
        let names = UNetNames {
            layers: 2,
            up_attention: vec![false, true, true, true],
        };
        let unet = Unet {
            prefix: "model.diffusion_model.",
            names,
        };
        for (ours, theirs) in [
            ("conv_in.weight", "input_blocks.0.0.weight"),
            ("time_embedding.linear_2.bias", "time_embed.2.bias"),
            (
                "down_blocks.0.resnets.1.conv2.weight",
                "input_blocks.2.0.out_layers.3.weight",
            ),
            (
                "down_blocks.0.downsamplers.0.conv.weight",
                "input_blocks.3.0.op.weight",
            ),
            (
                "down_blocks.2.attentions.1.proj_in.weight",
                "input_blocks.8.1.proj_in.weight",
            ),
            (
                "down_blocks.3.resnets.1.time_emb_proj.bias",
                "input_blocks.11.0.emb_layers.1.bias",
            ),
            (
                "mid_block.resnets.1.norm2.weight",
                "middle_block.2.out_layers.0.weight",
            ),
            (
                "mid_block.attentions.0.transformer_blocks.0.norm1.weight",
                "middle_block.1.transformer_blocks.0.norm1.weight",
            ),
            (
                "up_blocks.0.resnets.2.conv_shortcut.weight",
                "output_blocks.2.0.skip_connection.weight",
            ),
            (
                "up_blocks.0.upsamplers.0.conv.weight",
                "output_blocks.2.1.conv.weight",
            ),
            (
                "up_blocks.1.upsamplers.0.conv.weight",
                "output_blocks.5.2.conv.weight",
            ),
            (
                "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.0.weight",
                "output_blocks.11.1.transformer_blocks.0.attn2.to_out.0.weight",
            ),
            ("conv_out.bias", "out.2.bias"),
        ] {
            assert_eq!(one(&unet, ours), format!("model.diffusion_model.{theirs}"));
        }
        assert!(unet.places("class_embedding.weight").is_empty());
    }

    #[test]
    fn the_decoders_blocks_are_counted_from_the_other_end() {
        let vae = Vae {
            prefix: "first_stage_model.",
            levels: 4,
        };
        for (ours, theirs) in [
            ("quant_conv.weight", "quant_conv.weight"),
            ("encoder.conv_in.weight", "encoder.conv_in.weight"),
            ("decoder.conv_norm_out.bias", "decoder.norm_out.bias"),
            (
                "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
                "encoder.down.1.block.0.nin_shortcut.weight",
            ),
            (
                "encoder.down_blocks.2.downsamplers.0.conv.bias",
                "encoder.down.2.downsample.conv.bias",
            ),
            (
                "decoder.up_blocks.0.upsamplers.0.conv.weight",
                "decoder.up.3.upsample.conv.weight",
            ),
            (
                "decoder.up_blocks.3.resnets.2.norm1.weight",
                "decoder.up.0.block.2.norm1.weight",
            ),
            (
                "decoder.mid_block.attentions.0.to_out.0.bias",
                "decoder.mid.attn_1.proj_out.bias",
            ),
            (
                "decoder.mid_block.resnets.1.conv1.weight",
                "decoder.mid.block_2.conv1.weight",
            ),
        ] {
            assert_eq!(one(&vae, ours), format!("first_stage_model.{theirs}"));
        }
        assert_eq!(
            vae.places("encoder.mid_block.attentions.0.to_q.weight")[0].section,
            Section::Matrix
        );
    }

    #[test]
    fn openclips_joint_projections_are_taken_apart() {
        let clip = OpenClip { prefix: "m." };
        let found = clip.places("text_model.encoder.layers.7.self_attn.k_proj.weight");
        assert_eq!(
            found,
            [Place {
                name: "m.transformer.resblocks.7.attn.in_proj_weight".to_owned(),
                section: Section::Third(1)
            }]
        );
        for (ours, theirs) in [
            (
                "text_model.embeddings.position_embedding.weight",
                "m.positional_embedding",
            ),
            ("text_model.final_layer_norm.bias", "m.ln_final.bias"),
            (
                "text_model.encoder.layers.0.mlp.fc2.bias",
                "m.transformer.resblocks.0.mlp.c_proj.bias",
            ),
            (
                "text_model.encoder.layers.0.self_attn.out_proj.weight",
                "m.transformer.resblocks.0.attn.out_proj.weight",
            ),
            (
                "text_model.encoder.layers.3.layer_norm1.weight",
                "m.transformer.resblocks.3.ln_1.weight",
            ),
        ] {
            assert_eq!(one(&clip, ours), theirs);
        }
        assert_eq!(
            clip.places("text_projection.weight")[0].section,
            Section::Transposed
        );
    }
}
