//! What people and bots exchange: messages, embeds, components, commands and modals, as typed values.

pub mod command;
pub mod component;
pub mod embed;
pub mod message;
pub mod modal;

pub use command::{Choice, Command, CommandKind, CommandOption, InteractionContext, OptionKind};
pub use component::{
    ActionRow, Button, ButtonStyle, Component, ComponentEmoji, Select, SelectKind, SelectOption,
};
pub use embed::{Embed, EmbedAuthor, EmbedField, EmbedFooter, EmbedMedia};
pub use message::{Attachment, Author, Channel, InteractionKind, Message, MessageInteraction, Reaction};
pub use modal::{Modal, TextInput};
