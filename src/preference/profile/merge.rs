//! How a comment changes a profile.
//!
//! With `w` the weight so far and `e` that of the new words:
//!
//! - same side: `max(w, e) + (1 − max(w, e)) · min(w, e) / 2`. Repetition strengthens, never past 1.
//! - other side: `s = e − w / 2`. The later words win as soon as they are more than half as strong as what they
//!   contradict; `s > 0` moves the attribute to their side with weight `s`, `s < 0` leaves it with weight `−s`, and
//!   below 0.05 the two cancel out and the attribute leaves the profile.
//!
//! The same words about the same image count once, so merging an extraction again changes nothing.

use super::{
    Evidence, MAX_EVIDENCE, MAX_IMAGE_CHARS, MAX_QUOTE_CHARS, Profile, ProfileEntry, canonical, round_weight,
};
use crate::{Extraction, Polarity, Preference};

/// What is left of an earlier opinion when a later one contradicts it.
const FADING: f32 = 0.5;
/// Weights below this are noise.
const LEAST_WEIGHT: f32 = 0.05;

impl Profile {
    /// Adds what a comment said. `image` names the image it was about.
    ///
    /// Later words outweigh earlier ones (the formula stands at the head of `merge.rs`); an attribute ends up in one
    /// list at most. An attribute that the extraction itself has on both sides counts on neither. Weights that are not
    /// numbers in `0 < weight <= 1` are bounded or left out.
    pub fn merge(&mut self, image: Option<&str>, extraction: &Extraction) {
        let mut changed = false;
        for polarity in [Polarity::Liked, Polarity::Disliked] {
            let contradicted = extraction.list(polarity.opposite());
            for preference in extraction.list(polarity) {
                if contradicted
                    .iter()
                    .all(|other| other.attribute != preference.attribute)
                {
                    changed |= self.merge_one(polarity, image, preference);
                }
            }
        }
        if changed {
            self.changed();
        }
    }

    fn merge_one(&mut self, polarity: Polarity, image: Option<&str>, preference: &Preference) -> bool {
        let weight = round_weight(preference.weight.min(1.0));
        let Some((attribute, category)) = canonical(&preference.attribute, false) else {
            return false;
        };
        if weight.is_nan() || weight < LEAST_WEIGHT {
            return false;
        }
        let evidence = Evidence {
            quote: readable(&preference.evidence, MAX_QUOTE_CHARS),
            image: image
                .map(|image| readable(image, MAX_IMAGE_CHARS))
                .filter(|image| !image.trim().is_empty()),
        };
        let Some((side, mut entry)) = self.take(&attribute) else {
            let entry = ProfileEntry {
                attribute,
                category,
                weight,
                evidence: kept(vec![evidence]),
            };
            self.list_mut(polarity).push(entry);
            return true;
        };
        if side == polarity {
            if entry.evidence.contains(&evidence) {
                self.list_mut(side).push(entry);
                super::sort(self.list_mut(side));
                return false;
            }
            entry.weight = round_weight(strengthened(entry.weight, weight));
            entry.evidence.push(evidence);
            entry.evidence = kept(entry.evidence);
            self.list_mut(side).push(entry);
            return true;
        }
        let balance = weight - FADING * entry.weight;
        entry.weight = round_weight(balance.abs());
        if entry.weight < LEAST_WEIGHT {
            return true;
        }
        if balance > 0.0 {
            entry.evidence = kept(vec![evidence]);
            self.list_mut(polarity).push(entry);
        } else {
            self.list_mut(side).push(entry);
        }
        true
    }
}

fn strengthened(a: f32, b: f32) -> f32 {
    let (strong, weak) = (a.max(b), a.min(b));
    (strong + (1.0 - strong) * weak / 2.0).min(1.0)
}

/// Cuts a text to its bound and shows control characters, line breaks too, as spaces.
fn readable(text: &str, limit: usize) -> String {
    text.chars()
        .take(limit)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Keeps the latest quotes that can be shown.
fn kept(mut evidence: Vec<Evidence>) -> Vec<Evidence> {
    evidence.retain(|evidence| !evidence.quote.trim().is_empty());
    let surplus = evidence.len().saturating_sub(MAX_EVIDENCE);
    evidence.drain(..surplus);
    evidence
}
