//! Export and strict import of a profile.
//!
//! The file a person downloads and may edit:
//!
//! ```json
//! { "schema": 1, "version": 7,
//!   "liked": [ { "attribute": "soft lighting", "category": "lighting", "weight": 0.8,
//!                "evidence": [ { "quote": "love the soft light", "image": "misty-harbour" } ] } ],
//!   "disliked": [] }
//! ```
//!
//! Attributes that the vocabulary does not know are kept as free words of the category "other"; the category of known ones
//! is the vocabulary's, whatever the file says, because prompts and summaries rely on it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{
    MAX_ATTRIBUTE_CHARS, MAX_ENTRIES, MAX_EVIDENCE, MAX_IMAGE_CHARS, MAX_QUOTE_CHARS, Profile, ProfileEntry,
    canonical, is_text, round_weight, sort,
};
use crate::ImportError;

const SCHEMA: u32 = 1;
/// The most bytes of a profile file: both lists full of ordinary entries fit.
const MAX_BYTES: usize = 1 << 20;

#[derive(Serialize)]
struct Export<'a> {
    schema: u32,
    version: u64,
    liked: &'a [ProfileEntry],
    disliked: &'a [ProfileEntry],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    schema: u32,
    #[serde(default)]
    version: u64,
    liked: Vec<ProfileEntry>,
    disliked: Vec<ProfileEntry>,
}

impl Profile {
    /// Writes the profile as indented JSON; [`from_json`](Profile::from_json) reads exactly the same profile from it.
    pub fn to_json(&self) -> String {
        let export = Export {
            schema: SCHEMA,
            version: self.version,
            liked: &self.liked,
            disliked: &self.disliked,
        };
        // Strings and finite numbers always serialise; an empty object would be refused by the import.
        serde_json::to_string_pretty(&export).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Reads a profile that was exported, or written by hand.
    ///
    /// # Errors
    ///
    /// Every variant of [`ImportError`]: unknown or missing keys (named), another schema, files, lists and texts past
    /// their bounds, weights outside `0 < weight <= 1`, and attributes that stand twice.
    pub fn from_json(text: &str) -> Result<Profile, ImportError> {
        if text.len() > MAX_BYTES {
            return Err(ImportError::TooLarge {
                bytes: text.len(),
                limit: MAX_BYTES,
            });
        }
        let import: Import = serde_json::from_str(text)?;
        if import.schema != SCHEMA {
            return Err(ImportError::Schema {
                found: import.schema,
                supported: SCHEMA,
            });
        }
        let mut seen = HashSet::new();
        let liked = checked("liked", import.liked, &mut seen)?;
        let disliked = checked("disliked", import.disliked, &mut seen)?;
        Ok(Profile {
            version: import.version,
            liked,
            disliked,
        })
    }
}

fn checked(
    list: &str,
    entries: Vec<ProfileEntry>,
    seen: &mut HashSet<String>,
) -> Result<Vec<ProfileEntry>, ImportError> {
    at_most(list.to_owned(), entries.len(), MAX_ENTRIES)?;
    let mut checked = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        let place = format!("{list}[{at}]");
        let (attribute, category) =
            canonical(&entry.attribute, false).ok_or_else(|| ImportError::BadText {
                what: format!("{place}.attribute"),
                limit: MAX_ATTRIBUTE_CHARS,
            })?;
        let weight = round_weight(entry.weight);
        if !(weight > 0.0 && weight <= 1.0) {
            return Err(ImportError::BadWeight { attribute });
        }
        at_most(format!("{place}.evidence"), entry.evidence.len(), MAX_EVIDENCE)?;
        for evidence in &entry.evidence {
            readable(
                &format!("{place}.evidence.quote"),
                &evidence.quote,
                MAX_QUOTE_CHARS,
            )?;
            if let Some(image) = &evidence.image {
                readable(&format!("{place}.evidence.image"), image, MAX_IMAGE_CHARS)?;
            }
        }
        if !seen.insert(attribute.clone()) {
            return Err(ImportError::Duplicate { attribute });
        }
        checked.push(ProfileEntry {
            attribute,
            category,
            weight,
            evidence: entry.evidence,
        });
    }
    sort(&mut checked);
    Ok(checked)
}

fn at_most(what: String, count: usize, limit: usize) -> Result<(), ImportError> {
    if count > limit {
        Err(ImportError::TooMany { what, count, limit })
    } else {
        Ok(())
    }
}

fn readable(what: &str, text: &str, limit: usize) -> Result<(), ImportError> {
    if is_text(text, limit) {
        Ok(())
    } else {
        Err(ImportError::BadText {
            what: what.to_owned(),
            limit,
        })
    }
}
