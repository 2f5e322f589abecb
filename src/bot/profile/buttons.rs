//! Buttons under a taste card.

use serenity::all::{
    ButtonStyle, CreateActionRow, CreateButton, CreateModal, CreateSelectMenu, CreateSelectMenuKind,
};
use tastemaker_commands::ProfileId;
use tastemaker_preference::Profile;

use super::entries;

/// Under the card.
pub(super) fn under_card(undo: Option<ProfileId>) -> CreateActionRow {
    let mut buttons = vec![
        button(ProfileId::Edit, "Edit", ButtonStyle::Primary),
        button(ProfileId::Export, "Export", ButtonStyle::Secondary),
    ];
    buttons.extend(undo.map(|id| button(id, "Undo last change", ButtonStyle::Secondary)));
    CreateActionRow::Buttons(buttons)
}

/// Under the news of a change.
pub(in crate::bot) fn after_change(undo: Option<ProfileId>) -> CreateActionRow {
    let mut buttons = Vec::from_iter(undo.map(|id| button(id, "Undo", ButtonStyle::Secondary)));
    buttons.push(button(ProfileId::Show, "Show my profile", ButtonStyle::Secondary));
    CreateActionRow::Buttons(buttons)
}

/// Under the card while it is edited.
pub(super) fn editing(profile: &Profile, undo: Option<ProfileId>) -> Vec<CreateActionRow> {
    let mut rows = Vec::new();
    let options = entries::options(profile);
    if !options.is_empty() {
        let most = options.len() as u8;
        let select = CreateSelectMenu::new(ProfileId::Remove, CreateSelectMenuKind::String { options })
            .placeholder("Choose what to remove")
            .min_values(1)
            .max_values(most);
        rows.push(CreateActionRow::SelectMenu(select));
    }
    let mut buttons = vec![button(ProfileId::Add, "Add", ButtonStyle::Primary)];
    buttons.extend(undo.map(|id| button(id, "Undo", ButtonStyle::Secondary)));
    buttons.push(button(ProfileId::Show, "Finished editing", ButtonStyle::Success));
    rows.push(CreateActionRow::Buttons(buttons));
    rows
}

/// Under the question whether to delete everything.
pub(super) fn forget() -> CreateActionRow {
    CreateActionRow::Buttons(vec![
        button(ProfileId::Forget, "Delete everything", ButtonStyle::Danger),
        button(ProfileId::Spare, "Keep it", ButtonStyle::Secondary),
    ])
}

/// The form that adds entries.
pub(super) fn add_modal() -> CreateModal {
    CreateModal::new(ProfileId::Add, "Add to your taste").components(entries::add_inputs())
}

fn button(id: ProfileId, label: &str, style: ButtonStyle) -> CreateButton {
    CreateButton::new(id).label(label).style(style)
}
