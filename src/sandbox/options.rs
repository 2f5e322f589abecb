//! What a sandbox is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How a [`Sandbox`](crate::Sandbox) behaves. The default suits most tests: no page, no record, no privileged intents.
#[derive(Clone, Debug, Default)]
pub struct SandboxOptions {
    /// Where to serve the chat page, a loopback address (port 0 picks a free one). `None` serves no page.
    pub page: Option<SocketAddr>,
    /// A file that gets one JSON line per REST request of the bot. It is truncated at the start.
    pub record: Option<PathBuf>,
    /// Discord's OpenAPI document, to check every request and answer against. Needs the `openapi` feature.
    pub openapi: Option<PathBuf>,
    /// A folder whose files stand in for the chat page's embedded ones, for working on the page.
    pub assets: Option<PathBuf>,
    /// A folder that keeps people, channels and messages, so that the next sandbox goes on where this one ended. `None`
    /// keeps nothing.
    pub keep: Option<PathBuf>,
    /// Privileged intents the application was granted: 2 members, 256 presences, 32,768 message content.
    pub privileged_intents: u64,
    /// Time between a client's heartbeats. `None` is Discord's 41.25 s.
    pub heartbeat_interval: Option<Duration>,
    /// The bot's name. `None` is "Tastemaker".
    pub bot_name: Option<String>,
}
