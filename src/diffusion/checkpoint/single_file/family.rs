//! Which kind of model a file holds.

use serde_json::{Value, json};

use crate::error::{DiffusionError, Result};
use crate::weights::TensorFile;

/// What names of the denoiser's tensors begin with.
pub(super) const UNET: &str = "model.diffusion_model.";
/// Where each kind of text encoder is kept.
const CLIP: &str = "cond_stage_model.transformer.";
const OPEN_CLIP: &str = "cond_stage_model.model.";
const FIRST_CLIP: &str = "conditioner.embedders.0.transformer.";
const FIRST_OPEN_CLIP: &str = "conditioner.embedders.0.model.";
const SECOND_OPEN_CLIP: &str = "conditioner.embedders.1.model.";

/// A kind of model, with the prefixes of its parts in this file.
#[derive(Debug, Clone)]
pub(super) struct Family {
    pub kind: Kind,
    pub encoders: Vec<Encoder>,
    pub vae: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sd1,
    Sd2,
    SdxlBase,
    SdxlRefiner,
}

/// A text encoder in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoder {
    pub prefix: &'static str,
    pub layout: EncoderLayout,
}

/// Whose names a text encoder's tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EncoderLayout {
    /// transformers' CLIPTextModel.
    Clip,
    /// OpenCLIP's text transformer, trained with exact GELU and padded with zeros.
    OpenClip,
}

/// Tensors that only models of other kinds have, with what to call those.
const OTHERS: &[(&str, &str)] = &[
    ("joint_blocks.", "a Stable Diffusion 3 model"),
    ("double_blocks.", "a Flux model"),
    ("edm_mean", "a Playground v2.5 model"),
    ("edm_vpred.", "a CosXL model"),
    ("control_model.", "a ControlNet"),
    ("input_hint_block.", "a ControlNet"),
    (
        "lora_",
        "a LoRA, which is named under [[loras]] of a manifest or with --lora",
    ),
    ("motion_modules.", "an AnimateDiff motion module"),
    ("emb_params", "a textual inversion embedding"),
    ("string_to_param", "a textual inversion embedding"),
];

impl Family {
    /// Recognises a file by the names of its tensors.
    ///
    /// # Errors
    /// If it is something else, or lacks its text encoder or autoencoder.
    pub fn of(file: &TensorFile) -> Result<Self> {
        let refuse = |reason: String| Err(DiffusionError::malformed(file.path(), reason));
        let has = |prefix: &str| file.names().any(|name| name.starts_with(prefix));
        let marked = |mark: &str| {
            file.names()
                .any(|name| name.starts_with(mark) || name.contains(&format!(".{mark}")))
        };
        if let Some((mark, what)) = OTHERS.iter().find(|(mark, _)| marked(mark)) {
            return refuse(format!(
                "this is {what}, not a Stable Diffusion checkpoint (it has tensors `{mark}…`)"
            ));
        }
        if !has(UNET) {
            return refuse(
                if has("down_blocks.") || has("text_model.") || has("encoder.down_blocks.") {
                    "this is one part of a model under diffusers' names; use it in a folder with the other parts and \
                 model_index.json"
                    .to_owned()
                } else if has("encoder.down.") || has("decoder.up.") {
                    "this is an autoencoder alone, not a whole checkpoint".to_owned()
                } else {
                    format!("this is no Stable Diffusion checkpoint: it has no tensors `{UNET}…`")
                },
            );
        }
        let input = file
            .entry("model.diffusion_model.input_blocks.0.0.weight")
            .and_then(|entry| entry.shape.get(1).copied());
        match input {
            Some(9) => {
                return refuse("inpainting checkpoints (9 input channels) are not supported".to_owned());
            }
            Some(8) => return refuse("editing checkpoints (8 input channels) are not supported".to_owned()),
            Some(7) => {
                return refuse("upscaling checkpoints (7 input channels) are not supported".to_owned());
            }
            Some(5) => {
                return refuse("depth-to-image checkpoints (5 input channels) are not supported".to_owned());
            }
            _ => {}
        }
        let added = has("model.diffusion_model.label_emb.");
        let clip = |prefix| Encoder {
            prefix,
            layout: EncoderLayout::Clip,
        };
        let open_clip = |prefix| Encoder {
            prefix,
            layout: EncoderLayout::OpenClip,
        };
        let (kind, encoders) = match added {
            true if has(SECOND_OPEN_CLIP) && has(FIRST_CLIP) => (
                Kind::SdxlBase,
                vec![clip(FIRST_CLIP), open_clip(SECOND_OPEN_CLIP)],
            ),
            true if has(FIRST_OPEN_CLIP) => (Kind::SdxlRefiner, vec![open_clip(FIRST_OPEN_CLIP)]),
            false if has(OPEN_CLIP) => (Kind::Sd2, vec![open_clip(OPEN_CLIP)]),
            false if has(FIRST_OPEN_CLIP) => (Kind::Sd2, vec![open_clip(FIRST_OPEN_CLIP)]),
            false if has(CLIP) => (Kind::Sd1, vec![clip(CLIP)]),
            _ => {
                let wanted = if added {
                    format!("`{FIRST_CLIP}…` and `{SECOND_OPEN_CLIP}…`")
                } else {
                    format!("`{CLIP}…` or `{OPEN_CLIP}…`")
                };
                return refuse(format!(
                    "the file has no text encoder (tensors {wanted}): use the full checkpoint, or a diffusers folder \
                     with this denoiser and its family's text encoder"
                ));
            }
        };
        let Some(vae) = ["first_stage_model.", "vae."]
            .into_iter()
            .find(|prefix| has(prefix))
        else {
            return refuse(
                "the file has no autoencoder (tensors `first_stage_model.…`): use the full checkpoint, or a diffusers \
                 folder with this denoiser and its family's autoencoder"
                    .to_owned(),
            );
        };
        Ok(Self { kind, encoders, vae })
    }

    /// Whether it conditions on pooled text and sizes.
    pub fn is_xl(&self) -> bool {
        matches!(self.kind, Kind::SdxlBase | Kind::SdxlRefiner)
    }

    /// What a diffusers folder's `model_index.json` would say.
    pub fn index(&self) -> Value {
        let clip = json!(["transformers", "CLIPTextModel"]);
        let projected = json!(["transformers", "CLIPTextModelWithProjection"]);
        let absent = json!([null, null]);
        match self.kind {
            Kind::Sd1 | Kind::Sd2 => json!({"_class_name": "StableDiffusionPipeline", "text_encoder": clip}),
            Kind::SdxlBase => json!({
                "_class_name": "StableDiffusionXLPipeline",
                "text_encoder": clip,
                "text_encoder_2": projected,
                "force_zeros_for_empty_prompt": true,
            }),
            Kind::SdxlRefiner => json!({
                "_class_name": "StableDiffusionXLImg2ImgPipeline",
                "text_encoder": absent,
                "text_encoder_2": projected,
                "force_zeros_for_empty_prompt": false,
                "requires_aesthetics_score": true,
            }),
        }
    }
}
