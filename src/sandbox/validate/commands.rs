//! Registrations of application commands.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::id::{ApplicationId, CommandId, GuildId};
use crate::model::{Command, CommandKind, CommandOption, InteractionContext};
use crate::validate::Form;
use crate::validate::options::options;

/// Most commands of each kind per scope: slash, user, message.
pub(crate) const MAX_COMMANDS: [usize; 3] = [100, 15, 15];
/// Most characters of a command's names, descriptions and choice values together.
const MAX_SIZE: usize = 8000;

/// Who owns the command being registered.
#[derive(Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) application: ApplicationId,
    pub(crate) guild: Option<GuildId>,
}

/// Reads a registration. Faults are noted in the form; the command is then not to be used.
pub(crate) fn read(form: &Form<'_>, scope: Scope, id: CommandId, version: u64) -> Command {
    form.object();
    let kind = form.get("type").integer(1..=3).and_then(CommandKind::from_code);
    let kind = kind.unwrap_or(CommandKind::ChatInput);
    let name = name(&form.get("name"), kind == CommandKind::ChatInput);
    let description_form = form.get("description");
    let description = match kind {
        CommandKind::ChatInput => description_form.required_text(1..=100).unwrap_or_default(),
        _ => {
            if description_form.text().is_some_and(|text| !text.is_empty()) {
                let message = "Context menu commands cannot have description";
                description_form.fail("APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", message);
            }
            String::new()
        }
    };
    let options = options(&form.get("options"), 0);
    if kind != CommandKind::ChatInput && !options.is_empty() {
        let message = "Context menu commands cannot have options";
        form.get("options")
            .fail("APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS", message);
    }
    let permissions = form.get("default_member_permissions").snowflake();
    let contexts = contexts(form);
    for kind in form.get("integration_types").items_within(1..=2) {
        kind.integer(0..=1);
    }
    localizations(&form.get("name_localizations"), 32);
    localizations(&form.get("description_localizations"), 100);
    let mut command = Command {
        id,
        guild_id: scope.guild,
        kind,
        name,
        description,
        options,
        contexts,
        nsfw: form.get("nsfw").boolean().unwrap_or_default(),
        default_member_permissions: permissions,
        wire: Value::Null,
    };
    if size(&command) > MAX_SIZE {
        form.fail(
            "APPLICATION_COMMAND_TOO_LARGE",
            format!("Command exceeds maximum size ({MAX_SIZE})"),
        );
    }
    command.wire = to_wire(&command, form, scope, version);
    command
}

/// Checks a name: slash commands and options are words of lower-case letters, digits, `-`, `_` and `'`.
pub(super) fn name(form: &Form<'_>, strict: bool) -> String {
    let Some(name) = form.required_text(1..=32) else {
        return String::new();
    };
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '\'');
    let lower = |c: char| c.to_lowercase().eq(std::iter::once(c));
    if strict && !name.chars().all(|c| allowed(c) && lower(c)) {
        form.fail("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
    }
    name
}

fn contexts(form: &Form<'_>) -> Option<Vec<InteractionContext>> {
    let list = form.get("contexts");
    if list.given().is_none() {
        // The older switch: false keeps a global command out of direct messages.
        let guild_only = form.get("dm_permission").boolean() == Some(false);
        return guild_only.then(|| vec![InteractionContext::Guild]);
    }
    let mut seen = HashSet::new();
    let read = |item: &Form<'_>| {
        let context = InteractionContext::from_code(item.integer(0..=2)?)?;
        if !seen.insert(context) {
            item.fail(
                "SET_TYPE_ALREADY_CONTAINS_VALUE",
                "The set already contains this value",
            );
        }
        Some(context)
    };
    Some(list.items_within(1..=3).iter().filter_map(read).collect())
}

pub(super) fn localizations(form: &Form<'_>, longest: usize) {
    for locale in form.object().into_iter().flat_map(|fields| fields.keys()) {
        form.get(locale).text_within(1..=longest);
    }
}

/// Counts the characters that the limit of 8,000 covers.
fn size(command: &Command) -> usize {
    fn of_option(option: &CommandOption) -> usize {
        let choices = option.choices.iter().map(|choice| {
            choice.name.chars().count() + choice.value.as_str().map_or(0, |value| value.chars().count())
        });
        option.name.chars().count()
            + option.description.chars().count()
            + choices.sum::<usize>()
            + option.options.iter().map(of_option).sum::<usize>()
    }
    let options = command.options.iter().map(of_option).sum::<usize>();
    command.name.chars().count() + command.description.chars().count() + options
}

/// Writes a command as the API returns it: what was sent, cleaned, with what Discord adds.
fn to_wire(command: &Command, form: &Form<'_>, scope: Scope, version: u64) -> Value {
    let sent = |name: &str| form.get(name).given().cloned().unwrap_or_default();
    let integration_types = form
        .get("integration_types")
        .given()
        .cloned()
        .unwrap_or_else(|| json!([0]));
    let permissions = command.default_member_permissions.map(|bits| bits.to_string());
    let mut wire = json!({
        "id": command.id, "application_id": scope.application, "version": version.to_string(),
        "type": command.kind.code(), "name": command.name, "description": command.description,
        "name_localizations": sent("name_localizations"),
        "description_localizations": sent("description_localizations"),
        "default_member_permissions": permissions, "nsfw": command.nsfw,
    });
    match scope.guild {
        Some(guild) => wire["guild_id"] = guild.to_string().into(),
        None => {
            let contexts = command.contexts.as_ref();
            wire["contexts"] = contexts
                .map(|list| list.iter().map(|context| context.code()).collect())
                .unwrap_or_default();
            wire["integration_types"] = integration_types;
            wire["dm_permission"] = contexts
                .is_none_or(|list| list.contains(&InteractionContext::BotDm))
                .into();
        }
    }
    if !command.options.is_empty() {
        wire["options"] = without_nulls(sent("options"));
    }
    wire
}

/// Removes null fields at every depth: clients expect absent ones.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let given = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::Errors;

    fn faults(body: &Value) -> String {
        let errors = Errors::default();
        let scope = Scope {
            application: ApplicationId(1),
            guild: None,
        };
        read(&Form::new(body, &errors), scope, CommandId(2), 3);
        errors
            .check()
            .err()
            .map_or_else(String::new, |error| error.to_json().to_string())
    }

    fn with_options(options: Value) -> Value {
        json!({"name": "imagine", "description": "Draws", "options": options})
    }

    #[test]
    fn a_plain_command_passes() {
        let options = json!([
            {"type": 3, "name": "prompt", "description": "What to draw", "required": true, "max_length": 1000},
            {"type": 10, "name": "beta", "description": "How much", "min_value": 0, "max_value": 1},
            {"type": 3, "name": "aspect", "description": "Shape", "choices": [{"name": "Square", "value": "square"}]},
        ]);
        assert_eq!(faults(&with_options(options)), "");
    }

    #[test]
    fn each_limit_has_its_code() {
        let long = "x".repeat(101);
        let many: Vec<Value> = (0..26)
            .map(|n| json!({"type": 3, "name": format!("o{n}"), "description": "d"}))
            .collect();
        let cases = [
            (
                json!({"name": "Imagine", "description": "d"}),
                "APPLICATION_COMMAND_INVALID_NAME",
            ),
            (
                json!({"name": "a b", "description": "d"}),
                "APPLICATION_COMMAND_INVALID_NAME",
            ),
            (
                json!({"name": "x".repeat(33), "description": "d"}),
                "BASE_TYPE_BAD_LENGTH",
            ),
            (json!({"name": "x"}), "BASE_TYPE_REQUIRED"),
            (json!({"name": "x", "description": long}), "BASE_TYPE_BAD_LENGTH"),
            (with_options(many.into()), "BASE_TYPE_MAX_LENGTH"),
            (
                with_options(json!([
                    {"type": 3, "name": "a", "description": "d"},
                    {"type": 3, "name": "b", "description": "d", "required": true},
                ])),
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
            ),
            (
                with_options(json!([
                    {"type": 3, "name": "a", "description": "d"},
                    {"type": 3, "name": "a", "description": "d"},
                ])),
                "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATE",
            ),
            (
                with_options(json!([{"type": 5, "name": "a", "description": "d", "autocomplete": true}])),
                "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID",
            ),
            (
                with_options(json!([
                    {"type": 1, "name": "a", "description": "d"},
                    {"type": 3, "name": "b", "description": "d"},
                ])),
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            ),
        ];
        for (body, code) in cases {
            assert!(
                faults(&body).contains(code),
                "{body} should fail with {code}, got {}",
                faults(&body)
            );
        }
    }

    #[test]
    fn eight_thousand_characters_are_the_most() {
        let choice = |n: usize| json!({"name": format!("{n:0>100}"), "value": format!("{n:0>100}")});
        let option = |n: usize| {
            let choices: Vec<Value> = (0..25).map(choice).collect();
            json!({"type": 3, "name": format!("o{n}"), "description": "d", "choices": choices})
        };
        assert_eq!(faults(&with_options(json!([option(1)]))), "");
        assert!(faults(&with_options(json!([option(1), option(2)]))).contains("TOO_LARGE"));
    }
}
