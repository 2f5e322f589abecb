//! Buttons, selects and modals of the onboarding conversation.
//!
//! Each carries the conversation it belongs to, and those under a style image its place too: a click on an old message,
//! or the second of a double click, is then known for what it is.

use super::Words;

pub(super) const FAMILY: &str = "onboard";

/// Names a button, select or modal of the onboarding conversation.
///
/// `conversation` is the moment it began, in milliseconds since 1970; `at` is the place of the image, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "the two fields are the same everywhere and described above"
)]
pub enum OnboardingId {
    /// Begins a conversation, or goes on with the one that is open.
    Begin,
    /// Opens, and is, the modal for a comment on an image.
    Comment { conversation: u64, at: u64 },
    /// Leaves an image out.
    Skip { conversation: u64, at: u64 },
    /// Returns to the image before.
    Back { conversation: u64, at: u64 },
    /// Goes to the review.
    Done { conversation: u64, at: u64 },
    /// Pauses.
    Stop { conversation: u64 },
    /// Goes on after a pause.
    Resume { conversation: u64 },
    /// Begins anew, without what was said so far.
    Redo { conversation: u64 },
    /// Shows more images than advised.
    More { conversation: u64 },
    /// Adds what was understood to the profile that is there, and ends.
    Keep { conversation: u64 },
    /// Puts what was understood in the place of the profile that is there, and ends.
    Replace { conversation: u64 },
    /// Shows what can be edited in the review.
    Edit { conversation: u64 },
    /// Leaves the editing.
    Edited { conversation: u64 },
    /// Select: removes entries.
    Remove { conversation: u64 },
    /// Opens, and is, the modal that adds entries.
    Add { conversation: u64 },
    /// Ends the conversation without keeping anything.
    Discard { conversation: u64 },
}

impl OnboardingId {
    pub(super) fn words(self) -> Words {
        match self {
            Self::Begin => ("begin", vec![]),
            Self::Comment { conversation, at } => ("comment", vec![conversation, at]),
            Self::Skip { conversation, at } => ("skip", vec![conversation, at]),
            Self::Back { conversation, at } => ("back", vec![conversation, at]),
            Self::Done { conversation, at } => ("done", vec![conversation, at]),
            Self::Stop { conversation } => ("stop", vec![conversation]),
            Self::Resume { conversation } => ("resume", vec![conversation]),
            Self::Redo { conversation } => ("redo", vec![conversation]),
            Self::More { conversation } => ("more", vec![conversation]),
            Self::Keep { conversation } => ("keep", vec![conversation]),
            Self::Replace { conversation } => ("replace", vec![conversation]),
            Self::Edit { conversation } => ("edit", vec![conversation]),
            Self::Edited { conversation } => ("edited", vec![conversation]),
            Self::Remove { conversation } => ("remove", vec![conversation]),
            Self::Add { conversation } => ("add", vec![conversation]),
            Self::Discard { conversation } => ("discard", vec![conversation]),
        }
    }

    pub(super) fn read(verb: &str, numbers: &[u64]) -> Option<Self> {
        Some(match (verb, numbers) {
            ("begin", &[]) => Self::Begin,
            ("comment", &[conversation, at]) => Self::Comment { conversation, at },
            ("skip", &[conversation, at]) => Self::Skip { conversation, at },
            ("back", &[conversation, at]) => Self::Back { conversation, at },
            ("done", &[conversation, at]) => Self::Done { conversation, at },
            ("stop", &[conversation]) => Self::Stop { conversation },
            ("resume", &[conversation]) => Self::Resume { conversation },
            ("redo", &[conversation]) => Self::Redo { conversation },
            ("more", &[conversation]) => Self::More { conversation },
            ("keep", &[conversation]) => Self::Keep { conversation },
            ("replace", &[conversation]) => Self::Replace { conversation },
            ("edit", &[conversation]) => Self::Edit { conversation },
            ("edited", &[conversation]) => Self::Edited { conversation },
            ("remove", &[conversation]) => Self::Remove { conversation },
            ("add", &[conversation]) => Self::Add { conversation },
            ("discard", &[conversation]) => Self::Discard { conversation },
            _ => return None,
        })
    }

    /// Returns the conversation that the component belongs to; `None` for the button that begins one.
    pub fn conversation(self) -> Option<u64> {
        self.words().1.first().copied()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::ids) fn any_id() -> impl Strategy<Value = OnboardingId> {
        use OnboardingId::*;
        let kinds: [fn(u64, u64) -> OnboardingId; 16] = [
            |_, _| Begin,
            |conversation, at| Comment { conversation, at },
            |conversation, at| Skip { conversation, at },
            |conversation, at| Back { conversation, at },
            |conversation, at| Done { conversation, at },
            |conversation, _| Stop { conversation },
            |conversation, _| Resume { conversation },
            |conversation, _| Redo { conversation },
            |conversation, _| More { conversation },
            |conversation, _| Keep { conversation },
            |conversation, _| Replace { conversation },
            |conversation, _| Edit { conversation },
            |conversation, _| Edited { conversation },
            |conversation, _| Remove { conversation },
            |conversation, _| Add { conversation },
            |conversation, _| Discard { conversation },
        ];
        (0..kinds.len(), any::<u64>(), any::<u64>()).prop_map(move |(kind, a, b)| kinds[kind](a, b))
    }

    #[test]
    fn the_conversation_is_the_first_number() {
        assert_eq!(
            OnboardingId::Skip {
                conversation: 7,
                at: 3
            }
            .conversation(),
            Some(7)
        );
        assert_eq!(OnboardingId::Begin.conversation(), None);
    }
}
