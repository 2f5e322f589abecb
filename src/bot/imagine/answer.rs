//! The message that answers a job: where it stands, and the ways to write it.
//!
//! While the interaction's token lives, the answer is its original response, which works even where the bot is no member.
//! After that, news goes into the same message as an ordinary edit, and the result comes as a new message in the
//! channel, or as a direct message where the channel is closed to the bot.

use std::time::Duration;

use serenity::all::{
    Builder as _, ChannelId, CreateActionRow, CreateAllowedMentions, CreateAttachment, CreateMessage,
    EditAttachments, EditInteractionResponse, EditMessage, Http, MessageId, MessageReference,
    MessageReferenceKind, Nonce, UserId,
};
use tastemaker_pool::JobId;
use tastemaker_storage::{InteractionRef, JobRecord};

use super::now_ms;
use crate::bot::errors::BotError;

/// Age from which an interaction's token is not relied on. Discord lets it live 15 minutes; an upload needs a moment.
const TOKEN_LIFE: Duration = Duration::from_secs(14 * 60 + 30);
/// Discord's codes for a channel that the bot cannot, or can no longer, write to: unknown channel, missing access,
/// cannot write there, missing permissions, archived thread.
const CLOSED: [isize; 5] = [10003, 50001, 50008, 50013, 50083];

/// Is what a message shall show.
#[derive(Clone, Default)]
pub(super) struct Post {
    /// The text.
    pub content: String,
    /// Buttons.
    pub rows: Vec<CreateActionRow>,
    /// The files instead of those shown so far; `None` leaves them.
    pub files: Option<Vec<CreateAttachment>>,
}

/// Is the message that answers one job.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    job: JobId,
    user: UserId,
    channel: ChannelId,
    message: Option<MessageId>,
    interaction: Option<InteractionRef>,
    /// Whether Discord has said that the token is dead, before its time.
    token_dead: bool,
}

impl Answer {
    /// Finds the answer of a job, also of one from before a restart.
    pub(super) fn of(record: &JobRecord) -> Self {
        Self {
            job: record.job.id,
            user: UserId::new(record.job.user.max(1)),
            channel: ChannelId::new(record.channel.max(1)),
            message: record.message.map(|id| MessageId::new(id.max(1))),
            interaction: record.interaction.clone(),
            token_dead: false,
        }
    }

    /// Returns the message, once it is known.
    pub(super) fn message(&self) -> Option<MessageId> {
        self.message
    }

    /// Shows news on the way. Never makes a new message: news that has nowhere to go is no loss.
    ///
    /// # Errors
    /// With Discord's, when the message could not be edited in any way.
    pub(super) async fn update(&mut self, http: &Http, post: &Post) -> Result<(), BotError> {
        if let Some(token) = self.token() {
            match edit_response(http, &token, post).await {
                Ok(message) => {
                    self.message = Some(message);
                    return Ok(());
                }
                Err(error) if error.is_gone() => self.token_dead = true,
                Err(error) => return Err(error),
            }
        }
        if let Some(message) = self.message {
            self.channel.edit_message(http, message, edit(post)).await?;
        }
        Ok(())
    }

    /// Shows the result, wherever it can be shown, and returns where.
    ///
    /// Trying again after a failure is safe: an edit shows the same, and a new message carries the job's number as its
    /// nonce, by which Discord recognises it.
    ///
    /// # Errors
    /// With Discord's, when the last way that is left failed too.
    pub(super) async fn deliver(
        &mut self,
        http: &Http,
        post: &Post,
    ) -> Result<(ChannelId, MessageId), BotError> {
        if let Some(token) = self.token() {
            match edit_response(http, &token, post).await {
                Ok(message) => {
                    self.message = Some(message);
                    return Ok((self.channel, message));
                }
                Err(error) if error.is_gone() => self.token_dead = true,
                Err(error) => return Err(error),
            }
        } else if self.interaction.is_none()
            && let Some(message) = self.message
        {
            match self
                .channel
                .edit_message(http, message, edit(post))
                .await
                .map_err(BotError::from)
            {
                Ok(_) => return Ok((self.channel, message)),
                Err(error) if error.is_transient() || error.is_too_large() => return Err(error),
                Err(error) => tracing::debug!(job = self.job, %error, "the answer cannot be edited any more"),
            }
        }
        self.send_anew(http, post).await
    }

    /// Sends the result as a new message and removes the one that showed its progress.
    async fn send_anew(&mut self, http: &Http, post: &Post) -> Result<(ChannelId, MessageId), BotError> {
        let message = self.new_message(post);
        let sent = match self
            .channel
            .send_message(http, message.clone())
            .await
            .map_err(BotError::from)
        {
            Ok(sent) => sent,
            Err(error) if error.discord_code().is_some_and(|code| CLOSED.contains(&code)) => {
                tracing::info!(job = self.job, %error, "the channel is closed, sending a direct message");
                let dm = self.user.create_dm_channel(http).await?;
                dm.id.send_message(http, message).await?
            }
            Err(error) => return Err(error),
        };
        if let Some(old) = self.message.replace(sent.id)
            && let Err(error) = self.channel.delete_message(http, old).await
        {
            tracing::debug!(job = self.job, %error, "the progress message stays");
        }
        self.channel = sent.channel_id;
        Ok((sent.channel_id, sent.id))
    }

    fn new_message(&self, post: &Post) -> CreateMessage {
        CreateMessage::new()
            .content(format!("<@{}>\n{}", self.user, post.content))
            .components(post.rows.clone())
            .add_files(post.files.clone().unwrap_or_default())
            .allowed_mentions(CreateAllowedMentions::new().users([self.user]))
            .nonce(Nonce::String(format!("job-{}", self.job)))
            .enforce_nonce(true)
    }

    /// Returns the interaction's token while it can be relied on.
    fn token(&self) -> Option<String> {
        let interaction = self.interaction.as_ref().filter(|_| !self.token_dead)?;
        let age = Duration::from_millis(now_ms().saturating_sub(interaction.created_at));
        (age < TOKEN_LIFE).then(|| interaction.token.clone())
    }
}

/// Sends the first message of an answer that no interaction asked for: a reply to the picture that was reacted to.
///
/// # Errors
/// With Discord's.
pub(super) async fn reply(
    http: &Http,
    channel: ChannelId,
    to: MessageId,
    post: &Post,
) -> Result<MessageId, BotError> {
    let reference = MessageReference::new(MessageReferenceKind::Default, channel)
        .message_id(to)
        .fail_if_not_exists(false);
    let message = CreateMessage::new()
        .content(&post.content)
        .components(post.rows.clone())
        .add_files(post.files.clone().unwrap_or_default())
        .allowed_mentions(CreateAllowedMentions::new())
        .reference_message(reference);
    Ok(channel.send_message(http, message).await?.id)
}

async fn edit_response(http: &Http, token: &str, post: &Post) -> Result<MessageId, BotError> {
    let mut edit = EditInteractionResponse::new()
        .content(&post.content)
        .components(post.rows.clone())
        .allowed_mentions(CreateAllowedMentions::new());
    if let Some(files) = &post.files {
        edit = edit.attachments(attachments(files));
    }
    Ok(edit.execute(http, token).await?.id)
}

fn edit(post: &Post) -> EditMessage {
    let edit = EditMessage::new()
        .content(&post.content)
        .components(post.rows.clone())
        .allowed_mentions(CreateAllowedMentions::new());
    match &post.files {
        Some(files) => edit.attachments(attachments(files)),
        None => edit,
    }
}

fn attachments(files: &[CreateAttachment]) -> EditAttachments {
    files
        .iter()
        .cloned()
        .fold(EditAttachments::new(), EditAttachments::add)
}
