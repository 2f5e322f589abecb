//! ViPer's proxy metric: IDEFICS2 with an adapter that continues a person's scores.
//!
//! Every picture is a turn of its own, `User:` picture `Score for this image?`, answered with `+` or `-`. The context are
//! pairs of a disliked and a liked picture with their answers; of the picture in question the answer is left open, and the
//! score is `softmax([logit(+), logit(-)])[0]`. The context is read once and its keys and values kept: each picture in
//! question costs itself and a few tokens.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;

use super::{Metric, Scorer, need_both};
use crate::idefics2::processor::ImageProcessor;
use crate::idefics2::prompt::{PromptEncoder, Segment};
use crate::idefics2::session::{encode_pictures, open_for_viper, read};
use crate::idefics2::{Idefics2, KvCache};
use crate::{Cancel, MetricError, ModelError, ProcessorError};

/// The most pairs of a context: what the adapter was trained with.
pub const MAX_PAIRS: usize = 8;
/// What is asked of every picture.
const QUESTION: &str = "Score for this image?";

/// The metric for everybody: the model, and the tokens of its two answers.
#[derive(Clone)]
pub struct ViperMetric {
    shared: Arc<Shared>,
}

struct Shared {
    model: Idefics2,
    processor: ImageProcessor,
    prompts: PromptEncoder,
    plus: u32,
    minus: u32,
}

impl ViperMetric {
    /// Makes the metric of a loaded model with its adapter, merged or beside it; `path` is what it was loaded from, with the
    /// tokenizer's and the image processor's files there.
    ///
    /// # Errors
    ///
    /// [`ProcessorError`] for these files, and where `+` and `-` are not one token each after `Assistant: `.
    pub fn new(model: Idefics2, path: &Path) -> Result<ViperMetric, ProcessorError> {
        let (processor, prompts) = open_for_viper(&model, path)?;
        ViperMetric::with_parts(model, processor, prompts)
    }

    fn with_parts(
        model: Idefics2,
        processor: ImageProcessor,
        prompts: PromptEncoder,
    ) -> Result<ViperMetric, ProcessorError> {
        let (plus, minus) = signs(&prompts)?;
        let shared = Arc::new(Shared {
            model,
            processor,
            prompts,
            plus,
            minus,
        });
        Ok(ViperMetric { shared })
    }
}

/// Finds the tokens of the two answers, 648 and 387 in the published tokenizer.
fn signs(prompts: &PromptEncoder) -> Result<(u32, u32), ProcessorError> {
    let end = prompts.end_of_utterance();
    let encode = |sign: &str| -> Result<Vec<u32>, ProcessorError> {
        Ok(prompts
            .encode_after(end, &[Segment::Text(format!("\nAssistant: {sign}"))])?
            .ids)
    };
    let (plus, minus) = (encode("+")?, encode("-")?);
    match (plus.split_last(), minus.split_last()) {
        (Some((plus, before)), Some((minus, before_too))) if before == before_too && plus != minus => {
            Ok((*plus, *minus))
        }
        _ => Err(ProcessorError::Tokenizer {
            message:
                "\"+\" and \"-\" must be one token each after \"Assistant: \"; is this IDEFICS2's tokenizer?"
                    .to_owned(),
        }),
    }
}

impl Shared {
    /// A picture with the question, and what stands before the answer. All but the first follow another turn.
    fn question(&self, first: bool) -> Vec<Segment> {
        let break_before = if first { "" } else { "\n" };
        vec![
            Segment::Text(format!("{break_before}User:")),
            Segment::Image,
            Segment::Text(QUESTION.to_owned()),
            Segment::Special(self.prompts.end_of_utterance()),
            Segment::Text("\nAssistant: ".to_owned()),
        ]
    }

    /// The turns of a context of so many pairs, each a disliked and a liked picture; ends with the token that ends a turn.
    fn turns(&self, pairs: usize) -> Vec<Segment> {
        let mut segments = Vec::new();
        for _ in 0..pairs {
            for answer in ["-", "+"] {
                segments.extend(self.question(segments.is_empty()));
                segments.push(Segment::Text(answer.to_owned()));
                segments.push(Segment::Special(self.prompts.end_of_utterance()));
            }
        }
        segments
    }

    /// Reads a picture in question after a context.
    fn score(&self, query: &RgbImage, mut cache: KvCache, cancel: &Cancel) -> Result<f32, ModelError> {
        let after = self.prompts.end_of_utterance();
        let prompt = self.prompts.encode_after(after, &self.question(false))?;
        let features = encode_pictures(&self.model, &self.processor, &[query], cancel)?;
        let logits = read(&self.model, &prompt.ids, features.as_ref(), &mut cache, cancel)?;
        let logits: Vec<f32> = logits.to_vec1()?;
        let logit = |token: u32| logits.get(token as usize).copied().unwrap_or(f32::NAN);
        // The softmax of two numbers.
        Ok(1.0 / (1.0 + (logit(self.minus) - logit(self.plus)).exp()))
    }
}

impl Metric for ViperMetric {
    fn name(&self) -> &'static str {
        "viper"
    }

    /// Reads the context: the first pictures of both lists, as many of one as of the other, at most 8 of each. Both lists
    /// need one at least.
    fn context_until(
        &self,
        liked: &[RgbImage],
        disliked: &[RgbImage],
        cancel: &Cancel,
    ) -> Result<Box<dyn Scorer>, MetricError> {
        need_both(liked, disliked)?;
        liked.iter().chain(disliked).try_for_each(check)?;
        let pairs = liked.len().min(disliked.len()).min(MAX_PAIRS);
        let pictures: Vec<&RgbImage> = disliked
            .iter()
            .zip(liked)
            .take(pairs)
            .flat_map(|(no, yes)| [no, yes])
            .collect();
        let cache = self.read(&pictures, pairs, cancel).map_err(failed)?;
        Ok(Box::new(ViperScorer {
            shared: self.shared.clone(),
            cache,
            cancel: cancel.clone(),
        }))
    }
}

impl ViperMetric {
    fn read(&self, pictures: &[&RgbImage], pairs: usize, cancel: &Cancel) -> Result<KvCache, ModelError> {
        let shared = &self.shared;
        let prompt = shared.prompts.encode(&shared.turns(pairs))?;
        let features = encode_pictures(&shared.model, &shared.processor, pictures, cancel)?;
        let mut cache = shared.model.new_cache();
        read(&shared.model, &prompt.ids, features.as_ref(), &mut cache, cancel)?;
        Ok(cache)
    }
}

/// One person's context, read.
struct ViperScorer {
    shared: Arc<Shared>,
    cache: KvCache,
    cancel: Cancel,
}

impl Scorer for ViperScorer {
    fn score(&mut self, query: &RgbImage) -> Result<f32, MetricError> {
        check(query)?;
        let score = self
            .shared
            .score(query, self.cache.clone(), &self.cancel)
            .map_err(failed)?;
        if score.is_nan() {
            let message =
                "the answer's logits are no numbers; try a precision with more range, such as f32".to_owned();
            return Err(MetricError::Failed { message });
        }
        Ok(score)
    }
}

fn check(picture: &RgbImage) -> Result<(), MetricError> {
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 {
        return Err(MetricError::EmptyImage { width, height });
    }
    Ok(())
}

fn failed(error: ModelError) -> MetricError {
    match error {
        ModelError::Cancelled => MetricError::Cancelled,
        error => MetricError::Failed {
            message: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
