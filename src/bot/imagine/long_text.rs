//! What people read where their words are more than the model reads at once.
//!
//! Of a taste nothing is ever left out, and nobody wrote it out at such length: only a person's own words are spoken of.

use tastemaker_pool::{LongText, RequestText};
use tastemaker_storage::Receipt;

use super::text;

/// Words that show where the further part begins.
const WORDS_SHOWN: usize = 6;
/// Longest such quotation, in characters: some scripts put no spaces between words.
const SHOWN: usize = 60;

/// Says in one line which words are beyond what the model reads at once, if any are.
pub(super) fn note(receipt: Option<&Receipt>) -> Option<String> {
    let own = receipt?.long_texts.iter().filter_map(|long| match long.text {
        RequestText::Prompt => Some(("Your prompt", long)),
        RequestText::Negative => Some(("What to avoid", long)),
        RequestText::VpPlus | RequestText::VpMinus => None,
    });
    // Words that count for nothing are worse than words that are read apart.
    let (name, LongText { beyond, unused, .. }) =
        own.min_by_key(|(name, long)| (long.unused.is_empty(), *name != "Your prompt"))?;
    Some(match unused.is_empty() {
        true => format!(
            "-# {name} is longer than the model reads in one go: from “{}” on it is read as a further part.",
            few(beyond)
        ),
        false => format!(
            "-# {name} is longer than the model can read: from “{}” on it is left out.",
            few(unused)
        ),
    })
}

/// The first few words, escaped.
fn few(words: &str) -> String {
    let mut first = words.split_whitespace();
    let mut shown = first.by_ref().take(WORDS_SHOWN).collect::<Vec<_>>().join(" ");
    if first.next().is_some() {
        shown.push('…');
    }
    text::escape(&text::cut(&shown, SHOWN))
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::task;
    use super::*;

    fn told(long_texts: &[(RequestText, &str, &str)]) -> Option<String> {
        let mut receipt = task(0.6).record.receipt.unwrap();
        receipt.long_texts = long_texts
            .iter()
            .map(|(text, beyond, unused)| LongText {
                text: *text,
                beyond: (*beyond).to_owned(),
                unused: (*unused).to_owned(),
            })
            .collect();
        note(Some(&receipt))
    }

    #[test]
    fn texts_that_fit_and_tastes_are_not_spoken_of() {
        assert_eq!(note(None), None);
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[(RequestText::VpPlus, "soft light", "")]), None);
    }

    #[test]
    fn the_first_words_beyond_are_quoted_on_one_line_without_formatting() {
        let said = told(&[(RequestText::Prompt, "**one** two\n@three four five six seven", "")]).unwrap();
        assert_eq!(
            said,
            "-# Your prompt is longer than the model reads in one go: from “\\*\\*one\\*\\* two \\@three four five six…” \
             on it is read as a further part."
        );
    }

    #[test]
    fn a_text_without_spaces_is_cut_all_the_same() {
        let said = told(&[(RequestText::Prompt, &"灯".repeat(500), "")]).unwrap();
        assert!(said.contains('…') && said.chars().count() < 170, "{said}");
    }

    #[test]
    fn words_left_out_come_first_then_the_prompt() {
        let negative = (RequestText::Negative, "fog", "");
        let said = told(&[negative, (RequestText::Prompt, "and gulls", "")]).unwrap();
        assert!(
            said.starts_with("-# Your prompt") && said.contains("and gulls"),
            "{said}"
        );
        let said = told(&[
            (RequestText::Prompt, "and gulls", ""),
            (RequestText::Negative, "fog", "fog"),
        ]);
        let said = said.unwrap();
        assert!(
            said.contains("What to avoid") && said.contains("“fog” on it is left out"),
            "{said}"
        );
    }
}
