//! Conversation scripts: who says, clicks, reacts and runs which command, what is waited for and what must hold.
//!
//! [`Script::parse`] reads a TOML file (its format: `docs/play.md`), [`Player::play`] performs it against a sandbox that
//! the bot is connected to, and [`Recording::write`] leaves a `transcript.json` and every picture behind. Scripts match
//! loosely — a text contained, a button present — so that they survive a change of wording, and waits end as soon as
//! their message is there, so that nothing sleeps for luck.

mod conditions;
mod error;
mod performer;
mod picture;
mod player;
mod recorder;
mod script;
mod step;
#[cfg(test)]
mod tests;
mod transcript;

pub use conditions::Conditions;
pub use error::{PlayError, ScriptError};
pub use player::{Player, Restart};
pub use script::Script;
pub use step::{Act, Expectation, Place, Step, Wait};
pub use transcript::Recording;
