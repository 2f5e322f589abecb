//! Measures an extractor on labelled comments.
//!
//! Used by the tests, by the `evaluate` example and by anything that compares extractors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{CommentedImage, ExtractError, Extractor, Polarity};

/// The labelled comments that rules are tuned on.
pub const TUNE: &str = include_str!("eval/tune.jsonl");
/// The labelled comments that are only measured.
pub const HELD_OUT: &str = include_str!("eval/heldout.jsonl");

/// A comment with what it says, as a person labelled it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// What makes the comment hard, e.g. "double negation".
    pub kind: String,
    /// The comment.
    pub text: String,
    /// Attributes of the shown image.
    #[serde(default)]
    pub image_attributes: Vec<String>,
    /// Names of the attributes it likes.
    pub liked: Vec<String>,
    /// Names of the attributes it dislikes.
    pub disliked: Vec<String>,
}

/// Reads labelled comments, one JSON object a line.
///
/// # Errors
///
/// The first line that is not a labelled comment.
pub fn read(jsonl: &str) -> Result<Vec<Labelled>, serde_json::Error> {
    jsonl
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(serde_json::from_str)
        .collect()
}

/// Counts of agreement between an extractor and the labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Comments measured.
    pub comments: usize,
    /// Comments with exactly the labelled attributes.
    pub exact: usize,
    /// Attributes found on the right side.
    pub right: usize,
    /// Attributes found on the wrong side.
    pub wrong_side: usize,
    /// Attributes found that the label does not have.
    pub invented: usize,
    /// Labelled attributes that were not found on either side.
    pub missed: usize,
    /// Pieces of evidence that are not part of the comment.
    pub foreign_evidence: usize,
}

impl Score {
    /// Returns the share of found attributes that are right, in `0..=1`.
    pub fn precision(&self) -> f64 {
        share(self.right, self.right + self.wrong_side + self.invented)
    }

    /// Returns the share of labelled attributes that were found on their side, in `0..=1`.
    pub fn recall(&self) -> f64 {
        share(self.right, self.right + self.wrong_side + self.missed)
    }

    /// Returns the share of found labelled attributes that are on the wrong side, in `0..=1`.
    pub fn polarity_errors(&self) -> f64 {
        if self.wrong_side == 0 {
            0.0
        } else {
            share(self.wrong_side, self.right + self.wrong_side)
        }
    }

    fn add(&mut self, other: &Score) {
        self.comments += other.comments;
        self.exact += other.exact;
        self.right += other.right;
        self.wrong_side += other.wrong_side;
        self.invented += other.invented;
        self.missed += other.missed;
        self.foreign_evidence += other.foreign_evidence;
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// A comment the extractor read otherwise than its label.
#[derive(Debug, Clone, Serialize)]
pub struct Miss {
    /// The comment and its label.
    pub labelled: Labelled,
    /// Names found as liked.
    pub liked: Vec<String>,
    /// Names found as disliked.
    pub disliked: Vec<String>,
}

/// What an extractor reaches on a set of labelled comments.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Over all comments.
    pub total: Score,
    /// By kind of comment.
    pub kinds: BTreeMap<String, Score>,
    /// The comments that are not exactly as labelled.
    pub misses: Vec<Miss>,
}

/// Measures an extractor.
///
/// # Errors
///
/// Those of the extractor.
pub fn evaluate(extractor: &dyn Extractor, comments: &[Labelled]) -> Result<Report, ExtractError> {
    let mut report = Report::default();
    for labelled in comments {
        let comment = CommentedImage {
            text: labelled.text.clone(),
            image_attributes: labelled.image_attributes.clone(),
            ..CommentedImage::default()
        };
        let extraction = extractor.extract(&comment)?;
        let names = |polarity: Polarity| -> Vec<String> {
            extraction
                .list(polarity)
                .iter()
                .map(|preference| preference.attribute.clone())
                .collect()
        };
        let (liked, disliked) = (names(Polarity::Liked), names(Polarity::Disliked));
        let mut score = Score {
            comments: 1,
            ..Score::default()
        };
        for (found, same, other) in [
            (&liked, &labelled.liked, &labelled.disliked),
            (&disliked, &labelled.disliked, &labelled.liked),
        ] {
            for name in found {
                if same.contains(name) {
                    score.right += 1;
                } else if other.contains(name) {
                    score.wrong_side += 1;
                } else {
                    score.invented += 1;
                }
            }
        }
        let all = labelled.liked.iter().chain(&labelled.disliked);
        score.missed = all
            .filter(|name| !liked.contains(name) && !disliked.contains(name))
            .count();
        let evidence = extraction.liked.iter().chain(&extraction.disliked);
        score.foreign_evidence = evidence.filter(|p| !labelled.text.contains(&p.evidence)).count();
        if score.wrong_side + score.invented + score.missed == 0 {
            score.exact = 1;
        } else {
            report.misses.push(Miss {
                labelled: labelled.clone(),
                liked,
                disliked,
            });
        }
        report.total.add(&score);
        report.kinds.entry(labelled.kind.clone()).or_default().add(&score);
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LexiconExtractor, Vocabulary};

    fn report(jsonl: &str) -> Report {
        let comments = read(jsonl).unwrap_or_default();
        evaluate(&LexiconExtractor::embedded(), &comments).unwrap_or_default()
    }

    #[test]
    fn labels_name_attributes_of_the_vocabulary() {
        for jsonl in [TUNE, HELD_OUT] {
            for comment in read(jsonl).unwrap_or_default() {
                for name in comment
                    .liked
                    .iter()
                    .chain(&comment.disliked)
                    .chain(&comment.image_attributes)
                {
                    assert!(
                        Vocabulary::embedded().get(name).is_some(),
                        "{name}: {}",
                        comment.text
                    );
                }
            }
        }
    }

    #[test]
    fn the_lexicon_keeps_its_measure() {
        for (jsonl, precision, recall) in [(TUNE, 0.97, 0.97), (HELD_OUT, 0.93, 0.86)] {
            let Report { total, .. } = report(jsonl);
            assert!(total.comments >= 130, "{total:?}");
            assert!(total.precision() >= precision, "{total:?}");
            assert!(total.recall() >= recall, "{total:?}");
            assert!(total.polarity_errors() <= 0.02, "{total:?}");
            assert_eq!(total.foreign_evidence, 0);
        }
    }
}
