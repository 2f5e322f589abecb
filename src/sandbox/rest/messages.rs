//! Messages of channels.

use std::time::Duration;

use serde_json::Value;

use crate::id::{ChannelId, MessageId};
use crate::model::Message;
use crate::rest::channels::{reachable, require};
use crate::rest::compose;
use crate::rest::error::ApiError;
use crate::rest::route::{Call, Reply};
use crate::state::{World, permission};
use crate::validate::{Errors, Form};
use crate::wire;

/// Messages older than this take few edits.
const OLD: Duration = Duration::from_secs(3600);
/// Edits of old messages per channel and hour. Discord gives the error but not the figure.
const OLD_EDITS: usize = 10;
/// Messages older than this cannot be deleted in bulk.
const BULK_AGE: Duration = Duration::from_secs(14 * 24 * 3600);

/// `GET /channels/{channel_id}/messages`
pub(super) fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    let channel: ChannelId = call.id("channel_id")?;
    let limit = call.query_limit(50)?;
    let (before, after, around) = (
        call.query_id::<MessageId>("before")?,
        call.query_id("after")?,
        call.query_id("around")?,
    );
    let world = call.shared.world();
    require(&world, channel, permission::VIEW_CHANNEL)?;
    let mut found: Vec<&Message> = world
        .messages_in(channel)
        .filter(|message| !message.is_ephemeral())
        .collect();
    if world
        .channels
        .get(&channel)
        .is_some_and(|record| record.guild.is_some())
        && world.bot_permissions & permission::READ_MESSAGE_HISTORY == 0
    {
        found.clear();
    }
    // `found` is oldest first; the answer is newest first.
    let page = if let Some(around) = around {
        let middle = found.partition_point(|message| message.id < around);
        let start = middle.saturating_sub(limit / 2);
        &found[start..found.len().min(start + limit)]
    } else if let Some(after) = after {
        let start = found.partition_point(|message| message.id <= after);
        &found[start..found.len().min(start + limit)]
    } else {
        let end = before.map_or(found.len(), |before| {
            found.partition_point(|message| message.id < before)
        });
        &found[end.saturating_sub(limit)..end]
    };
    Ok(Reply::ok(
        page.iter().rev().map(|message| shown(&world, message)).collect(),
    ))
}

/// `GET /channels/{channel_id}/messages/{message_id}`
pub(super) fn get(call: &Call<'_>) -> Result<Reply, ApiError> {
    let world = call.shared.world();
    let message = find(
        call,
        &world,
        permission::VIEW_CHANNEL | permission::READ_MESSAGE_HISTORY,
    )?;
    Ok(Reply::ok(shown(&world, message)))
}

/// `POST /channels/{channel_id}/messages`
pub(super) fn create(call: &Call<'_>) -> Result<Reply, ApiError> {
    let channel: ChannelId = call.id("channel_id")?;
    let mut world = call.shared.world();
    require(
        &world,
        channel,
        permission::VIEW_CHANNEL | permission::SEND_MESSAGES,
    )?;
    let errors = Errors::default();
    let form = Form::new(&call.incoming.body, &errors);
    compose::expect_files(call.incoming, &form);
    let mut draft = compose::draft(&world, channel, call.incoming, &form, &errors)?;
    draft.flags &= !crate::model::message::EPHEMERAL;
    reachable(&world, channel)?;
    let (bot, nonce) = (world.bot, draft.nonce.clone());
    let message = world
        .send(channel, bot, draft)
        .ok_or_else(ApiError::unknown_channel)?;
    let mut body = wire::message(&world, &message);
    if let Some(nonce) = nonce {
        body["nonce"] = nonce;
    }
    Ok(Reply::ok(body))
}

/// `PATCH /channels/{channel_id}/messages/{message_id}`
pub(super) fn edit(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let message = find(call, &world, permission::VIEW_CHANNEL)?.clone();
    if message.author.id != world.bot {
        return Err(ApiError::not_your_message());
    }
    let errors = Errors::default();
    let form = Form::new(&call.incoming.body, &errors);
    let edit = compose::edit(&world, &message, call.incoming, &form, &errors)?;
    let now = world.now();
    if now.since(message.created_at) > OLD
        && let Some(channel) = world.channels.get_mut(&message.channel_id)
    {
        channel.old_edits.retain(|at| now.since(*at) < OLD);
        if channel.old_edits.len() >= OLD_EDITS {
            return Err(ApiError::too_many_old_edits());
        }
        channel.old_edits.push(now);
    }
    let message = world
        .edit(message.id, edit)
        .ok_or_else(ApiError::unknown_message)?;
    Ok(Reply::ok(wire::message(&world, &message)))
}

/// `DELETE /channels/{channel_id}/messages/{message_id}`
pub(super) fn delete(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let message = find(call, &world, permission::VIEW_CHANNEL)?.clone();
    if message.author.id != world.bot {
        if message.guild_id.is_none() {
            return Err(ApiError::not_in_dms());
        }
        require(&world, message.channel_id, permission::MANAGE_MESSAGES)?;
    }
    world.delete(message.id);
    Ok(Reply::nothing())
}

/// `POST /channels/{channel_id}/messages/bulk-delete`
pub(super) fn bulk_delete(call: &Call<'_>) -> Result<Reply, ApiError> {
    let channel: ChannelId = call.id("channel_id")?;
    let mut world = call.shared.world();
    require(&world, channel, permission::MANAGE_MESSAGES)?;
    if world
        .channels
        .get(&channel)
        .is_some_and(|record| record.guild.is_none())
    {
        return Err(ApiError::not_in_dms());
    }
    let errors = Errors::default();
    let list = Form::new(&call.incoming.body, &errors).get("messages");
    list.require();
    let ids: Vec<MessageId> = list
        .items()
        .iter()
        .filter_map(Form::snowflake)
        .map(MessageId)
        .collect();
    errors.check()?;
    if !(2..=100).contains(&ids.len()) {
        return Err(ApiError::too_few_to_delete());
    }
    let now = world.now();
    if ids
        .iter()
        .any(|id| now.0.saturating_sub(id.created_at_ms()) > BULK_AGE.as_millis() as u64)
    {
        return Err(ApiError::too_old_to_delete());
    }
    // Discord tells of all at once; ids that are not there are passed over.
    let here = |id: &MessageId| {
        world
            .messages
            .get(id)
            .is_some_and(|message| message.channel_id == channel)
    };
    let here: Vec<MessageId> = ids.into_iter().filter(here).collect();
    world.delete_bulk(channel, &here);
    Ok(Reply::nothing())
}

/// Finds the message of the path. Ephemeral messages do not exist for these routes.
pub(super) fn find<'w>(call: &Call<'_>, world: &'w World, permissions: u64) -> Result<&'w Message, ApiError> {
    let channel: ChannelId = call.id("channel_id")?;
    let id: MessageId = call.id("message_id")?;
    require(world, channel, permissions)?;
    let here = |message: &&Message| message.channel_id == channel && !message.is_ephemeral();
    world
        .messages
        .get(&id)
        .filter(here)
        .ok_or_else(ApiError::unknown_message)
}

/// Writes a message as far as the bot may read it.
fn shown(world: &World, message: &Message) -> Value {
    let wire = wire::message(world, message);
    if world.reads_content || world.is_readable(message) {
        wire
    } else {
        wire::redact(wire)
    }
}
