//! Attention weights written in a prompt, as the widely used web interface has them.
//!
//! `(word)` weighs 1.1, `[word]` 1/1.1, `(word:1.3)` what it says, from 0 to [`MAX_WEIGHT`]; brackets nest and their
//! weights multiply. `\(`, `\)`, `\[`, `\]` and `\\` stand for the character itself. A bracket without its counterpart
//! means itself, and so does a colon that no weight and round bracket follow.

/// What a pair of round brackets multiplies by; square brackets divide by it.
const EMPHASIS: f64 = 1.1;

/// The heaviest weight, of one bracket and of all brackets around a word together.
pub(super) const MAX_WEIGHT: f64 = 10.0;

/// A run of text with one weight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment {
    pub text: String,
    pub weight: f64,
}

impl Segment {
    /// Text as it is, with the neutral weight.
    pub fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            weight: 1.0,
        }
    }
}

/// Reads the weights out of a prompt. Neighbouring segments have different weights; an empty prompt has no segments.
pub(super) fn parse(prompt: &str) -> Vec<Segment> {
    let mut reader = Reader::default();
    let mut rest = prompt;
    while let Some(c) = rest.chars().next() {
        let mut used = c.len_utf8();
        match c {
            '\\' => match rest[1..].chars().next() {
                Some(escaped @ ('(' | ')' | '[' | ']' | '\\')) => {
                    reader.push(escaped);
                    used = 2;
                }
                _ => reader.push(c),
            },
            '(' | '[' => reader.open(c),
            ')' => reader.close('(', EMPHASIS, ")"),
            ']' => reader.close('[', 1.0 / EMPHASIS, "]"),
            ':' => match weight_at(&rest[1..]) {
                Some((weight, length)) if reader.is_open('(') => {
                    reader.close('(', weight, "");
                    used += length;
                }
                _ => reader.push(c),
            },
            _ => reader.push(c),
        }
        rest = &rest[used..];
    }
    reader.finish()
}

/// A weight and the round bracket that closes after it, with the number of bytes they take.
fn weight_at(text: &str) -> Option<(f64, usize)> {
    let end = text.find(')')?;
    let number = text[..end].trim();
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    if number.is_empty() || !number.chars().all(digits) {
        return None;
    }
    let weight: f64 = number.parse().ok()?;
    (weight <= MAX_WEIGHT).then_some((weight, end + 1))
}

#[derive(Default)]
struct Reader {
    segments: Vec<Segment>,
    /// Brackets that wait for their counterpart, each with the place of the segment that holds it as text.
    open: Vec<(char, usize)>,
}

impl Reader {
    fn push(&mut self, c: char) {
        // A bracket that may turn out to be syntax keeps a segment of its own.
        let last_is_bracket = self
            .open
            .last()
            .is_some_and(|(_, at)| at + 1 == self.segments.len());
        match self.segments.last_mut() {
            Some(last) if last.weight == 1.0 && !last_is_bracket => last.text.push(c),
            _ => self.segments.push(Segment::plain(c.encode_utf8(&mut [0; 4]))),
        }
    }

    fn open(&mut self, bracket: char) {
        self.open.push((bracket, self.segments.len()));
        self.segments
            .push(Segment::plain(bracket.encode_utf8(&mut [0; 4])));
    }

    fn is_open(&self, bracket: char) -> bool {
        self.open.iter().any(|(open, _)| *open == bracket)
    }

    /// Closes the innermost bracket of its kind: brackets of the other kind inside have no counterpart then. Without one,
    /// `literal` is text.
    fn close(&mut self, bracket: char, factor: f64, literal: &str) {
        let Some(nth) = self.open.iter().rposition(|(open, _)| *open == bracket) else {
            literal.chars().for_each(|c| self.push(c));
            return;
        };
        let (_, at) = self.open[nth];
        self.open.truncate(nth);
        self.segments[at].text.clear();
        for segment in &mut self.segments[at + 1..] {
            segment.weight *= factor;
        }
        // What follows must not join what is inside.
        self.segments.push(Segment::plain(""));
    }

    fn finish(self) -> Vec<Segment> {
        let mut merged: Vec<Segment> = Vec::new();
        for mut segment in self.segments {
            segment.weight = segment.weight.min(MAX_WEIGHT);
            match merged.last_mut() {
                _ if segment.text.is_empty() => {}
                Some(last) if last.weight == segment.weight => last.text.push_str(&segment.text),
                _ => merged.push(segment),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segments(prompt: &str) -> Vec<(String, f64)> {
        parse(prompt)
            .into_iter()
            .map(|segment| (segment.text, segment.weight))
            .collect()
    }

    #[track_caller]
    fn check(prompt: &str, expected: &[(&str, f64)]) {
        let found = segments(prompt);
        assert_eq!(found.len(), expected.len(), "{prompt}: {found:?}");
        for ((text, weight), (expected, should)) in found.iter().zip(expected) {
            assert_eq!(text, expected, "{prompt}");
            assert!((weight - should).abs() < 1e-12, "{prompt}: {weight}");
        }
    }

    #[test]
    fn brackets_weigh_words() {
        check("a cat", &[("a cat", 1.0)]);
        check("a (cat) on", &[("a ", 1.0), ("cat", 1.1), (" on", 1.0)]);
        check("a [cat]", &[("a ", 1.0), ("cat", 1.0 / 1.1)]);
        check(
            "(cat:1.5), (dog: 0.5 )",
            &[("cat", 1.5), (", ", 1.0), ("dog", 0.5)],
        );
        check("", &[]);
        check("()", &[]);
    }

    #[test]
    fn nested_brackets_multiply() {
        check("((cat))", &[("cat", 1.21)]);
        check("(a (cat:1.5) b:2)", &[("a ", 2.0), ("cat", 3.0), (" b", 2.0)]);
        check("([cat])", &[("cat", 1.0)]);
        check("(((cat:9):9):9)", &[("cat", MAX_WEIGHT)]);
    }

    #[test]
    fn what_has_no_counterpart_means_itself() {
        check("a (cat", &[("a (cat", 1.0)]);
        check("a cat) :)", &[("a cat) :)", 1.0)]);
        check("(a [b) c", &[("a [b", 1.1), (" c", 1.0)]);
        check("a:1.2) b", &[("a:1.2) b", 1.0)]);
        check("at 10:30 (16:90)", &[("at 10:30 ", 1.0), ("16:90", 1.1)]);
        check("(a:x) (b:-1)", &[("a:x", 1.1), (" ", 1.0), ("b:-1", 1.1)]);
        check("(a:.) (b:1.2.3)", &[("a:.", 1.1), (" ", 1.0), ("b:1.2.3", 1.1)]);
    }

    #[test]
    fn escaped_brackets_mean_themselves() {
        check(r"a \(b\) \[c\] \\ \d", &[(r"a (b) [c] \ \d", 1.0)]);
        check(r"(a\):2)", &[("a)", 2.0)]);
        check(r"end\", &[(r"end\", 1.0)]);
    }

    fn escape(text: &str) -> String {
        text.chars()
            .flat_map(|c| {
                let escape = matches!(c, '(' | ')' | '[' | ']' | '\\').then_some('\\');
                escape.into_iter().chain([c])
            })
            .collect()
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in "(?s)[()\\[\\]:\\\\0-9. a-cé🦊]{0,60}|(?s).{0,60}") {
            for segment in parse(&text) {
                prop_assert!(!segment.text.is_empty());
                prop_assert!((0.0..=MAX_WEIGHT).contains(&segment.weight));
            }
        }

        #[test]
        fn plain_text_comes_back_as_it_was(text in "(?s).{1,60}") {
            prop_assert_eq!(segments(&escape(&text)), [(text, 1.0)]);
        }

        #[test]
        fn weights_around_a_word_multiply(
            text in "[a-z ]{1,20}",
            brackets in prop::collection::vec(prop_oneof![Just(None), (1u32..200).prop_map(Some)], 0..5),
        ) {
            let mut prompt = text.clone();
            let mut expected = 1.0f64;
            for bracket in brackets {
                match bracket {
                    None => {
                        prompt = format!("[{prompt}]");
                        expected /= 1.1;
                    }
                    Some(hundredths) => {
                        let weight = f64::from(hundredths) / 100.0;
                        prompt = format!("({prompt}:{weight})");
                        expected *= weight;
                    }
                }
            }
            let found = segments(&prompt);
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(&found[0].0, &text);
            prop_assert!((found[0].1 - expected.min(MAX_WEIGHT)).abs() < 1e-9);
        }
    }
}
