//! The language that an answer is written in, and how it is read.
//!
//! One line for each finding, the quote first, so that a model looks at the words before it judges them:
//!
//! ```text
//! "so soft the light" = soft lighting: liked
//! "the tape over it" = other masking tape: disliked
//! ```
//!
//! or `none`. What a model may write at each step is bound by a grammar made for the comment (llguidance): the quote is
//! a part of the comment, the attribute a name of the vocabulary or a few free words.

use llguidance::api::TopLevelGrammar;

use crate::{Polarity, Vocabulary};

/// Most findings of one answer.
const MOST: usize = 8;
/// Most characters of a quote.
const QUOTE: usize = 120;
/// Written before words that are not in the vocabulary.
const FREE: &str = "other ";
/// Average letters of a word above which a text is not cut into words by spaces.
const LONG_WORDS: usize = 14;

/// A comment as it is shown to a model: every character in its place, but no quotes or control characters, which have
/// a meaning in the answer.
pub(super) struct Shown {
    pub(super) text: String,
}

impl Shown {
    pub(super) fn of(comment: &str) -> Self {
        let shown = |letter: char| match letter {
            '"' => '\'',
            letter if letter.is_control() || letter == '\u{2028}' || letter == '\u{2029}' => ' ',
            letter => letter,
        };
        Self {
            text: comment.chars().map(shown).collect(),
        }
    }

    /// Finds the words of the comment that a quote of the shown text stands for.
    pub(super) fn original<'a>(&self, comment: &'a str, quote: &str) -> Option<&'a str> {
        let quote = quote.trim();
        let at = self.text.find(quote).filter(|_| !quote.is_empty())?;
        let skipped = self.text[..at].chars().count();
        let mut bounds = comment
            .char_indices()
            .map(|(at, _)| at)
            .chain([comment.len()])
            .skip(skipped);
        let from = bounds.next()?;
        let to = bounds.nth(quote.chars().count() - 1)?;
        comment.get(from..to)
    }
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) quote: String,
    pub(super) attribute: String,
    /// Whether the attribute was marked as not in the vocabulary.
    pub(super) free: bool,
    pub(super) polarity: Polarity,
}

/// Makes the grammar for a shown comment. The comment enters as a JSON string, so nothing in it is grammar.
pub(super) fn grammar(vocabulary: &Vocabulary, shown: &Shown) -> TopLevelGrammar {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let names: Vec<String> = vocabulary
        .attributes()
        .iter()
        .map(|attribute| json(&attribute.name))
        .collect();
    let words = shown.text.split_whitespace().count().max(1);
    let cut = match shown.text.chars().count() / words {
        0..=LONG_WORDS => "substring_words",
        _ => "substring_chars",
    };
    TopLevelGrammar::from_lark(format!(
        r#"start: "none" | finding ("\n" finding){{0,{more}}}
finding: "\"" QUOTE "\" = " attribute ": " side
attribute: NAME | FREE
side: "liked" | "disliked"
QUOTE: PART & /.{{1,{QUOTE}}}/
PART: %regex {{ "{cut}": {text} }}
NAME: {names}
FREE: /{FREE}[a-z][a-z\-]{{2,15}}( [a-z][a-z\-]{{1,15}}){{0,3}}/
"#,
        more = MOST - 1,
        text = json(&shown.text),
        names = names.join(" | "),
    ))
}

/// Reads an answer; a last line that was cut off is left out.
pub(super) fn parse(answer: &str) -> Vec<Line> {
    answer.lines().filter_map(line).take(MOST).collect()
}

fn line(line: &str) -> Option<Line> {
    let (quote, rest) = line.strip_prefix('"')?.split_once("\" = ")?;
    let (attribute, side) = rest.rsplit_once(": ")?;
    let polarity = match side {
        "liked" => Polarity::Liked,
        "disliked" => Polarity::Disliked,
        _ => return None,
    };
    let (attribute, free) = match attribute.strip_prefix(FREE) {
        Some(words) => (words, true),
        None => (attribute, false),
    };
    Some(Line {
        quote: quote.to_owned(),
        attribute: attribute.to_owned(),
        free,
        polarity,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_line_by_line_and_a_cut_line_is_left_out() {
        let answer = "\"so soft\" = soft lighting: liked\n\"tape\" = other masking tape: disliked\n\"the fr";
        let lines = parse(answer);
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[0].attribute.as_str(), lines[0].free),
            ("soft lighting", false)
        );
        assert_eq!(
            (lines[1].attribute.as_str(), lines[1].free),
            ("masking tape", true)
        );
        assert_eq!(lines[1].polarity, Polarity::Disliked);
        assert!(parse("none").is_empty());
    }

    #[test]
    fn a_quote_leads_back_to_the_very_words_of_the_comment() {
        let comment = "I \"love\"\nthe 霧 so\u{301} much";
        let shown = Shown::of(comment);
        assert_eq!(shown.original(comment, "'love' the 霧"), Some("\"love\"\nthe 霧"));
        assert_eq!(shown.original(comment, "much"), Some("much"));
        assert_eq!(shown.original(comment, "neon"), None);
        assert_eq!(shown.original(comment, "  "), None);
    }
}
