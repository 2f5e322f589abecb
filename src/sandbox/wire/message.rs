//! Messages.

use serde_json::{Value, json};

use crate::files;
use crate::model::component::rows_to_wire;
use crate::model::{Embed, InteractionKind, Message, MessageInteraction};
use crate::state::World;
use crate::wire;

/// Discord's message types.
mod kind {
    pub(super) const DEFAULT: u8 = 0;
    pub(super) const REPLY: u8 = 19;
    pub(super) const CHAT_INPUT_COMMAND: u8 = 20;
}

/// Writes a message with the fields that REST and the gateway share.
pub(crate) fn message(world: &World, message: &Message) -> Value {
    let mut wire = bare(world, message);
    if let Some(id) = message.reference {
        wire["message_reference"] = json!({"type": 0, "channel_id": message.channel_id, "message_id": id});
        if let Some(guild) = message.guild_id {
            wire["message_reference"]["guild_id"] = guild.to_string().into();
        }
        wire["referenced_message"] = world
            .messages
            .get(&id)
            .map_or(Value::Null, |target| bare(world, target));
    }
    wire
}

/// Empties what the message-content intent guards.
pub(crate) fn redact(mut wire: Value) -> Value {
    wire["content"] = "".into();
    for list in ["embeds", "attachments", "components"] {
        wire[list] = json!([]);
    }
    wire
}

/// Writes a message without the one it replies to.
fn bare(world: &World, message: &Message) -> Value {
    let author = world.users.get(&message.author.id).map(wire::user);
    let mentions = message
        .mentions
        .iter()
        .filter_map(|id| world.users.get(id))
        .map(wire::user);
    let shown = message.attachments.iter().filter(|file| !file.embedded);
    let mut wire = json!({
        "id": message.id, "channel_id": message.channel_id, "author": author, "type": kind_of(message),
        "content": message.content, "timestamp": message.created_at, "edited_timestamp": message.edited_at,
        "tts": false, "mention_everyone": false, "mentions": mentions.collect::<Vec<_>>(),
        "mention_roles": [], "attachments": shown.map(|file| files::to_wire(world, file)).collect::<Vec<_>>(),
        "embeds": message.embeds.iter().map(|one| embed(world, one)).collect::<Vec<_>>(), "pinned": false,
        "flags": message.flags, "components": rows_to_wire(&message.components),
    });
    if !message.reactions.is_empty() {
        wire["reactions"] = message
            .reactions
            .iter()
            .map(|reaction| {
                let count = reaction.users.len();
                json!({
                    "emoji": {"id": null, "name": reaction.emoji}, "count": count,
                    "count_details": {"burst": 0, "normal": count}, "burst_colors": [], "me_burst": false,
                    "burst_me": false, "burst_count": 0, "me": reaction.users.contains(&world.bot),
                })
            })
            .collect();
    }
    if let Some(made_by) = &message.interaction {
        wire["application_id"] = world.application.to_string().into();
        wire["webhook_id"] = world.application.to_string().into();
        if !made_by.followup {
            describe_interaction(world, message, made_by, &mut wire);
        }
    }
    wire
}

fn kind_of(message: &Message) -> u8 {
    match &message.interaction {
        Some(made_by) if made_by.kind == InteractionKind::Command && !made_by.followup => {
            kind::CHAT_INPUT_COMMAND
        }
        _ if message.reference.is_some() => kind::REPLY,
        _ => kind::DEFAULT,
    }
}

/// Adds what caused a message: `interaction_metadata`, and the older `interaction` that libraries still read.
fn describe_interaction(world: &World, message: &Message, made_by: &MessageInteraction, wire: &mut Value) {
    let Some(user) = world.users.get(&made_by.user).map(wire::user) else {
        return;
    };
    let owner = message
        .guild_id
        .map_or_else(|| "0".to_owned(), |guild| guild.to_string());
    let mut metadata = json!({
        "id": made_by.id, "type": made_by.kind.code(), "user": user, "authorizing_integration_owners": {"0": owner},
    });
    match (made_by.kind, made_by.component_message) {
        (InteractionKind::Command, _) => {
            wire["interaction"] = json!({"id": made_by.id, "type": 2, "name": made_by.name, "user": user});
        }
        (InteractionKind::Component, Some(source)) => {
            metadata["interacted_message_id"] = source.to_string().into();
        }
        (InteractionKind::Modal, source) => {
            // The sandbox keeps no chain of interactions: what opened the modal is described by its place.
            metadata["triggering_interaction_metadata"] = match source {
                Some(source) => json!({
                    "id": made_by.id, "type": 3, "user": user, "authorizing_integration_owners": {"0": owner},
                    "interacted_message_id": source,
                }),
                None => json!({
                    "id": made_by.id, "type": 2, "user": user, "authorizing_integration_owners": {"0": owner},
                }),
            };
        }
        _ => {}
    }
    wire["interaction_metadata"] = metadata;
}

fn embed(world: &World, embed: &Embed) -> Value {
    let mut embed = embed.clone();
    for url in embed.media_mut() {
        *url = files::signed(world, url);
    }
    let mut wire = serde_json::to_value(&embed).unwrap_or_default();
    wire["type"] = "rich".into();
    for media in ["image", "thumbnail"] {
        if let Some(url) = wire[media].get("url").cloned() {
            wire[media]["proxy_url"] = url;
        }
    }
    wire
}
