//! What is asked of the pool: a request, and the job that carries it.

use std::fmt;
use std::sync::Arc;

use image::RgbImage;
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
    /// Seed of the first picture; picture `k` uses `seed + k`, or `seed + picks[k]`.
    pub seed: u64,
    /// Places of these pictures in a longer row from the same seed, of which they were chosen; empty for the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub picks: Vec<u8>,
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
    /// The picture to start from instead of noise alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// A second pass at a larger size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hires: Option<Hires>,
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

/// Says which picture a request starts from, and how far it may move away from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Where it is kept.
    pub of: SourceOf,
    /// Share of the denoising steps taken from there, above 0 (nothing changes) to 1 (hardly anything stays).
    pub strength: f64,
    /// Hashes of the pixels, one for each of [`pixels`](Self::pixels), for receipts.
    #[serde(default)]
    pub hashes: Vec<String>,
    /// The pixels, for the worker. Never written: whoever submits a request that was read back fills them in again.
    #[serde(skip)]
    pub pixels: Pixels,
}

/// Names where a source picture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceOf {
    /// Picture `k` starts from picture `k` of this job.
    Pictures(JobId),
    /// All start from the file that came with the request of this job.
    File(JobId),
}

/// Holds the pixels of sources: one picture for all, or one for each picture of a request.
///
/// They say nothing that the place they come from does not, so any two are equal.
#[derive(Clone, Default)]
pub struct Pixels(pub Vec<Arc<RgbImage>>);

impl PartialEq for Pixels {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

// Derived, this would print every pixel.
impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.0.iter().map(|image| image.dimensions());
        f.debug_list().entries(sizes).finish()
    }
}

impl Source {
    /// Returns the pixels that picture `picture` (counted from 0) starts from, where they are filled in.
    pub fn pixels_of(&self, picture: u8) -> Option<&Arc<RgbImage>> {
        of(&self.pixels.0, picture)
    }

    /// Returns the hash of those pixels, where it is known.
    pub fn hash_of(&self, picture: u8) -> Option<&str> {
        of(&self.hashes, picture).map(String::as_str)
    }
}

/// One for all, or one for each.
fn of<T>(list: &[T], picture: u8) -> Option<&T> {
    match list {
        [only] => Some(only),
        several => several.get(usize::from(picture)),
    }
}

/// Asks for a second pass: the picture is enlarged and denoised again at its new size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hires {
    /// Width of the larger picture in pixels.
    pub width: u32,
    /// Height of the larger picture in pixels.
    pub height: u32,
    /// How much of the noise comes back, above 0 to 1.
    pub strength: f64,
    /// Denoising steps of a whole pass, of which the share `strength` is taken.
    pub steps: u32,
    /// What is enlarged: `latent` or `image`.
    pub upscale: String,
}

impl Hires {
    /// Returns the steps that the second pass takes.
    pub fn steps_taken(&self) -> u32 {
        share(self.steps, self.strength)
    }
}

/// The steps that are left of `steps` at a strength, at least one.
fn share(steps: u32, strength: f64) -> u32 {
    ((f64::from(steps) * strength) as u32).clamp(1, steps.max(1))
}

impl ImageRequest {
    /// Returns the seed of picture `picture` (counted from 0), wrapping at the end of the range.
    pub fn seed_of(&self, picture: u8) -> u64 {
        self.seed.wrapping_add(u64::from(self.place_of(picture)))
    }

    /// Returns the place of picture `picture` (counted from 0) in the row of seeds.
    pub fn place_of(&self, picture: u8) -> u8 {
        self.picks.get(usize::from(picture)).copied().unwrap_or(picture)
    }

    /// Turns the request into that for only some of its pictures, in this order. Each stays what it was, but those that
    /// start from pictures of another job, which have no other order than theirs.
    pub fn pick(&mut self, pictures: &[u8]) {
        let places: Vec<u8> = pictures.iter().map(|picture| self.place_of(*picture)).collect();
        self.count = u8::try_from(places.len()).unwrap_or(u8::MAX);
        let in_row = (0..).zip(&places).all(|(at, place)| at == *place);
        self.picks = if in_row { Vec::new() } else { places };
    }

    /// Returns the pixels of one picture: the size that the cost of a step grows with. With a second pass, the mean over
    /// the steps of both.
    pub fn pixels(&self) -> u64 {
        let first = u64::from(self.width) * u64::from(self.height);
        let Some(hires) = &self.hires else { return first };
        let second = u64::from(hires.width) * u64::from(hires.height);
        let (before, after) = (u64::from(self.steps), u64::from(hires.steps_taken()));
        (first * before + second * after) / (before + after).max(1)
    }

    /// Returns the steps that a picture takes in all, as far as they can be told without the scheduler.
    pub fn steps_taken(&self) -> u32 {
        let first = match &self.source {
            Some(source) => share(self.steps, source.strength),
            None => self.steps,
        };
        first.saturating_add(self.hires.as_ref().map_or(0, Hires::steps_taken))
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
