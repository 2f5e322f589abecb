//! The guild and channels.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::state::channels::ChannelRecord;
use crate::state::{World, permission};
use crate::wire;

/// The guild's name.
const GUILD_NAME: &str = "Sandbox";

/// Writes a channel: a guild's text channel, or direct messages.
pub(crate) fn channel(world: &World, record: &ChannelRecord) -> Value {
    let last = record.messages.last();
    let Some(guild) = record.guild else {
        let recipients = record
            .recipient
            .and_then(|id| world.users.get(&id))
            .map(wire::user);
        let recipients: Vec<Value> = recipients.into_iter().collect();
        return json!({
            "id": record.id, "type": 1, "flags": 0, "last_message_id": last, "recipients": recipients,
        });
    };
    let name = world.channel_view(record.id).map(|view| view.name);
    json!({
        "id": record.id, "type": 0, "flags": 0, "last_message_id": last, "guild_id": guild, "name": name,
        "position": 0, "parent_id": null, "topic": null, "nsfw": record.nsfw, "rate_limit_per_user": 0,
        "permission_overwrites": [],
    })
}

/// Writes a channel as interactions carry it.
pub(crate) fn partial_channel(world: &World, record: &ChannelRecord) -> Value {
    let mut wire = channel(world, record);
    if record.guild.is_some() {
        wire["permissions"] = permission::MEMBER_DEFAULT.to_string().into();
    }
    wire
}

/// Writes the guild as REST returns it.
pub(crate) fn guild(world: &World) -> Value {
    let owner = world
        .users
        .values()
        .find(|user| !user.bot)
        .map_or(world.bot, |user| user.id);
    let channel = world.guild_channel();
    json!({
        "id": world.guild, "name": GUILD_NAME, "icon": null, "description": null, "home_header": null,
        "splash": null, "discovery_splash": null, "features": [], "banner": null, "owner_id": owner,
        "application_id": null, "region": "deprecated", "afk_channel_id": null, "afk_timeout": 300,
        "system_channel_id": channel, "system_channel_flags": 0, "widget_enabled": false,
        "widget_channel_id": null, "verification_level": 0, "roles": [everyone(world)],
        "default_message_notifications": 0, "mfa_level": 0, "explicit_content_filter": 0,
        "max_presences": null, "max_members": 500_000, "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25, "vanity_url_code": null, "premium_tier": 0,
        "premium_subscription_count": 0, "preferred_locale": "en-US", "rules_channel_id": null,
        "safety_alerts_channel_id": null, "public_updates_channel_id": null,
        "premium_progress_bar_enabled": false, "nsfw": false, "nsfw_level": 0, "emojis": [], "stickers": [],
        "incidents_data": null,
    })
}

/// Writes the guild as the gateway announces it after READY.
pub(crate) fn guild_create(world: &World) -> Value {
    let mut wire = guild(world);
    let members = world.users.values().filter(|user| user.in_guild);
    let bot: Vec<Value> = world
        .users
        .get(&world.bot)
        .map(|bot| wire::member(world, bot))
        .into_iter()
        .collect();
    let channels = world.channels.values().filter(|record| record.guild.is_some());
    wire["joined_at"] = Timestamp(world.guild.created_at_ms()).to_string().into();
    wire["large"] = false.into();
    wire["unavailable"] = false.into();
    wire["member_count"] = members.count().into();
    wire["members"] = bot.into();
    wire["channels"] = channels.map(|record| channel(world, record)).collect();
    for empty in [
        "voice_states",
        "threads",
        "presences",
        "stage_instances",
        "guild_scheduled_events",
        "soundboard_sounds",
    ] {
        wire[empty] = json!([]);
    }
    wire
}

/// Writes the role that every member has; its id is the guild's.
fn everyone(world: &World) -> Value {
    json!({
        "id": world.guild, "name": "@everyone", "description": null, "color": 0, "hoist": false, "position": 0,
        "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
        "permissions": permission::MEMBER_DEFAULT.to_string(), "managed": false, "mentionable": false,
        "icon": null, "unicode_emoji": null, "flags": 0,
    })
}
