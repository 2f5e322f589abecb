//! `/imagine` and everything under its pictures.
//!
//! The way of a picture, file by file:
//!
//! | step | file |
//! |---|---|
//! | the command is acknowledged, read and admitted | `command.rs` |
//! | options, taste and model become a request | `wish.rs`, `taste.rs`, `size.rs`, `sources.rs` |
//! | the job is written down, queued, and followed to its end | `begin.rs`, `follow.rs` |
//! | its end is shown, once, wherever it still can be | `deliver.rs`, `answer.rs`, `pictures.rs` |
//! | buttons and reactions lead to more pictures, or explain, or delete | `component.rs`, `reactions.rs`, `ladder.rs`, `beta.rs` |
//! | pictures are marked, rated and chosen | `ranking.rs`, `marks.rs` |
//! | jobs are cancelled | `cancel.rs` |
//! | jobs of an earlier process go on | `recovery.rs`, `held.rs` |
//!
//! What an answer says (`render.rs`, `why.rs`, `safety.rs`, `long_text.rs`, `text.rs`, `bar.rs`, `buttons.rs`, `reproduce.rs`) is pure, and everything
//! that a button or reaction needs is in its custom id and the store, so that a restart takes nothing away.

mod answer;
mod bar;
mod begin;
mod beta;
mod buttons;
mod cancel;
mod command;
mod component;
mod deliver;
mod follow;
mod held;
mod ladder;
mod long_text;
mod marks;
mod pictures;
mod ranking;
mod reactions;
mod records;
mod recovery;
mod render;
mod reproduce;
mod safety;
mod size;
mod sources;
mod taste;
pub(in crate::bot) mod text;
mod why;
mod wish;

use std::time::{SystemTime, UNIX_EPOCH};

use serenity::all::{ChannelId, MessageId};
use tastemaker_storage::JobRecord;

use super::context::App;
use wish::ModelDefaults;

pub use cancel::{on_cancel, stop_all};
pub use command::on_command;
pub use component::{on_component, on_modal};
pub use reactions::on_reaction;
pub use recovery::recover;

/// Holds what answers under way share.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// Reactions that have not led to a picture yet.
    ladders: ladder::Ladders,
    /// Jobs of an earlier process that wait for room in the queue.
    held: held::Held,
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Where the answer of a job stands, once it has a message.
fn place(record: &JobRecord) -> Option<(ChannelId, MessageId)> {
    let message = record.message.filter(|id| *id != 0)?;
    (record.channel != 0).then(|| (ChannelId::new(record.channel), MessageId::new(message)))
}

/// What the model at hand draws by default.
fn defaults(app: &App) -> ModelDefaults {
    let plain = app.model.defaults("");
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let native = (side(plain.width), side(plain.height));
    ModelDefaults {
        native,
        // Divisible by what VAE and UNet halve in every checkpoint of this shape, and fine enough for the aspects.
        multiple: (native.0.min(native.1) / 4).clamp(4, 64),
        steps: u32::try_from(plain.steps).unwrap_or(u32::MAX),
        guidance: plain.guidance,
        guidance_rescale: plain.guidance_rescale,
        scheduler: plain.scheduler.to_string(),
        conditioning: plain.conditioning.to_string(),
        noise: plain.noise.to_string(),
    }
}
