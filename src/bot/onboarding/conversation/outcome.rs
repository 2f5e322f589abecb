//! What the conversation shows next.

use tastemaker_preference::{Change, Extraction};

/// Says what to show.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::bot::onboarding) enum Outcome {
    /// The current image, below a note.
    Ask(Note),
    /// The profile as it would be kept, below a note.
    Review(Note),
    /// The same, with what can be changed.
    Edit(Note),
    /// Only a note; nothing has moved on.
    Say(Note),
    /// That the conversation waits.
    Paused,
    /// The draft is to be kept: added to the profile that is there, or in its place.
    Keep {
        /// In its place.
        replace: bool,
    },
    /// The conversation is to be deleted.
    Discarded,
    /// Nothing: it was said before.
    Nothing,
}

/// Is what a note says.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::bot::onboarding) enum Note {
    /// Nothing.
    None,
    /// The beginning.
    Welcome {
        /// Whether a profile is there already.
        again: bool,
    },
    /// What a comment was understood to mean.
    Understood {
        /// What was found; may be nothing.
        extraction: Extraction,
        /// Whether its end was not read, because it is too long.
        cut: bool,
    },
    /// A comment that could not be read now; its words are kept.
    Unread,
    /// No comment on the image before.
    Skipped,
    /// An image that was shown before.
    Back {
        /// What was said about it.
        said: Option<String>,
    },
    /// After a restart of the command.
    Resumed,
    /// Begun anew.
    Redone,
    /// More images.
    More {
        /// Images of the round now.
        total: usize,
    },
    /// Nothing left to show would tell much; with what there is to say of the image before.
    Enough(Box<Note>),
    /// All comments were read together; with what there is to say of the image before.
    Together(Box<Note>),
    /// They could not be read together, so that each counts as it was read alone; with what there is to say of the image
    /// before.
    NotTogether(Box<Note>),
    /// What changed in the draft.
    Changed(Vec<Change>),
    /// There is nothing before the first image.
    First,
    /// All images were shown.
    NoMore,
    /// Nothing was said that a profile could be made of.
    NothingYet,
    /// A message without words.
    NoWords,
    /// What to do.
    HowTo,
    /// The conversation is paused.
    StillPaused,
    /// Images first.
    FirstDone,
    /// How to keep the profile.
    SayKeep,
    /// The review waits.
    WaitsForKeep,
    /// A button of a step that is over.
    Passed,
}
