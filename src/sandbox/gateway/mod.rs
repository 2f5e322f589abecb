//! The WebSocket gateway: one socket per connection, sessions that outlive sockets, events by intent.

mod codec;
pub(crate) mod hub;
pub(crate) mod intents;
mod opcode;
mod session;
pub(crate) mod socket;
