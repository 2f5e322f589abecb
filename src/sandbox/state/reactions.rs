//! Emoji under messages.

use serde_json::{Value, json};

use crate::events::SandboxEvent;
use crate::gateway::intents;
use crate::id::{MessageId, UserId};
use crate::model::{Message, Reaction};
use crate::state::World;
use crate::wire;

/// Most different emoji under one message.
pub(crate) const MAX_REACTIONS: usize = 20;

impl World {
    /// Adds a user's emoji to a message; adding it twice changes nothing.
    pub(crate) fn add_reaction(&mut self, message: MessageId, user: UserId, emoji: &str) {
        let Some(target) = self.messages.get_mut(&message) else {
            return;
        };
        match target
            .reactions
            .iter_mut()
            .find(|reaction| reaction.emoji == emoji)
        {
            Some(reaction) if reaction.users.contains(&user) => return,
            Some(reaction) => reaction.users.push(user),
            None => target.reactions.push(Reaction {
                emoji: emoji.to_owned(),
                users: vec![user],
            }),
        }
        let target = target.clone();
        let mut data = reaction_event(&target, emoji);
        data["user_id"] = user.to_string().into();
        data["message_author_id"] = target.author.id.to_string().into();
        data["burst"] = false.into();
        data["type"] = 0.into();
        if let (Some(_), Some(member)) = (target.guild_id, self.users.get(&user)) {
            data["member"] = wire::member(self, member);
        }
        self.dispatch(
            "MESSAGE_REACTION_ADD",
            reaction_intent(&target),
            target.guild_id,
            data,
        );
        self.tell_reactions(target, user, Some(emoji), true);
    }

    /// Takes a user's emoji off a message; returns whether it was there.
    pub(crate) fn remove_reaction(&mut self, message: MessageId, user: UserId, emoji: &str) -> bool {
        let Some(target) = self.messages.get_mut(&message) else {
            return false;
        };
        let Some(index) = target
            .reactions
            .iter()
            .position(|reaction| reaction.emoji == emoji)
        else {
            return false;
        };
        let users = &mut target.reactions[index].users;
        let before = users.len();
        users.retain(|other| *other != user);
        let removed = users.len() < before;
        if users.is_empty() {
            target.reactions.remove(index);
        }
        if removed {
            let target = target.clone();
            let mut data = reaction_event(&target, emoji);
            data["user_id"] = user.to_string().into();
            data["burst"] = false.into();
            data["type"] = 0.into();
            self.dispatch(
                "MESSAGE_REACTION_REMOVE",
                reaction_intent(&target),
                target.guild_id,
                data,
            );
            self.tell_reactions(target, user, Some(emoji), false);
        }
        removed
    }

    /// Takes all of one emoji, or everything, off a message in a guild.
    pub(crate) fn clear_reactions(&mut self, message: MessageId, emoji: Option<&str>) {
        let Some(target) = self.messages.get_mut(&message) else {
            return;
        };
        target
            .reactions
            .retain(|reaction| emoji.is_some_and(|emoji| reaction.emoji != emoji));
        let target = target.clone();
        let (name, data) = match emoji {
            Some(emoji) => ("MESSAGE_REACTION_REMOVE_EMOJI", reaction_event(&target, emoji)),
            None => ("MESSAGE_REACTION_REMOVE_ALL", message_of(&target)),
        };
        self.dispatch(name, reaction_intent(&target), target.guild_id, data);
        let bot = self.bot;
        self.tell_reactions(target, bot, emoji, false);
    }

    fn tell_reactions(&mut self, message: Message, user_id: UserId, emoji: Option<&str>, added: bool) {
        let emoji = emoji.map(str::to_owned);
        self.emit(SandboxEvent::ReactionsChanged {
            message: Box::new(message),
            user_id,
            emoji,
            added,
        });
    }
}

fn message_of(message: &Message) -> Value {
    let mut data = json!({"channel_id": message.channel_id, "message_id": message.id});
    if let Some(guild) = message.guild_id {
        data["guild_id"] = guild.to_string().into();
    }
    data
}

fn reaction_event(message: &Message, emoji: &str) -> Value {
    let mut data = message_of(message);
    data["emoji"] = json!({"id": null, "name": emoji});
    data
}

fn reaction_intent(message: &Message) -> u64 {
    if message.guild_id.is_some() {
        intents::GUILD_REACTIONS
    } else {
        intents::DM_REACTIONS
    }
}
