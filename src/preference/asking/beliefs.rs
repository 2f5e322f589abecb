//! What is known of a person, and how an answer changes it.

use std::collections::HashMap;

use super::Candidate;
use super::prior::Prior;
use crate::{Extraction, Polarity, Vocabulary};

/// Variance of what words say about the attribute they name.
const SAID: f64 = 0.08;
/// Variance of what silence says about an attribute, where the image got words: it is likely of little matter.
const SILENT: f64 = 0.5;
/// The same for an image that was passed over.
const SKIPPED: f64 = 4.0;
/// What a liking of weight 1 measures; one of weight 0 measures [`BASE`].
const STRONG: f64 = 1.5;
const BASE: f64 = 0.6;
/// Words that a shown attribute gets before anything is known, as a share, and how many attributes that guess weighs.
const USUAL: f64 = 0.3;
const USUAL_COUNT: f64 = 12.0;
/// How many of a category's own attributes weigh as much as what is known of all of them.
const POOLED: f64 = 2.5;

/// Is what a person did when an image was shown.
#[derive(Debug, Clone, Copy)]
pub enum Heard<'a> {
    /// They said something, which was understood so.
    Words(&'a Extraction),
    /// They went on without a word.
    Nothing,
}

/// What is known of one category.
#[derive(Debug, Clone, PartialEq)]
pub struct CategoryConfidence {
    /// The category.
    pub category: String,
    /// How much of what the images can tell about it is known, `0..=1`.
    pub confidence: f32,
    /// How many of its attributes were named.
    pub opinions: usize,
}

/// Opinions against chances to have one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Talk {
    shown: f64,
    said: f64,
}

/// Is everything known of one person's taste, over the attributes that the images show.
///
/// The order of answers does not matter, but for the rounding of floating point.
#[derive(Debug, Clone)]
pub struct Beliefs {
    pub(super) prior: Prior,
    /// Expected liking of each attribute.
    pub(super) mean: Vec<f64>,
    /// Covariance, row by row.
    pub(super) covariance: Vec<f64>,
    /// Whether words named it: asking again would tell little.
    pub(super) named: Vec<bool>,
    talk: Vec<Talk>,
    last: Option<Vec<String>>,
}

impl Beliefs {
    /// Knows nothing yet about anything that these images show.
    pub fn new(candidates: &[Candidate]) -> Beliefs {
        let prior = Prior::of(candidates);
        Beliefs {
            mean: vec![0.0; prior.names.len()],
            covariance: prior.covariance.clone(),
            named: vec![false; prior.names.len()],
            talk: vec![Talk::default(); prior.categories.len()],
            last: None,
            prior,
        }
    }

    /// Takes an answer to an image that shows these attributes.
    pub fn hear(&mut self, shown: &[String], heard: Heard<'_>) {
        let silence = match heard {
            Heard::Words(extraction) if !extraction.is_empty() => {
                self.words(extraction);
                SILENT
            }
            // What was not understood says as little as nothing.
            Heard::Words(_) | Heard::Nothing => SKIPPED,
        };
        let said: HashMap<&str, f32> = match heard {
            Heard::Words(extraction) => extraction
                .liked
                .iter()
                .chain(&extraction.disliked)
                .map(|it| (it.attribute.as_str(), it.weight))
                .collect(),
            Heard::Nothing => HashMap::new(),
        };
        for name in shown {
            let Some(at) = self.prior.index(name) else {
                continue;
            };
            let talk = &mut self.talk[self.prior.category[at]];
            talk.shown += 1.0;
            if said.contains_key(name.as_str()) {
                talk.said += 1.0;
            } else {
                self.measure(at, 0.0, silence);
            }
        }
        self.last = Some(shown.to_vec());
    }

    /// Takes words about taste as such, without an image.
    pub fn hear_in_general(&mut self, extraction: &Extraction) {
        self.words(extraction);
    }

    /// Takes note that an image will be shown, whatever is answered: what comes after it differs from it.
    pub fn expect(&mut self, shown: &[String]) {
        self.hear(shown, Heard::Nothing);
    }

    /// Returns the attributes of the image that was shown last.
    pub fn last_shown(&self) -> Option<&[String]> {
        self.last.as_deref()
    }

    /// Returns how sure one is of each category that the images show, in the order of the vocabulary.
    ///
    /// The share of the variance there was that answers have taken away, so no answer ever lowers it.
    pub fn confidence(&self) -> Vec<CategoryConfidence> {
        let count = self.prior.names.len();
        let mut sums = vec![(0.0, 0usize, 0usize); self.prior.categories.len()];
        for at in 0..count {
            let (left, all, opinions) = &mut sums[self.prior.category[at]];
            *left += self.covariance[at * count + at];
            *all += 1;
            *opinions += usize::from(self.named[at]);
        }
        self.prior
            .categories
            .iter()
            .zip(sums)
            .map(|(category, (left, all, opinions))| CategoryConfidence {
                category: category.clone(),
                confidence: (1.0 - left / all.max(1) as f64).clamp(0.0, 1.0) as f32,
                opinions,
            })
            .collect()
    }

    /// Returns the chance that an attribute of this category gets a word when it is shown: a mean of what this person did
    /// in the category and in all of them, which stands in for it until there is enough (partial pooling).
    pub(super) fn chance(&self, category: usize) -> f64 {
        let all = self.talk.iter().fold(Talk::default(), |all, one| Talk {
            shown: all.shown + one.shown,
            said: all.said + one.said,
        });
        let usual = (USUAL * USUAL_COUNT + all.said) / (USUAL_COUNT + all.shown);
        let own = self.talk.get(category).copied().unwrap_or_default();
        (POOLED * usual + own.said) / (POOLED + own.shown)
    }

    /// Tells whether anything was said about a category.
    pub(super) fn has_opinion(&self, category: usize) -> bool {
        let named = self.named.iter().zip(&self.prior.category);
        named.into_iter().any(|(named, it)| *named && *it == category)
    }

    fn words(&mut self, extraction: &Extraction) {
        for (polarity, sign) in [(Polarity::Liked, 1.0), (Polarity::Disliked, -1.0)] {
            for preference in extraction.list(polarity) {
                let value = sign * (BASE + (STRONG - BASE) * f64::from(preference.weight.clamp(0.0, 1.0)));
                if let Some(at) = self.prior.index(&preference.attribute) {
                    self.named[at] = true;
                    self.measure(at, value, SAID);
                    continue;
                }
                // Not to be seen in any image, but its opposite may be.
                let opposite = Vocabulary::embedded()
                    .get(&preference.attribute)
                    .and_then(|it| it.opposite.as_deref())
                    .and_then(|it| self.prior.index(it));
                if let Some(at) = opposite {
                    self.measure(at, -value, SILENT);
                }
            }
        }
    }

    /// Conditions the beliefs on a measurement of one attribute.
    fn measure(&mut self, at: usize, value: f64, noise: f64) {
        let count = self.prior.names.len();
        let column: Vec<f64> = (0..count).map(|row| self.covariance[row * count + at]).collect();
        let spread = column[at] + noise;
        let surprise = (value - self.mean[at]) / spread;
        for (row, shared) in column.iter().enumerate() {
            if *shared == 0.0 {
                continue;
            }
            self.mean[row] += shared * surprise;
            for (other, theirs) in column.iter().enumerate() {
                self.covariance[row * count + other] -= shared * theirs / spread;
            }
        }
    }
}
