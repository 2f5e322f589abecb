//! Cuts long comments into parts that a small model can hold, between sentences where there are any.

use unicode_segmentation::UnicodeSegmentation;

/// Characters of one part: a few sentences.
pub(super) const WINDOW: usize = 600;

/// Cuts a text into parts of at most [`WINDOW`] characters, in order and without gaps; parts of white space are left out.
pub(super) fn windows(text: &str) -> Vec<&str> {
    let mut windows = Vec::new();
    let (mut start, mut chars) = (0, 0);
    let mut end = 0;
    for (at, piece) in pieces(text) {
        let count = piece.chars().count();
        if chars + count > WINDOW && chars > 0 {
            windows.push(&text[start..at]);
            (start, chars) = (at, 0);
        }
        chars += count;
        end = at + piece.len();
    }
    windows.push(&text[start..end]);
    windows.retain(|window| !window.trim().is_empty());
    windows
}

/// Sentences; those that are longer than a window in words, and such words in pieces.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    for (at, sentence) in text.split_sentence_bound_indices() {
        if sentence.chars().count() <= WINDOW {
            pieces.push((at, sentence));
            continue;
        }
        for (word_at, word) in sentence.split_word_bound_indices() {
            let (mut from, mut chars) = (0, 0);
            for (letter_at, letter) in word.grapheme_indices(true) {
                let count = letter.chars().count();
                if chars + count > WINDOW && chars > 0 {
                    pieces.push((at + word_at + from, &word[from..letter_at]));
                    (from, chars) = (letter_at, 0);
                }
                chars += count;
            }
            pieces.push((at + word_at + from, &word[from..]));
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_comment_is_one_window_and_nothing_is_none() {
        assert_eq!(
            windows("Love the fog. Hate the frame!"),
            ["Love the fog. Hate the frame!"]
        );
        assert!(windows("").is_empty() && windows(" \n ").is_empty());
    }

    #[test]
    fn a_long_comment_is_cut_between_sentences() {
        let text = "The light is soft and I like it. ".repeat(60);
        let windows = windows(&text);
        assert!(windows.len() > 2);
        assert_eq!(windows.concat(), text);
        assert!(windows.iter().all(|window| window.starts_with("The light")));
    }

    proptest! {
        #[test]
        fn windows_are_the_text_in_order_and_short(text in "(\\PC|[a-z ]{0,40}|\n){0,300}") {
            let windows = windows(&text);
            let kept: String = windows.concat();
            prop_assert_eq!(
                kept.split_whitespace().collect::<String>(),
                text.split_whitespace().collect::<String>()
            );
            for window in windows {
                let longest = window.graphemes(true).map(|it| it.chars().count()).max().unwrap_or(0);
                prop_assert!(window.chars().count() <= WINDOW.max(longest));
            }
        }
    }
}
