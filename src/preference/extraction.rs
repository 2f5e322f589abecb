//! What an extractor takes and gives: the same for the lexicon and for every model.

use std::fmt;
use std::sync::Arc;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::{Cancel, ExtractError};

/// The longest comment that is read, in characters: Discord's own limit for a message with Nitro.
pub const MAX_COMMENT_CHARS: usize = 4_000;

/// On which side of a profile an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polarity {
    /// Goes into VP+.
    Liked,
    /// Goes into VP−.
    Disliked,
}

impl Polarity {
    /// Returns the other side.
    pub fn opposite(self) -> Polarity {
        match self {
            Polarity::Liked => Polarity::Disliked,
            Polarity::Disliked => Polarity::Liked,
        }
    }
}

/// One attribute that a comment likes or dislikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preference {
    /// Name in the vocabulary, or free words where an extractor may go beyond it.
    pub attribute: String,
    /// The attribute's category in the vocabulary, [`FREE_CATEGORY`](crate::FREE_CATEGORY) for free words.
    pub category: String,
    /// How strong and how certain, `0..=1`.
    pub weight: f32,
    /// The words of the comment that support it: always an exact part of the comment.
    pub evidence: String,
}

/// What one comment says about a person's taste. An attribute stands in at most one of the lists.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Extraction {
    /// Attributes the person wants more of, heaviest first.
    pub liked: Vec<Preference>,
    /// Attributes the person wants less of, heaviest first.
    pub disliked: Vec<Preference>,
}

impl Extraction {
    /// Tells whether the comment said nothing about taste.
    pub fn is_empty(&self) -> bool {
        self.liked.is_empty() && self.disliked.is_empty()
    }

    /// Returns one of the two lists.
    pub fn list(&self, polarity: Polarity) -> &[Preference] {
        match polarity {
            Polarity::Liked => &self.liked,
            Polarity::Disliked => &self.disliked,
        }
    }
}

/// A comment together with what is known of the image it is about.
///
/// Other keys of its JSON are ignored, so that labelled or numbered comments can be fed in as they are.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentedImage {
    /// The comment as the person wrote it, at most [`MAX_COMMENT_CHARS`] characters.
    pub text: String,
    /// Attributes of the shown image, in any words the vocabulary understands; they give "these colours" a meaning.
    #[serde(default)]
    pub image_attributes: Vec<String>,
    /// Name of the image's file within the folder of images, where there is one: a plain name, never a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The image itself, for extractors that look at it. Never part of the JSON: whoever reads a file loads it.
    #[serde(skip)]
    pub picture: Option<Arc<RgbImage>>,
}

impl CommentedImage {
    /// Makes a comment on an image of which nothing is known.
    pub fn of_text(text: impl Into<String>) -> CommentedImage {
        CommentedImage {
            text: text.into(),
            ..CommentedImage::default()
        }
    }
}

/// Shows the picture by its size: its pixels would fill a log.
impl fmt::Debug for CommentedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let picture = self.picture.as_ref().map(|picture| picture.dimensions());
        f.debug_struct("CommentedImage")
            .field("text", &self.text)
            .field("image_attributes", &self.image_attributes)
            .field("image", &self.image)
            .field("picture", &picture)
            .finish()
    }
}

/// Turns comments into liked and disliked attributes.
///
/// A comment is data: whatever it says, it changes nothing but its own extraction.
pub trait Extractor: Send + Sync {
    /// Names the extractor as the configuration does.
    fn name(&self) -> &'static str;

    /// Tells whether the images themselves are looked at, so that a caller need not decode them for nothing. Such an
    /// extractor reads all comments of a person better together ([`extract_all`](Extractor::extract_all)) than alone.
    fn sees_images(&self) -> bool {
        false
    }

    /// Reads one comment.
    ///
    /// # Errors
    ///
    /// [`ExtractError::TooLong`] past [`MAX_COMMENT_CHARS`]; [`ExtractError::Failed`] where a model fails. A comment
    /// without taste in it is no error: the extraction is empty.
    fn extract(&self, comment: &CommentedImage) -> Result<Extraction, ExtractError>;

    /// Reads all comments of one person, in their order, better together than alone where the extractor sees images.
    ///
    /// # Errors
    ///
    /// Those of [`extract`](Extractor::extract), of the first comment that fails.
    fn extract_all(&self, comments: &[CommentedImage]) -> Result<Vec<Extraction>, ExtractError> {
        self.extract_until(comments, &Cancel::never())
    }

    /// Reads all comments of one person like [`extract_all`](Extractor::extract_all), as long as it is not cancelled. An
    /// extractor that sees several images at once overrides this one.
    ///
    /// # Errors
    ///
    /// Those of [`extract`](Extractor::extract), of the first comment that fails, and [`ExtractError::Cancelled`].
    fn extract_until(
        &self,
        comments: &[CommentedImage],
        cancel: &Cancel,
    ) -> Result<Vec<Extraction>, ExtractError> {
        let extract = |comment| match cancel.is_cancelled() {
            true => Err(ExtractError::Cancelled),
            false => self.extract(comment),
        };
        comments.iter().map(extract).collect()
    }
}
