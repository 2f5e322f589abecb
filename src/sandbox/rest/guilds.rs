//! The guild, and where the gateway is.

use serde_json::json;

use crate::gateway::hub::MAX_CONCURRENCY;
use crate::id::{GuildId, UserId};
use crate::rest::error::ApiError;
use crate::rest::route::{Call, Reply};
use crate::wire;

/// `GET /gateway`
pub(super) fn gateway(call: &Call<'_>) -> Result<Reply, ApiError> {
    Ok(Reply::ok(json!({"url": call.shared.gateway_url()})))
}

/// `GET /gateway/bot`
pub(super) fn gateway_bot(call: &Call<'_>) -> Result<Reply, ApiError> {
    let (total, remaining, reset_after) = call.shared.world().hub.identify_budget();
    Ok(Reply::ok(json!({
        "url": call.shared.gateway_url(), "shards": 1, "session_start_limit": {
            "total": total, "remaining": remaining, "reset_after": reset_after.as_millis() as u64,
            "max_concurrency": MAX_CONCURRENCY,
        },
    })))
}

/// `GET /guilds/{guild_id}`
pub(super) fn get(call: &Call<'_>) -> Result<Reply, ApiError> {
    known(call)?;
    let world = call.shared.world();
    let mut guild = wire::guild(&world);
    if call
        .incoming
        .query
        .get("with_counts")
        .is_some_and(|value| value == "true")
    {
        let members = world.users.values().filter(|user| user.in_guild).count();
        guild["approximate_member_count"] = members.into();
        guild["approximate_presence_count"] = members.into();
    }
    Ok(Reply::ok(guild))
}

/// `GET /guilds/{guild_id}/channels`
pub(super) fn channels(call: &Call<'_>) -> Result<Reply, ApiError> {
    known(call)?;
    let world = call.shared.world();
    let of_guild = world.channels.values().filter(|record| record.guild.is_some());
    Ok(Reply::ok(
        of_guild.map(|record| wire::channel(&world, record)).collect(),
    ))
}

/// `GET /guilds/{guild_id}/members/{user_id}`
pub(super) fn member(call: &Call<'_>) -> Result<Reply, ApiError> {
    known(call)?;
    let id: UserId = call.id("user_id")?;
    let world = call.shared.world();
    let user = world.users.get(&id).ok_or_else(ApiError::unknown_user)?;
    if !user.in_guild {
        return Err(ApiError::unknown_member());
    }
    Ok(Reply::ok(wire::member(&world, user)))
}

/// Refuses other guilds than the sandbox's one.
fn known(call: &Call<'_>) -> Result<(), ApiError> {
    let id: GuildId = call.id("guild_id")?;
    if id == call.shared.world().guild {
        Ok(())
    } else {
        Err(ApiError::unknown_guild())
    }
}
