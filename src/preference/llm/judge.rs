//! Puts what the vocabulary found in a comment to the model: is it liked, disliked, or neither?

use super::LlmError;
use super::engine::{Begun, Engine};
use super::template::Example;
use super::windows::windows;
use crate::{CommentedImage, Polarity, Preference};

/// The answers there are; their first tokens are compared.
const ANSWERS: [&str; 3] = ["liked", "disliked", "neither"];

pub(super) const INSTRUCTION: &str = "A person commented on a picture. Does the person like the named feature, dislike it, or neither? Answer with one \
word: liked, disliked or neither.";

/// Made-up comments, none of them of the labelled set.
pub(super) const EXAMPLES: [Example<'static>; 6] = [
    Example {
        said: "Comment: the mist is so beautiful, but way too many little details everywhere\nFeature: foggy atmosphere",
        answer: "liked",
    },
    Example {
        said: "Comment: the mist is so beautiful, but way too many little details everywhere\nFeature: intricate details",
        answer: "disliked",
    },
    Example {
        said: "Comment: it was foggy when I walked my dog today\nFeature: foggy atmosphere",
        answer: "neither",
    },
    Example {
        said: "Comment: I don't mind strong contrast at all, quite the opposite\nFeature: high contrast",
        answer: "liked",
    },
    Example {
        said: "Comment: my brother is into pixel art\nFeature: pixel art",
        answer: "neither",
    },
    Example {
        said: "Comment: could do without the glitter\nFeature: sparkles",
        answer: "disliked",
    },
];

/// What says nothing: how a model leans without being told anything.
const NOTHING: &str = "Comment: N/A\nFeature: N/A";

/// Knows how the model leans when it is told nothing, and takes that off its answers (contextual calibration, Zhao et al.
/// 2021): small models prefer one of the words whatever is asked.
pub(super) struct Judge {
    leaning: [f32; 3],
}

impl Judge {
    /// # Errors
    /// When the model fails or its tokenizer cannot tell the answers apart.
    pub(super) fn new(engine: &Engine, begun: &Begun) -> Result<Self, LlmError> {
        Ok(Self {
            leaning: chances(engine.chances(begun, NOTHING, ANSWERS)?),
        })
    }

    /// Decides on one finding: its side and weight, or nothing for neither.
    ///
    /// # Errors
    /// When the model fails.
    pub(super) fn side(
        &self,
        engine: &Engine,
        begun: &Begun,
        comment: &CommentedImage,
        finding: &Preference,
    ) -> Result<Option<(Polarity, f32)>, LlmError> {
        // Of a long comment only the part with the evidence is shown.
        let part = windows(&comment.text)
            .into_iter()
            .find(|window| window.contains(&finding.evidence));
        let shown = part.unwrap_or(&finding.evidence);
        let data = format!("Comment: {shown}\nFeature: {}", finding.attribute);
        let chances = chances(engine.chances(begun, &data, ANSWERS)?);
        let mut lifted = [0.0; 3];
        for (lifted, (chance, leaning)) in lifted.iter_mut().zip(chances.iter().zip(&self.leaning)) {
            *lifted = chance / leaning.max(f32::MIN_POSITIVE);
        }
        let all: f32 = lifted.iter().sum();
        let [liked, disliked, neither] = lifted.map(|it| it / all);
        Ok(if liked > disliked && liked > neither {
            Some((Polarity::Liked, weight(liked)))
        } else if disliked > neither {
            Some((Polarity::Disliked, weight(disliked)))
        } else {
            None
        })
    }
}

/// Softmax.
fn chances(logits: [f32; 3]) -> [f32; 3] {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits.map(|it| (it - most).exp());
    let all: f32 = powers.iter().sum();
    powers.map(|it| it / all)
}

/// A weight for a chance of 1/3 to 1.
fn weight(chance: f32) -> f32 {
    (0.2 + 0.7 * chance).clamp(0.1, 0.9)
}
