//! `model_index.json`: which parts a checkpoint has.

use std::path::Path;

use serde_json::{Map, Value};

use super::{read_object, unsupported};
use crate::error::Result;

/// The two ways of conditioning a UNet on text that diffusers' text-to-image pipelines have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PipelineFamily {
    /// One text encoder, whose final states condition the UNet.
    StableDiffusion,
    /// One or two text encoders, whose penultimate states are joined, and the last one's pooled vector.
    StableDiffusionXl,
}

/// The checkpoint's table of contents.
#[derive(Debug, Clone)]
pub(crate) struct ModelIndex {
    pub family: PipelineFamily,
    /// Folders of text encoders with the folder of each one's tokenizer, in the order in which their states are joined.
    pub text_encoders: Vec<(String, String)>,
    /// Whether an absent negative prompt is all zeros instead of the encoding of "".
    pub force_zeros_for_empty_prompt: bool,
    /// Whether the time ids end with an aesthetic score (SDXL's refiner) instead of the target size; absent if the index
    /// does not say.
    pub requires_aesthetics_score: Option<bool>,
}

impl ModelIndex {
    /// Reads `model_index.json` in a checkpoint's folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("model_index.json");
        Self::from_object(&path, read_object(&path)?)
    }

    /// Checks settings read from `path`, which errors name.
    pub fn from_object(path: &Path, object: Map<String, Value>) -> Result<Self> {
        let class = object
            .get("_class_name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let family = match class {
            "StableDiffusionPipeline"
            | "StableDiffusionImg2ImgPipeline"
            | "LatentConsistencyModelPipeline"
            | "LatentConsistencyModelImg2ImgPipeline" => PipelineFamily::StableDiffusion,
            "StableDiffusionXLPipeline" | "StableDiffusionXLImg2ImgPipeline" => {
                PipelineFamily::StableDiffusionXl
            }
            other => {
                let supported = "supported: StableDiffusionPipeline, StableDiffusionXLPipeline";
                return Err(unsupported(path, "_class_name", format!("{other:?}"), supported));
            }
        };
        // A part a checkpoint lacks is listed as [null, null].
        let present = |part: &str| {
            object
                .get(part)
                .and_then(Value::as_array)
                .is_some_and(|entry| entry.iter().any(|v| !v.is_null()))
        };
        let candidates = match family {
            PipelineFamily::StableDiffusion => &[("text_encoder", "tokenizer")][..],
            PipelineFamily::StableDiffusionXl => {
                &[("text_encoder", "tokenizer"), ("text_encoder_2", "tokenizer_2")][..]
            }
        };
        let text_encoders: Vec<_> = candidates
            .iter()
            .filter(|(encoder, _)| present(encoder))
            .map(|(encoder, tokenizer)| ((*encoder).to_owned(), (*tokenizer).to_owned()))
            .collect();
        if text_encoders.is_empty() {
            return Err(unsupported(
                path,
                "text_encoder",
                "absent",
                "a model without text encoder cannot be prompted",
            ));
        }
        let force_zeros_for_empty_prompt = family == PipelineFamily::StableDiffusionXl
            && object
                .get("force_zeros_for_empty_prompt")
                .and_then(Value::as_bool)
                .unwrap_or(true);
        Ok(Self {
            family,
            text_encoders,
            force_zeros_for_empty_prompt,
            requires_aesthetics_score: object.get("requires_aesthetics_score").and_then(Value::as_bool),
        })
    }
}
