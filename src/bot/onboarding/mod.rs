//! `/onboard`: the conversation that makes a taste profile.
//!
//! | what | file |
//! |---|---|
//! | the conversation itself: state and act in, state and answer out; pure | `conversation.rs`, `conversation/` |
//! | which image is worth asking about next; pure | `choice.rs` |
//! | words that steer: "skip", "that's all"; pure | `words.rs` |
//! | what is said, and what messages look like; pure | `phrases.rs`, `view.rs`, `view/` |
//! | one act after the other for each person | `turns.rs` |
//! | an act is loaded, taken, stored and shown | `talk.rs`, `keep.rs` |
//! | where acts come from: command, messages, buttons and forms, a restart | `open.rs`, `message.rs`, `component.rs`, `recovery.rs` |
//!
//! Everything is in the stored record before it is shown, so a restart at any point loses nothing, and what the person
//! wrote while the bot was away is read afterwards. The profile itself is stored only when the person keeps it.

mod choice;
mod component;
mod conversation;
mod keep;
mod message;
mod open;
mod phrases;
mod recovery;
mod talk;
mod turns;
mod view;
mod words;

pub use component::{on_component, on_modal};
pub use message::on_message;
pub use open::on_command;
pub use recovery::recover;
pub use turns::Conversations;

pub(in crate::bot) use phrases::changed;
pub(in crate::bot) use view::begin_row;

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
