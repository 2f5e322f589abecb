//! The sandbox's world: one guild with one channel, its people, their direct messages with the bot.
//!
//! Everything is in memory behind one lock. Each change tells the bot (through the gateway hub), live views (the
//! event stream) and waiting tests (the change counter) before the lock is released, so all see one order.

pub(crate) mod channels;
pub(crate) mod interactions;
pub(crate) mod messages;
pub(crate) mod reactions;
pub(crate) mod transcript;
pub(crate) mod users;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{broadcast, watch};

use crate::clock::{Clock, Timestamp};
use crate::events::SandboxEvent;
use crate::gateway::hub::{Dispatch, Hub};
use crate::id::{ApplicationId, AttachmentId, ChannelId, GuildId, InteractionId, MessageId, UserId};
use crate::model::{Attachment, Command, Message};
use channels::ChannelRecord;
use interactions::Interaction;
use users::UserRecord;

/// How many events a slow live view may lag behind before it misses some.
const EVENT_BACKLOG: usize = 4096;

/// Discord's permission bits that the sandbox asks for.
pub(crate) mod permission {
    pub(crate) const ADD_REACTIONS: u64 = 1 << 6;
    pub(crate) const VIEW_CHANNEL: u64 = 1 << 10;
    pub(crate) const SEND_MESSAGES: u64 = 1 << 11;
    pub(crate) const MANAGE_MESSAGES: u64 = 1 << 13;
    pub(crate) const EMBED_LINKS: u64 = 1 << 14;
    pub(crate) const ATTACH_FILES: u64 = 1 << 15;
    pub(crate) const READ_MESSAGE_HISTORY: u64 = 1 << 16;
    pub(crate) const USE_APPLICATION_COMMANDS: u64 = 1 << 31;

    /// What a well-invited bot has.
    pub(crate) const BOT_DEFAULT: u64 = ADD_REACTIONS
        | VIEW_CHANNEL
        | SEND_MESSAGES
        | MANAGE_MESSAGES
        | EMBED_LINKS
        | ATTACH_FILES
        | READ_MESSAGE_HISTORY
        | USE_APPLICATION_COMMANDS;
    /// What every member has.
    pub(crate) const MEMBER_DEFAULT: u64 = BOT_DEFAULT & !MANAGE_MESSAGES;
    /// What an administrator has.
    pub(crate) const ADMINISTRATOR: u64 = (1 << 3) | BOT_DEFAULT;
}

/// Everything that exists, and who is told of changes.
pub(crate) struct World {
    pub(crate) clock: Arc<Clock>,
    pub(crate) application: ApplicationId,
    pub(crate) bot: UserId,
    pub(crate) guild: GuildId,
    pub(crate) bot_permissions: u64,
    /// Whether the application may read guild messages' content over REST.
    pub(crate) reads_content: bool,
    /// Where files are served: `http://127.0.0.1:PORT`.
    pub(crate) files_base: String,
    pub(crate) users: BTreeMap<UserId, UserRecord>,
    pub(crate) channels: BTreeMap<ChannelId, ChannelRecord>,
    pub(crate) messages: BTreeMap<MessageId, Message>,
    /// Files that people handed over for options of commands.
    pub(crate) staged: HashMap<AttachmentId, Attachment>,
    pub(crate) interactions: HashMap<InteractionId, Interaction>,
    pub(crate) commands: Vec<Command>,
    pub(crate) hub: Hub,
    events: broadcast::Sender<SandboxEvent>,
    changes: watch::Sender<u64>,
}

impl World {
    /// Makes the guild, its channel and the bot.
    pub(crate) fn new(clock: Arc<Clock>, bot_name: &str, hub: Hub, files_base: String) -> Self {
        let application = ApplicationId(clock.snowflake());
        // A bot's user has its application's id, as for every application made since 2016.
        let bot = UserId(application.0);
        let guild = GuildId(clock.snowflake());
        let channel = ChannelId(clock.snowflake());
        let mut world = World {
            application,
            bot,
            guild,
            bot_permissions: permission::BOT_DEFAULT,
            reads_content: false,
            files_base,
            users: BTreeMap::new(),
            channels: BTreeMap::from([(channel, ChannelRecord::guild(channel, guild))]),
            messages: BTreeMap::new(),
            staged: HashMap::new(),
            interactions: HashMap::new(),
            commands: Vec::new(),
            hub,
            events: broadcast::channel(EVENT_BACKLOG).0,
            changes: watch::channel(0).0,
            clock,
        };
        world.users.insert(bot, UserRecord::new(bot, bot_name, true));
        world
    }

    /// Returns the sandbox's present.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the guild's channel.
    pub(crate) fn guild_channel(&self) -> ChannelId {
        let of_guild = |record: &&ChannelRecord| record.guild.is_some();
        self.channels
            .values()
            .find(of_guild)
            .map_or(ChannelId(0), |record| record.id)
    }

    /// Listens to the event stream.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<SandboxEvent> {
        self.events.subscribe()
    }

    /// Listens to the change counter.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Tells live views and waiting tests of a change.
    pub(crate) fn emit(&mut self, event: SandboxEvent) {
        // Nobody listening is no error.
        let _ = self.events.send(event);
        self.touch();
    }

    /// Wakes waiting tests.
    pub(crate) fn touch(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Sends a gateway event to every session with the intent for it.
    pub(crate) fn dispatch(&mut self, name: &'static str, intent: u64, guild: Option<GuildId>, data: Value) {
        self.hub.dispatch(&Dispatch {
            name,
            intent,
            guild,
            data,
            redacted: None,
        });
    }
}
