//! Gateway opcodes and close codes of API v10.

pub(super) mod op {
    pub(crate) const DISPATCH: u64 = 0;
    pub(crate) const HEARTBEAT: u64 = 1;
    pub(crate) const IDENTIFY: u64 = 2;
    pub(crate) const PRESENCE_UPDATE: u64 = 3;
    pub(crate) const VOICE_STATE_UPDATE: u64 = 4;
    pub(crate) const RESUME: u64 = 6;
    pub(crate) const RECONNECT: u64 = 7;
    pub(crate) const REQUEST_GUILD_MEMBERS: u64 = 8;
    pub(crate) const INVALID_SESSION: u64 = 9;
    pub(crate) const HELLO: u64 = 10;
    pub(crate) const HEARTBEAT_ACK: u64 = 11;
    pub(crate) const REQUEST_SOUNDBOARD_SOUNDS: u64 = 31;
}

/// Why the server closes a connection, as code and reason.
pub(super) type Close = (u16, &'static str);

pub(super) mod close {
    use super::Close;

    pub(crate) const UNKNOWN_OPCODE: Close = (4001, "Unknown opcode.");
    pub(crate) const DECODE_ERROR: Close = (4002, "Error while decoding payload.");
    pub(crate) const NOT_AUTHENTICATED: Close = (4003, "Not authenticated.");
    pub(crate) const AUTHENTICATION_FAILED: Close = (4004, "Authentication failed.");
    pub(crate) const ALREADY_AUTHENTICATED: Close = (4005, "Already authenticated.");
    pub(crate) const INVALID_SEQ: Close = (4007, "Invalid seq.");
    pub(crate) const RATE_LIMITED: Close = (4008, "Rate limited.");
    pub(crate) const SESSION_TIMED_OUT: Close = (4009, "Session timed out.");
    pub(crate) const INVALID_SHARD: Close = (4010, "Invalid shard.");
    pub(crate) const INVALID_VERSION: Close = (4012, "Invalid API version.");
    pub(crate) const INVALID_INTENTS: Close = (4013, "Invalid intent(s).");
    pub(crate) const DISALLOWED_INTENTS: Close = (4014, "Disallowed intent(s).");
}
