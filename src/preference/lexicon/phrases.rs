//! Finds phrases of whole words in one pass, however many there are.

use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

/// Begins and ends a word in the searched text, so that "art" is not found in "party"; typed text never holds them
/// because the tokeniser drops control characters.
const OPEN: char = '\u{2}';
const CLOSE: char = '\u{3}';

/// Searches sequences of word keys for phrases, leftmost first and the longest there.
#[derive(Debug)]
pub(super) struct Phrases<T> {
    automaton: AhoCorasick,
    values: Vec<T>,
}

impl<T> Phrases<T> {
    /// Builds the search. Of equal phrases the first one counts.
    pub(super) fn new<K: AsRef<str>>(
        phrases: impl IntoIterator<Item = (Vec<K>, T)>,
    ) -> Result<Phrases<T>, BuildError> {
        let (patterns, values): (Vec<String>, Vec<T>) = phrases
            .into_iter()
            .filter(|(keys, _)| !keys.is_empty())
            .map(|(keys, value)| (joined(keys.iter().map(AsRef::as_ref)), value))
            .unzip();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns)?;
        Ok(Phrases { automaton, values })
    }

    /// Returns the phrases found, as ranges of words, without overlaps.
    pub(super) fn find<'a>(&self, keys: impl Iterator<Item = &'a str> + Clone) -> Vec<(Range<usize>, &T)> {
        let text = joined(keys.clone());
        let mut starts = Vec::new();
        let mut at = 0;
        for key in keys {
            starts.push(at);
            at += key.len() + OPEN.len_utf8() + CLOSE.len_utf8();
        }
        starts.push(at);
        self.automaton
            .find_iter(&text)
            .map(|found| {
                let first = starts.partition_point(|&start| start < found.start());
                let end = starts.partition_point(|&start| start < found.end());
                (first..end, &self.values[found.pattern().as_usize()])
            })
            .collect()
    }
}

fn joined<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for key in keys {
        text.push(OPEN);
        text.push_str(key);
        text.push(CLOSE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_words_longest_first_and_neighbours() -> Result<(), BuildError> {
        let phrases = Phrases::new([(vec!["soft"], 1), (vec!["soft", "light"], 2), (vec!["art"], 3)])?;
        let words = ["soft", "soft", "light", "party", "art"];
        let found: Vec<_> = phrases
            .find(words.into_iter())
            .into_iter()
            .map(|(r, v)| (r, *v))
            .collect();
        assert_eq!(found, [(0..1, 1), (1..3, 2), (4..5, 3)]);
        Ok(())
    }
}
