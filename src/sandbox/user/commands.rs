//! Running slash commands and completing their options.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::{ActionError, WaitError};
use crate::id::{ChannelId, InteractionId};
use crate::model::{
    Choice, Command, CommandKind, CommandOption, InteractionContext, InteractionKind, OptionKind,
};
use crate::state::World;
use crate::state::interactions::{Act, InteractionStatus};
use crate::user::User;
use crate::user::options::Resolver;

/// A bot has three seconds to complete; this is real time, and some for a busy machine.
const COMPLETE_WITHIN: Duration = Duration::from_secs(10);

/// A command with its subcommand, found by its full name.
struct Found<'w> {
    command: &'w Command,
    /// Subcommand group and subcommand, outermost first.
    path: Vec<&'w CommandOption>,
}

impl<'w> Found<'w> {
    /// Returns the options that a person fills in.
    fn options(&self) -> &'w [CommandOption] {
        self.path
            .last()
            .map_or(&self.command.options, |subcommand| &subcommand.options)
    }

    /// Writes the interaction's data around the typed options.
    fn data(&self, options: Vec<Value>, resolved: Value) -> Value {
        let wrap = |inner: Vec<Value>, outer: &&CommandOption| {
            let mut wire = json!({"name": outer.name, "type": outer.kind.code()});
            wire["options"] = inner.into();
            vec![wire]
        };
        let options = self.path.iter().rev().fold(options, wrap);
        let mut data =
            json!({"id": self.command.id, "name": self.command.name, "type": self.command.kind.code()});
        if !options.is_empty() {
            data["options"] = options.into();
        }
        if resolved.as_object().is_some_and(|kinds| !kinds.is_empty()) {
            data["resolved"] = resolved;
        }
        if let Some(guild) = self.command.guild_id {
            data["guild_id"] = guild.to_string().into();
        }
        data
    }
}

impl User {
    /// Returns the slash commands that they can use in a channel.
    pub fn commands(&self, channel: ChannelId) -> Vec<Command> {
        let world = self.sandbox.shared.world();
        world
            .commands
            .iter()
            .filter(|command| self.may_use(&world, command, channel))
            .cloned()
            .collect()
    }

    /// Runs a slash command: its name with subcommands ("profile show") and its options as a JSON object.
    ///
    /// Options are checked as a client does: required ones must be there, values must fit their type, choices and
    /// limits. Choices may be given by name or value, users and channels by name or id.
    ///
    /// # Errors
    ///
    /// When they are not in the channel, there is no such command for them there, or an option does not fit.
    pub fn command(
        &self,
        channel: ChannelId,
        name: &str,
        options: Value,
    ) -> Result<InteractionId, ActionError> {
        let mut world = self.sandbox.shared.world();
        let act = self.command_act(&world, channel, name, &options, None)?;
        Ok(self.interact(&mut world, act))
    }

    /// Asks the bot to complete an option while the others are as given; `options` holds what is typed so far.
    ///
    /// # Errors
    ///
    /// As [`command`](User::command), when the option has no completion, or when the bot does not respond.
    pub async fn autocomplete(
        &self,
        channel: ChannelId,
        name: &str,
        options: Value,
        focused: &str,
    ) -> Result<Vec<Choice>, WaitError> {
        let id = {
            let mut world = self.sandbox.shared.world();
            let act = self.command_act(&world, channel, name, &options, Some(focused))?;
            self.interact(&mut world, act)
        };
        let check = || {
            let world = self.sandbox.shared.world();
            match world.interactions.get(&id) {
                Some(interaction) if interaction.status == InteractionStatus::Failed => {
                    let (what, transcript) =
                        (format!("the completion of /{name}"), world.transcript(channel));
                    Err(WaitError::DidNotRespond { what, transcript })
                }
                interaction => Ok(interaction.and_then(|interaction| interaction.choices.clone())),
            }
        };
        self.sandbox
            .wait(COMPLETE_WITHIN, check, || self.sandbox.transcript(channel))
            .await
    }

    fn command_act(
        &self,
        world: &World,
        channel: ChannelId,
        name: &str,
        options: &Value,
        focused: Option<&str>,
    ) -> Result<Act, ActionError> {
        self.require_channel(world, channel)?;
        let found = self.find(world, channel, name)?;
        let bad = |option: &str, reason: &str| ActionError::BadOption {
            command: name.to_owned(),
            option: option.to_owned(),
            reason: reason.to_owned(),
        };
        let none = Map::new();
        let given = match options {
            Value::Null => &none,
            Value::Object(given) => given,
            _ => return Err(bad("", "options are a JSON object")),
        };
        let completed = match focused {
            Some(focused) => {
                let option = found.options().iter().find(|option| option.name == focused);
                let option = option.filter(|option| option.autocomplete);
                Some(option.ok_or_else(|| bad(focused, "the bot does not complete it"))?)
            }
            None => None,
        };
        let mut resolver = Resolver {
            world,
            command: name,
            resolved: json!({}),
        };
        let values = resolver.resolve(found.options(), given, focused)?;
        let data = found.data(values, resolver.resolved);
        let kind = if focused.is_some() {
            InteractionKind::Autocomplete
        } else {
            InteractionKind::Command
        };
        let focused: Option<OptionKind> = completed.map(|option| option.kind);
        Ok(Act {
            kind,
            name: name.to_owned(),
            user: self.id,
            channel,
            source: None,
            focused,
            data,
        })
    }

    fn find<'w>(&self, world: &'w World, channel: ChannelId, name: &str) -> Result<Found<'w>, ActionError> {
        let unknown = || {
            let usable = world
                .commands
                .iter()
                .filter(|command| self.may_use(world, command, channel));
            let names = usable
                .map(|command| command.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            ActionError::UnknownCommand {
                name: name.to_owned(),
                available: names,
            }
        };
        let mut words = name.trim_start_matches('/').split_whitespace();
        let first = words.next().unwrap_or_default();
        // A guild's own command hides the global one of the same name.
        let named = |command: &&Command| command.name == first && self.may_use(world, command, channel);
        let command = world
            .commands
            .iter()
            .filter(named)
            .max_by_key(|command| command.guild_id.is_some());
        let command = command.ok_or_else(unknown)?;
        let mut options = command.options.as_slice();
        let mut path = Vec::new();
        for word in words {
            let subcommand = options
                .iter()
                .find(|option| option.name == word && holds_options(option));
            let subcommand = subcommand.ok_or_else(unknown)?;
            path.push(subcommand);
            options = &subcommand.options;
        }
        // The name must lead down to what can be run.
        if options.iter().any(holds_options) {
            Err(unknown())
        } else {
            Ok(Found { command, path })
        }
    }

    /// Tells whether a client offers a command to this user in this channel.
    fn may_use(&self, world: &World, command: &Command, channel: ChannelId) -> bool {
        let Some(record) = world.channels.get(&channel) else {
            return false;
        };
        let context = if record.guild.is_some() {
            InteractionContext::Guild
        } else {
            InteractionContext::BotDm
        };
        let here = command
            .contexts
            .as_ref()
            .is_none_or(|contexts| contexts.contains(&context));
        let scope = command.guild_id.is_none_or(|guild| record.guild == Some(guild));
        // In direct messages Discord asks the person to opt in; the sandbox counts them as not having done so.
        let age = !command.nsfw || record.nsfw;
        let admin = world.users.get(&self.id).is_some_and(|user| user.admin);
        let held = world.permissions_of(self.id, record.guild);
        let permitted = record.guild.is_none()
            || admin
            || command
                .default_member_permissions
                .is_none_or(|needed| needed != 0 && held & needed == needed);
        command.kind == CommandKind::ChatInput && here && scope && age && permitted
    }
}

fn holds_options(option: &CommandOption) -> bool {
    matches!(option.kind, OptionKind::Subcommand | OptionKind::SubcommandGroup)
}
