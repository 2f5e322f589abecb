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

/// Under a result; *upscale* only where the picture can be larger.
pub(super) fn finished(job: JobId, upscale: bool) -> CreateActionRow {
    let upscale = upscale.then(|| button(ImagineId::Upscale(job), "Upscale", ButtonStyle::Secondary));
    let row = [
        Some(button(ImagineId::Again(job), "Again", ButtonStyle::Primary)),
        Some(button(ImagineId::Vary(job), "Vary", ButtonStyle::Secondary)),
        upscale,
        Some(button(
            ImagineId::Why(job),
            "Why this image?",
            ButtonStyle::Secondary,
        )),
        Some(button(ImagineId::Delete(job), "Delete", ButtonStyle::Danger)),
    ];
    CreateActionRow::Buttons(row.into_iter().flatten().collect())
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
