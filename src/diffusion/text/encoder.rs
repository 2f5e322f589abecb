//! All text encoders of a checkpoint as one function from text to conditioning.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{D, DType, Device, Tensor};

use super::cache::Cache;
use super::chunks::{self, Chunks};
use super::tokenizer::ClipTokenizer;
use crate::config::{ModelIndex, PipelineFamily, TextEncoderConfig};
use crate::error::Result;
use crate::models::{ClipTextModel, TextStates};
use crate::weights::Weights;

/// Texts kept encoded. One of SDXL's takes 0.6 MB.
const CACHED_TEXTS: usize = 128;

/// A text as the UNet takes it.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    /// (1, tokens, features), f32; several encoders' features side by side.
    pub states: Tensor,
    /// (1, features), f32: the last encoder's pooled vector, in SDXL-shaped models.
    pub pooled: Option<Tensor>,
}

/// The encoders, with their tokenizers and a cache.
pub(crate) struct TextEncoders {
    encoders: Vec<(ClipTokenizer, ClipTextModel)>,
    family: PipelineFamily,
    force_zeros: bool,
    cache: Mutex<Cache<Encoded>>,
    encodings: AtomicU64,
}

impl TextEncoders {
    /// Loads the encoders that `index` lists.
    pub fn load(folder: &Path, index: &ModelIndex, dtype: DType, device: &Device) -> Result<Self> {
        let mut encoders = Vec::with_capacity(index.text_encoders.len());
        for (encoder, tokenizer) in &index.text_encoders {
            let config = TextEncoderConfig::read(&folder.join(encoder).join("config.json"))?;
            let tokenizer = ClipTokenizer::read(&folder.join(tokenizer), &config)?;
            let weights = Weights::open(&folder.join(encoder), "model", dtype, device)?;
            encoders.push((tokenizer, ClipTextModel::new(&config, &weights)?));
        }
        Ok(Self {
            encoders,
            family: index.family,
            force_zeros: index.force_zeros_for_empty_prompt,
            cache: Mutex::new(Cache::new(CACHED_TEXTS)),
            encodings: AtomicU64::new(0),
        })
    }

    /// Encodes a prompt; what does not fit the context is cut off.
    pub fn prompt(&self, text: &str) -> Result<Arc<Encoded>> {
        self.cached('p', text, chunks::cut)
    }

    /// Encodes a negative prompt. An empty one is all zeros for models trained that way.
    pub fn negative(&self, text: &str) -> Result<Arc<Encoded>> {
        let encoded = self.prompt(text)?;
        if !(text.is_empty() && self.force_zeros) {
            return Ok(encoded);
        }
        let pooled = encoded.pooled.as_ref().map(Tensor::zeros_like).transpose()?;
        Ok(Arc::new(Encoded {
            states: encoded.states.zeros_like()?,
            pooled,
        }))
    }

    /// Encodes a visual preference string, however long.
    pub fn preferences(&self, list: &str) -> Result<Arc<Encoded>> {
        self.cached('v', list, chunks::divide)
    }

    /// How many texts have been encoded, that is, not found in the cache.
    pub fn encodings(&self) -> u64 {
        self.encodings.load(Ordering::Relaxed)
    }

    fn cached(
        &self,
        kind: char,
        text: &str,
        chunks: impl Fn(&ClipTokenizer, &str) -> Result<Chunks>,
    ) -> Result<Arc<Encoded>> {
        let key = format!("{kind}{text}");
        // A panic elsewhere leaves the cache whole, so a poisoned lock is as good as any.
        if let Some(found) = self
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(found);
        }
        let encoded = Arc::new(self.encode(text, chunks)?);
        self.encodings.fetch_add(1, Ordering::Relaxed);
        self.cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(key, encoded.clone());
        Ok(encoded)
    }

    fn encode(&self, text: &str, chunks: impl Fn(&ClipTokenizer, &str) -> Result<Chunks>) -> Result<Encoded> {
        let mut states = Vec::with_capacity(self.encoders.len());
        let mut pooled = None;
        for (tokenizer, model) in &self.encoders {
            let mut parts = Vec::new();
            for (tokens, weight) in chunks(tokenizer, text)? {
                parts.push((model.forward(&tokens)?.to_f32()?, weight));
            }
            let family = self.family;
            states.push(average(&parts, |part| match family {
                PipelineFamily::StableDiffusion => Some(&part.last),
                PipelineFamily::StableDiffusionXl => Some(&part.penultimate),
            })?);
            if family == PipelineFamily::StableDiffusionXl {
                pooled = average(&parts, |part| part.pooled.as_ref())?;
            }
        }
        let states: Vec<_> = states.into_iter().flatten().collect();
        let states = if states.len() == 1 {
            states[0].clone()
        } else {
            Tensor::cat(&states, D::Minus1)?
        };
        Ok(Encoded { states, pooled })
    }
}

/// The weighted mean of one of the parts' tensors; exactly that tensor if there is one part.
fn average(
    parts: &[(TextStates, f64)],
    tensor: impl Fn(&TextStates) -> Option<&Tensor>,
) -> Result<Option<Tensor>> {
    let mut sum: Option<Tensor> = None;
    for (part, weight) in parts {
        let Some(tensor) = tensor(part) else {
            return Ok(None);
        };
        sum = Some(match sum {
            None if parts.len() == 1 => tensor.clone(),
            None => (tensor * *weight)?,
            Some(sum) => (sum + (tensor * *weight)?)?,
        });
    }
    Ok(sum)
}
