//! ♥ and ✗ under a picture: what the person likes and dislikes to see.
//!
//! A mark stands as long as its reaction does. It is a person's own word about their own pictures, and with several
//! pictures in a message about all of them.

use tastemaker_storage::{JobRecord, Mark};

use super::{ranking, records};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// The reactions that the bot offers for it, in this order.
pub(super) const OFFERED: [&str; 2] = ["❤️", "❌"];

/// Reads a reaction. People have several hearts and crosses at hand, with and without the variation selector.
pub(super) fn from_emoji(emoji: &str) -> Option<Mark> {
    match emoji.trim_end_matches('\u{fe0f}') {
        "❤" | "♥" | "😍" | "🩷" | "💜" | "💙" | "💚" | "💛" | "🧡" | "🖤" | "🤍" => {
            Some(Mark::Liked)
        }
        "❌" | "✖" | "✗" | "✘" | "❎" => Some(Mark::Disliked),
        _ => None,
    }
}

/// Takes note of a mark that was added or taken away under one's own finished picture.
///
/// # Errors
/// With the store's.
pub(super) async fn on_mark(app: &App, source: &JobRecord, mark: Mark, added: bool) -> Result<(), BotError> {
    if app.rater.is_none() {
        return Ok(());
    }
    let (user, job) = (source.job.user, source.job.id);
    if !added {
        return app.with_store(move |store| store.unmark(user, job, mark)).await;
    }
    // Pictures that had to leave the store cannot be learned from; the reaction then stands for nothing.
    match records::pictures(app, source).await? {
        Some(kept) if !kept.is_empty() => ranking::mark(app, user, job, kept, mark).await,
        _ => {
            tracing::debug!(job, "a marked picture is not at hand any more");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::beta::Step;
    use super::*;

    #[test]
    fn hearts_and_crosses_are_read_and_nothing_else() {
        for emoji in ["❤️", "❤", "♥️", "♥"] {
            assert_eq!(from_emoji(emoji), Some(Mark::Liked), "{emoji}");
        }
        for emoji in ["❌", "✖️", "✗"] {
            assert_eq!(from_emoji(emoji), Some(Mark::Disliked), "{emoji}");
        }
        assert!(
            ["➕", "0️⃣", "👍", ""]
                .iter()
                .all(|emoji| from_emoji(emoji).is_none())
        );
        assert!(
            OFFERED
                .iter()
                .all(|emoji| from_emoji(emoji).is_some() && Step::from_emoji(emoji).is_none())
        );
    }
}
