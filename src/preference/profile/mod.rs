//! What many comments add up to.

mod diff;
mod json;
mod merge;

use serde::{Deserialize, Serialize};

pub use diff::Change;

use crate::{FREE_CATEGORY, Polarity, ProfileError, Vocabulary};

/// The most attributes in one list; past it the lightest are dropped. Far more than a prompt can carry.
pub(crate) const MAX_ENTRIES: usize = 256;
/// The most characters of an attribute.
pub(crate) const MAX_ATTRIBUTE_CHARS: usize = 80;
/// The most characters kept of a quote; longer ones are cut, so they stay the beginning of what was said.
pub(crate) const MAX_QUOTE_CHARS: usize = 200;
/// The most characters of an image's name.
pub(crate) const MAX_IMAGE_CHARS: usize = 120;
/// The most quotes kept for one attribute; the latest stay.
pub(crate) const MAX_EVIDENCE: usize = 8;

/// Words of a person that support an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Part of a comment.
    pub quote: String,
    /// The image the comment was about.
    pub image: Option<String>,
}

/// One attribute of a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileEntry {
    /// Name in the vocabulary, or free words.
    pub attribute: String,
    /// Its category; [`FREE_CATEGORY`] for free words.
    pub category: String,
    /// How strongly it is held, `0 < weight <= 1`, in thousandths.
    pub weight: f32,
    /// Where it comes from; empty for what the person set by hand.
    pub evidence: Vec<Evidence>,
}

/// A person's visual preference: liked and disliked attributes, an attribute never in both.
///
/// Both lists are sorted by weight, heaviest first, then by name, so that one profile always gives one prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    version: u64,
    liked: Vec<ProfileEntry>,
    disliked: Vec<ProfileEntry>,
}

impl Profile {
    /// Counts the changes made so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns this taste as the version after `current`: an earlier one put in force again, or one imported.
    ///
    /// The number goes on counting, so that within one person's history it never names two different tastes.
    pub fn following(mut self, current: &Profile) -> Profile {
        self.version = self.version.max(current.version).saturating_add(1);
        self
    }

    /// Returns the liked attributes, heaviest first.
    pub fn liked(&self) -> &[ProfileEntry] {
        &self.liked
    }

    /// Returns the disliked attributes, heaviest first.
    pub fn disliked(&self) -> &[ProfileEntry] {
        &self.disliked
    }

    /// Returns one of the two lists.
    pub fn list(&self, polarity: Polarity) -> &[ProfileEntry] {
        match polarity {
            Polarity::Liked => &self.liked,
            Polarity::Disliked => &self.disliked,
        }
    }

    /// Tells whether nothing is liked or disliked.
    pub fn is_empty(&self) -> bool {
        self.liked.is_empty() && self.disliked.is_empty()
    }

    /// Returns the liked attributes as the prompt VP+, joined by ", ".
    pub fn vp_plus(&self) -> String {
        joined(&self.liked)
    }

    /// Returns the disliked attributes as the prompt VP−, joined by ", ".
    pub fn vp_minus(&self) -> String {
        joined(&self.disliked)
    }

    /// Finds an attribute by name in either list.
    pub fn find(&self, attribute: &str) -> Option<(Polarity, &ProfileEntry)> {
        [Polarity::Liked, Polarity::Disliked]
            .into_iter()
            .find_map(|polarity| {
                let entry = self
                    .list(polarity)
                    .iter()
                    .find(|entry| entry.attribute == attribute)?;
                Some((polarity, entry))
            })
    }

    /// Sets an attribute by hand: adds it, moves it to the other list or changes its weight.
    ///
    /// What was typed is looked up in the vocabulary ("b&w" becomes "black and white"); unknown words are kept as they
    /// are, in lower case, under [`FREE_CATEGORY`]. Evidence stays only while the attribute stays on its side.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] for an unusable attribute or weight, and when the list is full. The profile is then unchanged.
    pub fn set(&mut self, polarity: Polarity, attribute: &str, weight: f32) -> Result<(), ProfileError> {
        let (attribute, category) = canonical(attribute, true).ok_or(ProfileError::BadAttribute {
            limit: MAX_ATTRIBUTE_CHARS,
        })?;
        let rounded = round_weight(weight);
        if !(rounded > 0.0 && rounded <= 1.0) {
            return Err(ProfileError::BadWeight { weight });
        }
        let evidence = match self.find(&attribute) {
            Some((side, entry)) if side == polarity && entry.weight == rounded => return Ok(()),
            Some((side, entry)) if side == polarity => entry.evidence.clone(),
            _ if self.list(polarity).len() >= MAX_ENTRIES => {
                return Err(ProfileError::Full { limit: MAX_ENTRIES });
            }
            _ => Vec::new(),
        };
        self.take(&attribute);
        self.list_mut(polarity).push(ProfileEntry {
            attribute,
            category,
            weight: rounded,
            evidence,
        });
        self.changed();
        Ok(())
    }

    /// Removes an attribute from whichever list has it, by its name or by words that stand for it; tells whether one had.
    pub fn remove(&mut self, attribute: &str) -> bool {
        let mut removed = self.take(attribute).is_some();
        if !removed && let Some((name, _)) = canonical(attribute, true) {
            removed = self.take(&name).is_some();
        }
        if removed {
            self.changed();
        }
        removed
    }

    fn list_mut(&mut self, polarity: Polarity) -> &mut Vec<ProfileEntry> {
        match polarity {
            Polarity::Liked => &mut self.liked,
            Polarity::Disliked => &mut self.disliked,
        }
    }

    fn take(&mut self, attribute: &str) -> Option<(Polarity, ProfileEntry)> {
        for polarity in [Polarity::Liked, Polarity::Disliked] {
            let list = self.list_mut(polarity);
            if let Some(at) = list.iter().position(|entry| entry.attribute == attribute) {
                return Some((polarity, list.remove(at)));
            }
        }
        None
    }

    /// Restores the order and the bounds of both lists and counts the change.
    fn changed(&mut self) {
        for list in [&mut self.liked, &mut self.disliked] {
            sort(list);
            list.truncate(MAX_ENTRIES);
        }
        self.version = self.version.saturating_add(1);
    }
}

fn sort(list: &mut [ProfileEntry]) {
    list.sort_by(|a, b| {
        b.weight
            .total_cmp(&a.weight)
            .then_with(|| a.attribute.cmp(&b.attribute))
    });
}

fn joined(list: &[ProfileEntry]) -> String {
    list.iter()
        .map(|entry| entry.attribute.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Rounds to thousandths: exact in JSON and readable there.
fn round_weight(weight: f32) -> f32 {
    (weight * 1_000.0).round() / 1_000.0
}

/// Returns name and category of an attribute; with `by_likeness` also of words that stand for one.
///
/// A comma would split a free attribute in the prompt, so it becomes a space there. `None` where nothing is left or too much.
fn canonical(attribute: &str, by_likeness: bool) -> Option<(String, String)> {
    let vocabulary = Vocabulary::embedded();
    let known = match by_likeness {
        true => vocabulary.resolve(attribute),
        false => vocabulary.get(attribute),
    };
    if let Some(known) = known {
        return Some((known.name.clone(), known.category.clone()));
    }
    let free = attribute.replace(',', " ").to_lowercase();
    let free = free.split_whitespace().collect::<Vec<_>>().join(" ");
    is_text(&free, MAX_ATTRIBUTE_CHARS).then(|| (free, FREE_CATEGORY.to_owned()))
}

/// Tells whether a text is neither empty nor too long and has no control characters.
fn is_text(text: &str, limit: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= limit && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
