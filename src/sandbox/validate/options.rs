//! Options and choices of application commands.

use std::collections::HashSet;

use serde_json::Value;

use crate::model::{Choice, CommandOption, OptionKind};
use crate::validate::Form;
use crate::validate::commands::{localizations, name};

/// Most options of a command, and most choices of an option.
const MAX_OPTIONS: usize = 25;
/// Greatest whole number that JSON carries exactly; Discord allows options up to it.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Reads the options of a command (depth 0), subcommand group (1 under a command) or subcommand.
pub(super) fn options(list: &Form<'_>, depth: usize) -> Vec<CommandOption> {
    let mut names = HashSet::new();
    let mut optional_before = false;
    let (mut nested, mut plain) = (false, false);
    let mut options = Vec::new();
    for form in list.items_within(0..=MAX_OPTIONS) {
        let Some(option) = option(&form, depth) else {
            continue;
        };
        if !names.insert(option.name.clone()) {
            let message = "Application command option names must be unique";
            form.get("name")
                .fail("APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATE", message);
        }
        if option.required && optional_before {
            let message = "Required options must be placed before non-required options";
            form.fail("APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message);
        }
        let holds_options = matches!(option.kind, OptionKind::Subcommand | OptionKind::SubcommandGroup);
        optional_before |= !option.required && !holds_options;
        nested |= holds_options;
        plain |= !holds_options;
        if nested && plain {
            let message =
                "Sub-command and sub-command group option types are mutually exclusive to all other types";
            form.fail("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
        }
        options.push(option);
    }
    options
}

fn option(form: &Form<'_>, depth: usize) -> Option<CommandOption> {
    form.object()?;
    let type_form = form.get("type");
    type_form.require();
    let kind = type_form.integer(1..=11).and_then(OptionKind::from_code);
    let name = name(&form.get("name"), true);
    let description = form.get("description").required_text(1..=100).unwrap_or_default();
    localizations(&form.get("name_localizations"), 32);
    localizations(&form.get("description_localizations"), 100);
    let kind = kind?;
    let too_deep = match kind {
        OptionKind::SubcommandGroup => depth > 0,
        OptionKind::Subcommand => depth > 1,
        _ => false,
    };
    if too_deep {
        let message = "Sub-command groups hold sub-commands only, and sub-commands hold neither";
        type_form.fail("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
    }
    let below = match kind {
        OptionKind::SubcommandGroup => 1,
        _ => 2,
    };
    let nested = options(&form.get("options"), below);
    match kind {
        OptionKind::SubcommandGroup if nested.iter().any(|option| option.kind != OptionKind::Subcommand) => {
            let message = "Sub-command groups hold sub-commands only, and sub-commands hold neither";
            form.get("options")
                .fail("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
        }
        OptionKind::Subcommand | OptionKind::SubcommandGroup => {}
        _ if !nested.is_empty() => {
            let message = "Only sub-commands and sub-command groups may have options";
            form.get("options")
                .fail("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
        }
        _ => {}
    }
    let numeric = matches!(kind, OptionKind::Integer | OptionKind::Number);
    let choices = choices(&form.get("choices"), kind);
    let autocomplete = form.get("autocomplete").boolean().unwrap_or_default();
    if autocomplete && (!choices.is_empty() || !(numeric || kind == OptionKind::String)) {
        let message = "Autocomplete is for string, integer and number options without choices";
        form.get("autocomplete")
            .fail("APPLICATION_COMMAND_AUTOCOMPLETE_INVALID", message);
    }
    Some(CommandOption {
        kind,
        name,
        description,
        required: form.get("required").boolean().unwrap_or_default(),
        choices,
        autocomplete,
        min_value: bound(&form.get("min_value"), numeric),
        max_value: bound(&form.get("max_value"), numeric),
        min_length: length(&form.get("min_length"), kind, 0),
        max_length: length(&form.get("max_length"), kind, 1),
        options: nested,
    })
}

fn choices(list: &Form<'_>, kind: OptionKind) -> Vec<Choice> {
    if list.given().is_none() {
        return Vec::new();
    }
    let mut names = HashSet::new();
    let read = |form: &Form<'_>| {
        let name = form.get("name").required_text(1..=100).unwrap_or_default();
        localizations(&form.get("name_localizations"), 100);
        if !names.insert(name.clone()) {
            let message = "Option choice names must be unique";
            form.get("name")
                .fail("APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_DUPLICATE", message);
        }
        Choice {
            name,
            value: choice_value(&form.get("value"), kind),
        }
    };
    list.items_within(0..=MAX_OPTIONS).iter().map(read).collect()
}

/// Reads the value of a choice, which has its option's type.
pub(crate) fn choice_value(form: &Form<'_>, kind: OptionKind) -> Value {
    if !form.require() {
        return Value::Null;
    }
    match kind {
        OptionKind::String => form.text_within(1..=100).map(Value::from),
        OptionKind::Integer => form
            .integer(-(MAX_INTEGER as i64)..=MAX_INTEGER as i64)
            .map(Value::from),
        OptionKind::Number => form.number().map(Value::from),
        _ => {
            form.fail(
                "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID",
                "This option type cannot have choices",
            );
            None
        }
    }
    .unwrap_or_default()
}

fn bound(form: &Form<'_>, numeric: bool) -> Option<f64> {
    let bound = form.number()?;
    if !numeric || bound.abs() > MAX_INTEGER {
        form.fail(
            "APPLICATION_COMMAND_OPTIONS_BOUND_INVALID",
            "Bounds are for integers and numbers within ±2^53",
        );
    }
    Some(bound)
}

fn length(form: &Form<'_>, kind: OptionKind, least: i64) -> Option<usize> {
    let length = form.integer(least..=6000)?;
    if kind != OptionKind::String {
        form.fail(
            "APPLICATION_COMMAND_OPTIONS_LENGTH_INVALID",
            "Only string options have lengths",
        );
    }
    usize::try_from(length).ok()
}
