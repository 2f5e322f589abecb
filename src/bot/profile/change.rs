//! Changes to a stored profile: each says what it changed, and each can be undone.

use tastemaker_commands::profile::Edit;
use tastemaker_preference::{Polarity, Profile, ProfileError};
use tastemaker_storage::ProfileRecord;

use crate::bot::context::App;
use crate::bot::errors::BotError;
use crate::bot::imagine::text::{cut, escape};
use crate::bot::onboarding::changed;

/// Weight of what a form adds.
const BY_FORM: f32 = 0.8;
/// Most attributes that one form adds to a list.
const MOST_ADDED: usize = 20;

/// Is a profile after a change.
#[derive(Debug)]
pub(super) struct Changed {
    /// The record as it is now; `None` if there is none.
    pub record: Option<ProfileRecord>,
    /// What to say about it.
    pub text: String,
}

/// Changes a person's profile; the earlier version is kept for undo. A change that changes nothing keeps no version.
///
/// # Errors
/// With what `change` refuses, or the store's; nothing is changed then.
pub(super) async fn apply(
    app: &App,
    user: u64,
    change: impl FnOnce(&mut Profile) -> Result<(), BotError> + Send + 'static,
) -> Result<Changed, BotError> {
    let strength = app.config.generation.strength;
    app.with_store(move |store| store.update_profile(user, |stored| changed_record(stored, strength, change)))
        .await?
}

fn changed_record(
    stored: &mut Option<ProfileRecord>,
    strength: f64,
    change: impl FnOnce(&mut Profile) -> Result<(), BotError>,
) -> Result<Changed, BotError> {
    let mut record = stored
        .clone()
        .unwrap_or_else(|| ProfileRecord::new(Profile::default(), strength));
    let before = record.profile.clone();
    let mut profile = before.clone();
    change(&mut profile)?;
    let changes = profile.diff(&before);
    if !changes.is_empty() {
        record.replace(profile);
        *stored = Some(record.clone());
    }
    Ok(Changed {
        record: Some(record),
        text: changed(&changes),
    })
}

/// Takes the last change back. `version` is that of the change an old button belongs to; `None` for the last whatever it is.
///
/// # Errors
/// With words for the person where there is nothing to undo or the profile has changed since, or the store's.
pub(super) async fn undo(app: &App, user: u64, version: Option<u64>) -> Result<Changed, BotError> {
    app.with_store(move |store| store.update_profile(user, |stored| undone(stored, version)))
        .await?
}

fn undone(stored: &mut Option<ProfileRecord>, version: Option<u64>) -> Result<Changed, BotError> {
    let Some(record) = stored else {
        return Err(BotError::say(
            "There is nothing to undo: I keep no profile of you.",
        ));
    };
    let before = record.profile.clone();
    if version.is_some_and(|version| version != before.version()) {
        return Err(BotError::say(
            "Your profile has changed since, so that button no longer undoes it. `/profile undo` takes the latest change back.",
        ));
    }
    if !record.undo() {
        return Err(BotError::say("There is no earlier version to go back to."));
    }
    let text = format!("Undone. {}", changed(&record.profile.diff(&before)));
    Ok(Changed {
        record: Some(record.clone()),
        text,
    })
}

/// Makes the changes of `/profile edit`.
///
/// # Errors
/// With words for the person.
pub(super) fn edit(profile: &mut Profile, edit: &Edit) -> Result<(), BotError> {
    if let Some(words) = &edit.remove
        && !profile.remove(words)
    {
        let words = escape(&cut(words, 80));
        return Err(BotError::say(format!(
            "“{words}” is not in your profile. Choose one of the entries that I suggest while you type."
        )));
    }
    let weight = edit.weight as f32;
    for (polarity, words) in [(Polarity::Liked, &edit.like), (Polarity::Disliked, &edit.dislike)] {
        if let Some(words) = words {
            profile.set(polarity, words, weight).map_err(refused)?;
        }
    }
    Ok(())
}

/// Adds what a form lists, with commas or line breaks between.
///
/// # Errors
/// With words for the person.
pub(super) fn add(profile: &mut Profile, liked: &str, disliked: &str) -> Result<(), BotError> {
    for (polarity, words) in [(Polarity::Liked, liked), (Polarity::Disliked, disliked)] {
        for words in words
            .split([',', ';', '\n'])
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .take(MOST_ADDED)
        {
            profile.set(polarity, words, BY_FORM).map_err(refused)?;
        }
    }
    Ok(())
}

fn refused(error: ProfileError) -> BotError {
    let sentence = match error {
        ProfileError::Full { limit } => {
            format!("Your profile is full: each list holds {limit} entries. Remove some first.")
        }
        ProfileError::BadAttribute { limit } => {
            format!("An entry is a few words, at most {limit} characters.")
        }
        ProfileError::BadWeight { .. } => "A weight is a number above 0, and at most 1.".to_owned(),
        other => other.to_string(),
    };
    BotError::say(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(like: Option<&str>, dislike: Option<&str>, remove: Option<&str>) -> Edit {
        Edit {
            like: like.map(Into::into),
            dislike: dislike.map(Into::into),
            remove: remove.map(Into::into),
            weight: 0.5,
        }
    }

    fn apply(stored: &mut Option<ProfileRecord>, it: &Edit) -> Result<String, String> {
        changed_record(stored, 0.6, |profile| edit(profile, it))
            .map(|it| it.text)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_change_says_what_it_changed_and_can_be_undone() {
        let mut stored = None;
        let said = apply(&mut stored, &edits(Some("pastels"), Some("neon"), None)).unwrap();
        assert_eq!(
            said,
            "Changed:\n• now liked: pastel colours\n• now disliked: neon colours"
        );
        apply(&mut stored, &edits(None, None, Some("pastel colours"))).unwrap();
        let version = stored.as_ref().map(|it| it.profile.version());
        assert!(
            undone(&mut stored, version.map(|it| it - 1))
                .unwrap_err()
                .to_string()
                .contains("changed since")
        );
        assert!(
            undone(&mut stored, version)
                .unwrap()
                .text
                .contains("now liked: pastel colours")
        );
        undone(&mut stored, None).unwrap();
        assert!(stored.as_ref().unwrap().profile.is_empty());
        assert!(undone(&mut stored, None).is_err());
    }

    #[test]
    fn what_changes_nothing_keeps_no_version() {
        let mut stored = None;
        apply(&mut stored, &edits(Some("pastels"), None, None)).unwrap();
        assert_eq!(
            apply(&mut stored, &edits(Some("pastel colours"), None, None)).unwrap(),
            "Nothing changed."
        );
        assert_eq!(stored.unwrap().history.len(), 1);
    }

    #[test]
    fn a_refused_change_changes_nothing() {
        let mut stored = None;
        assert!(
            apply(&mut stored, &edits(Some("pastels"), None, Some("**gold**")))
                .unwrap_err()
                .contains("\\*\\*gold")
        );
        assert!(stored.is_none());
    }

    #[test]
    fn a_form_adds_several_at_once() {
        let mut profile = Profile::default();
        add(&mut profile, "soft lighting, b&w\n", "neon; clutter").unwrap();
        assert_eq!(profile.vp_plus(), "black and white, soft lighting");
        assert_eq!(profile.disliked().len(), 2);
        assert!(add(&mut profile, &"x".repeat(500), "").is_err());
    }
}
