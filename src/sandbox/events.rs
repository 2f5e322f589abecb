//! What happens in the sandbox, as a stream for the chat page and other live views.

use serde::Serialize;

use crate::id::{ChannelId, InteractionId, MessageId, UserId};
use crate::model::{Channel, Choice, Message, Modal};

/// Something a client would show at once.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SandboxEvent {
    /// A message appeared.
    MessageCreated {
        /// The message; ephemeral ones name their only reader in `visible_to`.
        message: Box<Message>,
    },
    /// A message's text, embeds, files, components or flags changed.
    MessageUpdated {
        /// The message as it is now.
        message: Box<Message>,
    },
    /// A message is gone, for everyone or (ephemeral, dismissed) for `visible_to`.
    MessageDeleted {
        /// Where it stood.
        channel_id: ChannelId,
        /// Which it was.
        message_id: MessageId,
        /// Its only reader, if it was ephemeral.
        visible_to: Option<UserId>,
    },
    /// A message's reactions changed.
    ReactionsChanged {
        /// The message as it is now.
        message: Box<Message>,
        /// Who added or removed one.
        user_id: UserId,
        /// The emoji; `None` when all were removed at once.
        emoji: Option<String>,
        /// Whether it was added.
        added: bool,
    },
    /// Someone is typing; clients show it for ten seconds or until their next message.
    Typing {
        /// Where.
        channel_id: ChannelId,
        /// Who.
        user_id: UserId,
    },
    /// Direct messages with the bot were opened.
    ChannelOpened {
        /// The new channel.
        channel: Channel,
    },
    /// A user joined the guild or changed.
    UserChanged {
        /// Who.
        user_id: UserId,
    },
    /// The bot opened a modal for a user.
    ModalShown {
        /// The modal.
        modal: Box<Modal>,
    },
    /// A modal was submitted or cancelled.
    ModalClosed {
        /// The interaction it answered.
        interaction_id: InteractionId,
        /// Whose it was.
        user_id: UserId,
    },
    /// The bot answered an autocomplete request.
    AutocompleteAnswered {
        /// The request.
        interaction_id: InteractionId,
        /// Who is typing.
        user_id: UserId,
        /// What the bot suggests.
        choices: Vec<Choice>,
    },
    /// The bot acknowledged an interaction in time.
    InteractionAcknowledged {
        /// The interaction.
        interaction_id: InteractionId,
        /// Whose it was.
        user_id: UserId,
    },
    /// An interaction got no answer within 3 s: clients say "The application did not respond".
    InteractionFailed {
        /// The interaction.
        interaction_id: InteractionId,
        /// Whose it was.
        user_id: UserId,
        /// Where.
        channel_id: ChannelId,
    },
    /// The bot registered, changed or removed commands.
    CommandsChanged,
    /// The bot came online or went offline.
    BotPresence {
        /// Whether any gateway session is connected.
        online: bool,
    },
}
