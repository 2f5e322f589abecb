//! The bot itself, other users, opening direct messages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::id::UserId;
use crate::rest::error::ApiError;
use crate::rest::route::{Call, Reply};
use crate::state::permission;
use crate::validate::{Errors, Form};
use crate::wire;

/// New direct messages that a bot may open within [`OPENING_WINDOW`]. Discord gives the error but not the figure.
const MAX_OPENED: usize = 100;
const OPENING_WINDOW: Duration = Duration::from_secs(600);

/// `GET /users/@me`
pub(super) fn me(call: &Call<'_>) -> Result<Reply, ApiError> {
    let world = call.shared.world();
    let bot = world.users.get(&world.bot).ok_or_else(ApiError::unknown_user)?;
    Ok(Reply::ok(wire::user_private(bot)))
}

/// `GET /users/@me/guilds`
pub(super) fn my_guilds(call: &Call<'_>) -> Result<Reply, ApiError> {
    let world = call.shared.world();
    let guild = wire::guild(&world);
    let permissions = (world.bot_permissions | permission::VIEW_CHANNEL).to_string();
    Ok(Reply::ok(json!([{
        "id": world.guild, "name": guild["name"], "icon": null, "banner": null, "owner": false,
        "permissions": permissions, "features": [],
    }])))
}

/// `GET /users/{user_id}`
pub(super) fn get(call: &Call<'_>) -> Result<Reply, ApiError> {
    let id: UserId = call.id("user_id")?;
    let world = call.shared.world();
    world
        .users
        .get(&id)
        .map(|user| Reply::ok(wire::user(user)))
        .ok_or_else(ApiError::unknown_user)
}

/// `POST /users/@me/channels`
pub(super) fn open_dm(call: &Call<'_>) -> Result<Reply, ApiError> {
    let errors = Errors::default();
    let recipient = Form::new(&call.incoming.body, &errors).get("recipient_id");
    recipient.require();
    let id = recipient.snowflake().map(UserId);
    errors.check()?;
    let mut world = call.shared.world();
    let known = id.filter(|id| *id != world.bot && world.users.contains_key(id));
    let id = known.ok_or_else(ApiError::invalid_recipient)?;
    let now = world.now();
    let opened = world
        .channels
        .values()
        .filter_map(|channel| channel.opened_by_bot);
    let recently = opened.filter(|at| now.since(*at) < OPENING_WINDOW).count();
    let new = !world
        .channels
        .values()
        .any(|channel| channel.recipient == Some(id));
    if new && recently >= MAX_OPENED {
        return Err(ApiError::opening_dms_too_fast());
    }
    let channel = world.ensure_dm(id);
    if let Some(record) = world.channels.get_mut(&channel) {
        record.opened_by_bot.get_or_insert(now);
    }
    let body = world
        .channels
        .get(&channel)
        .map_or(Value::Null, |record| wire::channel(&world, record));
    Ok(Reply::ok(body))
}
