//! What a person should know about how their texts are read.

use std::fmt;

use super::chunks::{self, Words};
use super::tokenizer::ClipTokenizer;
use super::weights::Segment;
use crate::error::Result;

/// A text that is longer than the text encoder's context.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongText {
    /// Which text: `prompt`, `negative`, `vp_plus` or `vp_minus`.
    pub parameter: &'static str,
    /// The words beyond the context, which a plain encoder would have cut.
    pub beyond: String,
    /// The words that are not used even here, at the end of `beyond`; empty unless the text is extremely long.
    pub unused: String,
}

impl LongText {
    pub(super) fn of(
        tokenizer: &ClipTokenizer,
        parameter: &'static str,
        segments: &[Segment],
    ) -> Result<Option<Self>> {
        let words = Words::of(tokenizer, segments)?;
        if words.len() <= tokenizer.room() {
            return Ok(None);
        }
        let unused = match parameter {
            "prompt" | "negative" => chunks::prompt(tokenizer, &words).1,
            _ => 0,
        };
        Ok(Some(Self {
            parameter,
            beyond: from_token(tokenizer, segments, tokenizer.room())?,
            unused: match unused {
                0 => String::new(),
                unused => from_token(tokenizer, segments, words.len() - unused)?,
            },
        }))
    }
}

/// The text from token `nth` on, without weights.
fn from_token(tokenizer: &ClipTokenizer, segments: &[Segment], nth: usize) -> Result<String> {
    let mut before = nth;
    let mut found = String::new();
    for Segment { text, .. } in segments {
        let places = tokenizer.places(text)?;
        if before >= places.len() {
            before -= places.len();
            continue;
        }
        // A token may be a part of a character: then the character counts as beyond.
        let mut place = places[before].min(text.len());
        while !text.is_char_boundary(place) {
            place -= 1;
        }
        found.push_str(&text[place..]);
        before = 0;
    }
    Ok(found.trim().to_owned())
}

impl fmt::Display for LongText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.parameter {
            "prompt" => "the prompt",
            "negative" => "the negative prompt",
            "vp_plus" => "the liked attributes",
            _ => "the disliked attributes",
        };
        let beyond = self.beyond.strip_suffix(&self.unused).unwrap_or(&self.beyond);
        write!(
            f,
            "{name} is longer than the text encoder reads at once; read as a further part: \"{}\"",
            beyond.trim()
        )?;
        if !self.unused.is_empty() {
            write!(f, "; not used: \"{}\"", self.unused)?;
        }
        Ok(())
    }
}
