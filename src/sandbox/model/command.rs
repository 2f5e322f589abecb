//! Registered application commands, as a composer completes them.

use serde::Serialize;
use serde_json::Value;

use crate::id::{CommandId, GuildId};

/// How a command is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// By `/name`.
    ChatInput,
    /// From a user's context menu.
    User,
    /// From a message's context menu.
    Message,
}

impl CommandKind {
    /// Reads Discord's number.
    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            1 => Self::ChatInput,
            2 => Self::User,
            3 => Self::Message,
            _ => return None,
        })
    }

    /// Returns Discord's number.
    pub(crate) fn code(self) -> u8 {
        self as u8 + 1
    }
}

/// Where a command or interaction may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionContext {
    /// In a guild's channels.
    Guild,
    /// In direct messages with the bot.
    BotDm,
    /// In other people's direct messages.
    PrivateChannel,
}

impl InteractionContext {
    /// Reads Discord's number.
    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            0 => Self::Guild,
            1 => Self::BotDm,
            2 => Self::PrivateChannel,
            _ => return None,
        })
    }

    /// Returns Discord's number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

/// A registered command.
#[derive(Clone, Debug, Serialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The guild it is limited to; `None` if global.
    pub guild_id: Option<GuildId>,
    /// How it is called.
    pub kind: CommandKind,
    /// Its name, without the slash.
    pub name: String,
    /// What it does, in a few words.
    pub description: String,
    /// Its options, subcommands and subcommand groups.
    pub options: Vec<CommandOption>,
    /// Where it may be used; `None` is everywhere.
    pub contexts: Option<Vec<InteractionContext>>,
    /// Whether only age-restricted channels have it.
    pub nsfw: bool,
    /// Permissions a member needs, as a bit set; `Some(0)` is administrators only.
    pub default_member_permissions: Option<u64>,
    /// The command as the API returns it.
    #[serde(skip)]
    pub(crate) wire: Value,
}

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionKind {
    /// A subcommand, with options of its own.
    Subcommand,
    /// A group of subcommands.
    SubcommandGroup,
    /// Text.
    String,
    /// A whole number within ±2^53.
    Integer,
    /// True or false.
    Boolean,
    /// A user.
    User,
    /// A channel.
    Channel,
    /// A role.
    Role,
    /// A user or role.
    Mentionable,
    /// A number.
    Number,
    /// A file.
    Attachment,
}

impl OptionKind {
    /// Every kind, in the order of Discord's numbers, which start at 1.
    const ALL: [OptionKind; 11] = [
        Self::Subcommand,
        Self::SubcommandGroup,
        Self::String,
        Self::Integer,
        Self::Boolean,
        Self::User,
        Self::Channel,
        Self::Role,
        Self::Mentionable,
        Self::Number,
        Self::Attachment,
    ];

    /// Reads Discord's number.
    pub(crate) fn from_code(code: i64) -> Option<Self> {
        let index = usize::try_from(code).ok()?.checked_sub(1)?;
        Self::ALL.get(index).copied()
    }

    /// Returns Discord's number.
    pub(crate) fn code(self) -> u8 {
        self as u8 + 1
    }
}

/// One option, subcommand or subcommand group.
#[derive(Clone, Debug, Serialize)]
pub struct CommandOption {
    /// The type of its value.
    pub kind: OptionKind,
    /// Its name.
    pub name: String,
    /// What it means, in a few words.
    pub description: String,
    /// Whether it must be given.
    pub required: bool,
    /// The only values allowed, if not empty.
    pub choices: Vec<Choice>,
    /// Whether the bot completes it while a person types.
    pub autocomplete: bool,
    /// Least value of a number.
    pub min_value: Option<f64>,
    /// Greatest value of a number.
    pub max_value: Option<f64>,
    /// Fewest characters of a text.
    pub min_length: Option<usize>,
    /// Most characters of a text.
    pub max_length: Option<usize>,
    /// Options of a subcommand, or subcommands of a group.
    pub options: Vec<CommandOption>,
}

/// A value to choose: of an option, or suggested by autocomplete.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// What a person reads.
    pub name: String,
    /// What the bot receives: a string or a number.
    pub value: Value,
}
