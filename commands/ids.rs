//! The ids of buttons, selects and modals.
//!
//! An id says all that its answer needs beside the store, so a button works after a restart. It reads
//! `VERSION.FAMILY.VERB[.NUMBER]*`, for example `1.imagine.again.42`, and is far shorter than Discord's 100 characters.
//! The version changes only when an id that may stand under an old message would mean something else.

mod imagine;
mod onboarding;
mod profile;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use imagine::ImagineId;
pub use onboarding::OnboardingId;
pub use profile::ProfileId;

/// Version of the ids that are written.
const VERSION: &str = "1";
/// Discord's limit for a custom id, in characters.
pub const LENGTH_LIMIT: usize = 100;

/// Names any button, select or modal of the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CustomId {
    /// Under a picture.
    Imagine(ImagineId),
    /// In the onboarding conversation.
    Onboarding(OnboardingId),
    /// Under a taste card.
    Profile(ProfileId),
}

/// Says why an id is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CustomIdError {
    /// It was written by another version of the bot.
    #[error("the id is of another version")]
    OtherVersion,
    /// It names nothing that this version has.
    #[error("the id names nothing known")]
    Unknown,
}

/// The family, the verb and the numbers of an id: what stands between the dots.
type Words = (&'static str, Vec<u64>);

impl fmt::Display for CustomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, (verb, numbers)) = match self {
            CustomId::Imagine(id) => (imagine::FAMILY, id.words()),
            CustomId::Onboarding(id) => (onboarding::FAMILY, id.words()),
            CustomId::Profile(id) => (profile::FAMILY, id.words()),
        };
        write!(f, "{VERSION}.{family}.{verb}")?;
        numbers.iter().try_for_each(|number| write!(f, ".{number}"))
    }
}

impl FromStr for CustomId {
    type Err = CustomIdError;

    fn from_str(text: &str) -> Result<Self, CustomIdError> {
        let mut words = text.split('.');
        if words.next() != Some(VERSION) {
            return Err(CustomIdError::OtherVersion);
        }
        let (Some(family), Some(verb)) = (words.next(), words.next()) else {
            return Err(CustomIdError::Unknown);
        };
        let numbers = words
            .map(number)
            .collect::<Option<Vec<u64>>>()
            .ok_or(CustomIdError::Unknown)?;
        match family {
            imagine::FAMILY => ImagineId::read(verb, &numbers).map(CustomId::Imagine),
            onboarding::FAMILY => OnboardingId::read(verb, &numbers).map(CustomId::Onboarding),
            profile::FAMILY => ProfileId::read(verb, &numbers).map(CustomId::Profile),
            _ => None,
        }
        .ok_or(CustomIdError::Unknown)
    }
}

/// Reads a number as it is written: `+1` and `01` are other ids.
fn number(word: &str) -> Option<u64> {
    word.parse()
        .ok()
        .filter(|number: &u64| number.to_string() == word)
}

/// Lets every family be turned into, and written as, a [`CustomId`].
macro_rules! family {
    ($($id:ident => $variant:ident),*) => {$(
        impl From<$id> for CustomId {
            fn from(id: $id) -> Self {
                CustomId::$variant(id)
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                CustomId::from(*self).fmt(f)
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }
    )*};
}

family!(ImagineId => Imagine, OnboardingId => Onboarding, ProfileId => Profile);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_id() -> impl Strategy<Value = CustomId> {
        prop_oneof![
            imagine::tests::any_id().prop_map(CustomId::Imagine),
            onboarding::tests::any_id().prop_map(CustomId::Onboarding),
            profile::tests::any_id().prop_map(CustomId::Profile),
        ]
    }

    proptest! {
        #[test]
        fn every_id_reads_back_and_fits(id in any_id()) {
            let text = id.to_string();
            prop_assert!(text.len() <= LENGTH_LIMIT);
            prop_assert_eq!(text.parse::<CustomId>(), Ok(id));
        }

        #[test]
        fn any_text_is_read_without_panic_and_only_one_way(text in "[0-9a-z.+ ]{0,40}|1\\.(imagine|onboard|profile)\\.[a-z-]{1,8}(\\.[0-9+]{1,21}){0,3}") {
            if let Ok(id) = text.parse::<CustomId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn another_version_is_told_from_an_unknown_id() {
        assert_eq!(
            "0.imagine.again.1".parse::<CustomId>(),
            Err(CustomIdError::OtherVersion)
        );
        assert_eq!("vote:1".parse::<CustomId>(), Err(CustomIdError::OtherVersion));
        for unknown in [
            "1",
            "1.imagine",
            "1.imagine.paint.1",
            "1.imagine.again",
            "1.imagine.again.1.2",
            "1.imagine.again.x",
            "1.imagine.again.01",
        ] {
            assert_eq!(
                unknown.parse::<CustomId>(),
                Err(CustomIdError::Unknown),
                "{unknown}"
            );
        }
    }

    #[test]
    fn ids_under_old_messages_keep_their_meaning() {
        let written = [
            ("1.imagine.again.42", CustomId::from(ImagineId::Again(42))),
            (
                "1.onboard.skip.7.3",
                CustomId::from(OnboardingId::Skip {
                    conversation: 7,
                    at: 3,
                }),
            ),
            ("1.profile.undo.9", CustomId::from(ProfileId::Undo { version: 9 })),
        ];
        for (text, id) in written {
            assert_eq!((text.parse(), id.to_string().as_str()), (Ok(id), text));
        }
    }
}
