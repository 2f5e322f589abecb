//! IDEFICS2 on candle: a model that reads a prompt with pictures in it (Laurençon et al. 2024).
//!
//! | step | where |
//! |---|---|
//! | `config.json` | [`Idefics2Config`] |
//! | a picture's patches become rows | `vision` (SigLIP for any shape) |
//! | these become a few rows as wide as the text model's | `connector` (projection, perceiver resampler) |
//! | they take the places of image tokens, and the text model reads all | `text` (Mistral), [`KvCache`] |
//! | tensors from safetensors and GGUF files, quantising | `weights`, `load`, `quantised`, [`Precision`] |
//! | PEFT adapters | `lora` |
//! | what it will take, before it is loaded | [`MemoryNeed`] |
//! | pictures to pixels: sizes, resampling, padding | [`ImageProcessor`](processor::ImageProcessor) |
//! | conversations to tokens: tokenizer, chat template | [`PromptEncoder`](prompt::PromptEncoder) |
//! | one reading, for generating an answer | [`Session`](session::Session) |
//!
//! candle-transformers has a SigLIP and a Mistral; they are not used: the one has no pictures of other shapes than its
//! square, the other's sliding window reaches one token further than transformers'. `docs/vision.md` says how exact, how
//! large and how fast this is.

mod attention;
mod cache;
mod config;
mod connector;
#[cfg(test)]
pub(crate) mod fixtures;
mod linear;
mod load;
mod lora;
mod memory;
pub mod processor;
pub mod prompt;
mod quantised;
mod resample;
pub mod session;
mod text;
mod vision;
mod weights;

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::ModelError;
pub use cache::KvCache;
pub use config::{Activation, Idefics2Config, PerceiverConfig, TextConfig, VisionConfig};
use connector::Connector;
pub use load::LoadOptions;
use load::Saved;
use lora::Adapter;
pub use memory::MemoryNeed;
pub use quantised::Precision;
use text::TextModel;
use vision::{VisionTower, mask_bytes};
use weights::Weights;

/// Tokens that go through the text model together. More of a prompt follow in further chunks, so that memory for
/// activations does not grow with its length.
const CHUNK: usize = 512;

/// A model with its weights. Clones are cheap and share them.
#[derive(Clone)]
pub struct Idefics2 {
    parts: Arc<Parts>,
}

struct Parts {
    config: Idefics2Config,
    config_json: String,
    vision: VisionTower,
    connector: Connector,
    text: TextModel,
    device: Device,
    precision: Precision,
    /// What activations are.
    compute: DType,
    /// Whether an adapter was added beside the weights.
    adapted: bool,
    weights: Arc<Weights>,
    /// Every tensor that was loaded, for saving.
    saved: Arc<Vec<(String, Saved)>>,
}

/// Pictures as the image processor makes them: resized, normalised, padded at the right and at the bottom to a common size.
#[derive(Debug, Clone)]
pub struct PreparedImages {
    /// `(images, channels, height, width)`, f32.
    pub pixel_values: Tensor,
    /// `(images, height, width)`, u8: 1 inside the picture, 0 in its padding.
    pub pixel_attention_mask: Tensor,
}

impl Idefics2 {
    /// The same model with a PEFT adapter beside its weights, which it shares: only the adapter's own matrices are added to
    /// memory. Each adapted layer takes a little longer than one into which the adapter was merged
    /// ([`LoadOptions::adapters`]), and quantised weights stay as they are.
    ///
    /// # Errors
    /// If a file is absent or damaged, a setting is not supported, or a tensor finds no layer or does not fit.
    pub fn with_adapter(&self, adapter_folder: &Path) -> Result<Self, ModelError> {
        let mut adapter = Adapter::open(adapter_folder)?;
        let base = &self.parts;
        let (mut vision, mut connector, mut text) =
            (base.vision.clone(), base.connector.clone(), base.text.clone());
        let mut adapt = |linear: &mut linear::Linear| -> Result<(), ModelError> {
            let (rows, columns) = linear.weight.dims()?;
            if let Some(lora) = adapter.take(&linear.name, rows, columns)? {
                linear.lora.push(Arc::new(lora.to(base.compute, &base.device)?));
            }
            Ok(())
        };
        vision.visit(&mut adapt)?;
        connector.visit(&mut adapt)?;
        text.visit(&mut adapt)?;
        adapter.finish()?;
        Ok(Self {
            parts: Arc::new(Parts {
                config: base.config.clone(),
                config_json: base.config_json.clone(),
                vision,
                connector,
                text,
                device: base.device.clone(),
                precision: base.precision,
                compute: base.compute,
                adapted: true,
                weights: base.weights.clone(),
                saved: base.saved.clone(),
            }),
        })
    }

    /// The model's configuration.
    pub fn config(&self) -> &Idefics2Config {
        &self.parts.config
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        &self.parts.device
    }

    /// What its matrices are kept in.
    pub fn precision(&self) -> Precision {
        self.parts.precision
    }

    /// A cache that has read nothing.
    pub fn new_cache(&self) -> KvCache {
        let stored = self.parts.precision.cache(&self.parts.device);
        KvCache::new(self.parts.text.layers.len(), stored)
    }

    /// Encodes pictures: `(images, latents, width of the text model)`, on the model's device in its precision.
    ///
    /// # Errors
    /// If the tensors do not fit each other or the model, or a picture is smaller than one patch.
    pub fn encode_images(&self, images: &PreparedImages) -> Result<Tensor, ModelError> {
        let (pixels, mask) = (&images.pixel_values, &images.pixel_attention_mask);
        let channels = self.parts.config.vision.num_channels;
        match (pixels.dims(), mask.dims()) {
            (&[n, c, h, w], &[m, mask_h, mask_w])
                if (n, h, w) == (m, mask_h, mask_w) && n > 0 && c == channels => {}
            (pixels, mask) => {
                return Err(ModelError::input(format!(
                    "pictures of shape {pixels:?} with a mask of shape {mask:?}: (images, {channels}, height, width) and \
                     (images, height, width) are needed, with at least one image"
                )));
            }
        }
        let encode = |i: usize| -> Result<Tensor, ModelError> {
            let patches = self
                .parts
                .vision
                .forward(&pixels.get(i)?, &mask_bytes(&mask.get(i)?)?)?;
            self.parts.connector.forward(&patches)
        };
        let encoded = (0..pixels.dim(0)?).map(encode).collect::<Result<Vec<_>, _>>()?;
        Ok(Tensor::stack(&encoded, 0)?)
    }

    /// Reads further tokens and returns the logits after the last of them: `(tokens there are,)`, f32.
    ///
    /// With `image_features`, as [`Self::encode_images`] returns them, the rows of image tokens are replaced by theirs, in
    /// order. Without, an image token is one like any other. On an error, the cache is as before.
    ///
    /// # Errors
    /// If there are no tokens, one is unknown, the cache is another model's, or the number of image tokens is not that of
    /// rows of features.
    pub fn forward(
        &self,
        token_ids: &[u32],
        image_features: Option<&Tensor>,
        cache: &mut KvCache,
    ) -> Result<Tensor, ModelError> {
        let logits = self.forward_while(token_ids, image_features, cache, &mut |_| true)?;
        logits.ok_or_else(|| ModelError::input("the prompt has no tokens"))
    }

    /// As [`Self::forward`], asking `go_on` before each layer of each chunk of 512 tokens, with the number of those already
    /// read. If it says no, the result is `None` and the cache is as before.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_while(
        &self,
        token_ids: &[u32],
        image_features: Option<&Tensor>,
        cache: &mut KvCache,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Tensor>, ModelError> {
        let features = self.check(token_ids, image_features, cache)?;
        let before = cache.len();
        let result = self.read(token_ids, features, cache, go_on);
        if !matches!(result, Ok(Some(_))) {
            cache.truncate(before);
        }
        result
    }

    /// Refuses what cannot be read, and returns the features as rows.
    fn check(
        &self,
        token_ids: &[u32],
        image_features: Option<&Tensor>,
        cache: &KvCache,
    ) -> Result<Option<Tensor>, ModelError> {
        let Idefics2Config {
            text,
            perceiver,
            image_token_id,
            ..
        } = &self.parts.config;
        if token_ids.is_empty() {
            return Err(ModelError::input("the prompt has no tokens"));
        }
        if let Some(id) = token_ids.iter().find(|&&id| id as usize >= text.vocab_size) {
            return Err(ModelError::input(format!(
                "token {id} is unknown: the model has {} tokens; is the tokenizer another model's?",
                text.vocab_size
            )));
        }
        if cache.layer_count() != text.num_hidden_layers {
            return Err(ModelError::input("the cache belongs to another model"));
        }
        let Some(features) = image_features else {
            return Ok(None);
        };
        let rows = match features.dims() {
            &[images, latents, width] if width == text.hidden_size => images * latents,
            other => {
                return Err(ModelError::input(format!(
                    "image features of shape {other:?}: (images, {}, {}) is needed",
                    perceiver.n_latents, text.hidden_size
                )));
            }
        };
        let tokens = token_ids.iter().filter(|&id| id == image_token_id).count();
        if tokens != rows {
            return Err(ModelError::ImageTokens {
                tokens,
                features: rows,
                each: perceiver.n_latents,
            });
        }
        Ok(Some(features.flatten(0, 1)?))
    }

    fn read(
        &self,
        token_ids: &[u32],
        features: Option<Tensor>,
        cache: &mut KvCache,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Tensor>, ModelError> {
        let text = &self.parts.text;
        let (mut taken, mut last) = (0, None);
        for (i, chunk) in token_ids.chunks(CHUNK).enumerate() {
            let mut x = text
                .embedding
                .rows(chunk, self.parts.compute, &self.parts.device)?;
            if let Some(features) = &features {
                x = self.with_features(chunk, x, features, &mut taken)?;
            }
            last = text.forward(&x, cache, &mut || go_on(i * CHUNK))?;
            if last.is_none() {
                return Ok(None);
            }
        }
        let Some(rows) = last else {
            return Ok(None);
        };
        let row = rows.narrow(0, rows.dim(0)? - 1, 1)?;
        Ok(Some(text.logits(&row)?))
    }

    /// Puts the next features in the places of image tokens; `taken` counts them.
    fn with_features(
        &self,
        chunk: &[u32],
        x: Tensor,
        features: &Tensor,
        taken: &mut usize,
    ) -> Result<Tensor, ModelError> {
        let image = self.parts.config.image_token_id;
        let count = chunk.iter().filter(|&&id| id == image).count();
        if count == 0 {
            return Ok(x);
        }
        let features = features
            .narrow(0, *taken, count)?
            .to_device(x.device())?
            .to_dtype(x.dtype())?;
        *taken += count;
        let mut next = chunk.len() as u32;
        let order: Vec<u32> = chunk
            .iter()
            .zip(0..)
            .map(|(&id, own)| match id == image {
                true => {
                    next += 1;
                    next - 1
                }
                false => own,
            })
            .collect();
        let order = Tensor::new(order, x.device())?;
        Ok(Tensor::cat(&[x, features], 0)?.index_select(&order, 0)?)
    }
}

#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
