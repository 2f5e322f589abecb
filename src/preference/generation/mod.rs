//! Generation: a model that tells what may come next is asked again and again.
//!
//! | step of each turn | where |
//! |---|---|
//! | the logits of the next token | [`NextLogits`], the model |
//! | tokens that a grammar rules out | [`TokenConstraint`] |
//! | repetition penalty, then the choice: greedy, or sampled by temperature, top-k and top-p | `sampling.rs` |
//! | stop tokens, the longest answer, cancelling | [`generate`] |
//! | text as it grows, whole characters only | [`TextStream`] |
//!
//! Order and formulas are those of transformers' `generate`, so that greedy answers have the same ids.

mod sampling;
mod stream;

use std::error::Error;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use self::sampling::Sampler;
pub use self::sampling::{Sampling, repetition_penalty};
pub use self::stream::TextStream;

/// What a model or a constraint reports.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A causal language model with its cache.
pub trait NextLogits {
    /// Reads `tokens` after all those given before and returns the logits of the next one, one for each id of the
    /// vocabulary.
    ///
    /// # Errors
    ///
    /// What the model reports.
    fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, BoxError>;
}

/// Rules out tokens, so that the answer keeps to a grammar.
pub trait TokenConstraint {
    /// Sets the logits of tokens that may not come next to −∞.
    ///
    /// # Errors
    ///
    /// What the grammar's engine reports.
    fn mask(&mut self, logits: &mut [f32]) -> Result<(), BoxError>;

    /// Takes notice of the token that was chosen; `Break` where the answer is complete with it.
    ///
    /// # Errors
    ///
    /// What the grammar's engine reports, for instance that the token was not allowed.
    fn accept(&mut self, token: u32) -> Result<ControlFlow<()>, BoxError>;
}

/// How an answer is generated.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// The longest answer, in tokens.
    pub max_new_tokens: usize,
    /// What the logits of tokens that have been read or written are divided by (multiplied with where negative): above 1
    /// avoids repetition, below 1 rewards it, 1 leaves all as it is. Above 0.
    pub repetition_penalty: f32,
    /// How the next token is drawn; `None` takes the likeliest (of equals the first).
    pub sampling: Option<Sampling>,
    /// Tokens that end the answer; they are not part of it.
    pub stop_tokens: Vec<u32>,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        GenerationConfig {
            max_new_tokens: 256,
            repetition_penalty: 1.0,
            sampling: None,
            stop_tokens: Vec::new(),
        }
    }
}

/// What accompanies a generation; [`Controls::default`] is nothing.
#[derive(Default)]
pub struct Controls<'a> {
    /// Keeps the answer to a grammar.
    pub constraint: Option<&'a mut dyn TokenConstraint>,
    /// Ends the generation when it becomes true; looked at before every pass through the model.
    pub cancel: Option<&'a AtomicBool>,
    /// Sees every token of the answer as it is chosen; `Break` ends the generation.
    pub on_token: Option<&'a mut dyn FnMut(u32) -> ControlFlow<()>>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// With this stop token.
    Stop(u32),
    /// The constraint has nothing left to say.
    Complete,
    /// At [`GenerationConfig::max_new_tokens`].
    Length,
    /// By the flag or the callback.
    Cancelled,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Its tokens, without the stop token.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
}

/// Says why nothing was generated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenerationError {
    /// There is nothing to continue.
    #[error("the prompt has no tokens; give the model something to continue")]
    EmptyPrompt,
    /// A setting is outside its range.
    #[error("{name} must be {range}, not {value}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// The values it may have.
        range: &'static str,
        /// The value given.
        value: f64,
    },
    /// The model's numbers broke down.
    #[error(
        "token {token} of the answer has a logit that is not a number; try a precision with more range, such as f32"
    )]
    NotANumber {
        /// Place in the answer, from 0.
        token: usize,
    },
    /// Nothing may come next.
    #[error("no token may come at place {token} of the answer")]
    NothingAllowed {
        /// Place in the answer, from 0.
        token: usize,
    },
    /// The model or the constraint failed.
    #[error("{0}")]
    Model(#[source] BoxError),
}

/// Lets the model continue the prompt.
///
/// The prompt is read in one pass, every further token in one of its own. Whatever the constraint, the settings and the
/// model are the same for, the answer is the same for: sampling is seeded.
///
/// # Errors
///
/// Every variant of [`GenerationError`].
pub fn generate(
    model: &mut dyn NextLogits,
    prompt: &[u32],
    config: &GenerationConfig,
    mut controls: Controls<'_>,
) -> Result<Generated, GenerationError> {
    let mut sampler = Sampler::new(config, prompt)?;
    if prompt.is_empty() {
        return Err(GenerationError::EmptyPrompt);
    }
    let mut tokens = Vec::new();
    let finish = loop {
        if tokens.len() >= config.max_new_tokens {
            break Finish::Length;
        }
        if controls
            .cancel
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
        {
            break Finish::Cancelled;
        }
        let unread = tokens.last().map_or(prompt, std::slice::from_ref);
        let mut logits = model.next_logits(unread).map_err(GenerationError::Model)?;
        if let Some(constraint) = controls.constraint.as_deref_mut() {
            constraint.mask(&mut logits).map_err(GenerationError::Model)?;
        }
        let token = sampler.choose(&mut logits, tokens.len())?;
        let complete = match controls.constraint.as_deref_mut() {
            Some(constraint) => constraint
                .accept(token)
                .map_err(GenerationError::Model)?
                .is_break(),
            None => false,
        };
        if config.stop_tokens.contains(&token) {
            break Finish::Stop(token);
        }
        tokens.push(token);
        if let Some(on_token) = controls.on_token.as_deref_mut()
            && on_token(token).is_break()
        {
            break Finish::Cancelled;
        }
        if complete {
            break Finish::Complete;
        }
    };
    Ok(Generated { tokens, finish })
}

#[cfg(test)]
mod tests;
