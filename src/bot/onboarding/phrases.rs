//! What the bot says in the conversation.

use tastemaker_preference::{Change, Extraction, MAX_COMMENT_CHARS, Preference};

use super::conversation::Note;
use crate::bot::imagine::text::{cut, escape, list};

/// Attributes named of what was understood; the review shows all.
const NAMED: usize = 8;
/// Changes told one by one.
const CHANGES_TOLD: usize = 10;
/// Characters of an earlier comment that are shown again.
const SAID_SHOWN: usize = 300;

/// Said before all comments are read together, which may take a while.
pub(super) const READING_TOGETHER: &str = "Reading all your comments together…";

/// Says a note.
pub(super) fn note(it: &Note) -> String {
    match it {
        Note::None => String::new(),
        Note::Welcome { again } => welcome(*again),
        Note::Understood { extraction, cut } => understood(extraction, *cut),
        Note::Unread => {
            "I could not read that just now, but I have kept your words. Say *again* to let me try once more, or say more about it.".into()
        }
        Note::Skipped => "Skipped.".into(),
        Note::Back { said: None } => "Back to this one.".into(),
        Note::Back { said: Some(said) } => {
            format!("Back to this one. You said: “{}”. Say it anew, or go on and it stays.", escape(&cut(said, SAID_SHOWN)))
        }
        Note::Resumed => "Welcome back, we go on where we were.".into(),
        Note::Redone => "From the start. What you said before is forgotten.".into(),
        Note::More { total } => format!("Gladly. That makes {total} pictures in all; *done* works at any time."),
        Note::Enough(before) => below(
            before,
            "I have a good idea of your taste now: the pictures I have left would tell me little that is new. *More pictures* shows them all the same.",
        ),
        Note::Together(before) => below(before, "I have read all your comments together, with their pictures in view. This is your taste:"),
        Note::NotTogether(before) => below(before, "I could not read all your comments together just now, so this is what I understood of each:"),
        Note::Changed(changes) => changed(changes),
        Note::First => "This is the first picture, there is nothing before it. A comment or *skip* goes on.".into(),
        Note::NoMore => "You have seen every picture I have.".into(),
        Note::NothingYet => {
            "There is nothing to make a profile of yet. A few words about one picture are enough: what do you like in it, what not?".into()
        }
        Note::NoWords => "I can only read words here. What do you like or dislike in the picture above: its colours, light, lines, mood?".into(),
        Note::HowTo => {
            "Tell me in your own words what you like or dislike about the look of the picture above, for example \
             “love the soft light, but too many details”. *skip*, *back*, *done* and *stop* work as words too."
                .into()
        }
        Note::StillPaused => "We are paused, so I don't count this as a comment. Say *resume*, or press the button, to go on.".into(),
        Note::FirstDone => "Let's finish the pictures first: say *done* when you have seen enough.".into(),
        Note::SayKeep => "Almost: say *keep* or press the button, and I store this as your taste.".into(),
        Note::WaitsForKeep => "No hurry: this waits here. Nothing is stored as your taste until you *keep* it.".into(),
        Note::Passed => "That step is behind us. The latest message from me here has the buttons that count.".into(),
    }
}

/// Puts a text below what a note says.
fn below(before: &Note, text: &str) -> String {
    match note(before) {
        before if before.is_empty() => text.into(),
        before => format!("{before}\n{text}"),
    }
}

fn welcome(again: bool) -> String {
    let mut text = String::from(
        "Let's find out what you like to look at. I show you pictures in very different styles; tell me in your own words \
         what you like or dislike about how each one looks. Leave the subject aside: it's about colours, light, lines, mood, technique.\n\
         One comment is enough to begin with, eight are better. *skip*, *back*, *done* and *stop* work as buttons and as words.",
    );
    if again {
        text.push_str("\nYou have a taste profile already. It stays as it is until the end, where you can add to it or replace it.");
    }
    text
}

fn understood(extraction: &Extraction, too_long: bool) -> String {
    let mut parts = Vec::new();
    if !extraction.liked.is_empty() {
        parts.push(format!("Liked: {}.", names(&extraction.liked)));
    }
    if !extraction.disliked.is_empty() {
        parts.push(format!("Not for you: {}.", names(&extraction.disliked)));
    }
    if parts.is_empty() {
        parts.push(
            "I found nothing about looks in that. Colours, light, lines, texture, mood or technique are what I can use; *back* lets you say more."
                .to_owned(),
        );
    }
    if too_long {
        parts.push(format!("(I read the first {MAX_COMMENT_CHARS} characters.)"));
    }
    parts.join(" ")
}

fn names(preferences: &[Preference]) -> String {
    let mut names: Vec<String> = preferences
        .iter()
        .take(NAMED)
        .map(|it| escape(&it.attribute))
        .collect();
    match preferences.len() - names.len() {
        0 => names.join(", "),
        left => {
            names.push(format!("{left} more"));
            list(&names)
        }
    }
}

/// Tells changes of a profile, one a line.
pub(in crate::bot) fn changed(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "Nothing changed.".into();
    }
    let mut lines: Vec<String> = changes
        .iter()
        .take(CHANGES_TOLD)
        .map(|change| format!("• {}", escape(&change.to_string())))
        .collect();
    if changes.len() > CHANGES_TOLD {
        lines.push(format!("• and {} more", changes.len() - CHANGES_TOLD));
    }
    format!("Changed:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preference(attribute: &str) -> Preference {
        Preference {
            attribute: attribute.into(),
            category: "other".into(),
            weight: 0.8,
            evidence: "x".into(),
        }
    }

    fn said(liked: &[&str], disliked: &[&str]) -> String {
        let list = |names: &[&str]| names.iter().map(|name| preference(name)).collect();
        understood(
            &Extraction {
                liked: list(liked),
                disliked: list(disliked),
            },
            false,
        )
    }

    #[test]
    fn what_was_understood_is_said_in_a_line() {
        assert_eq!(
            said(&["soft lighting", "pastel colours"], &["neon colours"]),
            "Liked: soft lighting, pastel colours. Not for you: neon colours."
        );
        assert!(said(&[], &[]).starts_with("I found nothing about looks in that"));
        assert!(said(&["x"; 12], &[]).contains("x and 4 more."));
    }

    #[test]
    fn every_note_fits_into_a_message_whatever_people_write() {
        let long = "*".repeat(4000);
        let change = Change::Added {
            polarity: tastemaker_preference::Polarity::Liked,
            attribute: "*".repeat(80),
        };
        let extraction = Extraction {
            liked: vec![preference(&"*".repeat(80)); 50],
            disliked: Vec::new(),
        };
        let many = extraction.clone();
        for it in [
            Note::Back { said: Some(long) },
            Note::Changed(vec![change; 500]),
            Note::Understood {
                extraction,
                cut: true,
            },
            Note::Together(Box::new(Note::Enough(Box::new(Note::Understood {
                extraction: many,
                cut: true,
            })))),
            Note::Welcome { again: true },
        ] {
            assert!(note(&it).chars().count() < 1990, "{it:?}");
        }
    }
}
