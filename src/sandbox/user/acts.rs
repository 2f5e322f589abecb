//! Writing, reacting, deleting: what people do with messages.

use std::sync::Arc;

use crate::error::ActionError;
use crate::files;
use crate::id::{AttachmentId, ChannelId, MessageId};
use crate::model::Attachment;
use crate::state::World;
use crate::state::messages::{Draft, Edit};
use crate::user::User;
use crate::validate::emoji;
use crate::validate::message::{MAX_ATTACHMENTS, MAX_CONTENT};

/// Largest file that a person without a subscription may upload, in bytes.
const MAX_UPLOAD: usize = 10 * 1024 * 1024;

/// A file that a person sends.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its name.
    pub filename: String,
    /// Its alternative text.
    pub description: Option<String>,
    /// The file itself.
    pub bytes: Arc<[u8]>,
}

impl User {
    /// Sends a message.
    ///
    /// # Errors
    ///
    /// When they are not in the channel, or the text is empty or longer than 2,000 characters.
    pub fn say(&self, channel: ChannelId, text: &str) -> Result<MessageId, ActionError> {
        self.post(channel, text, None, Vec::new())
    }

    /// Sends a message that replies to another.
    ///
    /// # Errors
    ///
    /// As [`say`](User::say), and when they do not see the other message.
    pub fn reply(&self, message: impl Into<MessageId>, text: &str) -> Result<MessageId, ActionError> {
        let message = message.into();
        let channel = self.visible(&self.sandbox.shared.world(), message)?.channel_id;
        self.post(channel, text, Some(message), Vec::new())
    }

    /// Sends a message with files; the text may be empty.
    ///
    /// # Errors
    ///
    /// As [`say`](User::say), and when there are more than ten files or one is larger than 10 MiB.
    pub fn upload(
        &self,
        channel: ChannelId,
        text: &str,
        files: Vec<Upload>,
    ) -> Result<MessageId, ActionError> {
        self.post(channel, text, None, files)
    }

    /// Hands over a file for an option of a command, as a client does before it sends the command. The id is the
    /// option's value in [`command`](User::command).
    ///
    /// # Errors
    ///
    /// When they are not in the channel, or the file is larger than 10 MiB.
    pub fn stage(&self, channel: ChannelId, file: Upload) -> Result<AttachmentId, ActionError> {
        check_file(&file)?;
        let mut world = self.sandbox.shared.world();
        self.require_channel(&world, channel)?;
        let staged = store(&world, channel, file);
        let id = staged.id;
        world.staged.insert(id, staged);
        Ok(id)
    }

    fn post(
        &self,
        channel: ChannelId,
        text: &str,
        reference: Option<MessageId>,
        uploads: Vec<Upload>,
    ) -> Result<MessageId, ActionError> {
        let content = check_text(text, uploads.is_empty())?;
        if uploads.len() > MAX_ATTACHMENTS {
            return Err(ActionError::BadMessage(format!(
                "more than {MAX_ATTACHMENTS} files"
            )));
        }
        uploads.iter().try_for_each(check_file)?;
        let mut world = self.sandbox.shared.world();
        self.require_channel(&world, channel)?;
        let attachments = uploads
            .into_iter()
            .map(|upload| store(&world, channel, upload))
            .collect();
        let draft = Draft {
            content,
            attachments,
            reference,
            ..Draft::default()
        };
        let sent = world.send(channel, self.id, draft);
        sent.map(|message| message.id)
            .ok_or(ActionError::UnknownChannel(channel))
    }

    /// Changes the text of one of their messages.
    ///
    /// # Errors
    ///
    /// When the message is not theirs, or the text is empty or too long.
    pub fn edit(&self, message: impl Into<MessageId>, text: &str) -> Result<(), ActionError> {
        let message = message.into();
        let mut world = self.sandbox.shared.world();
        let target = self.visible(&world, message)?;
        if target.author.id != self.id {
            return Err(ActionError::NotAllowed(
                "only its author edits a message".to_owned(),
            ));
        }
        let content = Some(check_text(text, target.attachments.is_empty())?);
        world.edit(
            message,
            Edit {
                content,
                ..Edit::default()
            },
        );
        Ok(())
    }

    /// Deletes one of their messages, or as an administrator any message of the guild.
    ///
    /// # Errors
    ///
    /// When the message is someone else's.
    pub fn delete(&self, message: impl Into<MessageId>) -> Result<(), ActionError> {
        let message = message.into();
        let mut world = self.sandbox.shared.world();
        let target = self.visible(&world, message)?;
        let admin = target.guild_id.is_some() && world.users.get(&self.id).is_some_and(|user| user.admin);
        if target.author.id != self.id && !admin {
            return Err(ActionError::NotAllowed(
                "the message is someone else's".to_owned(),
            ));
        }
        world.delete(message);
        Ok(())
    }

    /// Dismisses an ephemeral message that only they see.
    ///
    /// # Errors
    ///
    /// When the message is not ephemeral.
    pub fn dismiss(&self, message: impl Into<MessageId>) -> Result<(), ActionError> {
        let message = message.into();
        let mut world = self.sandbox.shared.world();
        if !self.visible(&world, message)?.is_ephemeral() {
            return Err(ActionError::NotAllowed(
                "only ephemeral messages can be dismissed".to_owned(),
            ));
        }
        world.delete(message);
        Ok(())
    }

    /// Shows that they are typing.
    ///
    /// # Errors
    ///
    /// When they are not in the channel.
    pub fn typing(&self, channel: ChannelId) -> Result<(), ActionError> {
        let mut world = self.sandbox.shared.world();
        self.require_channel(&world, channel)?;
        world.type_in(channel, self.id);
        Ok(())
    }

    /// Adds a Unicode emoji to a message; adding it again changes nothing.
    ///
    /// # Errors
    ///
    /// When they do not see the message, it is ephemeral, or the text is no emoji.
    pub fn react(&self, message: impl Into<MessageId>, emoji: &str) -> Result<(), ActionError> {
        let message = message.into();
        let emoji = emoji::unicode(emoji).ok_or_else(|| ActionError::UnknownEmoji(emoji.to_owned()))?;
        let mut world = self.sandbox.shared.world();
        if self.visible(&world, message)?.is_ephemeral() {
            return Err(ActionError::NotAllowed(
                "ephemeral messages take no reactions".to_owned(),
            ));
        }
        world.add_reaction(message, self.id, emoji);
        Ok(())
    }

    /// Takes their emoji off a message.
    ///
    /// # Errors
    ///
    /// When they do not see the message, or have not put this emoji on it.
    pub fn unreact(&self, message: impl Into<MessageId>, emoji: &str) -> Result<(), ActionError> {
        let message = message.into();
        let emoji = emoji::unicode(emoji).ok_or_else(|| ActionError::UnknownEmoji(emoji.to_owned()))?;
        let mut world = self.sandbox.shared.world();
        self.visible(&world, message)?;
        if world.remove_reaction(message, self.id, emoji) {
            return Ok(());
        }
        Err(ActionError::NotAllowed(format!(
            "they have not reacted with {emoji}"
        )))
    }
}

/// Trims a text as Discord does and checks its length.
fn check_text(text: &str, needed: bool) -> Result<String, ActionError> {
    let text = text.trim();
    if needed && text.is_empty() {
        return Err(ActionError::BadMessage("the message is empty".to_owned()));
    }
    if text.chars().count() > MAX_CONTENT {
        return Err(ActionError::BadMessage(format!(
            "longer than {MAX_CONTENT} characters"
        )));
    }
    Ok(text.to_owned())
}

fn check_file(file: &Upload) -> Result<(), ActionError> {
    if file.bytes.len() > MAX_UPLOAD {
        return Err(ActionError::BadMessage(format!(
            "{} is larger than 10 MiB",
            file.filename
        )));
    }
    Ok(())
}

fn store(world: &World, channel: ChannelId, upload: Upload) -> Attachment {
    let Upload {
        filename,
        description,
        bytes,
    } = upload;
    files::store(
        world,
        channel,
        files::Upload {
            filename,
            content_type: None,
            description,
            bytes,
        },
    )
}
