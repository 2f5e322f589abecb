//! A person on the other side of the conversation: everything one does in a Discord client, as methods.

mod acts;
mod commands;
mod components;
mod options;
mod waits;

pub use acts::Upload;

use std::fmt;

use crate::error::ActionError;
use crate::id::{ChannelId, MessageId, UserId};
use crate::model::Message;
use crate::sandbox::Sandbox;
use crate::shared::secret;
use crate::state::World;
use crate::state::interactions::Act;

/// A person of the sandbox. Made by [`Sandbox::user`]; clones are the same person.
///
/// Methods do what a client would do and refuse what it would not offer. They return when Discord would have the
/// act; what the bot makes of it is waited for.
#[derive(Clone)]
pub struct User {
    sandbox: Sandbox,
    id: UserId,
}

impl User {
    pub(crate) fn new(sandbox: Sandbox, id: UserId) -> Self {
        User { sandbox, id }
    }

    /// Returns their id.
    pub fn id(&self) -> UserId {
        self.id
    }

    /// Returns their name.
    pub fn name(&self) -> String {
        self.sandbox
            .shared
            .world()
            .users
            .get(&self.id)
            .map(|user| user.name.clone())
            .unwrap_or_default()
    }

    /// Returns the sandbox they are in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Returns their direct messages with the bot, opened as a client opens them.
    pub fn dm(&self) -> ChannelId {
        self.sandbox.shared.world().ensure_dm(self.id)
    }

    /// Returns a channel's messages as they see it, oldest first.
    pub fn messages(&self, channel: ChannelId) -> Vec<Message> {
        let world = self.sandbox.shared.world();
        if !world.can_see(self.id, channel) {
            return Vec::new();
        }
        world
            .messages_in(channel)
            .filter(|message| message.is_visible_to(self.id))
            .cloned()
            .collect()
    }

    /// Tells whether members of the guild, the bot among them, may send them direct messages.
    pub fn dms_open(&self) -> bool {
        self.sandbox
            .shared
            .world()
            .users
            .get(&self.id)
            .is_some_and(|user| user.dms_open)
    }

    /// Says whether members of the guild may send them direct messages.
    pub fn set_dms_open(&self, open: bool) {
        self.sandbox
            .shared
            .world()
            .change_user(self.id, |user| user.dms_open = open);
    }

    /// Leaves the guild: its channel is gone for them, and the bot shares no guild with them.
    pub fn leave_guild(&self) {
        self.sandbox.shared.world().set_membership(self.id, false);
    }

    /// Joins the guild again.
    pub fn join_guild(&self) {
        self.sandbox.shared.world().set_membership(self.id, true);
    }

    /// Makes them an administrator of the guild, or not.
    pub fn set_admin(&self, admin: bool) {
        self.sandbox
            .shared
            .world()
            .change_user(self.id, |user| user.admin = admin);
    }

    /// Sets their client's language, such as `de` or `en-US`.
    pub fn set_locale(&self, locale: &str) {
        self.sandbox
            .shared
            .world()
            .change_user(self.id, |user| user.locale = locale.to_owned());
    }

    /// Refuses a channel that they are not in.
    fn require_channel(&self, world: &World, channel: ChannelId) -> Result<(), ActionError> {
        if world.can_see(self.id, channel) {
            Ok(())
        } else {
            Err(ActionError::UnknownChannel(channel))
        }
    }

    /// Finds a message that they see.
    fn visible<'w>(&self, world: &'w World, id: MessageId) -> Result<&'w Message, ActionError> {
        let seen =
            |message: &&Message| message.is_visible_to(self.id) && world.can_see(self.id, message.channel_id);
        world
            .messages
            .get(&id)
            .filter(seen)
            .ok_or(ActionError::UnknownMessage(id))
    }

    /// Sends an interaction to the bot and starts its three seconds.
    fn interact(&self, world: &mut World, act: Act) -> crate::InteractionId {
        // Discord's tokens are long; this one is as unguessable.
        let id = world.interact(act, secret(48));
        self.sandbox.shared.deadlines.notify_one();
        id
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for User {}
