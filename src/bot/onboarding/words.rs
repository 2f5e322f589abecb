//! Reads the few words that steer the conversation, as people write them: "Skip!", "next one", "that's all".

/// Names what a message asks for when it is no comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Word {
    /// The next image, without a comment on this one.
    Skip,
    /// The image before.
    Back,
    /// Enough images.
    Done,
    /// A pause.
    Stop,
    /// On after a pause.
    Resume,
    /// More images than planned.
    More,
    /// From the start.
    Redo,
    /// Keep the profile.
    Keep,
    /// Change the profile.
    Edit,
    /// What is this?
    Help,
    /// Read once more what could not be read.
    Again,
}

/// What people write for each, between commas. Only a whole message counts, so that "stop using neon" stays a comment.
const WORDS: [(Word, &str); 11] = [
    (
        Word::Skip,
        "skip, next, pass, skip it, skip this, skip this one, next one, next picture, \
         next image, no opinion, dont know, idk, no comment, continue",
    ),
    (
        Word::Back,
        "back, go back, previous, previous one, prev, last one again, one back",
    ),
    (
        Word::Done,
        "done, im done, i am done, finish, finished, thats all, that is all, thats it, \
         that is it, enough, thats enough, no more, all done, end",
    ),
    (
        Word::Stop,
        "stop, pause, later, not now, quit, exit, cancel, take a break",
    ),
    (Word::Resume, "resume, go on, carry on, go, start, im back"),
    (
        Word::More,
        "more, show more, show me more, more pictures, more images, another, one more",
    ),
    (
        Word::Redo,
        "redo, restart, start over, start again, begin again, from the start",
    ),
    (
        Word::Keep,
        "keep, keep it, save, save it, yes, yep, yeah, ok, okay, looks good, perfect",
    ),
    (Word::Edit, "edit, change, edit it, change it"),
    (
        Word::Help,
        "help, what, how, hi, hello, hey, what now, how does this work, what should i do, \
         what do i do",
    ),
    (Word::Again, "again, try again, retry, read again, once more"),
];

/// Words that politeness puts around them.
const POLITE: [&str; 6] = ["please", "pls", "thanks", "thank you", "now", "lets"];

/// Reads a message; `None` for anything that is not, as a whole, one of the words.
pub(super) fn read(message: &str) -> Option<Word> {
    if message.trim().chars().all(|character| character == '?') && !message.trim().is_empty() {
        return Some(Word::Help);
    }
    let said = normal(message);
    find(&said).or_else(|| find(&without_politeness(&said)))
}

fn find(said: &str) -> Option<Word> {
    let squeezed = squeeze(said);
    let is = |phrase: &str| phrase == said || squeeze(phrase) == squeezed;
    WORDS
        .iter()
        .find(|(_, phrases)| phrases.split(", ").any(is))
        .map(|(word, _)| *word)
}

/// Lower-case words between single spaces, without punctuation, apostrophes and emoji.
fn normal(message: &str) -> String {
    let kept = message
        .chars()
        .filter(|character| !matches!(character, '\'' | '’'));
    let spaced: String = kept
        .map(|character| {
            if character.is_alphanumeric() {
                character
            } else {
                ' '
            }
        })
        .collect();
    spaced
        .to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn without_politeness(said: &str) -> String {
    let mut said = said;
    for word in POLITE {
        said = said
            .strip_prefix(word)
            .and_then(|rest| rest.strip_prefix(' '))
            .unwrap_or(said);
        said = said
            .strip_suffix(word)
            .and_then(|rest| rest.strip_suffix(' '))
            .unwrap_or(said);
    }
    said.to_owned()
}

/// Writes every run of one letter once, so that "skippp" is "skip".
fn squeeze(said: &str) -> String {
    let mut letters: Vec<char> = said.chars().collect();
    letters.dedup();
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_people_write_them() {
        for (message, word) in [
            ("skip", Word::Skip),
            ("Skip!", Word::Skip),
            ("SKIPPPP", Word::Skip),
            ("next please", Word::Skip),
            ("pass 🙏", Word::Skip),
            ("Back.", Word::Back),
            ("please go back", Word::Back),
            ("That's all", Word::Done),
            ("that’s it, thanks!", Word::Done),
            ("stop", Word::Stop),
            ("show more", Word::More),
            ("start over", Word::Redo),
            ("Keep it", Word::Keep),
            ("??", Word::Help),
            ("hi!", Word::Help),
        ] {
            assert_eq!(read(message), Some(word), "{message}");
        }
    }

    #[test]
    fn comments_stay_comments() {
        for comment in [
            "black",
            "stop using neon",
            "more pastel please",
            "the next one was nicer",
            "I'd skip the texture",
            "dune",
            "",
            "back light",
            "I like it",
            "perfect light",
            "no more neon",
            "step",
            "😍",
        ] {
            assert_eq!(read(comment), None, "{comment}");
        }
    }

    #[test]
    fn no_phrase_means_two_things() {
        let mut all: Vec<String> = WORDS
            .iter()
            .flat_map(|(_, phrases)| phrases.split(", ").map(squeeze))
            .collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
