//! Texts longer than an encoder's context.
//!
//! A prompt is cut at the context's end, as diffusers cuts it. A visual preference string is a list, every entry of which
//! should count, so it is divided: between entries (commas) into as few chunks as fit, greedily and in order; an entry
//! that alone is too long is divided between tokens. Each chunk is encoded on its own, and the chunks' states are
//! averaged position by position, each weighted by its share of the string's tokens.

use super::tokenizer::ClipTokenizer;
use crate::error::Result;

/// Token sequences that together stand for a text, with their weights (which add up to 1).
pub(super) type Chunks = Vec<(Vec<u32>, f64)>;

/// The text as one sequence, cut if it is too long.
pub(super) fn cut(tokenizer: &ClipTokenizer, text: &str) -> Result<Chunks> {
    let content = tokenizer.content(text)?;
    if content.len() > tokenizer.room() {
        tracing::warn!(
            tokens = content.len(),
            fit = tokenizer.room(),
            "the end of a long prompt is not used"
        );
    }
    Ok(vec![(tokenizer.sequence(&content), 1.0)])
}

/// The list as one or more sequences; none of its entries is lost.
pub(super) fn divide(tokenizer: &ClipTokenizer, list: &str) -> Result<Chunks> {
    let room = tokenizer.room();
    if tokenizer.content(list)?.len() <= room {
        return cut(tokenizer, list);
    }
    let mut contents: Vec<Vec<u32>> = Vec::new();
    let mut packed = String::new();
    for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let longer = if packed.is_empty() {
            entry.to_owned()
        } else {
            format!("{packed}, {entry}")
        };
        if tokenizer.content(&longer)?.len() <= room {
            packed = longer;
            continue;
        }
        contents.extend(split(tokenizer, &packed, room)?);
        packed = entry.to_owned();
    }
    contents.extend(split(tokenizer, &packed, room)?);
    let total: usize = contents.iter().map(Vec::len).sum();
    Ok(contents
        .iter()
        .map(|content| {
            (
                tokenizer.sequence(content),
                content.len() as f64 / total.max(1) as f64,
            )
        })
        .collect())
}

/// A text's tokens in runs that fit; none for an empty text.
fn split(tokenizer: &ClipTokenizer, text: &str, room: usize) -> Result<Vec<Vec<u32>>> {
    Ok(tokenizer
        .content(text)?
        .chunks(room)
        .map(<[u32]>::to_vec)
        .collect())
}
