//! What a client sends on a socket, and what follows from it.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::events::SandboxEvent;
use crate::gateway::hub::{Link, Outgoing, ResumeError};
use crate::gateway::intents;
use crate::gateway::opcode::{Close, close, op};
use crate::shared::Shared;
use crate::wire;

/// Largest payload a client may send, in bytes.
const MAX_PAYLOAD: usize = 4096;

#[derive(Deserialize)]
struct Payload {
    op: u64,
    #[serde(default)]
    d: Value,
}

#[derive(Deserialize)]
struct Identify {
    token: String,
    intents: u64,
    #[serde(default)]
    compress: bool,
    shard: Option<(u64, u64)>,
    // Required by Discord, but only its presence matters.
    #[serde(rename = "properties")]
    _properties: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Resume {
    token: String,
    session_id: String,
    seq: u64,
}

/// What the socket does after a payload.
pub(super) enum Next {
    /// Nothing more.
    Listen,
    /// Note that the client is alive, and confirm it.
    HeartbeatAck,
    /// From now on compress long payloads.
    Compress,
}

/// The protocol side of one socket.
pub(super) struct Peer<'a> {
    pub(super) shared: &'a Shared,
    pub(super) socket: u64,
    pub(super) link: Link,
}

impl Peer<'_> {
    /// Handles one payload.
    ///
    /// # Errors
    ///
    /// The code to close the connection with, if the client broke the protocol.
    pub(super) fn receive(&self, text: &str) -> Result<Next, Close> {
        if text.len() > MAX_PAYLOAD {
            return Err(close::DECODE_ERROR);
        }
        let payload: Payload = serde_json::from_str(text).map_err(|_| close::DECODE_ERROR)?;
        match payload.op {
            op::HEARTBEAT => Ok(Next::HeartbeatAck),
            op::IDENTIFY | op::RESUME if self.has_session() => Err(close::ALREADY_AUTHENTICATED),
            op::IDENTIFY => self.identify(parse(payload.d)?),
            op::RESUME => self.resume(&parse(payload.d)?),
            _ if !self.has_session() => Err(close::NOT_AUTHENTICATED),
            op::REQUEST_GUILD_MEMBERS => self.list_members(&payload.d),
            op::PRESENCE_UPDATE => Self::set_presence(&payload.d),
            op::VOICE_STATE_UPDATE | op::REQUEST_SOUNDBOARD_SOUNDS => Ok(Next::Listen),
            _ => Err(close::UNKNOWN_OPCODE),
        }
    }

    /// Tells whether a session is on this socket; INVALID_SESSION takes it away, and the client may identify again.
    fn has_session(&self) -> bool {
        self.shared.world().hub.session_on(self.socket).is_some()
    }

    fn identify(&self, identify: Identify) -> Result<Next, Close> {
        if !self.shared.is_token(&identify.token) {
            return Err(close::AUTHENTICATION_FAILED);
        }
        if identify.intents & !intents::ALL != 0 {
            return Err(close::INVALID_INTENTS);
        }
        if identify.intents & intents::PRIVILEGED & !self.shared.privileged_intents != 0 {
            return Err(close::DISALLOWED_INTENTS);
        }
        let shard = identify.shard.unwrap_or((0, 1));
        if shard.0 >= shard.1 {
            return Err(close::INVALID_SHARD);
        }
        let mut world = self.shared.world();
        if !world.hub.may_identify() {
            world.hub.count_invalid();
            self.send(&json!({"op": op::INVALID_SESSION, "d": false}));
            return Ok(Next::Listen);
        }
        let session_id = self.shared.secret(16);
        let mut ready = json!({
            "v": 10, "session_id": session_id, "resume_gateway_url": self.shared.gateway_url(),
            "user": world.users.get(&world.bot).map(wire::user_private),
            "application": {"id": world.application, "flags": self.shared.application_flags()},
            "guilds": [{"id": world.guild, "unavailable": true}], "private_channels": [], "presences": [],
            "relationships": [], "user_settings": {}, "guild_join_requests": [], "geo_ordered_rtc_regions": [],
            "session_type": "normal", "_trace": [],
        });
        if identify.shard.is_some() {
            ready["shard"] = json!([shard.0, shard.1]);
        }
        let mut first = vec![("READY", ready)];
        let covers_guild = (world.guild.0 >> 22) % shard.1 == shard.0;
        if !covers_guild {
            first[0].1["guilds"] = json!([]);
        } else if identify.intents & intents::GUILDS != 0 {
            first.push(("GUILD_CREATE", wire::guild_create(&world)));
        }
        let link = (self.socket, self.link.clone());
        world.hub.open(&session_id, identify.intents, shard, link, &first);
        world.emit(SandboxEvent::BotPresence { online: true });
        Ok(if identify.compress {
            Next::Compress
        } else {
            Next::Listen
        })
    }

    fn resume(&self, resume: &Resume) -> Result<Next, Close> {
        if !self.shared.is_token(&resume.token) {
            return Err(close::AUTHENTICATION_FAILED);
        }
        let mut world = self.shared.world();
        match world
            .hub
            .resume(&resume.session_id, resume.seq, (self.socket, self.link.clone()))
        {
            Ok(()) => {
                world.emit(SandboxEvent::BotPresence { online: true });
                Ok(Next::Listen)
            }
            Err(ResumeError::Ahead) => Err(close::INVALID_SEQ),
            Err(ResumeError::Unknown) => {
                world.hub.count_invalid();
                self.send(&json!({"op": op::INVALID_SESSION, "d": false}));
                Ok(Next::Listen)
            }
        }
    }

    fn set_presence(presence: &Value) -> Result<Next, Close> {
        let statuses = ["online", "dnd", "idle", "invisible", "offline"];
        let known = presence["status"]
            .as_str()
            .is_some_and(|status| statuses.contains(&status));
        if known {
            Ok(Next::Listen)
        } else {
            Err(close::DECODE_ERROR)
        }
    }

    fn list_members(&self, request: &Value) -> Result<Next, Close> {
        let mut world = self.shared.world();
        let guild = world.guild.to_string();
        let session = world.hub.session_on(self.socket);
        let all = request["query"].as_str() == Some("") && request["user_ids"].is_null();
        if request["guild_id"].as_str() != Some(&guild) || session.is_none() {
            return Ok(Next::Listen);
        }
        if all && session.is_some_and(|session| session.intents & intents::GUILD_MEMBERS == 0) {
            return Err(close::DISALLOWED_INTENTS);
        }
        let asked: Vec<&str> = match &request["user_ids"] {
            Value::Array(ids) => ids.iter().filter_map(Value::as_str).collect(),
            Value::String(id) => vec![id],
            _ => Vec::new(),
        };
        let query = request["query"]
            .as_str()
            .filter(|_| request["user_ids"].is_null())
            .map(str::to_lowercase);
        let chosen = world.users.values().filter(|user| user.in_guild).filter(|user| {
            let named = query
                .as_ref()
                .is_some_and(|query| user.username().to_lowercase().starts_with(query));
            named || asked.contains(&user.id.to_string().as_str())
        });
        let members: Vec<Value> = chosen.map(|user| wire::member(&world, user)).collect();
        let mut chunk = json!({"guild_id": guild, "members": members, "chunk_index": 0, "chunk_count": 1});
        let strangers = asked.iter().filter(|id| {
            !chunk["members"]
                .as_array()
                .is_some_and(|members| members.iter().any(|member| member["user"]["id"] == **id))
        });
        chunk["not_found"] = strangers.map(|id| Value::from(*id)).collect();
        if let Some(nonce) = request.get("nonce") {
            chunk["nonce"] = nonce.clone();
        }
        world.hub.answer(self.socket, "GUILD_MEMBERS_CHUNK", &chunk);
        Ok(Next::Listen)
    }

    fn send(&self, payload: &Value) {
        // The socket's own loop holds the receiver.
        let _ = self.link.send(Outgoing::Payload(payload.to_string().into()));
    }
}

fn parse<T: serde::de::DeserializeOwned>(data: Value) -> Result<T, Close> {
    serde_json::from_value(data).map_err(|_| close::DECODE_ERROR)
}
