//! Interactions, as INTERACTION_CREATE carries them.

use serde_json::{Value, json};

use crate::model::InteractionContext;
use crate::state::World;
use crate::state::interactions::{ATTACHMENT_LIMIT, Interaction};
use crate::wire;

/// Writes an interaction with its `data`.
pub(crate) fn interaction(world: &World, it: &Interaction, data: Value) -> Value {
    let context = if it.guild.is_some() {
        InteractionContext::Guild
    } else {
        InteractionContext::BotDm
    };
    let user = world.users.get(&it.user);
    let locale = user.map(|user| user.locale.clone());
    let owner = it.guild.map_or_else(|| "0".to_owned(), |guild| guild.to_string());
    let mut payload = json!({
        "id": it.id, "application_id": world.application, "type": it.kind.code(), "data": data,
        "token": it.token, "version": 1, "channel_id": it.channel, "locale": locale,
        "channel": world.channels.get(&it.channel).map(|channel| wire::partial_channel(world, channel)),
        "app_permissions": world.permissions_of(world.bot, it.guild).to_string(), "entitlements": [],
        "authorizing_integration_owners": {"0": owner}, "context": context.code(),
        "attachment_size_limit": ATTACHMENT_LIMIT,
    });
    match it.guild {
        Some(guild) => {
            payload["guild_id"] = guild.to_string().into();
            payload["guild"] = json!({"id": guild, "locale": "en-US", "features": []});
            payload["guild_locale"] = "en-US".into();
            payload["member"] = user.map_or(Value::Null, |user| wire::member(world, user));
        }
        None => payload["user"] = user.map_or(Value::Null, wire::user),
    }
    if let Some(message) = it.source.and_then(|id| world.messages.get(&id)) {
        let mut carried = wire::message(world, message);
        if let Some(guild) = message.guild_id {
            carried["guild_id"] = guild.to_string().into();
        }
        payload["message"] = carried;
    }
    payload
}
