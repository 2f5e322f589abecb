//! Cuts a comment into words, punctuation and emoji, each with its place in the comment.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::speller::Speller;
use crate::spelling::word_key;

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Punctuation,
    Emoji,
    /// The end of a line.
    Break,
}

/// One token. A contraction gives two ("isn't" → "is", "not"), which share no bytes.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// Bytes of the comment.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
    /// The word as compared with cues: corrected, lower case, American spelling.
    pub(super) key: String,
    /// The word as compared with the vocabulary: its stem.
    pub(super) base: String,
    /// "softer", "brightest".
    pub(super) comparative: bool,
    /// Written to be heard: capitals or drawn-out letters.
    pub(super) loud: bool,
}

const EMOTICONS: [&str; 16] = [
    ":-)", ":-(", ">:(", ":-/", ":)", ":(", ":/", ":D", ":d", "=)", "=(", "<3", "^^", ":3", "D:", "/s",
];
const PUNCTUATION: &str = "…—–“”‘’«»„¿¡、。！？，；：•·";

/// Tokenises a comment; with a speller, slips are corrected and words stemmed.
pub(super) fn tokenise(text: &str, speller: Option<&Speller>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut resume = 0;
    for (start, segment) in text.split_word_bound_indices() {
        if start < resume {
            continue;
        }
        let end = start + segment.len();
        if let Some(emoticon) = emoticon_at(text, start) {
            resume = start + emoticon.len();
            tokens.push(symbol(start..resume, Kind::Emoji, emoticon.to_lowercase()));
        } else if segment.chars().any(char::is_alphanumeric) {
            push_words(&mut tokens, start, segment, speller);
        } else if segment.contains('\n') {
            tokens.push(symbol(start..end, Kind::Break, "\n".to_owned()));
        } else if let Some(first) = segment
            .chars()
            .next()
            .filter(|c| !c.is_whitespace() && !c.is_control())
        {
            if matches!(segment, "-" | "‐" | "&") && joins_words(text, start..end) {
                continue;
            }
            let punctuation = first.is_ascii_punctuation() || PUNCTUATION.contains(first);
            let kind = if punctuation {
                Kind::Punctuation
            } else {
                Kind::Emoji
            };
            tokens.push(symbol(start..end, kind, first.to_string()));
        }
    }
    tokens
}

/// Tells whether a hyphen makes one phrase of two words ("wet-on-wet") and is no mark between them.
fn joins_words(text: &str, mark: Range<usize>) -> bool {
    let before = text[..mark.start].chars().next_back();
    let after = text[mark.end..].chars().next();
    before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
}

fn symbol(span: Range<usize>, kind: Kind, key: String) -> Token {
    Token {
        span,
        kind,
        base: key.clone(),
        key,
        comparative: false,
        loud: false,
    }
}

fn emoticon_at(text: &str, start: usize) -> Option<&'static str> {
    let before = text[..start].chars().next_back();
    if before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let found = EMOTICONS
        .into_iter()
        .find(|emoticon| text[start..].starts_with(emoticon))?;
    let after = text[start + found.len()..].chars().next();
    (!after.is_some_and(char::is_alphanumeric)).then_some(found)
}

/// Adds the one or two words of a segment.
fn push_words(tokens: &mut Vec<Token>, start: usize, segment: &str, speller: Option<&Speller>) {
    let key = word_key(segment);
    let letters = segment.chars().filter(|c| c.is_alphabetic()).count();
    let shouted = letters >= 3 && segment.chars().all(|c| !c.is_lowercase()) && segment.is_ascii();
    let loud = shouted || is_drawn_out(segment);
    let corrected = match speller {
        Some(speller) => speller.correct(key),
        None => vec![key],
    };
    let several = corrected.len() > 1;
    for key in corrected {
        let span = start..start + segment.len();
        match split_contraction(&key) {
            // Typed contractions keep their own bytes; corrected ones share those of the whole word.
            Some((head, tail, tail_chars)) if !several => {
                let tail_bytes: usize = segment.chars().rev().take(tail_chars).map(char::len_utf8).sum();
                let middle = if tail_bytes < segment.len() && segment.contains(['\'', '’', 'ʼ', '`']) {
                    span.end - tail_bytes
                } else {
                    span.end
                };
                tokens.push(word(span.start..middle, head, loud, speller));
                tokens.push(word(middle..span.end, tail, loud, speller));
            }
            Some((head, tail, _)) => {
                tokens.push(word(span.clone(), head, loud, speller));
                tokens.push(word(span, tail, loud, speller));
            }
            None => tokens.push(word(span, key, loud, speller)),
        }
    }
}

fn word(span: Range<usize>, key: String, loud: bool, speller: Option<&Speller>) -> Token {
    let (base, comparative) = match speller {
        Some(speller) => speller.base(&key),
        None => (key.clone(), false),
    };
    Token {
        span,
        kind: Kind::Word,
        key,
        base,
        comparative,
        loud,
    }
}

fn is_drawn_out(segment: &str) -> bool {
    let mut run = 0;
    let mut last = None;
    for c in segment.chars().filter(|c| c.is_alphabetic()) {
        run = if last == Some(c) { run + 1 } else { 1 };
        last = Some(c);
        if run >= 3 {
            return true;
        }
    }
    false
}

/// Returns both words of a contraction and how many characters the second one takes.
fn split_contraction(key: &str) -> Option<(String, String, usize)> {
    if key == "cannot" {
        return Some(("can".to_owned(), "not".to_owned(), 3));
    }
    if let Some(head) = key.strip_suffix("n't") {
        let head = match head {
            "ca" => "can",
            "wo" => "will",
            "ai" => "is",
            "sha" => "shall",
            other => other,
        };
        return Some((head.to_owned(), "not".to_owned(), 3));
    }
    for (tail, whole) in [
        ("'s", "'s"),
        ("'re", "are"),
        ("'m", "am"),
        ("'d", "would"),
        ("'ll", "will"),
        ("'ve", "have"),
    ] {
        if let Some(head) = key.strip_suffix(tail).filter(|head| !head.is_empty()) {
            return Some((head.to_owned(), whole.to_owned(), tail.len()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        tokenise(text, None).into_iter().map(|token| token.key).collect()
    }

    #[test]
    fn splits_contractions_with_their_bytes() {
        let tokens = tokenise("It isn’t", None);
        let parts: Vec<&str> = tokens
            .iter()
            .map(|token| &"It isn’t"[token.span.clone()])
            .collect();
        assert_eq!(parts, ["It", "is", "n’t"]);
        assert_eq!(
            keys("can't won't it's"),
            ["can", "not", "will", "not", "it", "'s"]
        );
    }

    #[test]
    fn keeps_emoji_emoticons_and_lines() {
        assert_eq!(keys("❤️ :) <3\n👍🏽"), ["❤", ":)", "<3", "\n", "👍"]);
        assert_eq!(keys("10/10"), ["10", "/", "10"]);
    }

    #[test]
    fn every_span_lies_in_the_text() {
        for text in ["שלום עולם", "とても素敵", "\u{0}a\u{7}b", "👩‍👩‍👧", "I'm", "'", "’’’"]
        {
            for token in tokenise(text, None) {
                assert!(text.get(token.span.clone()).is_some(), "{text:?} {token:?}");
            }
        }
    }
}
