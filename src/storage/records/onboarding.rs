//! Where a person stands in the conversation that makes a profile.

use serde::{Deserialize, Serialize};
use tastemaker_pool::UserId;
use tastemaker_preference::Extraction;

/// Is an unfinished onboarding conversation; with it the conversation goes on after a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OnboardingRecord {
    /// Whose conversation it is.
    pub user: UserId,
    /// The direct-message channel it is held in; 0 where direct messages are closed and it is held in answers that
    /// only the person sees.
    pub dm_channel: u64,
    /// Names of the style images, in the order they are shown.
    pub images: Vec<String>,
    /// The image being asked about, from 0; `images.len()` after the last.
    pub index: usize,
    /// What was said so far.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// The message that shows the current image or the review.
    #[serde(default)]
    pub current_message: Option<u64>,
    /// The person's latest message that was answered, so that a start knows which are new.
    #[serde(default)]
    pub heard: Option<u64>,
    /// Whether the person wants to see more images although they are expected to tell little.
    #[serde(default)]
    pub keep_asking: bool,
    /// Attributes that the person took out by hand and has not named since: reading the comments anew does not bring them back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// The part of the conversation it is in.
    pub state: OnboardingState,
    /// When it began, in milliseconds since 1970.
    pub started_at: u64,
}

/// Is what a person said to one image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// Name of the image; empty for words about taste as such.
    pub image: String,
    /// Their words; `None` if they skipped it.
    #[serde(default)]
    pub comment: Option<String>,
    /// What was understood.
    #[serde(default)]
    pub extraction: Extraction,
    /// Whether the words are still to be read, because the extractor failed when they came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
    /// Whether what was understood comes from reading all comments together.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub together: bool,
}

/// Names the parts of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnboardingState {
    /// Images are shown and comments awaited.
    Asking,
    /// The profile is shown: edit, redo or keep.
    Review,
    /// The profile is being edited.
    Editing,
    /// The person wants to go on later; until then their messages are no comments.
    Paused,
}
