//! Makes people's own words safe and short enough to stand in a message.

/// Longest prompt shown in a message, in characters; *why this image?* shows all of it.
pub(super) const PROMPT_SHOWN: usize = 300;

/// Cuts a text to `limit` characters, the last of them an ellipsis if anything was cut.
pub(in crate::bot) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// Writes a text so that Discord shows it as it is: on one line, without formatting, mentions or links.
pub(in crate::bot) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 {
            safe.push(' ');
        }
        let mut before = None;
        for character in word.chars() {
            let formats = matches!(
                character,
                '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '@' | '#'
            );
            // Discord makes a link, and a preview, of "://" alone.
            let links = character == '/' && before == Some(':');
            if formats || links {
                safe.push('\\');
            }
            safe.push(character);
            before = Some(character);
        }
    }
    safe
}

/// Writes a person's prompt for the head of a message.
pub(in crate::bot) fn prompt(text: &str) -> String {
    escape(&cut(text.trim(), PROMPT_SHOWN))
}

/// Joins words as a sentence does: "a", "a and b", "a, b and c".
pub(in crate::bot) fn list<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [rest @ .., last] => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", rest.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_mentions_and_links_lose_their_meaning() {
        assert_eq!(
            escape("**bold** <@1> @everyone"),
            r"\*\*bold\*\* \<\@1\> \@everyone"
        );
        assert_eq!(escape("[x](https://example.org)"), r"\[x\](https:\//example.org)");
        assert_eq!(escape("# one\n\n> two"), r"\# one \> two");
    }

    #[test]
    fn a_long_text_ends_in_an_ellipsis_within_its_limit() {
        assert_eq!(cut("häuser am see", 7), "häuser…");
        assert_eq!(cut("short", 5), "short");
    }

    #[test]
    fn the_longest_prompt_leaves_room_in_a_message() {
        let worst = prompt(&"*".repeat(1000));
        assert!(worst.chars().count() <= 2 * PROMPT_SHOWN);
    }

    #[test]
    fn words_are_joined_as_in_a_sentence() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
