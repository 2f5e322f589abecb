//! The extractor that needs no model: a vocabulary, cues and the grammar of opinions.
//!
//! | step | file |
//! |---|---|
//! | cut the comment into tokens, correct slips | `token.rs`, `speller.rs` |
//! | leave out instructions and markup | `guard.rs` |
//! | find attributes, sides of the image, and words that judge | `find.rs`, `compound.rs`, `sense.rs`, `phrases.rs`, `cues.rs` with `cues.toml` |
//! | decide which judgement is about what: clauses, negation, contrast, wishes, comparison | `clause.rs`, `judge/` |
//! | give "these colours" a meaning from the shown image, weigh, settle contradictions | `weigh.rs` |
//!
//! Nothing is returned that the comment has no words for.

mod clause;
mod compound;
mod cues;
mod find;
mod guard;
mod judge;
mod phrases;
mod sense;
mod speller;
mod token;
mod weigh;

use std::sync::{Arc, LazyLock};

use self::find::{Finder, What};
use self::weigh::Image;
use crate::{
    CommentedImage, ExtractError, Extraction, Extractor, MAX_COMMENT_CHARS, Polarity, Preference, Vocabulary,
    VocabularyError,
};

/// Reads comments with a vocabulary and rules; takes well under a millisecond for an ordinary comment.
#[derive(Debug, Clone)]
pub struct LexiconExtractor {
    vocabulary: &'static Vocabulary,
    finder: Arc<Finder>,
}

impl LexiconExtractor {
    /// Prepares the search for a vocabulary.
    ///
    /// # Errors
    ///
    /// [`VocabularyError::Automaton`] where the vocabulary is too large to be searched.
    pub fn new(vocabulary: &'static Vocabulary) -> Result<LexiconExtractor, VocabularyError> {
        Ok(LexiconExtractor {
            vocabulary,
            finder: Arc::new(Finder::new(vocabulary)?),
        })
    }

    /// Returns the extractor for [`Vocabulary::embedded`], prepared on first use.
    ///
    /// # Panics
    ///
    /// Never: a test prepares it.
    #[allow(
        clippy::expect_used,
        reason = "the vocabulary is part of the program and a test prepares it"
    )]
    pub fn embedded() -> LexiconExtractor {
        static EMBEDDED: LazyLock<LexiconExtractor> = LazyLock::new(|| {
            LexiconExtractor::new(Vocabulary::embedded()).expect("the embedded vocabulary can be searched")
        });
        EMBEDDED.clone()
    }
}

/// Weight of what is named but not judged, before anybody has judged it.
const OPEN: f32 = 0.5;

/// An attribute that a comment speaks of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mention {
    /// The attribute with the words that name or judge it.
    pub(crate) preference: Preference,
    /// The side the rules put it on; `None` where they found no judgement.
    pub(crate) side: Option<Polarity>,
}

impl LexiconExtractor {
    /// Returns what a comment judges, then what it names besides, for those who judge by other means. Instructions are left
    /// out as ever.
    ///
    /// # Errors
    ///
    /// Those of [`extract`](Extractor::extract).
    pub(crate) fn mentions(&self, comment: &CommentedImage) -> Result<Vec<Mention>, ExtractError> {
        let extraction = self.extract(comment)?;
        let judged = |side: Polarity| {
            extraction.list(side).iter().map(move |preference| Mention {
                preference: preference.clone(),
                side: Some(side),
            })
        };
        let mut mentions: Vec<Mention> = judged(Polarity::Liked)
            .chain(judged(Polarity::Disliked))
            .collect();
        let tokens = self.finder.tokens(&comment.text);
        let opinions = guard::opinions(&comment.text, &tokens);
        let roles = self.finder.roles(&tokens);
        for element in self.finder.elements(&tokens, &roles) {
            let What::Attribute(index, _) = element.what else {
                continue;
            };
            let said = opinions
                .iter()
                .any(|sentence| sentence.contains(&element.at.start));
            let (Some(first), Some(last)) = (tokens.get(element.at.start), tokens.get(element.at.end - 1))
            else {
                continue;
            };
            let evidence = comment
                .text
                .get(first.span.start..last.span.end)
                .unwrap_or_default();
            let attribute = &self.vocabulary.attributes()[index];
            let known = mentions.iter().any(|mention| {
                mention.preference.attribute == attribute.name
                    || mention.preference.evidence.contains(evidence)
            });
            if said && !known && !evidence.is_empty() {
                mentions.push(Mention {
                    preference: Preference {
                        attribute: attribute.name.clone(),
                        category: attribute.category.clone(),
                        weight: OPEN,
                        evidence: evidence.to_owned(),
                    },
                    side: None,
                });
            }
        }
        Ok(mentions)
    }
}

impl Extractor for LexiconExtractor {
    fn name(&self) -> &'static str {
        "lexicon"
    }

    fn extract(&self, comment: &CommentedImage) -> Result<Extraction, ExtractError> {
        let chars = comment.text.chars().count();
        if chars > MAX_COMMENT_CHARS {
            return Err(ExtractError::TooLong {
                chars,
                limit: MAX_COMMENT_CHARS,
            });
        }
        let tokens = self.finder.tokens(&comment.text);
        let image = Image::of(self.vocabulary, &comment.image_attributes);
        let pictured = |categories: &[usize]| image.has(categories);
        let findings = judge::judge(&self.finder, self.vocabulary, &comment.text, &tokens, &pictured);
        Ok(weigh::weigh(&image, &comment.text, &tokens, &findings))
    }
}

#[cfg(test)]
mod tests;
