//! One reading of the model: pictures first, then tokens.

use std::borrow::Borrow;
use std::path::Path;

use candle_core::Tensor;
use image::RgbImage;

use super::processor::ImageProcessor;
use super::prompt::{IMAGE_TOKEN, PromptEncoder};
use super::{Idefics2, KvCache};
use crate::generation::{BoxError, NextLogits};
use crate::{Cancel, ModelError, ProcessorError};

/// Sizes of the pictures that ViPer's adapters were trained with, in pixels.
const LONGEST_EDGE: u32 = 448;
const SHORTEST_EDGE: u32 = 378;

/// Encodes pictures, in their order; `None` for no picture. `(images, latents, hidden)`.
///
/// # Errors
///
/// [`ModelError`] for a picture without pixels, where the model fails, and where it is cancelled before the last picture.
pub fn encode_pictures<P: Borrow<RgbImage> + Sync>(
    model: &Idefics2,
    processor: &ImageProcessor,
    pictures: &[P],
    cancel: &Cancel,
) -> Result<Option<Tensor>, ModelError> {
    // One by one: none is padded for another's sake, and memory does not grow with their number.
    let features = pictures
        .chunks(1)
        .map(|picture| match cancel.is_cancelled() {
            true => Err(ModelError::Cancelled),
            false => model.encode_images(&processor.prepare(picture)?),
        })
        .collect::<Result<Vec<_>, ModelError>>()?;
    if features.is_empty() {
        return Ok(None);
    }
    Ok(Some(Tensor::cat(&features, 0)?))
}

/// One reading of the model, for [`generate`](crate::generation::generate).
pub struct Session<'a> {
    model: &'a Idefics2,
    /// Features of the pictures whose tokens come next.
    pictures: Option<Tensor>,
    cache: KvCache,
    cancel: Cancel,
}

impl<'a> Session<'a> {
    /// Begins with the features of all pictures of the prompt. Once cancelled, it reads nothing more.
    pub fn new(model: &'a Idefics2, pictures: Option<Tensor>, cancel: Cancel) -> Session<'a> {
        Session {
            model,
            pictures,
            cache: model.new_cache(),
            cancel,
        }
    }
}

impl NextLogits for Session<'_> {
    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, BoxError> {
        let pictures = self.pictures.take();
        let logits = read(
            self.model,
            tokens,
            pictures.as_ref(),
            &mut self.cache,
            &self.cancel,
        )?;
        Ok(logits.to_vec1()?)
    }
}

/// Reads further tokens like [`Idefics2::forward`], as long as it is not cancelled.
pub(crate) fn read(
    model: &Idefics2,
    tokens: &[u32],
    pictures: Option<&Tensor>,
    cache: &mut KvCache,
    cancel: &Cancel,
) -> Result<Tensor, ModelError> {
    let logits = model.forward_while(tokens, pictures, cache, &mut |_| !cancel.is_cancelled())?;
    logits.ok_or(ModelError::Cancelled)
}

/// Opens what belongs to a model's tokens and pictures, for ViPer's adapters: pictures of at most 448 and at least 378 pixels
/// a side, not split. `path` is what the model was loaded from.
///
/// # Errors
///
/// [`ProcessorError`] for the files beside the model, and where the tokenizer has another token for an image than the model.
pub(crate) fn open_for_viper(
    model: &Idefics2,
    path: &Path,
) -> Result<(ImageProcessor, PromptEncoder), ProcessorError> {
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    };
    let processor = ImageProcessor::from_folder(folder)?
        .with_size(LONGEST_EDGE, SHORTEST_EDGE)?
        .with_image_splitting(false);
    let prompts = prompts(model, folder, &processor)?;
    Ok((processor, prompts))
}

/// Opens the tokenizer of a folder.
pub(crate) fn prompts(
    model: &Idefics2,
    folder: &Path,
    processor: &ImageProcessor,
) -> Result<PromptEncoder, ProcessorError> {
    let config = model.config();
    let prompts =
        PromptEncoder::from_folder(folder, config.perceiver.n_latents, processor.images_per_picture())?;
    let [token, _] = prompts.image_tokens();
    if token != config.image_token_id {
        return Err(ProcessorError::File {
            path: folder.join("tokenizer.json"),
            message: format!(
                "\"{IMAGE_TOKEN}\" is token {token}, the model's \"image_token_id\" is {}: these are two models' files",
                config.image_token_id
            ),
        });
    }
    Ok(prompts)
}
