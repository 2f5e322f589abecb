//! Modals.

use std::collections::HashSet;

use crate::id::{ChannelId, InteractionId, UserId};
use crate::model::{Modal, TextInput};
use crate::validate::Form;
use crate::validate::components::{MAX_CUSTOM_ID, MAX_ROWS, custom_id, expect_kind, kind};

/// Most characters of a text input.
const MAX_TEXT: i64 = 4000;

/// Reads the `data` of a modal callback. Faults leave a modal that is not shown.
pub(crate) fn read(
    data: &Form<'_>,
    interaction_id: InteractionId,
    user_id: UserId,
    channel_id: ChannelId,
) -> Modal {
    let mut seen = HashSet::new();
    let rows = data.get("components");
    rows.require();
    Modal {
        interaction_id,
        user_id,
        channel_id,
        custom_id: data
            .get("custom_id")
            .required_text(1..=MAX_CUSTOM_ID)
            .unwrap_or_default(),
        title: data.get("title").required_text(1..=45).unwrap_or_default(),
        inputs: rows
            .items_within(1..=MAX_ROWS)
            .iter()
            .filter_map(|row| read_row(row, &mut seen))
            .collect(),
    }
}

fn read_row(row: &Form<'_>, seen: &mut HashSet<String>) -> Option<TextInput> {
    expect_kind(row, &[kind::ACTION_ROW])?;
    let parts = row.get("components");
    parts.require();
    let parts = parts.items_within(1..=1);
    let form = parts.first()?;
    expect_kind(form, &[kind::TEXT_INPUT])?;
    form.get("style").require();
    let least = form.get("min_length").integer(0..=MAX_TEXT).unwrap_or(0);
    let most = form.get("max_length").integer(1..=MAX_TEXT).unwrap_or(MAX_TEXT);
    if least > most {
        let message = "The minimum length is greater than the maximum length";
        form.get("min_length")
            .fail("TEXT_INPUT_MIN_LENGTH_GREATER_THAN_MAX_LENGTH", message);
    }
    let length = |length: i64| usize::try_from(length).unwrap_or_default();
    let value = form.get("value").text_within(0..=length(most));
    Some(TextInput {
        paragraph: form.get("style").integer(1..=2) == Some(2),
        label: form.get("label").required_text(1..=45)?,
        placeholder: form.get("placeholder").text_within(0..=100),
        value: value.filter(|value| !value.is_empty()),
        required: form.get("required").boolean().unwrap_or(true),
        min_length: length(least),
        max_length: length(most),
        custom_id: custom_id(form, seen)?,
    })
}
