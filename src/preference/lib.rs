//! What a person likes to look at: vocabulary, extraction from comments, profile.
//!
//! The way of a comment through this crate:
//!
//! | step | where |
//! |---|---|
//! | the attributes there are, and the words people use for them | [`Vocabulary`], `assets/attributes.toml` |
//! | a comment on a shown image goes in, liked and disliked attributes with their evidence come out | [`Extractor`] |
//! | the extractor that needs no model | [`LexiconExtractor`], `lexicon/` |
//! | how well an extractor reads labelled comments | [`evaluation`], `eval/` |
//! | what many comments add up to, and the VP+ / VP− prompts made of it | [`Profile`] |
//!
//! Nothing here knows of Discord, of disks or of models, and nothing blocks: every function is a computation whose
//! time grows with the length of the text it is given.

mod error;
pub mod evaluation;
mod extraction;
mod lexicon;
mod profile;
mod spelling;
mod vocabulary;

pub use error::{ExtractError, ImportError, ProfileError, VocabularyError};
pub use extraction::{CommentedImage, Extraction, Extractor, MAX_COMMENT_CHARS, Polarity, Preference};
pub use lexicon::LexiconExtractor;
pub use profile::{Change, Evidence, Profile, ProfileEntry};
pub use vocabulary::{AttributeDef, FREE_CATEGORY, Leaning, Vocabulary};
