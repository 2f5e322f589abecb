//! Users and members.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::state::World;
use crate::state::users::UserRecord;

/// Writes a user as everyone sees them.
pub(crate) fn user(record: &UserRecord) -> Value {
    let mut wire = json!({
        "id": record.id, "username": record.username(), "global_name": record.name, "discriminator": "0",
        "avatar": null, "public_flags": 0, "flags": 0, "banner": null, "accent_color": null,
        "avatar_decoration_data": null, "collectibles": null, "primary_guild": null,
    });
    if record.bot {
        wire["bot"] = true.into();
        wire["global_name"] = Value::Null;
        wire["username"] = record.name.clone().into();
    }
    wire
}

/// Writes a user as they see themselves.
pub(crate) fn user_private(record: &UserRecord) -> Value {
    let mut wire = user(record);
    wire["mfa_enabled"] = true.into();
    wire["locale"] = record.locale.clone().into();
    wire["verified"] = true.into();
    wire["email"] = Value::Null;
    wire
}

/// Writes a member of the guild without the user, as messages carry it.
pub(crate) fn partial_member(world: &World, record: &UserRecord) -> Value {
    json!({
        "roles": [], "nick": null, "avatar": null, "banner": null, "premium_since": null, "deaf": false,
        "mute": false, "flags": 0, "pending": false, "communication_disabled_until": null,
        "joined_at": Timestamp(record.id.created_at_ms()),
        "permissions": world.permissions_of(record.id, Some(world.guild)).to_string(),
    })
}

/// Writes a member of the guild.
pub(crate) fn member(world: &World, record: &UserRecord) -> Value {
    let mut wire = partial_member(world, record);
    wire["user"] = user(record);
    wire
}
