//! From a validated body and its files to a message or an edit.

use crate::files::{self, Upload};
use crate::id::{ChannelId, MessageId};
use crate::model::message::{EPHEMERAL, LOADING, SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS};
use crate::model::{Attachment, Message};
use crate::rest::error::ApiError;
use crate::rest::incoming::Incoming;
use crate::state::interactions::ATTACHMENT_LIMIT;
use crate::state::messages::{Draft, Edit};
use crate::state::{World, permission};
use crate::validate::message::{AttachmentEntry, MAX_ATTACHMENTS, MessageBody};
use crate::validate::{Errors, Form, message};

/// Reads the body of a new message. `data` is where in the body it stands; faults elsewhere in the form count too.
pub(super) fn draft(
    world: &World,
    channel: ChannelId,
    incoming: &Incoming,
    data: &Form<'_>,
    errors: &Errors,
) -> Result<Draft, ApiError> {
    data.object();
    let body = message::read(data);
    let uploads = uploads(incoming, body.attachments.as_deref(), data)?;
    let reference = reference(world, channel, data);
    errors.check()?;
    let guild = world.channels.get(&channel).and_then(|record| record.guild);
    let permissions = world.permissions_of(world.bot, guild);
    if !uploads.is_empty() && permissions & permission::ATTACH_FILES == 0 {
        return Err(ApiError::missing_permissions());
    }
    let attachments: Vec<Attachment> = uploads
        .into_iter()
        .map(|upload| files::store(world, channel, upload))
        .collect();
    // Without the permission, Discord drops embeds and says nothing.
    let embeds = body
        .embeds
        .filter(|_| permissions & permission::EMBED_LINKS != 0)
        .unwrap_or_default();
    let draft = Draft {
        content: body.content.unwrap_or_default().trim().to_owned(),
        embeds,
        attachments,
        components: body.components.unwrap_or_default(),
        flags: body.flags.unwrap_or_default() & (SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | EPHEMERAL),
        reference,
        may_mention: body.may_mention,
        silent_reply: !body.pings_replied,
        nonce: data.get("nonce").given().cloned(),
        ..Draft::default()
    };
    let empty = draft.content.is_empty() && draft.embeds.is_empty() && draft.attachments.is_empty();
    if empty && draft.components.is_empty() {
        return Err(ApiError::empty_message());
    }
    Ok(draft)
}

/// Reads the body of an edit of `target`.
pub(super) fn edit(
    world: &World,
    target: &Message,
    incoming: &Incoming,
    data: &Form<'_>,
    errors: &Errors,
) -> Result<Edit, ApiError> {
    data.object();
    let body = message::read(data);
    let uploads = uploads(incoming, body.attachments.as_deref(), data)?;
    let kept = kept(target, incoming, &body, data);
    errors.check()?;
    if kept.len() + uploads.len() > MAX_ATTACHMENTS {
        return Err(ApiError::too_many_attachments());
    }
    let touched = body.attachments.is_some() || !uploads.is_empty();
    let mut attachments = kept;
    attachments.extend(
        uploads
            .into_iter()
            .map(|upload| files::store(world, target.channel_id, upload)),
    );
    let edit = Edit {
        content: body.content.map(|content| content.trim().to_owned()),
        embeds: body.embeds,
        attachments: touched.then_some(attachments),
        components: body.components,
        suppress_embeds: body.flags.map(|flags| flags & SUPPRESS_EMBEDS != 0),
        clear_flags: LOADING,
    };
    let left = [
        edit.content
            .as_ref()
            .map_or(target.content.is_empty(), String::is_empty),
        edit.embeds
            .as_ref()
            .map_or(target.embeds.is_empty(), Vec::is_empty),
        edit.attachments
            .as_ref()
            .map_or(target.attachments.is_empty(), Vec::is_empty),
        edit.components
            .as_ref()
            .map_or(target.components.is_empty(), Vec::is_empty),
    ];
    if left.iter().all(|empty| *empty) {
        Err(ApiError::empty_message())
    } else {
        Ok(edit)
    }
}

/// Pairs the files with what `attachments` says of them, and refuses too many or too large ones.
fn uploads(
    incoming: &Incoming,
    entries: Option<&[AttachmentEntry]>,
    data: &Form<'_>,
) -> Result<Vec<Upload>, ApiError> {
    if incoming.files.len() > MAX_ATTACHMENTS {
        return Err(ApiError::too_many_attachments());
    }
    if incoming
        .files
        .iter()
        .any(|file| file.bytes.len() > ATTACHMENT_LIMIT)
    {
        return Err(ApiError::too_large());
    }
    let entries = entries.unwrap_or_default();
    let upload = |file: &crate::rest::incoming::IncomingFile| {
        let entry = entries.iter().find(|entry| entry.id == Some(file.number));
        Upload {
            filename: entry
                .and_then(|entry| entry.filename.clone())
                .unwrap_or_else(|| file.filename.clone()),
            content_type: file.content_type.clone(),
            description: entry.and_then(|entry| entry.description.clone()),
            bytes: file.bytes.clone(),
        }
    };
    for entry in entries {
        let list = data.get("attachments").items();
        if entry.id.is_none()
            && let Some(form) = list.get(entry.index)
        {
            form.get("id")
                .fail("BASE_TYPE_REQUIRED", "This field is required");
        }
    }
    Ok(incoming.files.iter().map(upload).collect())
}

/// Returns the files of a message that an edit keeps: those it lists, or all if it lists none.
fn kept(target: &Message, incoming: &Incoming, body: &MessageBody, data: &Form<'_>) -> Vec<Attachment> {
    let Some(entries) = &body.attachments else {
        return target.attachments.clone();
    };
    let mut kept = Vec::new();
    for (entry, form) in entries.iter().zip(data.get("attachments").items()) {
        let known = target.attachments.iter().find(|file| Some(file.id.0) == entry.id);
        let uploaded = incoming.files.iter().any(|file| Some(file.number) == entry.id);
        match known {
            Some(file) => {
                let mut file = file.clone();
                file.description = entry.description.clone().or(file.description);
                kept.push(file);
            }
            None if uploaded => {}
            None => form
                .get("id")
                .fail("ATTACHMENT_NOT_FOUND", "Attachment not found"),
        }
    }
    kept
}

/// Reads what a message replies to; a message that is not there is a fault unless the body says otherwise.
fn reference(world: &World, channel: ChannelId, data: &Form<'_>) -> Option<MessageId> {
    let form = data.get("message_reference");
    form.object()?;
    let id = form.get("message_id");
    id.require();
    let id = MessageId(id.snowflake()?);
    let found = world
        .messages
        .get(&id)
        .is_some_and(|message| message.channel_id == channel && !message.is_ephemeral());
    if !found && form.get("fail_if_not_exists").boolean().unwrap_or(true) {
        form.fail("REPLIES_UNKNOWN_MESSAGE", "Unknown message");
    }
    found.then_some(id)
}

/// Notes a fault if an entry of a new message names a file that was not sent.
pub(super) fn expect_files(incoming: &Incoming, data: &Form<'_>) {
    for form in data.get("attachments").items() {
        let id = form.get("id").snowflake();
        if id.is_some_and(|id| !incoming.files.iter().any(|file| file.number == id)) {
            form.get("id")
                .fail("ATTACHMENT_NOT_FOUND", "Attachment not found");
        }
    }
}
