//! What the REST server, the gateway and the user API share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
#[cfg(feature = "openapi")]
use crate::contract::Contract;
use crate::gateway::intents;
use crate::ratelimit::RateLimits;
use crate::record::Recorder;
use crate::state::World;

/// One sandbox.
pub(crate) struct Shared {
    pub(crate) clock: Arc<Clock>,
    pub(crate) token: String,
    pub(crate) gateway_url: String,
    pub(crate) privileged_intents: u64,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) limits: Mutex<RateLimits>,
    pub(crate) recorder: Option<Recorder>,
    #[cfg(feature = "openapi")]
    pub(crate) contract: Option<Contract>,
    pub(crate) unknown_routes: Mutex<Vec<String>>,
    pub(crate) requests: AtomicUsize,
    /// Ends every connection and background task.
    pub(crate) shutdown: CancellationToken,
    /// Wakes the task that fails unanswered interactions, when the clock jumps or one is created.
    pub(crate) deadlines: tokio::sync::Notify,
    pub(crate) sockets: AtomicU64,
    pub(crate) world: Mutex<World>,
}

impl Shared {
    /// Locks the world. A panic elsewhere leaves it usable: every change completes or is not begun.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// Returns the address that clients connect their gateway to.
    pub(crate) fn gateway_url(&self) -> &str {
        &self.gateway_url
    }

    /// Tells whether this is the bot's token, with or without the scheme.
    pub(crate) fn is_token(&self, token: &str) -> bool {
        token.strip_prefix("Bot ").unwrap_or(token) == self.token
    }

    /// Returns Discord's application flags: which privileged intents a small application was granted.
    pub(crate) fn application_flags(&self) -> u64 {
        let granted = [
            (intents::GUILD_PRESENCES, 1 << 13),
            (intents::GUILD_MEMBERS, 1 << 15),
            (intents::MESSAGE_CONTENT, 1 << 19),
        ];
        // Bit 23: the application has registered commands.
        let flags = granted
            .iter()
            .filter(|(intent, _)| self.privileged_intents & intent != 0);
        flags.map(|(_, flag)| flag).sum::<u64>() | 1 << 23
    }

    /// Numbers a new gateway socket.
    pub(crate) fn next_socket(&self) -> u64 {
        self.sockets.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes an unguessable word of twice `bytes` hexadecimal digits.
    pub(crate) fn secret(&self, bytes: usize) -> String {
        secret(bytes)
    }
}

/// Makes an unguessable word of twice `bytes` hexadecimal digits.
pub(crate) fn secret(bytes: usize) -> String {
    (0..bytes)
        .map(|_| format!("{:02x}", rand::random::<u8>()))
        .collect()
}

/// Locks, whether or not a panic happened under the lock before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
