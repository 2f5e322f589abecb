//! All text encoders of a checkpoint as one function from text to conditioning.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{D, DType, Device, Tensor};

use super::cache::Cache;
use super::chunks::{self, Words};
use super::notice::LongText;
use super::tokenizer::ClipTokenizer;
use super::weights::{Segment, parse};
use crate::checkpoint::{Checkpoint, Part};
use crate::config::PipelineFamily;
use crate::error::Result;
use crate::lora::LoraSet;
use crate::models::{ClipTextModel, TextStates};

/// Contexts kept encoded. One of SDXL's takes 0.6 MB.
const CACHED_CONTEXTS: usize = 128;

/// A text as the UNet takes it.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    /// (1, contexts · tokens, features), f32; several encoders' features side by side.
    pub states: Tensor,
    /// (1, features), f32: the last encoder's pooled vector (of the first context), in SDXL-shaped models.
    pub pooled: Option<Tensor>,
    /// How many contexts the states are of.
    pub contexts: usize,
}

/// How texts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Layers left out at the encoders' end.
    pub clip_skip: usize,
    /// Whether brackets in a text are attention weights.
    pub weights: bool,
}

/// The encoders, with their tokenizers and a cache.
pub(crate) struct TextEncoders {
    encoders: Vec<(ClipTokenizer, ClipTextModel)>,
    family: PipelineFamily,
    force_zeros: bool,
    cache: Mutex<Cache<Encoded>>,
    encodings: AtomicU64,
}

/// The two ways of reading a text that is longer than a context, see [`chunks`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Prompt,
    Preferences,
}

impl TextEncoders {
    /// Loads a checkpoint's encoders with the changes of `loras`.
    pub fn load(
        checkpoint: &Checkpoint,
        loras: &Arc<LoraSet>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let encoders = (0..checkpoint.text_encoders.len())
            .map(|i| {
                let model = Self::build(checkpoint, i, loras, dtype, device)?;
                Ok((checkpoint.tokenizer(i)?, model))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            encoders,
            family: checkpoint.index.family,
            force_zeros: checkpoint.index.force_zeros_for_empty_prompt,
            cache: Mutex::new(Cache::new(CACHED_CONTEXTS)),
            encodings: AtomicU64::new(0),
        })
    }

    /// Builds the encoder of one place.
    pub fn build(
        checkpoint: &Checkpoint,
        encoder: usize,
        loras: &Arc<LoraSet>,
        dtype: DType,
        device: &Device,
    ) -> Result<ClipTextModel> {
        let patch = loras.patch(checkpoint.component(encoder), None);
        let weights = checkpoint.weights(Part::TextEncoder(encoder), dtype, device)?;
        ClipTextModel::new(&checkpoint.text_encoders[encoder], &weights.patched(patch))
    }

    /// Puts rebuilt encoders in their places and forgets what the old ones made of texts.
    pub fn replace(&mut self, models: Vec<(usize, ClipTextModel)>) {
        if models.is_empty() {
            return;
        }
        for (place, model) in models {
            self.encoders[place].1 = model;
        }
        self.cache = Mutex::new(Cache::new(CACHED_CONTEXTS));
    }

    /// Encodes a prompt, in as many contexts as it needs.
    pub fn prompt(&self, text: &str, reading: Reading) -> Result<Arc<Encoded>> {
        self.cached(Kind::Prompt, text, reading)
    }

    /// Encodes a negative prompt. An empty one is all zeros for models trained that way.
    ///
    /// No layers are skipped here, as diffusers skips none.
    pub fn negative(&self, text: &str, weights: bool) -> Result<Arc<Encoded>> {
        let encoded = self.prompt(text, negative_reading(weights))?;
        if !(text.is_empty() && self.force_zeros) {
            return Ok(encoded);
        }
        let pooled = encoded.pooled.as_ref().map(Tensor::zeros_like).transpose()?;
        Ok(Arc::new(Encoded {
            states: encoded.states.zeros_like()?,
            pooled,
            contexts: encoded.contexts,
        }))
    }

    /// Encodes a visual preference string, however long, in one context.
    pub fn preferences(&self, list: &str, reading: Reading) -> Result<Arc<Encoded>> {
        self.cached(Kind::Preferences, list, reading)
    }

    /// Fills a prompt up to `contexts` contexts with empty ones.
    pub fn fill_prompt(
        &self,
        encoded: Arc<Encoded>,
        contexts: usize,
        reading: Reading,
    ) -> Result<Arc<Encoded>> {
        fill(encoded, contexts, || self.prompt("", reading))
    }

    /// The same for a negative prompt, whose empty contexts are zeros in some models.
    pub fn fill_negative(&self, encoded: Arc<Encoded>, contexts: usize) -> Result<Arc<Encoded>> {
        fill(encoded, contexts, || self.negative("", false))
    }

    /// How many texts have been encoded, that is, not found in the cache.
    pub fn encodings(&self) -> u64 {
        self.encodings.load(Ordering::Relaxed)
    }

    /// Layers of the encoder that has the fewest.
    pub fn layers(&self) -> usize {
        let layers = self.encoders.iter().map(|(_, model)| model.layers());
        layers.min().unwrap_or_default()
    }

    /// Says what of a text is beyond one context.
    pub fn long_text(&self, parameter: &'static str, text: &str, weights: bool) -> Result<Option<LongText>> {
        // The encoders of one model share vocabulary and context; the shortest counts.
        let Some((tokenizer, _)) = self.encoders.iter().min_by_key(|(tokenizer, _)| tokenizer.room()) else {
            return Ok(None);
        };
        LongText::of(tokenizer, parameter, &segments(text, weights))
    }

    fn cached(&self, kind: Kind, text: &str, reading: Reading) -> Result<Arc<Encoded>> {
        let Reading { clip_skip, weights } = reading;
        let key = format!("{} {clip_skip} {weights} {text}", kind as u8);
        // A panic elsewhere leaves the cache whole, so a poisoned lock is as good as any.
        if let Some(found) = self
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(found);
        }
        let encoded = Arc::new(self.encode(kind, text, reading)?);
        self.encodings.fetch_add(1, Ordering::Relaxed);
        self.cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(key, encoded.clone(), encoded.contexts);
        Ok(encoded)
    }

    fn encode(&self, kind: Kind, text: &str, reading: Reading) -> Result<Encoded> {
        let segments = segments(text, reading.weights);
        let mut chunked = Vec::with_capacity(self.encoders.len());
        for (tokenizer, _) in &self.encoders {
            let words = Words::of(tokenizer, &segments)?;
            chunked.push(match kind {
                Kind::Prompt => {
                    let (chunks, unused) = chunks::prompt(tokenizer, &words);
                    if unused > 0 {
                        tracing::warn!(
                            tokens = words.len(),
                            unused,
                            "the end of an endless prompt is not used"
                        );
                    }
                    chunks.into_iter().map(|chunk| (chunk, 1.0)).collect()
                }
                Kind::Preferences => chunks::divide(tokenizer, &words),
            });
        }
        // Encoders with different vocabularies may need different numbers of contexts.
        let most = chunked.iter().map(Vec::len).max().unwrap_or_default();
        let mut states = Vec::with_capacity(self.encoders.len());
        let mut pooled = None;
        for ((tokenizer, model), mut chunks) in self.encoders.iter().zip(chunked) {
            let mut parts = Vec::with_capacity(most);
            if kind == Kind::Prompt {
                chunks.resize(most, (Words::default(), 1.0));
            }
            for (words, share) in &chunks {
                let tokens = tokenizer.sequence(&words.tokens);
                let encoded = model.forward(&tokens, reading.clip_skip)?.to_f32()?;
                parts.push((self.states(&encoded).clone(), *share));
                pooled = match (self.family, pooled) {
                    // The last encoder's counts, and of it the first context's.
                    (PipelineFamily::StableDiffusionXl, _) if parts.len() == 1 => encoded.pooled,
                    (_, pooled) => pooled,
                };
            }
            let words: Vec<_> = chunks.iter().map(|(words, _)| words).collect();
            states.push(match kind {
                Kind::Prompt => {
                    let parts: Vec<_> = parts.iter().map(|(part, _)| part).collect();
                    weigh(&join(&parts, 1)?, &words, tokenizer)?
                }
                Kind::Preferences => {
                    for ((part, _), &words) in parts.iter_mut().zip(&words) {
                        *part = weigh(part, &[words], tokenizer)?;
                    }
                    average(&parts)?
                }
            });
        }
        let contexts = match kind {
            Kind::Prompt => most,
            Kind::Preferences => 1,
        };
        let states = join(&states.iter().collect::<Vec<_>>(), D::Minus1)?;
        Ok(Encoded {
            states,
            pooled,
            contexts,
        })
    }

    fn states<'a>(&self, encoded: &'a TextStates) -> &'a Tensor {
        match self.family {
            PipelineFamily::StableDiffusion => &encoded.last,
            PipelineFamily::StableDiffusionXl => &encoded.penultimate,
        }
    }
}

fn segments(text: &str, weights: bool) -> Vec<Segment> {
    if weights {
        parse(text)
    } else {
        vec![Segment::plain(text)]
    }
}

fn negative_reading(weights: bool) -> Reading {
    Reading {
        clip_skip: 0,
        weights,
    }
}

fn fill(
    encoded: Arc<Encoded>,
    contexts: usize,
    empty: impl FnOnce() -> Result<Arc<Encoded>>,
) -> Result<Arc<Encoded>> {
    if encoded.contexts >= contexts {
        return Ok(encoded);
    }
    let empty = empty()?;
    let mut parts = vec![&encoded.states];
    parts.resize(1 + contexts - encoded.contexts, &empty.states);
    Ok(Arc::new(Encoded {
        states: join(&parts, 1)?,
        pooled: encoded.pooled.clone(),
        contexts,
    }))
}

/// Joins tensors; a single one stays as it is.
fn join<D: candle_core::shape::Dim>(parts: &[&Tensor], dim: D) -> candle_core::Result<Tensor> {
    match parts {
        [part] => Ok((*part).clone()),
        parts => Tensor::cat(parts, dim),
    }
}

/// The weighted mean of the parts; exactly the part if there is one.
fn average(parts: &[(Tensor, f64)]) -> candle_core::Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for (part, share) in parts {
        sum = Some(match sum {
            None if parts.len() == 1 => part.clone(),
            None => (part * *share)?,
            Some(sum) => (sum + (part * *share)?)?,
        });
    }
    sum.ok_or_else(|| candle_core::Error::Msg("a text without any part".to_owned()))
}

/// Applies attention weights as diffusers' community pipeline `lpw_stable_diffusion` does: each token's states are
/// multiplied by its weight, then all states by what restores their mean. Texts without weights are left as they are.
///
/// `states` is (1, contexts · tokens, features), f32, `contexts` the words of each context.
fn weigh(states: &Tensor, contexts: &[&Words], tokenizer: &ClipTokenizer) -> candle_core::Result<Tensor> {
    if contexts
        .iter()
        .all(|words| words.weights.iter().all(|&weight| weight == 1.0))
    {
        return Ok(states.clone());
    }
    let mut weights = Vec::with_capacity(contexts.len() * tokenizer.context());
    for (nth, words) in contexts.iter().enumerate() {
        weights.resize(nth * tokenizer.context() + tokenizer.start(), 1f32);
        weights.extend(words.weights.iter().take(tokenizer.room()));
        weights.resize((nth + 1) * tokenizer.context(), 1.0);
    }
    let weights = Tensor::from_vec(weights, (1, states.dim(1)?, 1), states.device())?;
    let weighted = states.broadcast_mul(&weights)?;
    let mean = |x: &Tensor| x.mean_all()?.to_scalar::<f32>();
    let ratio = f64::from(mean(states)?) / f64::from(mean(&weighted)?);
    // Weights that happen to cancel the mean leave nothing to restore it by.
    if ratio.is_finite() {
        weighted * ratio
    } else {
        Ok(weighted)
    }
}
