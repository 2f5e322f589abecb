//! The buttons of an answer.

use serenity::all::{ButtonStyle, CreateActionRow, CreateButton};
use tastemaker_commands::{CustomId, ImagineId};
use tastemaker_pool::JobId;

/// Under a picture on its way.
pub(super) fn under_way(job: JobId) -> CreateActionRow {
    CreateActionRow::Buttons(vec![button(
        ImagineId::Cancel(job),
        "Cancel",
        ButtonStyle::Secondary,
    )])
}

/// Under a result.
pub(super) fn finished(job: JobId) -> CreateActionRow {
    CreateActionRow::Buttons(vec![
        button(ImagineId::Again(job), "Again", ButtonStyle::Primary),
        button(ImagineId::Vary(job), "Vary", ButtonStyle::Secondary),
        button(ImagineId::Why(job), "Why this image?", ButtonStyle::Secondary),
        button(ImagineId::Delete(job), "Delete", ButtonStyle::Danger),
    ])
}

/// Under the news that there is no picture.
pub(super) fn again(job: JobId) -> CreateActionRow {
    CreateActionRow::Buttons(vec![button(
        ImagineId::Again(job),
        "Try again",
        ButtonStyle::Primary,
    )])
}

fn button(id: ImagineId, label: &str, style: ButtonStyle) -> CreateButton {
    CreateButton::new(CustomId::Imagine(id).to_string())
        .label(label)
        .style(style)
}
