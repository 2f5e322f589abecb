//! Checkpoints as the community shares them: everything in one safetensors file, under the names of the code the models
//! were trained with.
//!
//! Such a file says nothing about itself. What it is follows from which tensors it has, its sizes from their shapes, and
//! the rest (noise schedule, activation, scale of the latents) from the family, whose members all agree in it.

mod configs;
mod family;
mod names;
mod prediction;

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};
use serde_json::{Map, Value};

use super::{Checkpoint, Part, Source};
use crate::config::{ModelIndex, SchedulerConfig, TextEncoderConfig, UNetConfig, VaeConfig};
use crate::error::{DiffusionError, Result};
use crate::weights::{TensorFile, Weights};
use family::{EncoderLayout, Family};
pub(crate) use names::UNetNames;

/// Settings that replace derived ones, by component (`unet`, `vae`, `text_encoder`, `text_encoder_2`, `scheduler`).
pub(super) type Overrides = Map<String, Value>;

/// An opened file and how its parts are named.
#[derive(Debug, Clone)]
pub(super) struct SingleFile {
    pub file: Arc<TensorFile>,
    family: Family,
}

/// Opens a file and works out what is in it.
///
/// # Errors
/// If it is a pickle, damaged, of a family that is not supported, or lacks a component.
pub(super) fn open(path: &Path, overrides: &Overrides) -> Result<Checkpoint> {
    let file = Arc::new(read(path)?);
    let family = Family::of(&file)?;
    let object = |component: &str, derived: Value| {
        let mut object = match derived {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        if let Some(Value::Object(more)) = overrides.get(component) {
            object.extend(more.clone());
        }
        object
    };
    let index = ModelIndex::from_object(path, object("model_index", family.index()))?;
    let mut text_encoders = Vec::with_capacity(family.encoders.len());
    for (encoder, (component, _)) in family.encoders.iter().zip(&index.text_encoders) {
        let config = configs::text_encoder(&file, &family, encoder)?;
        text_encoders.push(TextEncoderConfig::from_object(path, object(component, config))?);
    }
    let pooled = text_encoders.last().and_then(|config| config.projection);
    let unet = object("unet", configs::unet(&file, &family, pooled)?);
    let vae = object("vae", configs::vae(&file, &family)?);
    let scheduler = object("scheduler", configs::scheduler(&file, &family)?);
    Ok(Checkpoint {
        path: path.to_owned(),
        text_encoders,
        unet: UNetConfig::from_object(path, unet)?,
        vae: VaeConfig::from_object(path, vae)?,
        scheduler: SchedulerConfig::from_object(path, scheduler, index.family)?,
        index,
        source: Source::SingleFile(SingleFile { file, family }),
        mapped: Arc::default(),
        tokenizer: None,
    })
}

/// Maps the file; what is plainly something else is refused by what it is.
fn read(path: &Path) -> Result<TensorFile> {
    TensorFile::open(path).map_err(|error| {
        let pickled = path.extension().is_some_and(|extension| {
            ["ckpt", "pt", "pth", "bin"]
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        });
        match error {
            DiffusionError::Malformed { path, .. } if pickled => DiffusionError::Pickle { path },
            error => error,
        }
    })
}

impl SingleFile {
    /// One network's weights.
    pub fn weights(&self, part: Part, checkpoint: &Checkpoint, dtype: DType, device: &Device) -> Weights {
        let file = self.file.clone();
        match part {
            Part::Unet => {
                let naming = names::Unet {
                    prefix: family::UNET,
                    names: UNetNames::of(&checkpoint.unet),
                };
                Weights::of_file(file, naming, dtype, device)
            }
            Part::Vae => {
                let naming = names::Vae {
                    prefix: self.family.vae,
                    levels: checkpoint.vae.block_out_channels.len(),
                };
                Weights::of_file(file, naming, dtype, device)
            }
            Part::TextEncoder(i) => {
                let encoder = self.family.encoders[i];
                match encoder.layout {
                    EncoderLayout::Clip => Weights::of_file(
                        file,
                        names::Clip {
                            prefix: encoder.prefix,
                        },
                        dtype,
                        device,
                    ),
                    EncoderLayout::OpenClip => Weights::of_file(
                        file,
                        names::OpenClip {
                            prefix: encoder.prefix,
                        },
                        dtype,
                        device,
                    ),
                }
            }
        }
    }

    /// The token that the text encoder of this place was trained to see after a text's end.
    pub fn pad_token(&self, encoder: usize) -> &'static str {
        match self.family.encoders[encoder].layout {
            EncoderLayout::Clip => "<|endoftext|>",
            // OpenCLIP fills up with zeros, and token 0 is this one.
            EncoderLayout::OpenClip => "!",
        }
    }
}
