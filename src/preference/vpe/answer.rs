//! Reads the model's answer: two lists of keywords, in whatever shape they come.

use std::sync::LazyLock;

use fancy_regex::Regex;

/// The most of an answer that is read, in characters; 2,000 tokens are seldom more.
const MAX_CHARS: usize = 20_000;
/// The most keywords of one list; no profile holds more.
const MAX_KEYWORDS: usize = 256;
/// Longer ones are sentences, not keywords.
const MAX_WORDS: usize = 6;
/// The most characters of a keyword.
const MAX_KEYWORD_CHARS: usize = 60;
/// What models write where a list is empty.
const EMPTY: [&str; 10] = [
    "none",
    "n/a",
    "na",
    "nothing",
    "unknown",
    "not mentioned",
    "none mentioned",
    "not specified",
    "none specified",
    "no dislikes",
];

/// The keywords of an answer, in lower case, in its order, each in one list only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) liked: Vec<String>,
    pub(super) disliked: Vec<String>,
}

/// Reads an answer. `cut` says that it ended at its longest, so that its last keyword may be half of one.
///
/// Understood: both lists in any order, one of them missing or given twice, on one line or as bullets or numbers, with prose
/// before and after, in any case, with Markdown. A keyword in both lists is dropped from both.
pub(super) fn parse(text: &str, cut: bool) -> Answer {
    let text: String = text.chars().take(MAX_CHARS).collect();
    let mut answer = Answer::default();
    let headings = headings(&text);
    for (at, heading) in headings.iter().enumerate() {
        let next = headings.get(at + 1);
        let body = text
            .get(heading.end..next.map_or(text.len(), |next| next.start))
            .unwrap_or_default();
        let mut keywords = keywords(body);
        if cut && next.is_none() {
            keywords.pop();
        }
        let list = if heading.disliked {
            &mut answer.disliked
        } else {
            &mut answer.liked
        };
        for keyword in keywords {
            if list.len() < MAX_KEYWORDS && !list.contains(&keyword) {
                list.push(keyword);
            }
        }
    }
    let both: Vec<String> = answer
        .liked
        .iter()
        .filter(|it| answer.disliked.contains(it))
        .cloned()
        .collect();
    for list in [&mut answer.liked, &mut answer.disliked] {
        list.retain(|keyword| !both.contains(keyword));
    }
    answer
}

/// Where a list is announced.
struct Heading {
    disliked: bool,
    start: usize,
    end: usize,
}

#[allow(
    clippy::expect_used,
    reason = "the pattern is part of the program and every test of this file compiles it"
)]
fn headings(text: &str) -> Vec<Heading> {
    // "Liked Art Features:", "**Disliked features**:", "Dislikes:"; on a line of its own the colon may be missing.
    static HEADING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?im)\b(?P<not>dis|not +|un)?lik(?:ed|es)\b(?:[ \t]+(?:art|visual|artistic))?(?:[ \t]+(?:features?|attributes?|elements?|keywords?))?[ \t]*(?:\*+|_+)?(?:[ \t]*[:：](?:\*+)?|[ \t]*$)",
        )
        .expect("the pattern is valid")
    });
    HEADING
        .captures_iter(text)
        .filter_map(Result::ok)
        .filter_map(|captures| {
            let whole = captures.get(0)?;
            Some(Heading {
                disliked: captures.name("not").is_some(),
                start: whole.start(),
                end: whole.end(),
            })
        })
        .collect()
}

/// Cuts what follows a heading into keywords; prose after the list ends it.
fn keywords(body: &str) -> Vec<String> {
    let mut keywords = Vec::new();
    for line in body.lines() {
        let (marked, line) = unmarked(line);
        let parts: Vec<&str> = line.split([',', ';', '|', '•', '、', '，']).collect();
        let is_prose = parts
            .first()
            .is_some_and(|part| part.split_whitespace().count() > MAX_WORDS);
        if is_prose && !marked && !keywords.is_empty() {
            break;
        }
        keywords.extend(parts.into_iter().filter_map(keyword));
    }
    keywords
}

/// Takes a bullet or a number off the beginning of a line; tells whether there was one.
fn unmarked(line: &str) -> (bool, &str) {
    let line = line.trim();
    let bare = line.trim_start_matches(['-', '*', '•', '·', '–', '—', '+', '#', '>', ' ']);
    let digits = bare.trim_start_matches(|c: char| c.is_ascii_digit() || c == '(');
    let number = digits.len() < bare.len() && digits.starts_with(['.', ')', ':']);
    let bare = if number {
        digits.trim_start_matches(['.', ')', ':', ' '])
    } else {
        bare
    };
    (bare.len() < line.len(), bare)
}

/// Cleans a keyword; `None` where it is none.
fn keyword(part: &str) -> Option<String> {
    let (_, part) = unmarked(part);
    // "soft light (from the window)", "warm colours: like a sunset"
    let part = part
        .split(['(', '[', '{', ':', '\u{fffd}'])
        .next()
        .unwrap_or_default();
    let mut words: Vec<String> = part
        .split_whitespace()
        .map(|word| {
            word.chars()
                .filter(|c| c.is_alphanumeric() || "-'’&/".contains(*c))
                .collect::<String>()
                .to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect();
    if words.len() > 1
        && words
            .first()
            .is_some_and(|word| word == "and" || word == "or" || word == "&")
    {
        words.remove(0);
    }
    let keyword = words
        .join(" ")
        .trim_matches(['-', '\'', '’', '&', '/', ' '])
        .to_owned();
    let usable = words.len() <= MAX_WORDS
        && keyword.chars().count() <= MAX_KEYWORD_CHARS
        && keyword.chars().any(char::is_alphabetic)
        && !EMPTY.contains(&keyword.as_str());
    usable.then_some(keyword)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let answer = parse(text, false);
        (answer.liked, answer.disliked)
    }

    #[test]
    fn answers_are_read_in_any_shape() {
        let table: [(&str, &[&str], &[&str]); 19] = [
            (
                "Liked Art Features: warm colours, soft light\nDisliked Art Features: neon",
                &["warm colours", "soft light"],
                &["neon"],
            ),
            (
                " Liked Art Features: Warm Colours, SOFT light.",
                &["warm colours", "soft light"],
                &[],
            ),
            ("Disliked Art Features: grain", &[], &["grain"]),
            (
                "disliked art features: grain\nLIKED ART FEATURES: fog",
                &["fog"],
                &["grain"],
            ),
            (
                "Sure! Here is what I see, with care:\n\nLiked Art Features: fog\n\nDisliked Art Features: grain\n\nI hope that this is of help to you, and good luck!",
                &["fog"],
                &["grain"],
            ),
            (
                "**Liked Art Features:**\n- fog\n- soft light\n\n**Disliked Art Features:**\n* grain\n* noise",
                &["fog", "soft light"],
                &["grain", "noise"],
            ),
            (
                "### Liked Art Features\n1. fog\n2) soft light\n### Disliked Art Features\n(1) grain",
                &["fog", "soft light"],
                &["grain"],
            ),
            (
                "Liked Art Features: fog, fog, Fog, fog, mist Disliked Art Features: grain, grain",
                &["fog", "mist"],
                &["grain"],
            ),
            (
                "Liked Art Features: fog, grain\nDisliked Art Features: grain, noise",
                &["fog"],
                &["noise"],
            ),
            ("Liked Art Features: none\nDisliked Art Features: N/A.", &[], &[]),
            ("Liked Art Features:\nDisliked Art Features:", &[], &[]),
            (
                "Likes: fog; mist | haze\nDislikes: grain and noise",
                &["fog", "mist", "haze"],
                &["grain and noise"],
            ),
            (
                "Liked features: fog (in the valley), \"mist\", and haze",
                &["fog", "mist", "haze"],
                &[],
            ),
            ("The person likes fog, mist and haze.", &[], &[]),
            (
                "I liked it: all of it is very good and well made indeed, truly",
                &[],
                &[],
            ),
            ("", &[], &[]),
            ("Liked Art Features： 霧、光", &["霧", "光"], &[]),
            (
                "Liked Art Features: <image>, </s>, {{x}}, 100%, --",
                &["image", "s"],
                &[],
            ),
            (
                "Liked Art Features: a\nDisliked Art Features: b\nLiked Art Features: c",
                &["a", "c"],
                &["b"],
            ),
        ];
        for (text, liked, disliked) in table {
            let read = read(text);
            assert_eq!(
                (read.0.as_slice(), read.1.as_slice()),
                (
                    liked
                        .iter()
                        .map(|it| (*it).to_owned())
                        .collect::<Vec<_>>()
                        .as_slice(),
                    disliked
                        .iter()
                        .map(|it| (*it).to_owned())
                        .collect::<Vec<_>>()
                        .as_slice(),
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn half_a_keyword_at_the_end_of_a_cut_answer_is_left_out() {
        let text = "Liked Art Features: fog, soft light\nDisliked Art Features: grain, noi";
        assert_eq!(parse(text, true).disliked, ["grain"]);
        assert_eq!(parse(text, true).liked, ["fog", "soft light"]);
    }

    #[test]
    fn endless_repetition_is_read_once() {
        let text = format!(
            "Liked Art Features: {}",
            "soft light, warm colours, ".repeat(2_000)
        );
        assert_eq!(parse(&text, true).liked, ["soft light", "warm colours"]);
        let many: Vec<String> = (0..5_000).map(|number| format!("k{number}")).collect();
        let text = format!("Disliked Art Features: {}", many.join(", "));
        assert_eq!(parse(&text, false).disliked.len(), MAX_KEYWORDS);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(Liked|Disliked|liked|[a-z,:;*\\-\n 0-9]|\\PC){0,80}", cut: bool) {
            let answer = parse(&text, cut);
            for keyword in answer.liked.iter().chain(&answer.disliked) {
                prop_assert!(!keyword.is_empty() && keyword.chars().count() <= MAX_KEYWORD_CHARS);
                prop_assert!(!keyword.chars().any(char::is_control));
            }
            prop_assert!(answer.liked.iter().all(|keyword| !answer.disliked.contains(keyword)));
        }

        #[test]
        fn plain_lists_come_back(
            liked in prop::collection::btree_set("[a-m]{2,9}( [a-m]{2,9})?", 0..8),
            disliked in prop::collection::btree_set("[p-z]{2,9}( [p-z]{2,9})?", 0..8),
        ) {
            let joined = |list: &std::collections::BTreeSet<String>| list.iter().cloned().collect::<Vec<_>>().join(", ");
            let text = format!("Liked Art Features: {}\nDisliked Art Features: {}", joined(&liked), joined(&disliked));
            let answer = parse(&text, false);
            prop_assert_eq!(answer.liked, liked.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(answer.disliked, disliked.into_iter().collect::<Vec<_>>());
        }
    }
}
