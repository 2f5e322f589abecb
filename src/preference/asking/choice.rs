//! The image whose answer is expected to tell most.
//!
//! For the attributes `x` that an image shows, the answer is a measurement of each with precision `d`: that of words, times
//! the chance that the person says any about such an attribute. What such an answer tells is, in nats,
//! `½ ln det(I + D^½ M D^½)` with `M = Σ + μ μᵀ` over `x`. Σ alone would be the information about the beliefs; with the
//! second moment an attribute counts too that is likely to be liked, but that nobody has named yet, because a profile
//! holds only what was said. An attribute that was named counts no more. The determinant sees to diversity: what hangs
//! together tells once. For each category of which nothing was said yet, a fixed number of nats is added, times the chance
//! that the answer says the first word about it. Among the images that come within 15 % of the best, the first is chosen.

use std::collections::BTreeMap;

use super::Candidate;
use super::beliefs::Beliefs;
use crate::Vocabulary;

/// Precision of words. Rougher than in `beliefs.rs`: what an answer that is not there yet is counted on to tell.
const WORDS: f64 = 4.0;
/// What the first word about a category tells beside the attribute it names: which way the person leans there. In nats;
/// larger than the ln 2 of a yes or no, because a review calls every category, however few attributes it has.
const CATEGORY: f64 = 1.5;
/// Share of the best image's gain from which on an image is as good as the best: what is expected is a guess, and among images
/// about as telling the order decides in which whoever made the gallery would show them.
const NEAR: f64 = 0.85;
/// Share of what the first image was expected to tell that the best image left must tell for asking to be worth a
/// person's time.
const LITTLE: f64 = 0.25;
/// Categories that make up a style.
const STYLE: [&str; 3] = ["medium", "art movement", "technique"];
/// Attributes of any category that two images of one style share.
const ALIKE: usize = 2;

/// Is the image to ask about next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Its place among the candidates.
    pub index: usize,
    /// What its answer is expected to tell, in nats.
    pub gain: f64,
}

/// Chooses the next image among those whose names are not in `shown`; `None` when all were shown.
///
/// One in the style of the image shown last is chosen only if nothing else is left. Of those that are expected to tell nearly as
/// much as the best, the first candidate is chosen.
pub fn next_image(candidates: &[Candidate], shown: &[String], beliefs: &Beliefs) -> Option<Choice> {
    let repeats = |candidate: &Candidate| {
        beliefs
            .last_shown()
            .is_some_and(|last| same_style(last, &candidate.attributes))
    };
    let open: Vec<(bool, Choice)> = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| !shown.contains(&candidate.id))
        .map(|(index, candidate)| {
            let gain = gain(&candidate.attributes, beliefs);
            (!repeats(candidate), Choice { index, gain })
        })
        .collect();
    let fresh = open.iter().any(|(fresh, _)| *fresh);
    let fit = || open.iter().filter(move |it| it.0 == fresh).map(|it| it.1);
    let most = fit().map(|it| it.gain).fold(0.0, f64::max);
    fit().find(|it| it.gain >= NEAR * most)
}

/// Tells whether no image left is expected to tell a quarter of what the first one was, or none is left.
pub fn little_left(candidates: &[Candidate], shown: &[String], beliefs: &Beliefs) -> bool {
    let blank = Beliefs::new(candidates);
    let most = |beliefs: &Beliefs, left: &dyn Fn(&Candidate) -> bool| {
        let gains = candidates
            .iter()
            .filter(|it| left(it))
            .map(|it| gain(&it.attributes, beliefs));
        gains.fold(0.0, f64::max)
    };
    let left = most(beliefs, &|candidate| !shown.contains(&candidate.id));
    left <= LITTLE * most(&blank, &|_| true)
}

/// Tells whether two images are of one style: the same medium, movement or technique, or alike in other ways.
pub fn same_style(one: &[String], other: &[String]) -> bool {
    let shared: Vec<&String> = one.iter().filter(|it| other.contains(it)).collect();
    let is_style = |name: &str| {
        Vocabulary::embedded()
            .get(name)
            .is_some_and(|it| STYLE.contains(&it.category.as_str()))
    };
    shared.len() >= ALIKE || shared.iter().any(|it| is_style(it))
}

/// Returns what the answer to an image is expected to tell, in nats.
fn gain(attributes: &[String], beliefs: &Beliefs) -> f64 {
    let count = beliefs.prior.names.len();
    let mut open: Vec<usize> = attributes
        .iter()
        .filter_map(|name| beliefs.prior.index(name))
        .filter(|at| !beliefs.named[*at])
        .collect();
    open.sort_unstable();
    open.dedup();
    let roots: Vec<f64> = open
        .iter()
        .map(|at| {
            let chance = beliefs.chance(beliefs.prior.category[*at]);
            (chance * WORDS).sqrt()
        })
        .collect();
    let size = open.len();
    let mut matrix = vec![0.0; size * size];
    for row in 0..size {
        for column in 0..size {
            let (a, b) = (open[row], open[column]);
            let moment = beliefs.covariance[a * count + b] + beliefs.mean[a] * beliefs.mean[b];
            matrix[row * size + column] =
                roots[row] * moment * roots[column] + f64::from(u8::from(row == column));
        }
    }
    half_log_determinant(&mut matrix, size) + CATEGORY * news(&open, beliefs)
}

/// Returns how many categories of which nothing was said yet are expected to get their first word, given the open
/// attributes of an image.
fn news(open: &[usize], beliefs: &Beliefs) -> f64 {
    let mut silence: BTreeMap<usize, f64> = BTreeMap::new();
    for at in open {
        let category = beliefs.prior.category[*at];
        if !beliefs.has_opinion(category) {
            *silence.entry(category).or_insert(1.0) *= 1.0 - beliefs.chance(category);
        }
    }
    silence.values().map(|silence| 1.0 - silence).sum()
}

/// Half the logarithm of the determinant of a symmetric matrix whose eigenvalues are at least 1, by Cholesky's method.
fn half_log_determinant(matrix: &mut [f64], size: usize) -> f64 {
    let mut sum = 0.0;
    for pivot in 0..size {
        // At least 1 but for rounding.
        let root = matrix[pivot * size + pivot].max(1e-12).sqrt();
        sum += root.ln();
        for row in pivot..size {
            matrix[row * size + pivot] /= root;
        }
        for column in pivot + 1..size {
            for row in column..size {
                matrix[row * size + column] -= matrix[row * size + pivot] * matrix[column * size + pivot];
            }
        }
    }
    sum
}
