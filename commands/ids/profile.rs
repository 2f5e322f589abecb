//! Buttons, selects and modals under a taste card.
//!
//! They act on the profile of whoever uses them, so they carry nobody's id.

use super::Words;

pub(super) const FAMILY: &str = "profile";

/// Names a button, select or modal under a taste card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileId {
    /// Shows the card.
    Show,
    /// Shows what can be edited.
    Edit,
    /// Opens, and is, the modal that adds entries.
    Add,
    /// Select: removes entries.
    Remove,
    /// Gives the profile as a file.
    Export,
    /// Takes a change back.
    Undo {
        /// Version of the profile that the change made: a later change is not undone by an old button.
        version: u64,
    },
    /// Deletes everything about the person; stands under the question whether to.
    Forget,
    /// Leaves everything as it is; stands under the same question.
    Spare,
}

impl ProfileId {
    pub(super) fn words(self) -> Words {
        match self {
            Self::Show => ("show", vec![]),
            Self::Edit => ("edit", vec![]),
            Self::Add => ("add", vec![]),
            Self::Remove => ("remove", vec![]),
            Self::Export => ("export", vec![]),
            Self::Undo { version } => ("undo", vec![version]),
            Self::Forget => ("forget", vec![]),
            Self::Spare => ("spare", vec![]),
        }
    }

    pub(super) fn read(verb: &str, numbers: &[u64]) -> Option<Self> {
        Some(match (verb, numbers) {
            ("show", &[]) => Self::Show,
            ("edit", &[]) => Self::Edit,
            ("add", &[]) => Self::Add,
            ("remove", &[]) => Self::Remove,
            ("export", &[]) => Self::Export,
            ("undo", &[version]) => Self::Undo { version },
            ("forget", &[]) => Self::Forget,
            ("spare", &[]) => Self::Spare,
            _ => return None,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::ids) fn any_id() -> impl Strategy<Value = ProfileId> {
        use ProfileId::*;
        prop_oneof![
            proptest::sample::select(vec![Show, Edit, Add, Remove, Export, Forget, Spare]),
            any::<u64>().prop_map(|version| Undo { version }),
        ]
    }
}
