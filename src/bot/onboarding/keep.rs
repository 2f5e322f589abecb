//! What keeping does to the profile that is there; pure.

use tastemaker_preference::{Change, Profile};
use tastemaker_storage::{OnboardingRecord, ProfileRecord};

use super::conversation::merge_into;

/// Is a profile as it is kept, with what changed by it.
pub(super) struct Kept {
    /// The record to store.
    pub record: ProfileRecord,
    /// What is different from before.
    pub changes: Vec<Change>,
    /// Whether there was something before, so that the change can be undone.
    pub had_before: bool,
}

/// Adds a conversation to the profile that is there, or puts it in its place. `strength` is the default β of a person
/// who has no record yet.
pub(super) fn keep(
    existing: Option<ProfileRecord>,
    conversation: &OnboardingRecord,
    replace: bool,
    strength: f64,
) -> Kept {
    let mut record = existing.unwrap_or_else(|| ProfileRecord::new(Profile::default(), strength));
    let before = record.profile.clone();
    let mut profile = if replace {
        Profile::default()
    } else {
        before.clone()
    };
    merge_into(&mut profile, conversation);
    let changes = profile.diff(&before);
    if before.is_empty() && record.history.is_empty() {
        record.profile = profile;
    } else if !changes.is_empty() {
        record.replace(profile);
    }
    Kept {
        record,
        changes,
        had_before: !before.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use tastemaker_preference::{Extraction, Polarity, Preference};
    use tastemaker_storage::{Answer, OnboardingState};

    use super::*;

    fn conversation(liked: &str) -> OnboardingRecord {
        let preference = Preference {
            attribute: liked.into(),
            category: "other".into(),
            weight: 0.8,
            evidence: liked.into(),
        };
        let answer = Answer {
            image: "a".into(),
            comment: Some(liked.into()),
            extraction: Extraction {
                liked: vec![preference],
                disliked: Vec::new(),
            },
            unread: false,
            together: false,
        };
        OnboardingRecord {
            user: 1,
            dm_channel: 2,
            images: vec!["a".into()],
            index: 1,
            answers: vec![answer],
            current_message: None,
            heard: None,
            keep_asking: false,
            removed: Vec::new(),
            state: OnboardingState::Review,
            started_at: 3,
        }
    }

    fn existing() -> ProfileRecord {
        let mut profile = Profile::default();
        profile.set(Polarity::Liked, "oil painting", 0.8).unwrap();
        ProfileRecord::new(profile, 0.3)
    }

    #[test]
    fn a_first_profile_takes_the_default_strength_and_has_no_past() {
        let kept = keep(None, &conversation("pastel colours"), false, 0.6);
        assert_eq!(
            (kept.record.strength, kept.record.history.len(), kept.had_before),
            (0.6, 0, false)
        );
        assert_eq!(kept.record.profile.vp_plus(), "pastel colours");
    }

    #[test]
    fn keep_adds_and_replace_replaces_and_both_can_be_undone() {
        let added = keep(Some(existing()), &conversation("pastel colours"), false, 0.6);
        assert_eq!(added.record.profile.vp_plus(), "oil painting, pastel colours");
        let replaced = keep(Some(existing()), &conversation("pastel colours"), true, 0.6);
        assert_eq!(replaced.record.profile.vp_plus(), "pastel colours");
        assert_eq!(replaced.record.strength, 0.3);
        assert_eq!(replaced.changes.len(), 2);
        for mut kept in [added, replaced] {
            assert!(kept.had_before && kept.record.undo());
            assert_eq!(kept.record.profile.vp_plus(), "oil painting");
        }
    }
}
