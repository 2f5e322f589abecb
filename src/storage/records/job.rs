//! A job from its acceptance to the buttons under its pictures.

use std::fmt;

use serde::{Deserialize, Serialize};
use tastemaker_pool::{Job, JobId, LongText, Safety};

/// Is everything needed to finish a job after a restart, to answer its buttons, and to say how its pictures were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The job.
    pub job: Job,
    /// Channel of the answer.
    pub channel: u64,
    /// Message of the answer, once it is known.
    #[serde(default)]
    pub message: Option<u64>,
    /// The interaction to answer; `None` for jobs begun by a reaction.
    #[serde(default)]
    pub interaction: Option<InteractionRef>,
    /// How far the job is.
    pub state: JobState,
    /// Whether its result has been shown; set by [`Store::mark_delivered`](crate::Store::mark_delivered).
    #[serde(default)]
    pub delivered: bool,
    /// What the person did to ask for it.
    pub origin: JobOrigin,
    /// The job that this one varies.
    #[serde(default)]
    pub parent: Option<JobId>,
    /// Version of the profile that was applied; `None` if none was.
    #[serde(default)]
    pub profile_version: Option<u64>,
    /// The attributes that were applied, strongest first.
    #[serde(default)]
    pub applied: Vec<AppliedAttribute>,
    /// How the pictures were made, once they are.
    #[serde(default)]
    pub receipt: Option<Receipt>,
    /// That more pictures are drawn than shown, and how those shown were chosen, once they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<Ranking>,
    /// Why it failed, as the person was told.
    #[serde(default)]
    pub failure: Option<String>,
    /// When it was accepted, in milliseconds since 1970.
    pub created_at: u64,
}

impl JobRecord {
    /// Makes the record of a job just accepted.
    pub fn accepted(job: Job, channel: u64, origin: JobOrigin, created_at: u64) -> Self {
        Self {
            job,
            channel,
            message: None,
            interaction: None,
            state: JobState::Accepted,
            delivered: false,
            origin,
            parent: None,
            profile_version: None,
            applied: Vec::new(),
            receipt: None,
            ranking: None,
            failure: None,
            created_at,
        }
    }

    /// Tells whether a person still waits for something: the pictures, or the news of them.
    pub fn is_unfinished(&self) -> bool {
        match self.state {
            JobState::Accepted | JobState::Running => true,
            JobState::Done | JobState::Failed => !self.delivered,
            JobState::Cancelled => false,
        }
    }
}

/// Names the interaction that an answer goes to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractionRef {
    /// The bot's application.
    pub application_id: u64,
    /// The interaction's token, good for 15 minutes: whoever has it can answer in the bot's name, so it is never
    /// printed.
    pub token: String,
    /// When the interaction was made, in milliseconds since 1970.
    pub created_at: u64,
}

impl fmt::Debug for InteractionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InteractionRef")
            .field("application_id", &self.application_id)
            .field("token", &"[secret]")
            .field("created_at", &self.created_at)
            .finish()
    }
}

/// Names how far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Taken, and not begun.
    Accepted,
    /// Being drawn.
    Running,
    /// Its pictures are made.
    Done,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// Names what a person did to ask for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOrigin {
    /// The command.
    Imagine,
    /// *Again*: the same with a new seed.
    Again,
    /// *Vary*.
    Vary,
    /// *Upscale*: the same picture, larger.
    Upscale,
    /// A reaction that changed β.
    Beta,
}

/// Says how the pictures of a job were chosen among more that were drawn.
///
/// Until they are, the request counts all that are drawn; afterwards it is the request for those that are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Pictures to show.
    pub shown: u8,
    /// Pictures drawn.
    pub drawn: u8,
    /// The metric that ranked them.
    pub metric: String,
    /// What it gave each picture that is shown, 0 to 1, in their order; empty until they are chosen, and where they could
    /// not be ranked and the first ones are shown.
    #[serde(default)]
    pub scores: Vec<f32>,
    /// Liked pictures it learned from.
    #[serde(default)]
    pub liked: usize,
    /// Disliked pictures it learned from.
    #[serde(default)]
    pub disliked: usize,
    /// Where rating took too long, the seconds that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_time_s: Option<u64>,
}

/// Is one attribute that took part in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppliedAttribute {
    /// Its name in the vocabulary.
    pub attribute: String,
    /// Liked (in VP+) or disliked (in VP−).
    pub liked: bool,
    /// Its weight in the profile, 0 to 1.
    pub weight: f32,
}

/// Says how pictures were made, beside what the request says already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Name of the model.
    pub model: String,
    /// Hash of the model's weights.
    pub model_hash: String,
    /// Time the drawing took, in milliseconds.
    pub elapsed_ms: u64,
    /// When the pictures were ready, in milliseconds since 1970.
    pub finished_at: u64,
    /// What a safety check made of each picture; empty if it found nothing in any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safety: Vec<Safety>,
    /// The texts that are longer than the model reads at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub long_texts: Vec<LongText>,
}

impl Receipt {
    /// Returns what a safety check made of picture `index`.
    pub fn safety_of(&self, index: u8) -> Safety {
        self.safety.get(usize::from(index)).copied().unwrap_or_default()
    }
}
