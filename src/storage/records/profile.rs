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
    pub fn replace(&mut self, profile: Profile) {
        self.history.push(std::mem::replace(&mut self.profile, profile));
        self.trim();
    }

    /// Puts the taste before the last change in force again; false if none is kept.
    ///
    /// The version number goes on counting, so that it never names two different tastes.
    pub fn undo(&mut self) -> bool {
        let Some(mut earlier) = self.history.pop() else {
            return false;
        };
        earlier.version = self.profile.version.max(earlier.version) + 1;
        self.profile = earlier;
        true
    }

    /// Drops the oldest versions beyond the limit.
    pub(crate) fn trim(&mut self) {
        let excess = self.history.len().saturating_sub(HISTORY_LIMIT);
        self.history.drain(..excess);
    }
}
