//! What is asked of the pool: a request, and the job that carries it.

use serde::{Deserialize, Serialize};

/// Identifies a job; unique for ever, given by the store.
pub type JobId = u64;
/// Identifies the person a job belongs to (a Discord snowflake).
pub type UserId = u64;
/// Identifies the guild a job was asked in (a Discord snowflake).
pub type GuildId = u64;

/// Describes one to a few pictures that differ only in their seed.
///
/// Names (`conditioning`, `noise`, `scheduler`) stay strings here: the pool moves requests and never interprets them, so it
/// needs no knowledge of diffusion, and an old stored request still reads after a new scheduler was added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRequest {
    /// What to draw, in the person's words.
    pub prompt: String,
    /// What to avoid, in the person's words; empty for none.
    pub negative: String,
    /// Liked attributes joined by `", "`; empty for none.
    pub vp_plus: String,
    /// Disliked attributes joined by `", "`; empty for none.
    pub vp_minus: String,
    /// Degree of personalisation, 0 (plain) to 1.
    pub beta: f64,
    /// How the preferences enter: `embedding`, `guidance` or `reference`.
    pub conditioning: String,
    /// Seed of the first picture; picture `k` uses `seed + k`.
    pub seed: u64,
    /// Which generator makes a seed's noise: `portable` or `torch`.
    #[serde(default = "portable")]
    pub noise: String,
    /// Denoising steps of each picture, at least 1.
    pub steps: u32,
    /// Classifier-free guidance scale; 1 switches guidance off.
    pub guidance: f64,
    /// How far the guided prediction is scaled back to the deviation of the conditional one, 0 to 1.
    pub guidance_rescale: f64,
    /// Name of the scheduler, such as `ddim` or `dpmpp_2m_karras`.
    pub scheduler: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Number of pictures, at least 1.
    pub count: u8,
    /// Steps away from the seed's noise, taken one after the other; empty for the seed's own picture.
    #[serde(default)]
    pub variations: Vec<Variation>,
}

/// The noise of requests from before there was another.
fn portable() -> String {
    "portable".to_owned()
}

/// Is a step to a nearby picture: the noise it starts from is turned towards that of another seed, on the sphere.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Variation {
    /// Seed of the noise to turn towards, for the first picture; picture `k` turns towards `seed + k`.
    pub seed: u64,
    /// How far: 0 stays, 1 arrives.
    pub strength: f64,
}

impl ImageRequest {
    /// Returns the seed of picture `picture` (counted from 0), wrapping at the end of the range.
    pub fn seed_of(&self, picture: u8) -> u64 {
        self.seed.wrapping_add(u64::from(picture))
    }

    /// Returns the pixels of one picture: the size that its cost grows with.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Is one request of one person, with the name it goes by until it is delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The job's name, also after a restart.
    pub id: JobId,
    /// Who asked.
    pub user: UserId,
    /// Where it was asked; `None` in a direct message.
    pub guild: Option<GuildId>,
    /// What is asked.
    pub request: ImageRequest,
}
