//! Registering application commands, global and of the guild.

use serde_json::{Map, Value, json};

use crate::events::SandboxEvent;
use crate::id::{ApplicationId, CommandId, GuildId};
use crate::model::{Command, CommandKind};
use crate::rest::error::ApiError;
use crate::rest::route::{Call, Reply};
use crate::state::World;
use crate::validate::commands::{MAX_COMMANDS, Scope, read};
use crate::validate::{Errors, Form};

/// `GET …/commands`
pub(super) fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    let world = call.shared.world();
    let scope = scope(call, &world)?;
    let commands = world
        .commands
        .iter()
        .filter(|command| command.guild_id == scope.guild);
    let localized = call
        .incoming
        .query
        .get("with_localizations")
        .is_some_and(|value| value == "true");
    let shown = commands.map(|command| {
        if localized {
            command.wire.clone()
        } else {
            unlocalized(command)
        }
    });
    Ok(Reply::ok(shown.collect()))
}

/// `GET …/commands/{command_id}`
pub(super) fn get(call: &Call<'_>) -> Result<Reply, ApiError> {
    let world = call.shared.world();
    let index = find(call, &world)?;
    Ok(Reply::ok(world.commands[index].wire.clone()))
}

/// `POST …/commands`: makes a command, or replaces the one of the same name and kind.
pub(super) fn create(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let scope = scope(call, &world)?;
    let errors = Errors::default();
    let mut command = register(&world, &Form::new(&call.incoming.body, &errors), scope);
    errors.check()?;
    let same = |other: &Command| same_place(other, &command);
    let Some(index) = world.commands.iter().position(same) else {
        let of_kind = world
            .commands
            .iter()
            .filter(|other| other.kind == command.kind && other.guild_id == command.guild_id);
        if of_kind.count() >= MAX_COMMANDS[command.kind as usize] {
            return Err(ApiError::too_many_commands());
        }
        let body = command.wire.clone();
        world.commands.push(command);
        world.emit(SandboxEvent::CommandsChanged);
        return Ok(Reply::created(body));
    };
    keep_id(&mut command, world.commands[index].id);
    let body = command.wire.clone();
    world.commands[index] = command;
    world.emit(SandboxEvent::CommandsChanged);
    Ok(Reply::ok(body))
}

/// `PUT …/commands`: replaces all commands of the scope. Commands that stay keep their ids.
pub(super) fn overwrite(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let scope = scope(call, &world)?;
    let errors = Errors::default();
    let body = Form::new(&call.incoming.body, &errors);
    if !call.incoming.body.is_array() {
        body.fail("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
    }
    let mut commands: Vec<Command> = Vec::new();
    for form in body.items() {
        let mut command = register(&world, &form, scope);
        if commands.iter().any(|other| same_place(other, &command)) {
            let message = "Application command names must be unique";
            form.get("name")
                .fail("APPLICATION_COMMANDS_DUPLICATE_NAME", message);
        }
        if let Some(known) = world.commands.iter().find(|other| same_place(other, &command)) {
            keep_id(&mut command, known.id);
        }
        commands.push(command);
    }
    errors.check()?;
    let kinds = [CommandKind::ChatInput, CommandKind::User, CommandKind::Message];
    for kind in kinds {
        if commands.iter().filter(|command| command.kind == kind).count() > MAX_COMMANDS[kind as usize] {
            return Err(ApiError::too_many_commands());
        }
    }
    let body: Value = commands.iter().map(|command| command.wire.clone()).collect();
    world.commands.retain(|command| command.guild_id != scope.guild);
    world.commands.extend(commands);
    world.emit(SandboxEvent::CommandsChanged);
    Ok(Reply::ok(body))
}

/// `PATCH …/commands/{command_id}`
pub(super) fn edit(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let scope = scope(call, &world)?;
    let index = find(call, &world)?;
    let known = &world.commands[index];
    let errors = Errors::default();
    Form::new(&call.incoming.body, &errors).object();
    let mut merged = known.wire.as_object().cloned().unwrap_or_default();
    merged.extend(call.incoming.body.as_object().cloned().unwrap_or_else(Map::new));
    // A command's kind never changes.
    merged.insert("type".to_owned(), known.kind.code().into());
    let merged = Value::Object(merged);
    let mut command = register(&world, &Form::new(&merged, &errors), scope);
    errors.check()?;
    keep_id(&mut command, known.id);
    let body = command.wire.clone();
    world.commands[index] = command;
    world.emit(SandboxEvent::CommandsChanged);
    Ok(Reply::ok(body))
}

/// `DELETE …/commands/{command_id}`
pub(super) fn delete(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let index = find(call, &world)?;
    world.commands.remove(index);
    world.emit(SandboxEvent::CommandsChanged);
    Ok(Reply::nothing())
}

fn register(world: &World, form: &Form<'_>, scope: Scope) -> Command {
    read(
        form,
        scope,
        CommandId(world.clock.snowflake()),
        world.clock.snowflake(),
    )
}

fn keep_id(command: &mut Command, id: CommandId) {
    command.id = id;
    command.wire["id"] = json!(id);
}

/// Tells whether one command replaces the other: same scope, kind and name.
fn same_place(one: &Command, other: &Command) -> bool {
    (one.guild_id, one.kind, &one.name) == (other.guild_id, other.kind, &other.name)
}

fn unlocalized(command: &Command) -> Value {
    let mut wire = command.wire.clone();
    if let Some(fields) = wire.as_object_mut() {
        fields.retain(|name, _| !name.ends_with("_localizations"));
    }
    wire
}

fn find(call: &Call<'_>, world: &World) -> Result<usize, ApiError> {
    let scope = scope(call, world)?;
    let id: CommandId = call.id("command_id")?;
    let here = |command: &Command| command.id == id && command.guild_id == scope.guild;
    world
        .commands
        .iter()
        .position(here)
        .ok_or_else(ApiError::unknown_command)
}

fn scope(call: &Call<'_>, world: &World) -> Result<Scope, ApiError> {
    let application: ApplicationId = call.id("application_id")?;
    if application != world.application {
        // Another application's commands are not the bot's to see.
        return Err(ApiError::unknown_application());
    }
    let guild = match call.parameter("guild_id") {
        "" => None,
        _ => Some(call.id::<GuildId>("guild_id")?),
    };
    if guild.is_some_and(|guild| guild != world.guild) {
        return Err(ApiError::missing_access());
    }
    Ok(Scope { application, guild })
}
