//! Reactions.

use crate::id::UserId;
use crate::model::Message;
use crate::rest::channels::require;
use crate::rest::error::ApiError;
use crate::rest::messages::find;
use crate::rest::route::{Call, Reply};
use crate::state::reactions::MAX_REACTIONS;
use crate::state::{World, permission};
use crate::validate::emoji;
use crate::wire;

/// `PUT …/reactions/{emoji_name}/@me`
pub(super) fn add(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let message = find(call, &world, permission::READ_MESSAGE_HISTORY)?;
    let emoji = emoji(call)?;
    let new = !message.reactions.iter().any(|reaction| reaction.emoji == emoji);
    let id = message.id;
    if new && message.reactions.len() >= MAX_REACTIONS {
        return Err(ApiError::too_many_reactions());
    }
    if new {
        require(&world, message.channel_id, permission::ADD_REACTIONS)?;
    }
    let bot = world.bot;
    world.add_reaction(id, bot, emoji);
    Ok(Reply::nothing())
}

/// `DELETE …/reactions/{emoji_name}/@me`
pub(super) fn remove_own(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let id = find(call, &world, permission::READ_MESSAGE_HISTORY)?.id;
    let (bot, emoji) = (world.bot, emoji(call)?);
    world.remove_reaction(id, bot, emoji);
    Ok(Reply::nothing())
}

/// `DELETE …/reactions/{emoji_name}/{user_id}`
pub(super) fn remove_of(call: &Call<'_>) -> Result<Reply, ApiError> {
    let user: UserId = call.id("user_id")?;
    let mut world = call.shared.world();
    let message = manage(call, &world)?.id;
    if !world.users.contains_key(&user) {
        return Err(ApiError::unknown_user());
    }
    world.remove_reaction(message, user, emoji(call)?);
    Ok(Reply::nothing())
}

/// `GET …/reactions/{emoji_name}`
pub(super) fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    let limit = call.query_limit(25)?;
    let after = call.query_id::<UserId>("after")?;
    let world = call.shared.world();
    let message = find(call, &world, permission::READ_MESSAGE_HISTORY)?;
    let emoji = emoji(call)?;
    let found = message.reactions.iter().find(|reaction| reaction.emoji == emoji);
    let mut users: Vec<UserId> = found.map(|reaction| reaction.users.clone()).unwrap_or_default();
    users.sort();
    let page = users
        .iter()
        .filter(|id| after.is_none_or(|after| **id > after))
        .take(limit);
    Ok(Reply::ok(
        page.filter_map(|id| world.users.get(id))
            .map(wire::user)
            .collect(),
    ))
}

/// `DELETE …/reactions`
pub(super) fn clear(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let id = manage(call, &world)?.id;
    world.clear_reactions(id, None);
    Ok(Reply::nothing())
}

/// `DELETE …/reactions/{emoji_name}`
pub(super) fn clear_emoji(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let id = manage(call, &world)?.id;
    world.clear_reactions(id, Some(emoji(call)?));
    Ok(Reply::nothing())
}

/// Finds the message if the bot may take others' reactions off it: never in direct messages.
fn manage<'w>(call: &Call<'_>, world: &'w World) -> Result<&'w Message, ApiError> {
    let message = find(call, world, permission::VIEW_CHANNEL)?;
    if message.guild_id.is_none() {
        return Err(ApiError::not_in_dms());
    }
    require(world, message.channel_id, permission::MANAGE_MESSAGES)?;
    Ok(message)
}

fn emoji(call: &Call<'_>) -> Result<&'static str, ApiError> {
    emoji::unicode(call.parameter("emoji_name")).ok_or_else(ApiError::unknown_emoji)
}
