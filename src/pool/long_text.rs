//! What whoever asked should know about how their texts were read.

use serde::{Deserialize, Serialize};

/// Names one of a request's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestText {
    /// [`ImageRequest::prompt`](crate::ImageRequest::prompt).
    Prompt,
    /// [`ImageRequest::negative`](crate::ImageRequest::negative).
    Negative,
    /// [`ImageRequest::vp_plus`](crate::ImageRequest::vp_plus).
    VpPlus,
    /// [`ImageRequest::vp_minus`](crate::ImageRequest::vp_minus).
    VpMinus,
}

/// Says that a text is longer than the model reads at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongText {
    /// Which text.
    pub text: RequestText,
    /// Its words beyond what is read at once, as they were written.
    pub beyond: String,
    /// Those of them, at the end, that are not read at all; empty unless the text is extremely long.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unused: String,
}
