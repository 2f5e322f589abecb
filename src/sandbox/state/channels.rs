//! The guild's channel and direct messages.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::events::SandboxEvent;
use crate::id::{ChannelId, GuildId, MessageId, UserId};
use crate::model::{Channel, Message};
use crate::state::World;

/// The guild channel's name.
const CHANNEL_NAME: &str = "studio";

/// A channel with its messages in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ChannelRecord {
    pub(crate) id: ChannelId,
    pub(crate) guild: Option<GuildId>,
    /// The person whose direct messages with the bot these are.
    pub(crate) recipient: Option<UserId>,
    pub(crate) nsfw: bool,
    pub(crate) messages: Vec<MessageId>,
    /// When the bot first opened these direct messages, if it did.
    pub(crate) opened_by_bot: Option<Timestamp>,
    /// When the bot edited messages that were older than an hour.
    pub(crate) old_edits: Vec<Timestamp>,
}

impl ChannelRecord {
    pub(crate) fn guild(id: ChannelId, guild: GuildId) -> Self {
        let guild = Some(guild);
        ChannelRecord {
            id,
            guild,
            recipient: None,
            nsfw: false,
            messages: Vec::new(),
            opened_by_bot: None,
            old_edits: Vec::new(),
        }
    }

    fn dm(id: ChannelId, recipient: UserId) -> Self {
        let recipient = Some(recipient);
        ChannelRecord {
            id,
            guild: None,
            recipient,
            nsfw: false,
            messages: Vec::new(),
            opened_by_bot: None,
            old_edits: Vec::new(),
        }
    }
}

impl World {
    /// Returns the direct messages of a user with the bot, opened if they were not.
    pub(crate) fn ensure_dm(&mut self, user: UserId) -> ChannelId {
        if let Some(channel) = self
            .channels
            .values()
            .find(|channel| channel.recipient == Some(user))
        {
            return channel.id;
        }
        let id = ChannelId(self.clock.snowflake());
        self.channels.insert(id, ChannelRecord::dm(id, user));
        if let Some(channel) = self.channel_view(id) {
            self.emit(SandboxEvent::ChannelOpened { channel });
        }
        id
    }

    /// Describes a channel as clients list it.
    pub(crate) fn channel_view(&self, id: ChannelId) -> Option<Channel> {
        let record = self.channels.get(&id)?;
        let other = |id| self.users.get(&id).map(|user| user.name.clone());
        let name = record
            .recipient
            .and_then(other)
            .unwrap_or_else(|| CHANNEL_NAME.to_owned());
        let (guild_id, recipient) = (record.guild, record.recipient);
        Some(Channel {
            id,
            name,
            guild_id,
            recipient,
            nsfw: record.nsfw,
        })
    }

    /// Tells whether a person (not the bot) is in the channel.
    pub(crate) fn can_see(&self, user: UserId, channel: ChannelId) -> bool {
        let member = self.users.get(&user).is_some_and(|user| user.in_guild);
        self.channels
            .get(&channel)
            .is_some_and(|record| match record.recipient {
                Some(recipient) => recipient == user,
                None => member,
            })
    }

    /// Returns a channel's messages, oldest first.
    pub(crate) fn messages_in(&self, channel: ChannelId) -> impl DoubleEndedIterator<Item = &Message> {
        let ids = self
            .channels
            .get(&channel)
            .map(|record| record.messages.as_slice())
            .unwrap_or_default();
        ids.iter().filter_map(|id| self.messages.get(id))
    }
}
