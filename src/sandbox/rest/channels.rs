//! Channels.

use crate::id::ChannelId;
use crate::rest::error::ApiError;
use crate::rest::route::{Call, Reply};
use crate::state::{World, permission};
use crate::wire;

/// `GET /channels/{channel_id}`
pub(super) fn get(call: &Call<'_>) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let world = call.shared.world();
    require(&world, id, permission::VIEW_CHANNEL)?;
    let record = world.channels.get(&id).ok_or_else(ApiError::unknown_channel)?;
    Ok(Reply::ok(wire::channel(&world, record)))
}

/// `POST /channels/{channel_id}/typing`
pub(super) fn typing(call: &Call<'_>) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let mut world = call.shared.world();
    require(&world, id, permission::SEND_MESSAGES)?;
    reachable(&world, id)?;
    let bot = world.bot;
    world.type_in(id, bot);
    Ok(Reply::nothing())
}

/// Refuses unless the channel exists and the bot has the permissions there.
pub(super) fn require(world: &World, channel: ChannelId, permissions: u64) -> Result<(), ApiError> {
    let record = world
        .channels
        .get(&channel)
        .ok_or_else(ApiError::unknown_channel)?;
    if record.guild.is_none() {
        return Ok(());
    }
    if world.bot_permissions & permission::VIEW_CHANNEL == 0 {
        return Err(ApiError::missing_access());
    }
    if world.bot_permissions & permissions != permissions {
        return Err(ApiError::missing_permissions());
    }
    Ok(())
}

/// Refuses if these are direct messages of someone the bot cannot write to.
pub(super) fn reachable(world: &World, channel: ChannelId) -> Result<(), ApiError> {
    let recipient = world.channels.get(&channel).and_then(|record| record.recipient);
    match recipient.and_then(|id| world.users.get(&id)) {
        Some(user) if !user.in_guild => Err(ApiError::no_mutual_guild()),
        Some(user) if !user.dms_open => Err(ApiError::dms_closed()),
        _ => Ok(()),
    }
}
