//! What of a person's profile takes part in their pictures.

use tastemaker_preference::ProfileEntry;
use tastemaker_storage::{AppliedAttribute, ProfileRecord};

/// Is a person's taste as it is handed to the generator.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Taste {
    /// Liked attributes, joined by `", "`.
    pub vp_plus: String,
    /// Disliked attributes, joined by `", "`.
    pub vp_minus: String,
    /// The same, with weights, liked ones first.
    pub applied: Vec<AppliedAttribute>,
    /// Version of the profile.
    pub version: u64,
    /// The person's own default β.
    pub strength: f64,
}

impl Taste {
    /// Reads a profile; `None` for one that says nothing, which is the same as having none.
    pub(super) fn of(record: &ProfileRecord) -> Option<Self> {
        let profile = &record.profile;
        let applied = |entries: &[ProfileEntry], liked| -> Vec<AppliedAttribute> {
            let one = |entry: &ProfileEntry| AppliedAttribute {
                attribute: entry.attribute.clone(),
                liked,
                weight: entry.weight,
            };
            entries.iter().map(one).collect()
        };
        (!profile.is_empty()).then(|| Self {
            vp_plus: profile.vp_plus(),
            vp_minus: profile.vp_minus(),
            applied: [applied(profile.liked(), true), applied(profile.disliked(), false)].concat(),
            version: profile.version(),
            strength: record.strength,
        })
    }
}
