//! How near a profile has come to the taste behind it.

use std::collections::BTreeMap;

use serde::Serialize;
use tastemaker_preference::{Profile, Vocabulary};

/// Compares a profile with a taste, both over what the images can show.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Nearness {
    /// Cosine of the angle between the signed weights of both.
    pub cosine: f64,
    /// F1 of the attributes in the profile, on their right side, against those in the taste.
    pub f1: f64,
    /// Share of the categories that the profile calls right: what it holds there is mostly right, or there is no taste.
    pub calls: f64,
    /// For each category with a taste whether the profile calls it right.
    #[serde(skip)]
    pub by_category: BTreeMap<&'static str, bool>,
}

/// Measures; `taste` holds only what the images can show.
pub fn nearness(
    profile: &Profile,
    taste: &BTreeMap<&'static str, f64>,
    askable: &[&'static str],
) -> Nearness {
    let (mut dot, mut own, mut theirs) = (0.0, 0.0, 0.0);
    let (mut right, mut held) = (0.0, 0.0);
    let mut categories: BTreeMap<&'static str, (i32, bool)> = BTreeMap::new();
    for name in askable {
        let truth = taste.get(name).copied().unwrap_or(0.0);
        let weight = profile.find(name).map_or(0.0, |(side, entry)| {
            let sign = if side == tastemaker_preference::Polarity::Liked {
                1.0
            } else {
                -1.0
            };
            sign * f64::from(entry.weight)
        });
        dot += truth * weight;
        own += weight * weight;
        theirs += truth * truth;
        let agrees = truth * weight > 0.0;
        held += f64::from(u8::from(weight != 0.0));
        right += f64::from(u8::from(agrees));
        let category = Vocabulary::embedded()
            .get(name)
            .map_or("other", |it| it.category.as_str());
        let (balance, has_taste) = categories.entry(category).or_default();
        *has_taste |= truth != 0.0;
        if weight != 0.0 {
            *balance += if agrees { 1 } else { -1 };
        }
    }
    let length = (own * theirs).sqrt();
    let both = held + taste.len() as f64;
    let called = |(balance, has_taste): &(i32, bool)| if *has_taste { *balance > 0 } else { *balance >= 0 };
    Nearness {
        cosine: if length > 0.0 { dot / length } else { 0.0 },
        f1: if both > 0.0 { 2.0 * right / both } else { 1.0 },
        calls: categories.values().filter(|it| called(it)).count() as f64 / categories.len().max(1) as f64,
        by_category: categories
            .iter()
            .filter(|(_, (_, has_taste))| *has_taste)
            .map(|(category, it)| (*category, called(it)))
            .collect(),
    }
}

/// Returns the mean and half the width of its 95 % interval.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|it| (it - mean) * (it - mean)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, 1.96 * (variance / count).sqrt())
}
