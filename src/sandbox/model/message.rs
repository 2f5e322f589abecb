//! Messages as a person sees them, and the channels they stand in.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AttachmentId, ChannelId, GuildId, InteractionId, MessageId, UserId};
use crate::model::component::{ActionRow, Component};
use crate::model::embed::Embed;

/// A message with everything a client shows of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Where it stands.
    pub channel_id: ChannelId,
    /// The channel's guild; `None` in direct messages.
    pub guild_id: Option<GuildId>,
    /// Who wrote it.
    pub author: Author,
    /// The text, in Discord's Markdown.
    pub content: String,
    /// Cards under the text.
    pub embeds: Vec<Embed>,
    /// Files, with their bytes; those with [`Attachment::embedded`] are shown inside an embed.
    pub attachments: Vec<Attachment>,
    /// Buttons and select menus.
    pub components: Vec<ActionRow>,
    /// Emoji with who added them, in the order they first appeared.
    pub reactions: Vec<Reaction>,
    /// Discord's message flags: 4 no embeds, 64 ephemeral, 128 "is thinking…".
    pub flags: u64,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When its text, embeds, files or components last changed.
    pub edited_at: Option<Timestamp>,
    /// How often it was edited.
    pub edits: u32,
    /// The one user who can see it, if it is ephemeral.
    pub visible_to: Option<UserId>,
    /// The message it replies to.
    pub reference: Option<MessageId>,
    /// The interaction it answers.
    pub interaction: Option<MessageInteraction>,
    /// Users its text mentions.
    pub mentions: Vec<UserId>,
}

/// Discord's flag for a message whose links and embeds are not shown.
pub(crate) const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// Discord's flag for a message that one user sees.
pub(crate) const EPHEMERAL: u64 = 1 << 6;
/// Discord's flag for a deferred answer that has no content yet.
pub(crate) const LOADING: u64 = 1 << 7;
/// Discord's flag for a message that rings no bell.
pub(crate) const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;

impl Message {
    /// Tells whether only one user can see it.
    pub fn is_ephemeral(&self) -> bool {
        self.flags & EPHEMERAL != 0
    }

    /// Tells whether it is a deferred answer without content yet ("is thinking…").
    pub fn is_thinking(&self) -> bool {
        self.flags & LOADING != 0
    }

    /// Tells whether `user` can see it.
    pub fn is_visible_to(&self, user: UserId) -> bool {
        self.visible_to.is_none_or(|only| only == user)
    }

    /// Returns every button and select menu, row by row.
    pub fn parts(&self) -> impl Iterator<Item = &Component> {
        self.components.iter().flat_map(|row| &row.components)
    }

    /// Finds the part whose `custom_id`, or else button label or select placeholder, is `name`.
    pub fn part(&self, name: &str) -> Option<&Component> {
        let labelled = |part: &&Component| match part {
            Component::Button(button) => {
                let emoji = button.emoji.as_ref().map(|emoji| emoji.name.as_str());
                button.label.as_deref() == Some(name) || (button.label.is_none() && emoji == Some(name))
            }
            Component::Select(select) => select.placeholder.as_deref() == Some(name),
        };
        self.parts()
            .find(|part| part.custom_id() == Some(name))
            .or_else(|| self.parts().find(labelled))
    }

    /// Returns all text a person reads in it: content, then each embed's texts, one per line.
    pub fn text(&self) -> String {
        let mut lines = vec![self.content.as_str()];
        for embed in &self.embeds {
            lines.extend(embed.author.iter().map(|author| author.name.as_str()));
            lines.extend(embed.title.as_deref());
            lines.extend(embed.description.as_deref());
            lines.extend(
                embed
                    .fields
                    .iter()
                    .flat_map(|field| [field.name.as_str(), field.value.as_str()]),
            );
            lines.extend(embed.footer.iter().map(|footer| footer.text.as_str()));
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Their id.
    pub id: UserId,
    /// The name shown.
    pub name: String,
    /// Whether it is the bot.
    pub bot: bool,
}

/// A file of a message.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// Its name.
    pub filename: String,
    /// Its alternative text.
    pub description: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// Its length in bytes.
    pub size: usize,
    /// Where the sandbox serves it, with the query of a signed address.
    pub url: String,
    /// Width in pixels, for pictures.
    pub width: Option<u32>,
    /// Height in pixels, for pictures.
    pub height: Option<u32>,
    /// Whether an embed shows it (`attachment://…`); Discord then leaves it out of the message's own files.
    pub embedded: bool,
    /// The file itself.
    #[serde(skip)]
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for Attachment {
    /// Names the file without its bytes, which would bury every failed assertion.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pixels = self.width.zip(self.height);
        f.debug_struct("Attachment")
            .field("id", &self.id)
            .field("filename", &self.filename)
            .field("description", &self.description)
            .field("content_type", &self.content_type)
            .field("size", &self.size)
            .field("pixels", &pixels)
            .field("embedded", &self.embedded)
            .finish_non_exhaustive()
    }
}

/// One emoji under a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// The Unicode emoji.
    pub emoji: String,
    /// Who added it, oldest first; never empty.
    pub users: Vec<UserId>,
}

/// What made a message that answers an interaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageInteraction {
    /// The interaction.
    pub id: InteractionId,
    /// Its kind.
    pub kind: InteractionKind,
    /// The command's full name ("profile show"), the component's or the modal's `custom_id`.
    pub name: String,
    /// Who caused it.
    pub user: UserId,
    /// The message whose component caused it.
    pub component_message: Option<MessageId>,
    /// Whether it is a follow-up and not the original answer.
    pub followup: bool,
}

/// Discord's kinds of interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionKind {
    /// A slash or context-menu command.
    Command,
    /// A button or select menu.
    Component,
    /// A request for completions.
    Autocomplete,
    /// A submitted modal.
    Modal,
}

impl InteractionKind {
    /// Returns Discord's number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Command => 2,
            Self::Component => 3,
            Self::Autocomplete => 4,
            Self::Modal => 5,
        }
    }
}

/// A channel as a client lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Its name; for direct messages the other person's.
    pub name: String,
    /// Its guild; `None` for direct messages with the bot.
    pub guild_id: Option<GuildId>,
    /// The person whose direct messages with the bot these are.
    pub recipient: Option<UserId>,
    /// Whether it is age-restricted.
    pub nsfw: bool,
}
