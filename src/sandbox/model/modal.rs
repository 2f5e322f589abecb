//! Modals: dialogs of text inputs that a bot opens for one user.

use serde::Serialize;

use crate::id::{ChannelId, InteractionId, UserId};

/// A dialog waiting for its user.
#[derive(Clone, Debug, Serialize)]
pub struct Modal {
    /// The interaction it answers; [`User::submit_modal`](crate::User::submit_modal) takes it.
    pub interaction_id: InteractionId,
    /// Who sees it.
    pub user_id: UserId,
    /// Where it was opened.
    pub channel_id: ChannelId,
    /// Comes back with what the person wrote.
    pub custom_id: String,
    /// Headline, at most 45 characters.
    pub title: String,
    /// One to five inputs.
    pub inputs: Vec<TextInput>,
}

/// A text field of a modal.
#[derive(Clone, Debug, Serialize)]
pub struct TextInput {
    /// Names the field in the submission.
    pub custom_id: String,
    /// What stands above it.
    pub label: String,
    /// Whether it has several lines.
    pub paragraph: bool,
    /// Shown while it is empty.
    pub placeholder: Option<String>,
    /// What it holds from the start.
    pub value: Option<String>,
    /// Whether it may not stay empty.
    pub required: bool,
    /// Fewest characters.
    pub min_length: usize,
    /// Most characters, at most 4,000.
    pub max_length: usize,
}
