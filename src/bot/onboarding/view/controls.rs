//! Buttons, selects and forms of the conversation.

use serenity::all::{
    ButtonStyle, CreateActionRow, CreateButton, CreateInputText, CreateModal, CreateSelectMenu,
    CreateSelectMenuKind, InputTextStyle,
};
use tastemaker_commands::OnboardingId;
use tastemaker_preference::{MAX_COMMENT_CHARS, Profile};
use tastemaker_storage::OnboardingRecord;

use super::Place;
use crate::bot::profile::entries;

/// Under an image.
pub(super) fn asking(record: &OnboardingRecord, place: Place, reopened: bool) -> Vec<CreateActionRow> {
    let (conversation, at) = (record.started_at, record.index as u64);
    let answered = record.images.get(record.index).is_some_and(|image| {
        record
            .answers
            .iter()
            .any(|it| it.image == *image && it.comment.is_some())
    });
    let mut buttons = Vec::new();
    if place == Place::Private {
        buttons.push(button(
            OnboardingId::Comment { conversation, at },
            "Comment",
            ButtonStyle::Primary,
        ));
    }
    buttons.extend([
        button(
            OnboardingId::Skip { conversation, at },
            if answered { "Next" } else { "Skip" },
            ButtonStyle::Secondary,
        ),
        button(
            OnboardingId::Back { conversation, at },
            "Back",
            ButtonStyle::Secondary,
        )
        .disabled(at == 0),
        button(
            OnboardingId::Done { conversation, at },
            "Done",
            ButtonStyle::Success,
        ),
        button(
            OnboardingId::Stop { conversation },
            "Stop",
            ButtonStyle::Secondary,
        ),
    ]);
    let mut rows = vec![CreateActionRow::Buttons(buttons)];
    if reopened {
        rows.push(CreateActionRow::Buttons(
            start_over(conversation, "Start over").into(),
        ));
    }
    rows
}

/// Under the review.
pub(super) fn review(
    record: &OnboardingRecord,
    draft: &Profile,
    existing: bool,
    more_left: bool,
) -> Vec<CreateActionRow> {
    let conversation = record.started_at;
    let mut first = Vec::new();
    if !draft.is_empty() {
        first.push(button(
            OnboardingId::Keep { conversation },
            if existing {
                "Keep (add to my profile)"
            } else {
                "Keep"
            },
            ButtonStyle::Success,
        ));
        if existing {
            first.push(button(
                OnboardingId::Replace { conversation },
                "Replace my profile",
                ButtonStyle::Primary,
            ));
        }
    }
    first.push(button(
        OnboardingId::Edit { conversation },
        "Edit",
        ButtonStyle::Secondary,
    ));
    let more = button(
        OnboardingId::More { conversation },
        "More pictures",
        ButtonStyle::Secondary,
    )
    .disabled(!more_left);
    let mut second = vec![more];
    second.extend(start_over(conversation, "Redo"));
    vec![CreateActionRow::Buttons(first), CreateActionRow::Buttons(second)]
}

/// Under the review while it is edited.
pub(super) fn editing(record: &OnboardingRecord, draft: &Profile) -> Vec<CreateActionRow> {
    let conversation = record.started_at;
    let mut rows = Vec::new();
    let options = entries::options(draft);
    if !options.is_empty() {
        let most = options.len() as u8;
        let select = CreateSelectMenu::new(
            OnboardingId::Remove { conversation },
            CreateSelectMenuKind::String { options },
        )
        .placeholder("Choose what to remove")
        .min_values(1)
        .max_values(most);
        rows.push(CreateActionRow::SelectMenu(select));
    }
    rows.push(CreateActionRow::Buttons(vec![
        button(OnboardingId::Add { conversation }, "Add", ButtonStyle::Primary),
        button(
            OnboardingId::Edited { conversation },
            "Finished editing",
            ButtonStyle::Success,
        ),
    ]));
    rows
}

/// Under the news of a pause.
pub(super) fn paused(record: &OnboardingRecord) -> Vec<CreateActionRow> {
    let conversation = record.started_at;
    let mut buttons = vec![button(
        OnboardingId::Resume { conversation },
        "Resume",
        ButtonStyle::Primary,
    )];
    buttons.extend(start_over(conversation, "Start over"));
    vec![CreateActionRow::Buttons(buttons)]
}

fn start_over(conversation: u64, label: &str) -> [CreateButton; 2] {
    [
        button(OnboardingId::Redo { conversation }, label, ButtonStyle::Secondary),
        button(
            OnboardingId::Discard { conversation },
            "Drop this round",
            ButtonStyle::Danger,
        ),
    ]
}

/// A button that begins a conversation, or goes on with the one that is open.
pub(in crate::bot) fn begin_row(label: &str) -> CreateActionRow {
    CreateActionRow::Buttons(vec![button(OnboardingId::Begin, label, ButtonStyle::Primary)])
}

/// The form for a comment.
pub(in crate::bot::onboarding) fn comment_modal(conversation: u64, at: u64) -> CreateModal {
    let input = CreateInputText::new(
        InputTextStyle::Paragraph,
        "What do you like or dislike about it?",
        "comment",
    )
    .placeholder("love the soft light, but too many details")
    .max_length(MAX_COMMENT_CHARS as u16)
    .required(true);
    CreateModal::new(
        OnboardingId::Comment { conversation, at },
        format!("Picture {}", at.saturating_add(1)),
    )
    .components(vec![CreateActionRow::InputText(input)])
}

/// The form that adds entries.
pub(in crate::bot::onboarding) fn add_modal(conversation: u64) -> CreateModal {
    CreateModal::new(OnboardingId::Add { conversation }, "Add to your taste")
        .components(entries::add_inputs())
}

fn button(id: OnboardingId, label: &str, style: ButtonStyle) -> CreateButton {
    CreateButton::new(id).label(label).style(style)
}
