//! What hangs together before anything was said.
//!
//! The prior covariance of the attributes is `Φ Φᵀ`, so it is a covariance whatever the images: a row of Φ has a share of
//! its unit length for the images that show the attribute, one for the words of its name, one against its opposite, and
//! the rest for itself alone.

use std::collections::{BTreeMap, BTreeSet};

use super::Candidate;
use crate::Vocabulary;
use crate::spelling::phrase_keys;
use crate::vocabulary::stem;

/// Share of what attributes have in common because an image shows them together.
const TOGETHER: f64 = 0.3;
/// Share of what attributes have in common because their names share a word.
const SAME_WORD: f64 = 0.2;
/// Share by which an attribute stands against its opposite.
const AGAINST: f64 = 0.3;
/// A word in more names than this says nothing about looks: "colours", "mood".
const COMMON_WORD: usize = 6;

/// The attributes that the images show, with what hangs together.
#[derive(Debug, Clone)]
pub(super) struct Prior {
    /// Names, sorted.
    pub names: Vec<String>,
    /// For each the index of its category in [`Prior::categories`].
    pub category: Vec<usize>,
    /// Categories of the attributes, in the order of the vocabulary.
    pub categories: Vec<String>,
    /// Covariance, row by row; 1 on its diagonal.
    pub covariance: Vec<f64>,
}

impl Prior {
    /// Collects what the images show. Attributes that the vocabulary does not have are left out.
    pub(super) fn of(candidates: &[Candidate]) -> Prior {
        let vocabulary = Vocabulary::embedded();
        let names: Vec<String> = candidates
            .iter()
            .flat_map(|candidate| &candidate.attributes)
            .filter(|name| vocabulary.get(name).is_some())
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let category_of = |name: &String| vocabulary.get(name).map(|it| it.category.clone());
        let shown: BTreeSet<String> = names.iter().filter_map(category_of).collect();
        let categories: Vec<String> = vocabulary
            .categories()
            .iter()
            .filter(|category| shown.contains(*category))
            .cloned()
            .collect();
        let category = names
            .iter()
            .filter_map(category_of)
            .filter_map(|category| categories.iter().position(|it| *it == category))
            .collect();
        let covariance = covariance(candidates, &names, vocabulary);
        Prior {
            names,
            category,
            categories,
            covariance,
        }
    }

    /// Finds an attribute.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|it| it.as_str().cmp(name)).ok()
    }
}

fn covariance(candidates: &[Candidate], names: &[String], vocabulary: &Vocabulary) -> Vec<f64> {
    let count = names.len();
    let index = |name: &str| names.binary_search_by(|it| it.as_str().cmp(name)).ok();
    let images: Vec<Vec<usize>> = candidates
        .iter()
        .map(|candidate| {
            let shown: BTreeSet<usize> = candidate.attributes.iter().filter_map(|it| index(it)).collect();
            shown.into_iter().collect()
        })
        .collect();
    let mut words: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        let stems: BTreeSet<String> = phrase_keys(name).iter().map(|key| stem(key)).collect();
        for stem in stems {
            words.entry(stem).or_default().push(at);
        }
    }
    words.retain(|_, names| (2..=COMMON_WORD).contains(&names.len()));
    let groups: [(f64, Vec<Vec<usize>>); 2] = [
        (TOGETHER, images.into_iter().filter(|it| it.len() > 1).collect()),
        (SAME_WORD, words.into_values().collect()),
    ];

    let mut matrix = vec![0.0; count * count];
    let mut alone = vec![1.0; count];
    for (share, groups) in groups {
        // An attribute in several groups has the share divided among them.
        let mut member_of = vec![0usize; count];
        for at in groups.iter().flatten() {
            member_of[*at] += 1;
        }
        for group in &groups {
            for &row in group {
                for &column in group {
                    let parts = (member_of[row] * member_of[column]) as f64;
                    matrix[row * count + column] += share / parts.sqrt();
                }
            }
        }
        for (at, groups) in member_of.iter().enumerate() {
            if *groups > 0 {
                alone[at] -= share;
            }
        }
    }
    for (row, name) in names.iter().enumerate() {
        let opposite = vocabulary.get(name).and_then(|it| it.opposite.as_deref());
        // Once for each pair, which need not name each other, and at most once for each attribute.
        let Some(column) = opposite.and_then(index).filter(|column| *column != row) else {
            continue;
        };
        if alone[row] < AGAINST || alone[column] < AGAINST || matrix[row * count + column] < 0.0 {
            continue;
        }
        for (one, other, sign) in [
            (row, row, 1.0),
            (column, column, 1.0),
            (row, column, -1.0),
            (column, row, -1.0),
        ] {
            matrix[one * count + other] += sign * AGAINST;
        }
        alone[row] -= AGAINST;
        alone[column] -= AGAINST;
    }
    for (at, alone) in alone.iter().enumerate() {
        matrix[at * count + at] += alone;
    }
    matrix
}
