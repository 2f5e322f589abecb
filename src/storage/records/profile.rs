//! A person's taste, with the versions before it.

use serde::{Deserialize, Serialize};
use tastemaker_preference::Profile;

/// Earlier versions that a record keeps.
pub const HISTORY_LIMIT: usize = 20;

/// Is a person's taste and how strongly it is applied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProfileRecord {
    /// The taste in force.
    pub profile: Profile,
    /// Default β of this person, 0 to 1.
    pub strength: f64,
    /// Earlier versions, oldest first, at most [`HISTORY_LIMIT`].
    #[serde(default)]
    pub history: Vec<Profile>,
}

impl ProfileRecord {
    /// Makes a record without history.
    pub fn new(profile: Profile, strength: f64) -> Self {
        Self {
            profile,
            strength,
            history: Vec::new(),
        }
    }

    /// Puts a new taste in force and keeps the one before it, forgetting the oldest if there are too many.
    ///
    /// A taste from elsewhere (an import, a new onboarding) gets the next version number, so that a number never
    /// names two different tastes of one person.
    pub fn replace(&mut self, profile: Profile) {
        let newer = profile.version() > self.profile.version();
        let next = if newer {
            profile
        } else {
            profile.following(&self.profile)
        };
        self.history.push(std::mem::replace(&mut self.profile, next));
        self.trim();
    }

    /// Puts the taste before the last change in force again, under a new version number; false if none is kept.
    pub fn undo(&mut self) -> bool {
        let Some(earlier) = self.history.pop() else {
            return false;
        };
        self.profile = earlier.following(&self.profile);
        true
    }

    /// Drops the oldest versions beyond the limit.
    pub(crate) fn trim(&mut self) {
        let excess = self.history.len().saturating_sub(HISTORY_LIMIT);
        self.history.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tastemaker_preference::Polarity;

    fn liking(attribute: &str) -> Profile {
        let mut profile = Profile::default();
        profile
            .set(Polarity::Liked, attribute, 1.0)
            .expect("a sound weight");
        profile
    }

    #[test]
    fn undo_goes_back_one_change_at_a_time_under_ever_new_versions() {
        let mut record = ProfileRecord::new(liking("bold colours"), 0.5);
        let mut seen = vec![record.profile.version()];
        record.replace(liking("soft light"));
        seen.push(record.profile.version());
        record.replace(liking("fine lines"));
        seen.push(record.profile.version());
        assert!(record.undo());
        assert_eq!(record.profile.vp_plus(), liking("soft light").vp_plus());
        seen.push(record.profile.version());
        assert!(record.undo());
        assert_eq!(record.profile.vp_plus(), liking("bold colours").vp_plus());
        seen.push(record.profile.version());
        assert!(!record.undo());
        assert!(seen.is_sorted_by(|earlier, later| earlier < later), "{seen:?}");
    }

    #[test]
    fn the_oldest_versions_are_forgotten() {
        let mut record = ProfileRecord::new(Profile::default(), 0.5);
        for change in 0..50 {
            record.replace(liking(&format!("change {change}")));
        }
        assert_eq!(record.history.len(), HISTORY_LIMIT);
        assert_eq!(record.history[0].vp_plus(), "change 29");
        assert_eq!(record.history[HISTORY_LIMIT - 1].vp_plus(), "change 48");
    }
}
