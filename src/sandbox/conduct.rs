//! What tests ask about the bot's conduct, and the mishaps they cause.

use std::sync::atomic::Ordering;

use crate::gateway::hub::Outgoing;
use crate::id::ChannelId;
use crate::sandbox::Sandbox;
use crate::shared::lock;

impl Sandbox {
    /// Returns how many REST requests the bot made.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Returns every request to a route that the sandbox does not know, as "METHOD path".
    pub fn unknown_routes(&self) -> Vec<String> {
        lock(&self.shared.unknown_routes).clone()
    }

    /// Returns every request and answer that breaks Discord's OpenAPI document, as "METHOD template: fault".
    /// Empty without [`SandboxOptions::openapi`](crate::SandboxOptions::openapi).
    pub fn contract_violations(&self) -> Vec<String> {
        #[cfg(feature = "openapi")]
        return self
            .shared
            .contract
            .as_ref()
            .map(|contract| contract.violations())
            .unwrap_or_default();
        #[cfg(not(feature = "openapi"))]
        Vec::new()
    }

    /// Returns how many answers 401, 403 and 429 the bot got in the last ten minutes.
    pub fn invalid_requests(&self) -> usize {
        lock(&self.shared.limits).invalid()
    }

    /// Returns how many sessions were refused or ended with INVALID_SESSION.
    pub fn invalid_sessions(&self) -> usize {
        self.shared.world().hub.invalidated()
    }

    /// Cuts every gateway connection without a word, as a network failure does; sessions can be resumed.
    pub fn disconnect_gateway(&self) {
        self.shared.world().hub.tell_all(&Outgoing::Sever);
    }

    /// Asks every gateway connection to reconnect and resume (opcode 7).
    pub fn request_reconnect(&self) {
        self.shared.world().hub.ask_to_reconnect();
    }

    /// Closes every gateway connection with a code.
    pub fn close_gateway(&self, code: u16) {
        self.shared
            .world()
            .hub
            .tell_all(&Outgoing::Close(code, "Closed by the test."));
    }

    /// Ends every gateway session with INVALID_SESSION: the bot has to identify anew.
    pub fn invalidate_sessions(&self) {
        self.shared.world().hub.invalidate_all();
    }

    /// Answers 429 to the next `times` requests of a route, named as "POST /channels/{channel_id}/messages".
    pub fn force_429(&self, route: &str, times: u32) {
        lock(&self.shared.limits).force(route, times);
    }

    /// Sets what the bot may do in the guild, in Discord's permission bits.
    pub fn set_bot_permissions(&self, permissions: u64) {
        self.shared.world().bot_permissions = permissions;
    }

    /// Makes a channel age-restricted, or not.
    pub fn set_age_restricted(&self, channel: ChannelId, restricted: bool) {
        if let Some(record) = self.shared.world().channels.get_mut(&channel) {
            record.nsfw = restricted;
        }
    }
}
