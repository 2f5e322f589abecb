//! The visual preference extractor: reads all comments of a person with their pictures in view.
//!
//! | step | where |
//! |---|---|
//! | one turn of instruction, pictures and comments; several where one would not fit | `turn.rs`, [`VpeExtractor`] |
//! | the model's answer: greedy, repetition penalty 0.99, at most 2,000 tokens | `viewer.rs` |
//! | the two lists in it, whatever surrounds them | `answer.rs` |
//! | each keyword to the vocabulary, and to the comment it most likely came from | `evidence.rs` |
//! | pictures by their file's name | [`load_picture`] |

mod answer;
mod evidence;
mod picture;
#[cfg(test)]
mod tests;
mod turn;
mod viewer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use image::RgbImage;

use self::evidence::{Keyword, Source, link};
pub use self::picture::{load_picture, read_picture};
use self::turn::{Piece, halves, turn};
use self::viewer::Idefics2Viewer;
use crate::idefics2::Idefics2;
use crate::idefics2::prompt::Turn;
use crate::idefics2::session::open_for_viper;
use crate::{
    Cancel, CommentedImage, ExtractError, Extraction, Extractor, LexiconExtractor, MAX_COMMENT_CHARS,
    Polarity, Preference, ProcessorError, Vocabulary,
};

/// A model that looks at pictures and answers.
trait Viewer: Send + Sync {
    /// Tells whether a turn can be read as a whole, its answer included.
    fn fits(&self, turn: &Turn) -> Result<bool, ExtractError>;

    /// Answers a turn; tells whether the answer was cut at its longest.
    fn answer(
        &self,
        turn: &Turn,
        pictures: &[Arc<RgbImage>],
        cancel: &Cancel,
    ) -> Result<(String, bool), ExtractError>;
}

/// Reads comments with the pictures in view: IDEFICS2 with ViPer's adapter.
///
/// Weights: the model gives none. Where the lexicon reads the same attribute in a comment its weight is taken; else 0.65 for
/// what a comment names, 0.6 for what its picture is known to show or it points at, 0.5 for what the model alone has seen.
pub struct VpeExtractor {
    viewer: Box<dyn Viewer>,
    vocabulary: &'static Vocabulary,
    lexicon: LexiconExtractor,
}

impl VpeExtractor {
    /// Makes the extractor of a loaded model with its adapter, merged or beside it; `path` is what it was loaded from, with
    /// the tokenizer's and the image processor's files there.
    ///
    /// # Errors
    ///
    /// [`ProcessorError`] for these files, by file and key.
    pub fn new(model: Idefics2, path: &Path) -> Result<VpeExtractor, ProcessorError> {
        let (processor, prompts) = open_for_viper(&model, path)?;
        Ok(VpeExtractor::with_viewer(Box::new(Idefics2Viewer::new(
            model, processor, prompts,
        ))))
    }

    fn with_viewer(viewer: Box<dyn Viewer>) -> VpeExtractor {
        VpeExtractor {
            viewer,
            vocabulary: Vocabulary::embedded(),
            lexicon: LexiconExtractor::embedded(),
        }
    }

    /// Shares comments out among turns, in order, each as full as fits; a comment too long for one is cut into several.
    fn groups(&self, comments: &[CommentedImage]) -> Result<Vec<Vec<Piece>>, ExtractError> {
        let mut waiting: VecDeque<Piece> = comments
            .iter()
            .enumerate()
            .filter(|(_, comment)| !comment.text.trim().is_empty())
            .map(|(at, comment)| Piece {
                comment: at,
                text: comment.text.clone(),
            })
            .collect();
        let mut groups = Vec::new();
        let mut group: Vec<Piece> = Vec::new();
        while let Some(piece) = waiting.pop_front() {
            group.push(piece);
            if self.viewer.fits(&turn(&group, comments).0)? {
                continue;
            }
            let Some(piece) = group.pop() else { continue };
            if !group.is_empty() {
                groups.push(std::mem::take(&mut group));
                waiting.push_front(piece);
                continue;
            }
            let Some((first, second)) = halves(&piece) else {
                return Err(ExtractError::Failed {
                    message: "the model's window is too small for one picture and the instruction".to_owned(),
                });
            };
            waiting.push_front(second);
            waiting.push_front(first);
        }
        if !group.is_empty() {
            groups.push(group);
        }
        Ok(groups)
    }

    /// Reads one turn; adds what it says, by side and attribute, with the comment it came from.
    fn read(
        &self,
        group: &[Piece],
        comments: &[CommentedImage],
        found: &mut BTreeMap<(String, bool), (usize, Preference)>,
        cancel: &Cancel,
    ) -> Result<(), ExtractError> {
        let (turn, pictures) = turn(group, comments);
        let (text, cut) = self.viewer.answer(&turn, &pictures, cancel)?;
        tracing::debug!(
            comments = group.len(),
            pictures = pictures.len(),
            answer = text,
            cut,
            "answered"
        );
        let answer = answer::parse(&text, cut);
        let places: Vec<usize> = group
            .iter()
            .map(|piece| piece.comment)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let sources = places
            .iter()
            .filter_map(|place| comments.get(*place))
            .map(|comment| Source::new(comment, self.vocabulary, &self.lexicon))
            .collect::<Result<Vec<_>, _>>()?;
        for (side, keywords) in [
            (Polarity::Liked, &answer.liked),
            (Polarity::Disliked, &answer.disliked),
        ] {
            for words in keywords {
                let keyword = self
                    .vocabulary
                    .resolve(words)
                    .map_or(Keyword::Free(words), Keyword::Known);
                let Some((source, preference)) = link(side, &keyword, &sources, self.vocabulary) else {
                    continue;
                };
                let key = (preference.attribute.clone(), side == Polarity::Liked);
                let heavier = found
                    .get(&key)
                    .is_none_or(|(_, known)| preference.weight > known.weight);
                if heavier && let Some(place) = places.get(source) {
                    found.insert(key, (*place, preference));
                }
            }
        }
        Ok(())
    }
}

impl Extractor for VpeExtractor {
    fn name(&self) -> &'static str {
        "vpe"
    }

    fn sees_images(&self) -> bool {
        true
    }

    fn extract(&self, comment: &CommentedImage) -> Result<Extraction, ExtractError> {
        let mut all = self.extract_all(std::slice::from_ref(comment))?;
        Ok(all.pop().unwrap_or_default())
    }

    /// Reads all comments of one person in one turn. Each attribute stands in the extraction of the comment that it most
    /// likely came from, in that one only; what the model puts on both sides stands nowhere.
    fn extract_until(
        &self,
        comments: &[CommentedImage],
        cancel: &Cancel,
    ) -> Result<Vec<Extraction>, ExtractError> {
        for comment in comments {
            let chars = comment.text.chars().count();
            if chars > MAX_COMMENT_CHARS {
                return Err(ExtractError::TooLong {
                    chars,
                    limit: MAX_COMMENT_CHARS,
                });
            }
        }
        let mut found = BTreeMap::new();
        for group in self.groups(comments)? {
            if cancel.is_cancelled() {
                return Err(ExtractError::Cancelled);
            }
            self.read(&group, comments, &mut found, cancel)?;
        }
        let mut extractions = vec![Extraction::default(); comments.len()];
        for ((attribute, liked), (place, preference)) in &found {
            if found.contains_key(&(attribute.clone(), !liked)) {
                continue;
            }
            if let Some(extraction) = extractions.get_mut(*place) {
                let list = if *liked {
                    &mut extraction.liked
                } else {
                    &mut extraction.disliked
                };
                list.push(preference.clone());
            }
        }
        for extraction in &mut extractions {
            for list in [&mut extraction.liked, &mut extraction.disliked] {
                // Sorted by name already.
                list.sort_by(|a, b| b.weight.total_cmp(&a.weight));
            }
        }
        Ok(extractions)
    }
}
