//! The extractor for those without a GPU: a small language model reads each comment, and can write nothing but findings.
//!
//! | step | file |
//! |---|---|
//! | a GGUF file becomes a model: sizes, weights, tokenizer | `gguf.rs`, `decoder.rs`, `tokenizer.rs` |
//! | the model's own chat template, rendered around a hole for data | `template.rs` |
//! | a long comment is cut into windows | `windows.rs` |
//! | the language of answers, made for each comment | `grammar.rs` |
//! | prompts in, constrained answers out; what is the same for all comments is run once | `engine.rs` |
//! | a finding of the lexicon is put to the model | `judge.rs` |
//!
//! A comment is data: it is encoded without special tokens, so that it cannot end its turn, and it enters the grammar as a
//! quoted string, so that it cannot widen what may be answered.

mod decoder;
mod engine;
mod gguf;
mod grammar;
mod judge;
mod template;
#[cfg(test)]
mod tests;
mod tokenizer;
mod windows;

use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use candle_core::Device;
use thiserror::Error;

use self::engine::{Begun, Engine};
use self::grammar::Shown;
use self::judge::Judge;
use self::template::Example;
use crate::{
    CommentedImage, ExtractError, Extraction, Extractor, FREE_CATEGORY, LexiconExtractor, MAX_COMMENT_CHARS,
    Polarity, Preference, Vocabulary,
};

/// Weight of what a model found by itself: that of a plain "like" in the lexicon.
const PLAIN: f32 = 0.65;

/// Says why a language model could not be used; every message says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LlmError {
    /// A file is missing or unreadable.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The architecture is not one of those that are read.
    #[error(
        "{} is a model of the architecture {found:?}; read are {}",
        path.display(),
        gguf::SUPPORTED.join(", ")
    )]
    Architecture {
        /// The file.
        path: PathBuf,
        /// What it names.
        found: String,
    },
    /// The file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The chat template cannot be used.
    #[error("the model's chat template cannot be used: {0}")]
    Template(String),
    /// The computation failed.
    #[error("the language model failed: {0}")]
    Failed(String),
}

impl From<candle_core::Error> for LlmError {
    fn from(error: candle_core::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What the model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LlmMode {
    /// To write down what a comment likes and dislikes, in names of the vocabulary or in free words.
    Generate,
    /// Of each attribute that the vocabulary finds in a comment, whether the person likes it, dislikes it, or neither.
    Judge,
    /// The same, but only of attributes that the lexicon found and could not place on a side.
    Complete,
}

impl LlmMode {
    /// Every mode, the default first.
    pub const ALL: [LlmMode; 3] = [LlmMode::Complete, LlmMode::Judge, LlmMode::Generate];

    /// Names the mode as the configuration does.
    pub fn name(self) -> &'static str {
        match self {
            LlmMode::Generate => "generate",
            LlmMode::Judge => "judge",
            LlmMode::Complete => "complete",
        }
    }
}

impl FromStr for LlmMode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        LlmMode::ALL
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| format!("there is no mode {name:?}; there are complete, judge and generate"))
    }
}

/// Where a language model is, and how it is used.
#[derive(Debug, Clone)]
pub struct LlmOptions {
    /// A GGUF file of a chat model; a `tokenizer.json` beside it comes before the tokenizer inside.
    pub model: PathBuf,
    /// Where it runs.
    pub device: Device,
    /// What it is asked.
    pub mode: LlmMode,
    /// Most tokens of one answer (only [`LlmMode::Generate`] writes any).
    pub max_tokens: usize,
}

/// Reads comments with a language model. Reads of several threads go on side by side and share the weights.
pub struct LlmExtractor {
    engine: Engine,
    mode: LlmMode,
    max_tokens: usize,
    lexicon: LexiconExtractor,
    vocabulary: &'static Vocabulary,
    /// The conversation up to the comment.
    begun: Begun,
    judge: Option<Judge>,
}

/// What [`LlmMode::Generate`] asks. Made-up comments, none of them of the labelled set.
const INSTRUCTION: &str = "You read what a person says about a picture and list what they like and dislike about its look: colours, \
light, mood, composition, technique, texture. Quote their words, name the feature, then say liked or disliked. Leave out what is \
shown in the picture and what they have no opinion on. If there is nothing, answer: none";

const EXAMPLES: [Example<'static>; 4] = [
    Example {
        said: "Comment: the mist is so beautiful, but way too many little details everywhere",
        answer: "\"the mist is so beautiful\" = foggy atmosphere: liked\n\"way too many little details\" = intricate details: disliked",
    },
    Example {
        said: "Comment: my sister has a dog like that, when was this made?",
        answer: "none",
    },
    Example {
        said: "Comment: not a fan of the harsh shadows. I could look at those brush strokes all day",
        answer: "\"not a fan of the harsh shadows\" = strong shadows: disliked\n\"those brush strokes\" = visible brushstrokes: liked",
    },
    Example {
        said: "Picture: sepia, grainy texture\nComment: these colours!! wow",
        answer: "\"these colours\" = sepia: liked",
    },
];

impl LlmExtractor {
    /// Loads the model and runs what is the same for every comment.
    ///
    /// # Errors
    ///
    /// When the file is missing, broken or of an architecture that is not read; when it has no tokenizer or chat template
    /// that can be used.
    pub fn load(options: &LlmOptions) -> Result<LlmExtractor, LlmError> {
        let engine = Engine::load(&options.model, &options.device)?;
        let (begun, judge) = match options.mode {
            LlmMode::Generate => (engine.begin(INSTRUCTION, &EXAMPLES)?, None),
            LlmMode::Judge | LlmMode::Complete => {
                let begun = engine.begin(judge::INSTRUCTION, &judge::EXAMPLES)?;
                let judge = Judge::new(&engine, &begun)?;
                (begun, Some(judge))
            }
        };
        Ok(LlmExtractor {
            engine,
            mode: options.mode,
            max_tokens: options.max_tokens,
            lexicon: LexiconExtractor::embedded(),
            vocabulary: Vocabulary::embedded(),
            begun,
            judge,
        })
    }

    /// Lets the model write, window by window.
    fn generate(&self, comment: &CommentedImage) -> Result<Vec<(Polarity, Preference)>, LlmError> {
        let mut found = Vec::new();
        for window in windows::windows(&comment.text) {
            let shown = Shown::of(window);
            let grammar = grammar::grammar(self.vocabulary, &shown);
            let data = match comment.image_attributes.is_empty() {
                true => format!("Comment: {}", shown.text),
                false => format!(
                    "Picture: {}\nComment: {}",
                    comment.image_attributes.join(", "),
                    shown.text
                ),
            };
            let answer = self.engine.answer(&self.begun, &data, grammar, self.max_tokens)?;
            for line in grammar::parse(&answer) {
                let Some(evidence) = shown.original(window, &line.quote) else {
                    continue;
                };
                let known = self
                    .vocabulary
                    .get(&line.attribute)
                    .or_else(|| self.vocabulary.resolve(&line.attribute));
                let (attribute, category) = match known {
                    Some(known) => (known.name.clone(), known.category.clone()),
                    None => (line.attribute, FREE_CATEGORY.to_owned()),
                };
                let preference = Preference {
                    attribute,
                    category,
                    weight: PLAIN,
                    evidence: evidence.to_owned(),
                };
                found.push((line.polarity, preference));
            }
        }
        Ok(found)
    }

    fn read(&self, comment: &CommentedImage) -> Result<Extraction, LlmError> {
        let Some(judge) = &self.judge else {
            return self.generate(comment).map(settled);
        };
        let complete = self.mode == LlmMode::Complete;
        let mut found = Vec::new();
        let open = self
            .lexicon
            .mentions(comment)
            .map_err(|error| LlmError::Failed(error.to_string()))?;
        for mention in open {
            let side = match mention.side {
                Some(side) if complete => Some((side, mention.preference.weight)),
                _ => judge.side(&self.engine, &self.begun, comment, &mention.preference)?,
            };
            if let Some((side, weight)) = side {
                let preference = Preference {
                    weight,
                    ..mention.preference
                };
                found.push((side, preference));
            }
        }
        Ok(settled(found))
    }
}

/// Puts findings into the two lists: of an attribute that was found several times the heavier side stays, and neither if
/// they weigh the same.
fn settled(found: Vec<(Polarity, Preference)>) -> Extraction {
    let mut extraction = Extraction::default();
    for (polarity, preference) in &found {
        let most = |side: Polarity| {
            found
                .iter()
                .filter(|(other, it)| *other == side && it.attribute == preference.attribute)
                .map(|(_, it)| it.weight)
                .fold(0.0, f32::max)
        };
        let list = match polarity {
            Polarity::Liked => &mut extraction.liked,
            Polarity::Disliked => &mut extraction.disliked,
        };
        let there = list.iter().any(|it| it.attribute == preference.attribute);
        if !there && most(*polarity) > most(polarity.opposite()) {
            list.push(Preference {
                weight: most(*polarity),
                ..preference.clone()
            });
        }
    }
    for list in [&mut extraction.liked, &mut extraction.disliked] {
        list.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    }
    extraction
}

impl Extractor for LlmExtractor {
    fn name(&self) -> &'static str {
        "llm"
    }

    fn extract(&self, comment: &CommentedImage) -> Result<Extraction, ExtractError> {
        let chars = comment.text.chars().count();
        if chars > MAX_COMMENT_CHARS {
            return Err(ExtractError::TooLong {
                chars,
                limit: MAX_COMMENT_CHARS,
            });
        }
        self.read(comment).map_err(|error| ExtractError::Failed {
            message: error.to_string(),
        })
    }
}
