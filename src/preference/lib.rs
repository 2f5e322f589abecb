//! What a person likes to look at: vocabulary, extraction from comments, profile.
//!
//! The way of a comment through this crate:
//!
//! | step | where |
//! |---|---|
//! | the attributes there are, and the words people use for them | [`Vocabulary`], `assets/attributes.toml` |
//! | a comment on a shown image goes in, liked and disliked attributes with their evidence come out | [`Extractor`] |
//! | the extractor that needs no model | [`LexiconExtractor`], `lexicon/` |
//! | the extractor that sees the images, and the model it looks with | [`vpe`], [`idefics2`] |
//! | how a language model's answer comes about, token by token | [`generation`] |
//! | the extractor with a small language model | [`LlmExtractor`], `llm/` |
//! | how well an extractor reads labelled comments | [`evaluation`], `eval/` |
//! | how much a person would like a picture, from pictures they liked and disliked | [`Metric`], [`Scorer`], `metric/` |
//! | what many comments add up to, and the VP+ / VP− prompts made of it | [`Profile`] |
//!
//! What may take long can be ended while it is under way ([`Cancel`]).
//!
//! Nothing here knows of Discord, and but for the models nothing touches a disk or blocks: every function is a computation
//! whose time grows with the length of the text it is given.

pub mod asking;
mod cancel;
mod error;
pub mod evaluation;
mod extraction;
pub mod generation;
pub mod idefics2;
mod lexicon;
pub mod llm;
pub mod metric;
mod profile;
mod spelling;
mod vocabulary;
pub mod vpe;

pub use cancel::Cancel;
pub use error::{
    ExtractError, ImportError, MetricError, ModelError, ProcessorError, ProfileError, VocabularyError,
};
pub use extraction::{CommentedImage, Extraction, Extractor, MAX_COMMENT_CHARS, Polarity, Preference};
pub use lexicon::LexiconExtractor;
pub use llm::{LlmError, LlmExtractor, LlmMode, LlmOptions};
pub use metric::{Metric, Scorer};
pub use profile::{Change, Evidence, Profile, ProfileEntry};
pub use vocabulary::{AttributeDef, FREE_CATEGORY, Leaning, Vocabulary};
