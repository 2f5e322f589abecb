//! Sending, editing and deleting messages, with what the gateway says of it.

use serde_json::json;

use crate::events::SandboxEvent;
use crate::gateway::{hub::Dispatch, intents};
use crate::id::{AttachmentId, ChannelId, MessageId, UserId};
use crate::model::message::{EPHEMERAL, SUPPRESS_EMBEDS};
use crate::model::{ActionRow, Attachment, Embed, Message, MessageInteraction};
use crate::state::World;
use crate::wire;

/// A message about to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) content: String,
    pub(crate) embeds: Vec<Embed>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) components: Vec<ActionRow>,
    pub(crate) flags: u64,
    pub(crate) reference: Option<MessageId>,
    pub(crate) interaction: Option<MessageInteraction>,
    pub(crate) visible_to: Option<UserId>,
    /// Whom the text may notify; `None` is everyone it names.
    pub(crate) may_mention: Option<Vec<UserId>>,
    /// Whether a reply leaves the author of the other message in peace.
    pub(crate) silent_reply: bool,
    pub(crate) nonce: Option<serde_json::Value>,
}

/// What an edit changes; `None` leaves a part as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edit {
    pub(crate) content: Option<String>,
    pub(crate) embeds: Option<Vec<Embed>>,
    /// The full new list of files, kept ones included.
    pub(crate) attachments: Option<Vec<Attachment>>,
    pub(crate) components: Option<Vec<ActionRow>>,
    pub(crate) suppress_embeds: Option<bool>,
    /// Flags that the edit ends, such as "is thinking…".
    pub(crate) clear_flags: u64,
}

impl World {
    /// Stores a message and tells everyone.
    pub(crate) fn send(&mut self, channel: ChannelId, author: UserId, draft: Draft) -> Option<Message> {
        let guild_id = self.channels.get(&channel)?.guild;
        let id = MessageId(self.clock.snowflake());
        let mut embeds = draft.embeds;
        let mut attachments = draft.attachments;
        place_attachments(&mut embeds, &mut attachments);
        let message = Message {
            id,
            channel_id: channel,
            guild_id,
            author: self.users.get(&author)?.author(),
            mentions: self.mentions_of(
                &draft.content,
                draft.may_mention.as_deref(),
                draft.reference.filter(|_| !draft.silent_reply),
            ),
            content: draft.content,
            embeds,
            attachments,
            components: draft.components,
            reactions: Vec::new(),
            flags: draft.flags | if draft.visible_to.is_some() { EPHEMERAL } else { 0 },
            created_at: self.now(),
            edited_at: None,
            edits: 0,
            visible_to: draft.visible_to,
            reference: draft.reference,
            interaction: draft.interaction,
        };
        self.messages.insert(id, message.clone());
        self.channels.get_mut(&channel)?.messages.push(id);
        self.dispatch_message("MESSAGE_CREATE", &message, draft.nonce);
        self.emit(SandboxEvent::MessageCreated {
            message: Box::new(message.clone()),
        });
        Some(message)
    }

    /// Changes a message and tells everyone.
    pub(crate) fn edit(&mut self, id: MessageId, edit: Edit) -> Option<Message> {
        let now = self.now();
        let mentions = edit
            .content
            .as_deref()
            .map(|content| self.mentions_of(content, None, None));
        let message = self.messages.get_mut(&id)?;
        // Filling in a deferred answer is its first version, not an edit that clients mark "(edited)".
        let filled_in = message.flags & edit.clear_flags != 0;
        message.flags &= !edit.clear_flags;
        message.content = edit
            .content
            .unwrap_or_else(|| std::mem::take(&mut message.content));
        message.mentions = mentions.unwrap_or_else(|| std::mem::take(&mut message.mentions));
        if let Some(components) = edit.components {
            message.components = components;
        }
        if let Some(attachments) = edit.attachments {
            message.attachments = attachments;
        }
        if let Some(embeds) = edit.embeds {
            message.embeds = embeds;
        }
        place_attachments(&mut message.embeds, &mut message.attachments);
        match edit.suppress_embeds {
            Some(true) => message.flags |= SUPPRESS_EMBEDS,
            Some(false) => message.flags &= !SUPPRESS_EMBEDS,
            None => {}
        }
        if !filled_in {
            message.edited_at = Some(now);
        }
        message.edits += 1;
        let message = message.clone();
        self.dispatch_message("MESSAGE_UPDATE", &message, None);
        self.emit(SandboxEvent::MessageUpdated {
            message: Box::new(message.clone()),
        });
        Some(message)
    }

    /// Removes a message for everyone.
    pub(crate) fn delete(&mut self, id: MessageId) -> Option<Message> {
        let message = self.messages.remove(&id)?;
        if let Some(channel) = self.channels.get_mut(&message.channel_id) {
            channel.messages.retain(|other| *other != id);
        }
        if !message.is_ephemeral() {
            let mut data = json!({"id": id, "channel_id": message.channel_id});
            if let Some(guild) = message.guild_id {
                data["guild_id"] = guild.to_string().into();
            }
            self.dispatch("MESSAGE_DELETE", message_intent(&message), message.guild_id, data);
        }
        let (channel_id, visible_to) = (message.channel_id, message.visible_to);
        self.emit(SandboxEvent::MessageDeleted {
            channel_id,
            message_id: id,
            visible_to,
        });
        Some(message)
    }

    /// Removes several messages of a guild channel at once.
    pub(crate) fn delete_bulk(&mut self, channel_id: ChannelId, ids: &[MessageId]) {
        let Some(channel) = self.channels.get_mut(&channel_id) else {
            return;
        };
        channel.messages.retain(|id| !ids.contains(id));
        let guild = channel.guild;
        let data = json!({"ids": ids, "channel_id": channel_id, "guild_id": guild});
        self.dispatch("MESSAGE_DELETE_BULK", intents::GUILD_MESSAGES, guild, data);
        for message_id in ids.iter().copied() {
            self.messages.remove(&message_id);
            self.emit(SandboxEvent::MessageDeleted {
                channel_id,
                message_id,
                visible_to: None,
            });
        }
    }

    /// Says that someone is typing.
    pub(crate) fn type_in(&mut self, channel: ChannelId, user: UserId) {
        let Some(guild) = self.channels.get(&channel).map(|record| record.guild) else {
            return;
        };
        let seconds = self.now().0 / 1000;
        let mut data = json!({"channel_id": channel, "user_id": user, "timestamp": seconds});
        if let (Some(guild), Some(record)) = (guild, self.users.get(&user)) {
            data["guild_id"] = guild.to_string().into();
            data["member"] = wire::member(self, record);
        }
        let intent = if guild.is_some() {
            intents::GUILD_TYPING
        } else {
            intents::DM_TYPING
        };
        self.dispatch("TYPING_START", intent, guild, data);
        self.emit(SandboxEvent::Typing {
            channel_id: channel,
            user_id: user,
        });
    }

    /// Finds a file of any message, or one handed over for a command.
    pub(crate) fn file(&self, id: AttachmentId) -> Option<&Attachment> {
        let sent = self.messages.values().flat_map(|message| &message.attachments);
        sent.chain(self.staged.values()).find(|file| file.id == id)
    }

    /// Tells whether the bot may read a message's content without the privileged intent.
    pub(crate) fn is_readable(&self, message: &Message) -> bool {
        message.guild_id.is_none() || message.author.id == self.bot || message.mentions.contains(&self.bot)
    }

    fn dispatch_message(&mut self, name: &'static str, message: &Message, nonce: Option<serde_json::Value>) {
        // Ephemeral messages live between Discord and one client; no bot hears of them.
        if message.is_ephemeral() {
            return;
        }
        let mut data = wire::message(self, message);
        if let Some(nonce) = nonce {
            data["nonce"] = nonce;
        }
        if let Some(guild) = message.guild_id {
            data["guild_id"] = guild.to_string().into();
            if let Some(author) = self.users.get(&message.author.id) {
                data["member"] = wire::partial_member(self, author);
            }
        }
        let redacted = (!self.is_readable(message)).then(|| wire::redact(data.clone()));
        let (intent, guild) = (message_intent(message), message.guild_id);
        self.hub.dispatch(&Dispatch {
            name,
            intent,
            guild,
            data,
            redacted,
        });
    }

    fn mentions_of(
        &self,
        content: &str,
        allowed: Option<&[UserId]>,
        reply: Option<MessageId>,
    ) -> Vec<UserId> {
        let named = content.split("<@").skip(1).filter_map(|rest| {
            let digits = rest.strip_prefix('!').unwrap_or(rest).split_once('>')?.0;
            digits.parse::<UserId>().ok()
        });
        let replied = reply
            .and_then(|id| self.messages.get(&id))
            .map(|message| message.author.id);
        let mut mentions: Vec<UserId> = named
            .filter(|id| allowed.is_none_or(|allowed| allowed.contains(id)))
            .chain(replied)
            .filter(|id| self.users.contains_key(id))
            .collect();
        mentions.sort();
        mentions.dedup();
        mentions
    }
}

/// Returns the intent that a message's events need.
fn message_intent(message: &Message) -> u64 {
    if message.guild_id.is_some() {
        intents::GUILD_MESSAGES
    } else {
        intents::DM_MESSAGES
    }
}

/// Resolves `attachment://NAME` in embeds to the files they name, and marks the files that an embed shows.
fn place_attachments(embeds: &mut [Embed], attachments: &mut [Attachment]) {
    for attachment in attachments.iter_mut() {
        attachment.embedded = false;
    }
    for embed in embeds.iter_mut() {
        for url in embed.media_mut() {
            let named = url.strip_prefix("attachment://").map(str::to_owned);
            let shown = attachments.iter_mut().find(|file| {
                named
                    .as_deref()
                    .map_or(file.url == *url, |name| file.filename == name)
            });
            if let Some(file) = shown {
                file.embedded = true;
                *url = file.url.clone();
            }
        }
        for media in embed.image.iter_mut().chain(embed.thumbnail.iter_mut()) {
            if let Some(file) = attachments.iter().find(|file| file.url == media.url) {
                (media.width, media.height) = (file.width, file.height);
            }
        }
    }
}
