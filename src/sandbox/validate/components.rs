//! Buttons and select menus of messages.

use std::collections::HashSet;

use crate::model::{ActionRow, Button, ButtonStyle, Component, Select, SelectKind, SelectOption};
use crate::validate::{Form, emoji};

/// Most rows of a message.
pub(crate) const MAX_ROWS: usize = 5;
/// Width of a row: five buttons, or one select menu.
const ROW_WIDTH: usize = 5;
/// Most options of a select menu.
const MAX_OPTIONS: usize = 25;
/// Most characters of a `custom_id`.
pub(crate) const MAX_CUSTOM_ID: usize = 100;

/// Discord's component types.
pub(crate) mod kind {
    pub(crate) const ACTION_ROW: i64 = 1;
    pub(crate) const BUTTON: i64 = 2;
    pub(crate) const TEXT_INPUT: i64 = 4;
}

/// Reads a message's rows.
pub(crate) fn read(list: &Form<'_>) -> Vec<ActionRow> {
    let mut seen = HashSet::new();
    list.items_within(0..=MAX_ROWS)
        .iter()
        .map(|form| row(form, &mut seen))
        .collect()
}

/// Notes a fault unless the `type` here is one of those allowed.
pub(crate) fn expect_kind(form: &Form<'_>, allowed: &[i64]) -> Option<i64> {
    let kind = form.get("type");
    kind.require();
    let code = kind.integer(i64::MIN..=i64::MAX)?;
    if !allowed.contains(&code) {
        let list = allowed.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        kind.fail("BASE_TYPE_CHOICES", format!("Value must be one of ({list})."));
        return None;
    }
    Some(code)
}

/// Reads a `custom_id` that no other component of the message may have.
pub(crate) fn custom_id(form: &Form<'_>, seen: &mut HashSet<String>) -> Option<String> {
    let field = form.get("custom_id");
    let id = field.required_text(1..=MAX_CUSTOM_ID)?;
    if !seen.insert(id.clone()) {
        field.fail(
            "COMPONENT_CUSTOM_ID_DUPLICATED",
            "Component custom id cannot be duplicated",
        );
    }
    Some(id)
}

fn row(form: &Form<'_>, seen: &mut HashSet<String>) -> ActionRow {
    expect_kind(form, &[kind::ACTION_ROW]);
    let parts = form.get("components");
    parts.require();
    let mut width = 0;
    let mut components = Vec::new();
    for part in parts.items_within(1..=ROW_WIDTH) {
        let component = component(&part, seen);
        width += match component {
            Some(Component::Select(_)) => ROW_WIDTH,
            _ => 1,
        };
        if width > ROW_WIDTH {
            part.fail(
                "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
                "The specified component exceeds the maximum width",
            );
        }
        components.extend(component);
    }
    ActionRow { components }
}

fn component(form: &Form<'_>, seen: &mut HashSet<String>) -> Option<Component> {
    match expect_kind(form, &[2, 3, 5, 6, 7, 8])? {
        kind::BUTTON => button(form, seen).map(Component::Button),
        code => select(form, SelectKind::from_code(code)?, seen).map(Component::Select),
    }
}

fn button(form: &Form<'_>, seen: &mut HashSet<String>) -> Option<Button> {
    let style = form.get("style");
    style.require();
    // Style 6 buys something, which no bot of the sandbox can sell.
    let style = ButtonStyle::from_code(style.integer(1..=5)?)?;
    let emoji_form = form.get("emoji");
    let emoji = emoji::of_component(&emoji_form);
    let label = form
        .get("label")
        .text_within(0..=80)
        .filter(|label| !label.is_empty());
    if label.is_none() && emoji_form.given().is_none() {
        form.fail(
            "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED",
            "A button must have a label or emoji.",
        );
    }
    let (mut id, mut url) = (None, None);
    if style == ButtonStyle::Link {
        if form.get("url").require() {
            url = form.get("url").url(&["discord"]);
        }
        if form.get("custom_id").given().is_some() {
            let message = "A custom id and url cannot both be specified";
            form.get("custom_id")
                .fail("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message);
        }
    } else {
        id = custom_id(form, seen);
        if form.get("url").given().is_some() {
            let message = "A custom id and url cannot both be specified";
            form.get("url")
                .fail("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message);
        }
    }
    let disabled = form.get("disabled").boolean().unwrap_or_default();
    Some(Button {
        style,
        label,
        emoji,
        custom_id: id,
        url,
        disabled,
    })
}

fn select(form: &Form<'_>, kind: SelectKind, seen: &mut HashSet<String>) -> Option<Select> {
    let custom_id = custom_id(form, seen);
    let placeholder = form.get("placeholder").text_within(0..=150);
    let least = form.get("min_values").integer(0..=25).unwrap_or(1);
    let most = form.get("max_values").integer(1..=25).unwrap_or(1);
    if least > most {
        let message = "The minimum value is greater than the maximum value";
        form.get("min_values")
            .fail("SELECT_COMPONENT_MIN_VALUES_GREATER_THAN_MAX_VALUES", message);
    }
    let mut options = Vec::new();
    if kind == SelectKind::String {
        options = select_options(&form.get("options"));
        if usize::try_from(most).is_ok_and(|most| most > options.len()) && form.get("max_values").is_present()
        {
            let message = "The maximum number of values is greater than the number of options";
            form.get("max_values")
                .fail("SELECT_COMPONENT_MAX_VALUES_TOO_LARGE", message);
        }
        let chosen = options.iter().filter(|option| option.default).count();
        if usize::try_from(most).is_ok_and(|most| chosen > most) {
            let message = "More options are chosen by default than may be chosen";
            form.get("options")
                .fail("SELECT_COMPONENT_TOO_MANY_DEFAULTS", message);
        }
    }
    Some(Select {
        select: kind,
        custom_id: custom_id?,
        placeholder,
        min_values: usize::try_from(least).unwrap_or_default(),
        max_values: usize::try_from(most).unwrap_or_default(),
        options,
        disabled: form.get("disabled").boolean().unwrap_or_default(),
    })
}

fn select_options(list: &Form<'_>) -> Vec<SelectOption> {
    list.require();
    let mut seen = HashSet::new();
    let option = |form: &Form<'_>| {
        let value = form.get("value").required_text(1..=100).unwrap_or_default();
        if !seen.insert(value.clone()) {
            let message = "The specified option value is already used";
            form.get("value")
                .fail("SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message);
        }
        SelectOption {
            label: form.get("label").required_text(1..=100).unwrap_or_default(),
            value,
            description: form.get("description").text_within(0..=100),
            emoji: emoji::of_component(&form.get("emoji")),
            default: form.get("default").boolean().unwrap_or_default(),
        }
    };
    list.items_within(1..=MAX_OPTIONS).iter().map(option).collect()
}
