//! What changed between two profiles, so that every change can be told.

use std::fmt;

use super::Profile;
use crate::Polarity;

/// One difference between two profiles.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The attribute is new.
    Added {
        /// The list it was added to.
        polarity: Polarity,
        /// Its name.
        attribute: String,
    },
    /// The attribute is gone.
    Removed {
        /// The list it was in.
        polarity: Polarity,
        /// Its name.
        attribute: String,
    },
    /// The attribute changed sides.
    Moved {
        /// The list it is in now.
        to: Polarity,
        /// Its name.
        attribute: String,
    },
    /// The attribute is held more or less strongly than before.
    Reweighted {
        /// Its list.
        polarity: Polarity,
        /// Its name.
        attribute: String,
        /// Weight before.
        from: f32,
        /// Weight now.
        to: f32,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Added { polarity, attribute } => write!(f, "now {}: {attribute}", side(*polarity)),
            Change::Removed { polarity, attribute } => {
                write!(f, "no longer {}: {attribute}", side(*polarity))
            }
            Change::Moved { to, attribute } => {
                write!(f, "{attribute}: from {} to {}", side(to.opposite()), side(*to))
            }
            Change::Reweighted {
                attribute, from, to, ..
            } => {
                let direction = if to > from { "stronger" } else { "weaker" };
                write!(f, "{attribute}: {direction} ({from:.2} → {to:.2})")
            }
        }
    }
}

fn side(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::Liked => "liked",
        Polarity::Disliked => "disliked",
    }
}

impl Profile {
    /// Lists what is different from an older profile: what is here now first, in profile order, then what is gone.
    pub fn diff(&self, old: &Profile) -> Vec<Change> {
        let mut changes = Vec::new();
        for polarity in [Polarity::Liked, Polarity::Disliked] {
            for entry in self.list(polarity) {
                let attribute = entry.attribute.clone();
                match old.find(&attribute) {
                    None => changes.push(Change::Added { polarity, attribute }),
                    Some((side, _)) if side != polarity => {
                        changes.push(Change::Moved {
                            to: polarity,
                            attribute,
                        });
                    }
                    Some((_, before)) if before.weight != entry.weight => changes.push(Change::Reweighted {
                        polarity,
                        attribute,
                        from: before.weight,
                        to: entry.weight,
                    }),
                    Some(_) => {}
                }
            }
        }
        for polarity in [Polarity::Liked, Polarity::Disliked] {
            for entry in old.list(polarity) {
                if self.find(&entry.attribute).is_none() {
                    changes.push(Change::Removed {
                        polarity,
                        attribute: entry.attribute.clone(),
                    });
                }
            }
        }
        changes
    }
}
