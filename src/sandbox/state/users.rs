//! People and the bot, and what is particular about each.

use serde::{Deserialize, Serialize};

use crate::events::SandboxEvent;
use crate::id::{GuildId, UserId};
use crate::model::Author;
use crate::state::{World, permission};
use crate::wire;

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UserRecord {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) bot: bool,
    /// Whether they accept direct messages from members of the guild.
    pub(crate) dms_open: bool,
    pub(crate) in_guild: bool,
    pub(crate) admin: bool,
    pub(crate) locale: String,
}

impl UserRecord {
    pub(crate) fn new(id: UserId, name: &str, bot: bool) -> Self {
        let name = name.to_owned();
        UserRecord {
            id,
            name,
            bot,
            dms_open: true,
            in_guild: true,
            admin: false,
            locale: "en-US".to_owned(),
        }
    }

    /// Returns the user as a message's author.
    pub(crate) fn author(&self) -> Author {
        Author {
            id: self.id,
            name: self.name.clone(),
            bot: self.bot,
        }
    }

    /// Returns the name in the form of Discord's unique user names: lower case, no spaces.
    pub(crate) fn username(&self) -> String {
        let allowed = |c: char| if c.is_alphanumeric() || c == '.' { c } else { '_' };
        self.name.to_lowercase().chars().map(allowed).collect()
    }
}

impl World {
    /// Returns the user called `name`, made (and a member of the guild) if there is none.
    pub(crate) fn ensure_user(&mut self, name: &str) -> UserId {
        if let Some(user) = self.users.values().find(|user| !user.bot && user.name == name) {
            return user.id;
        }
        let id = UserId(self.clock.snowflake());
        self.users.insert(id, UserRecord::new(id, name, false));
        self.announce_member("GUILD_MEMBER_ADD", id);
        id
    }

    /// Changes a user and tells live views.
    pub(crate) fn change_user(&mut self, id: UserId, change: impl FnOnce(&mut UserRecord)) {
        if let Some(user) = self.users.get_mut(&id) {
            change(user);
            self.emit(SandboxEvent::UserChanged { user_id: id });
        }
    }

    /// Moves a user into or out of the guild.
    pub(crate) fn set_membership(&mut self, id: UserId, in_guild: bool) {
        if self.users.get(&id).is_none_or(|user| user.in_guild == in_guild) {
            return;
        }
        self.change_user(id, |user| user.in_guild = in_guild);
        self.announce_member(
            if in_guild {
                "GUILD_MEMBER_ADD"
            } else {
                "GUILD_MEMBER_REMOVE"
            },
            id,
        );
    }

    fn announce_member(&mut self, event: &'static str, id: UserId) {
        let guild = self.guild;
        if let Some(user) = self.users.get(&id) {
            let mut data = if event == "GUILD_MEMBER_ADD" {
                wire::member(self, user)
            } else {
                serde_json::json!({"user": wire::user(user)})
            };
            data["guild_id"] = guild.to_string().into();
            self.dispatch(event, crate::gateway::intents::GUILD_MEMBERS, Some(guild), data);
        }
        self.emit(SandboxEvent::UserChanged { user_id: id });
    }

    /// Returns what a user may do in a guild channel, as a bit set; direct messages have no permissions to lack.
    pub(crate) fn permissions_of(&self, id: UserId, guild: Option<GuildId>) -> u64 {
        match self.users.get(&id) {
            _ if guild.is_none() => permission::BOT_DEFAULT & !permission::MANAGE_MESSAGES,
            Some(user) if user.bot => self.bot_permissions,
            Some(user) if user.admin => permission::ADMINISTRATOR,
            _ => permission::MEMBER_DEFAULT,
        }
    }
}
