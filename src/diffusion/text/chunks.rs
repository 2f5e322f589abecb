//! Texts longer than an encoder's context.
//!
//! A context holds 75 tokens beside start and end. A longer prompt is read in several contexts, one after the other, each
//! encoded on its own, and their states are joined: the denoiser attends to all of them. Where a context ends near a comma,
//! it ends at that comma, so that no phrase is torn. At most [`MAX_CONTEXTS`] are read.
//!
//! A visual preference string is a list without order, and it must be possible to add it to a prompt of any length. It is
//! divided between entries (commas) into as few chunks as fit, greedily; an entry that alone is too long is divided between
//! tokens. The chunks' states are averaged position by position, each weighted by its share of the string's tokens: a
//! preference string is always one context, whose states are added to each context of the prompt.

use super::tokenizer::ClipTokenizer;
use super::weights::Segment;
use crate::error::Result;

/// Contexts that a prompt may take: 600 words or so.
pub(super) const MAX_CONTEXTS: usize = 8;

/// Tokens from the end of a full context within which a comma is a better place to end it, out of 75.
const COMMA_REACH: usize = 20;
const USUAL_ROOM: usize = 75;

/// A text's own tokens with their attention weights.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Words {
    pub tokens: Vec<u32>,
    pub weights: Vec<f32>,
}

impl Words {
    /// Tokenizes each segment on its own.
    pub fn of(tokenizer: &ClipTokenizer, segments: &[Segment]) -> Result<Self> {
        let mut words = Self::default();
        for Segment { text, weight } in segments {
            let tokens = tokenizer.content(text)?;
            words
                .weights
                .resize(words.weights.len() + tokens.len(), *weight as f32);
            words.tokens.extend(tokens);
        }
        Ok(words)
    }

    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    fn range(&self, from: usize, to: usize) -> Self {
        Self {
            tokens: self.tokens[from..to].to_vec(),
            weights: self.weights[from..to].to_vec(),
        }
    }

    fn append(&mut self, other: &Self) {
        self.tokens.extend(&other.tokens);
        self.weights.extend(&other.weights);
    }
}

/// Where each of a prompt's contexts begins; their ends are the next one's beginnings. At least one context.
pub(super) fn contexts(tokens: &[u32], room: usize, comma: Option<u32>) -> Vec<usize> {
    let reach = COMMA_REACH * room / USUAL_ROOM;
    let mut starts = vec![0];
    let mut start = 0;
    while tokens.len() - start > room {
        let full = &tokens[start..start + room];
        let after_comma = full
            .iter()
            .rposition(|&token| Some(token) == comma)
            .map(|at| at + 1)
            .filter(|&end| room - end <= reach);
        start += after_comma.unwrap_or(room);
        starts.push(start);
    }
    starts
}

/// A prompt as one or more contexts, and how many of its tokens they leave out.
pub(super) fn prompt(tokenizer: &ClipTokenizer, words: &Words) -> (Vec<Words>, usize) {
    let starts = contexts(&words.tokens, tokenizer.room(), tokenizer.comma());
    let ends = starts.iter().skip(1).copied().chain([words.len()]);
    let chunks: Vec<_> = starts
        .iter()
        .zip(ends)
        .take(MAX_CONTEXTS)
        .map(|(&start, end)| words.range(start, end))
        .collect();
    let used: usize = chunks.iter().map(Words::len).sum();
    (chunks, words.len() - used)
}

/// A preference list as one or more chunks with their weights, which add up to 1; none of its entries is lost.
pub(super) fn divide(tokenizer: &ClipTokenizer, list: &Words) -> Vec<(Words, f64)> {
    let room = tokenizer.room();
    if list.len() <= room {
        return vec![(list.clone(), 1.0)];
    }
    let comma = tokenizer.comma();
    let mut chunks: Vec<Words> = Vec::new();
    // The comma between the last chunk and the next entry: it is needed only inside a chunk.
    let mut separator = Words::default();
    let mut start = 0;
    while start < list.len() {
        let end = list.tokens[start..]
            .iter()
            .position(|&token| Some(token) == comma)
            .map_or(list.len(), |length| start + length);
        let entry = list.range(start, end);
        if entry.len() > 0 {
            match chunks.last_mut() {
                Some(last) if last.len() + separator.len() + entry.len() <= room => {
                    last.append(&separator);
                    last.append(&entry);
                }
                _ => {
                    let pieces = (0..entry.len())
                        .step_by(room)
                        .map(|from| entry.range(from, entry.len().min(from + room)));
                    chunks.extend(pieces);
                }
            }
            separator = list.range(end, list.len().min(end + 1));
        }
        start = end + 1;
    }
    let total: usize = chunks.iter().map(Words::len).sum();
    chunks
        .into_iter()
        .map(|chunk| {
            let share = chunk.len() as f64 / total.max(1) as f64;
            (chunk, share)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMA: u32 = 7;

    fn lengths(tokens: &[u32], room: usize) -> Vec<usize> {
        let starts = contexts(tokens, room, Some(COMMA));
        let ends = starts.iter().skip(1).copied().chain([tokens.len()]);
        starts.iter().zip(ends).map(|(start, end)| end - start).collect()
    }

    #[test]
    fn a_context_ends_at_a_comma_if_one_is_near() {
        let mut tokens = vec![1; 100];
        assert_eq!(lengths(&tokens, 75), [75, 25]);
        tokens[60] = COMMA;
        assert_eq!(lengths(&tokens, 75), [61, 39]);
        tokens[60] = 1;
        tokens[54] = COMMA;
        assert_eq!(lengths(&tokens, 75), [55, 45]);
        tokens[54] = 1;
        tokens[53] = COMMA;
        assert_eq!(lengths(&tokens, 75), [75, 25]);
        assert_eq!(lengths(&[], 75), [0]);
        assert_eq!(lengths(&[1; 75], 75), [75]);
    }

    proptest! {
        #[test]
        fn contexts_hold_every_token_and_none_too_many(
            tokens in prop::collection::vec(5u32..9, 0..400),
            room in 1usize..90,
        ) {
            let lengths = lengths(&tokens, room);
            prop_assert_eq!(lengths.iter().sum::<usize>(), tokens.len());
            prop_assert!(lengths.iter().all(|&length| length <= room));
            prop_assert!(lengths.len() == 1 || lengths.iter().all(|&length| length > 0));
        }
    }
}
