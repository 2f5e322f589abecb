//! The JSON in which Discord shows users, guilds, messages and interactions to bots.
//!
//! Client libraries decode strictly, so optional fields are absent rather than null wherever Discord leaves them
//! out, and present wherever Discord always sends them.

mod guild;
mod interaction;
mod message;
mod user;

pub(crate) use guild::{channel, guild, guild_create, partial_channel};
pub(crate) use interaction::interaction;
pub(crate) use message::{message, redact};
pub(crate) use user::{member, partial_member, user, user_private};
