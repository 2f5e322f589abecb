//! A local server that speaks enough of Discord's API v10 and gateway to run the real bot against.
//!
//! [`Sandbox::start`] opens three loopback servers: REST over TLS (with a certificate of its own authority), the
//! WebSocket gateway with attachments, and, if asked, a chat page. A bot reaches it as it reaches Discord: its
//! HTTP client trusts [`Sandbox::ca_pem`] and resolves `discord.com` to [`Sandbox::api_addr`]; the gateway's
//! address comes from `GET /gateway`. The other side of the conversation is [`User`]: a person who says, reacts,
//! clicks, runs commands and submits modals, and [`Sandbox::wait_for`] what the bot does.
//!
//! | where | what |
//! |---|---|
//! | [`Sandbox`], [`User`] | the typed API that tests and the chat page share (`sandbox.rs`, `conduct.rs`, `user/`) |
//! | [`model`], [`SandboxEvent`] | messages, embeds, components, commands, modals; what happens, live |
//! | `state/` | the world: one guild, its people, direct messages, interactions with their deadlines |
//! | `wire/` | that world in the JSON that bots decode |
//! | `rest/`, `validate/` | the routes; checks of bodies, with Discord's codes and error shape |
//! | `gateway/` | sockets, sessions, intents, compression, resume |
//! | `ratelimit.rs`, `record.rs`, `contract.rs` | buckets and 429; one line per request; checks against OpenAPI |
//! | `keep.rs` | going on, after a restart, with what was said before |
//! | [`page`], [`play`] | the chat page; scripts of whole conversations |
//!
//! The sandbox holds everything in memory (and, if asked, on disk as well) and has one guild with one text channel. It knows neither roles, threads,
//! voice, polls nor custom emoji, and speaks no Components V2.

mod clock;
mod conduct;
#[cfg(feature = "openapi")]
mod contract;
mod error;
mod events;
mod files;
mod gateway;
mod id;
mod keep;
pub mod model;
mod options;
pub mod page;
pub mod play;
mod ratelimit;
mod record;
mod rest;
mod sandbox;
mod server;
mod shared;
mod state;
mod tls;
mod user;
mod validate;
mod wire;

#[cfg(test)]
mod conformance;

pub use clock::Timestamp;
pub use error::{ActionError, SandboxError, WaitError};
pub use events::SandboxEvent;
pub use id::{ApplicationId, AttachmentId, ChannelId, CommandId, GuildId, InteractionId, MessageId, UserId};
pub use options::SandboxOptions;
pub use sandbox::Sandbox;
pub use state::interactions::InteractionStatus;
pub use user::{Upload, User};
