//! What a person can do in the conversation.

use crate::bot::onboarding::words::Word;

/// Is one act of the person. `at` is the place of the image that a button stands under; `None` for a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bot::onboarding) enum Input {
    /// Words in a message. `late`: sent before the current image was there to be seen.
    Comment { text: String, late: bool },
    /// Words in the modal of an image.
    CommentOn { at: usize, text: String },
    /// Another try to read words that could not be read.
    Again,
    /// A message without words.
    NoWords,
    /// Asks what this is.
    Help,
    /// No comment on this image.
    Skip { at: Option<usize> },
    /// To the image before, or from the review to the images.
    Back { at: Option<usize> },
    /// Enough images.
    Done { at: Option<usize> },
    /// A pause.
    Stop,
    /// On after a pause.
    Resume,
    /// The command, while a conversation is open.
    Open,
    /// From the start.
    Redo,
    /// More images.
    More,
    /// Add to the profile that is there.
    Keep,
    /// Instead of the profile that is there.
    Replace,
    /// Change the profile before keeping it.
    Edit,
    /// Changed enough.
    Edited,
    /// Remove entries.
    Remove(Vec<String>),
    /// Add entries, several words between commas or line breaks.
    Add { liked: String, disliked: String },
    /// End without keeping anything.
    Discard,
}

impl From<Word> for Input {
    fn from(word: Word) -> Self {
        match word {
            Word::Skip => Self::Skip { at: None },
            Word::Back => Self::Back { at: None },
            Word::Done => Self::Done { at: None },
            Word::Stop => Self::Stop,
            Word::Resume => Self::Resume,
            Word::More => Self::More,
            Word::Redo => Self::Redo,
            Word::Keep => Self::Keep,
            Word::Edit => Self::Edit,
            Word::Help => Self::Help,
            Word::Again => Self::Again,
        }
    }
}
