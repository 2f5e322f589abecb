//! IDEFICS2 as the model that looks.

use std::ops::ControlFlow;
use std::sync::Arc;

use image::RgbImage;

use super::Viewer;
use crate::generation::{BoxError, Controls, Finish, GenerationConfig, TokenConstraint, generate};
use crate::idefics2::Idefics2;
use crate::idefics2::processor::ImageProcessor;
use crate::idefics2::prompt::{PromptEncoder, Turn};
use crate::idefics2::session::{Session, encode_pictures};
use crate::{Cancel, ExtractError};

/// The longest answer, in tokens.
const MAX_NEW_TOKENS: usize = 2_000;
/// Rewards repetition a little, as ViPer does: keywords come from the comments.
const REPETITION_PENALTY: f32 = 0.99;
/// Room that is kept free for an answer, in tokens; most have a quarter of it.
const ROOM: usize = 512;

/// A model with its tokenizer and image processor.
pub(super) struct Idefics2Viewer {
    model: Idefics2,
    processor: ImageProcessor,
    prompts: PromptEncoder,
    stop_tokens: Vec<u32>,
}

impl Idefics2Viewer {
    pub(super) fn new(model: Idefics2, processor: ImageProcessor, prompts: PromptEncoder) -> Idefics2Viewer {
        let mut stop_tokens = vec![prompts.end_of_utterance()];
        stop_tokens.extend(prompts.special("</s>"));
        Idefics2Viewer {
            model,
            processor,
            prompts,
            stop_tokens,
        }
    }

    fn generated(
        &self,
        turn: &Turn,
        pictures: &[Arc<RgbImage>],
        cancel: &Cancel,
    ) -> Result<(String, bool), BoxError> {
        let prompt = self.prompts.chat(std::slice::from_ref(turn))?;
        let features = encode_pictures(&self.model, &self.processor, pictures, cancel)?;
        let mut session = Session::new(&self.model, features, cancel.clone());
        let mut words = WordsOnly(self.prompts.image_tokens());
        let positions = self.model.config().text.max_position_embeddings;
        let config = GenerationConfig {
            max_new_tokens: MAX_NEW_TOKENS.min(positions.saturating_sub(prompt.ids.len())),
            repetition_penalty: REPETITION_PENALTY,
            sampling: None,
            stop_tokens: self.stop_tokens.clone(),
        };
        let controls = Controls {
            constraint: Some(&mut words),
            ..Controls::default()
        };
        let generated = generate(&mut session, &prompt.ids, &config, controls)?;
        let text = self.prompts.tokenizer().decode(&generated.tokens, true)?;
        Ok((text, generated.finish == Finish::Length))
    }
}

impl Viewer for Idefics2Viewer {
    fn fits(&self, turn: &Turn) -> Result<bool, ExtractError> {
        let prompt = self.prompts.chat(std::slice::from_ref(turn)).map_err(failed)?;
        let text = &self.model.config().text;
        // What has left the sliding window is seen at second hand only.
        let window = text
            .sliding_window
            .unwrap_or(usize::MAX)
            .min(text.max_position_embeddings);
        Ok(prompt.ids.len() + ROOM.min(window / 4) <= window)
    }

    fn answer(
        &self,
        turn: &Turn,
        pictures: &[Arc<RgbImage>],
        cancel: &Cancel,
    ) -> Result<(String, bool), ExtractError> {
        let generated = self.generated(turn, pictures, cancel);
        generated.map_err(|error| match cancel.is_cancelled() {
            true => ExtractError::Cancelled,
            false => failed(error),
        })
    }
}

fn failed(error: impl Into<BoxError>) -> ExtractError {
    let error = error.into();
    ExtractError::Failed {
        message: error.to_string(),
    }
}

/// Keeps tokens that stand for pictures out of an answer: there is no picture behind them.
struct WordsOnly([u32; 2]);

impl TokenConstraint for WordsOnly {
    fn mask(&mut self, logits: &mut [f32]) -> Result<(), BoxError> {
        for token in self.0 {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    fn accept(&mut self, _: u32) -> Result<ControlFlow<()>, BoxError> {
        Ok(ControlFlow::Continue(()))
    }
}
