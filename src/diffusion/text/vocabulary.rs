//! CLIP's own vocabulary, for checkpoints that come without one.

use std::io::Read as _;

use flate2::read::GzDecoder;
use tokenizers::models::bpe::{Merges, Vocab};

use crate::error::{DiffusionError, Result};

/// One merge a line, by rank; see `assets/clip/README.md`.
const MERGES: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../assets/clip/merges.txt.gz"
));

/// The 49,408 tokens and the merges that make words of them.
///
/// Tokens are numbered as CLIP numbers them: bytes, bytes that end a word, merges by rank, start, end.
pub(super) fn clip() -> Result<(Vocab, Merges)> {
    let failed = |reason: String| DiffusionError::Tokenizer { reason };
    let mut text = String::new();
    GzDecoder::new(MERGES)
        .read_to_string(&mut text)
        .map_err(|error| failed(format!("the built-in vocabulary cannot be read: {error}")))?;
    let merges: Merges = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .collect();
    let bytes = byte_letters();
    let vocab = bytes
        .iter()
        .map(char::to_string)
        .chain(bytes.iter().map(|letter| format!("{letter}</w>")))
        .chain(merges.iter().map(|(left, right)| format!("{left}{right}")))
        .chain(["<|startoftext|>", "<|endoftext|>"].map(str::to_owned))
        .zip(0..)
        .collect();
    Ok((vocab, merges))
}

/// The letter that stands for each byte, in the order of their tokens: printable bytes stand for themselves and come
/// first, the rest for letters from U+0100 on.
fn byte_letters() -> Vec<char> {
    let printable: Vec<u8> = (b'!'..=b'~').chain(0xA1..=0xAC).chain(0xAE..=0xFF).collect();
    let others = (0..=u8::MAX)
        .filter(|byte| !printable.contains(byte))
        .zip('\u{100}'..);
    printable
        .iter()
        .map(|&byte| char::from(byte))
        .chain(others.map(|(_, letter)| letter))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_clips() {
        let (vocab, merges) = clip().unwrap();
        assert_eq!((vocab.len(), merges.len()), (49_408, 48_894));
        for (token, id) in [
            ("!", 0),
            ("!</w>", 256),
            ("Ā", 188),
            ("in", 512),
            ("photo</w>", 1125),
            ("<|endoftext|>", 49_407),
        ] {
            assert_eq!(vocab.get(token), Some(&id), "{token}");
        }
    }
}
