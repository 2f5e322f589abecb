//! Whole answers about a profile; pure.

use serenity::all::{
    CreateActionRow, CreateAllowedMentions, CreateAttachment, CreateEmbed, CreateEmbedFooter,
    EditAttachments, EditInteractionResponse,
};
use tastemaker_commands::ProfileId;
use tastemaker_storage::ProfileRecord;

use super::{buttons, card};
use crate::bot::onboarding::begin_row;

/// Said to people without a profile.
const NONE_YET: &str = "I don't know your taste yet. Comment on a few pictures, one is enough to begin with, and I do. \
     Or add what you like by hand with `/profile edit`.";

/// Is one answer.
#[derive(Clone, Default)]
pub(super) struct Panel {
    content: String,
    embed: Option<CreateEmbed>,
    rows: Vec<CreateActionRow>,
    file: Option<CreateAttachment>,
}

impl Panel {
    /// Says something.
    pub(super) fn text(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            ..Self::default()
        }
    }

    /// Adds a row of buttons.
    pub(super) fn row(mut self, row: CreateActionRow) -> Self {
        self.rows.push(row);
        self
    }

    /// Adds a file.
    pub(super) fn file(mut self, file: CreateAttachment) -> Self {
        self.file = Some(file);
        self
    }

    /// Shows the card, or what to do where there is none.
    pub(super) fn card(record: Option<&ProfileRecord>, content: impl Into<String>) -> Self {
        match record {
            Some(record) if !record.profile.is_empty() => Self {
                content: content.into(),
                embed: Some(embed(record)),
                rows: vec![buttons::under_card(undo_of(record))],
                file: None,
            },
            _ => Self::none_yet(content.into(), record.and_then(undo_of)),
        }
    }

    fn none_yet(content: String, undo: Option<ProfileId>) -> Self {
        let content = if content.is_empty() {
            NONE_YET.to_owned()
        } else {
            format!("{content}\n{NONE_YET}")
        };
        let panel = Self::text(content).row(begin_row("Show me pictures"));
        if undo.is_some() {
            panel.row(buttons::after_change(undo))
        } else {
            panel
        }
    }

    /// Shows the card with what can be changed.
    pub(super) fn editing(record: &ProfileRecord, content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            embed: Some(embed(record)),
            rows: buttons::editing(&record.profile, undo_of(record)),
            file: None,
        }
    }

    /// Makes an edit of an interaction's answer, replacing whatever it showed.
    pub(super) fn response(self) -> EditInteractionResponse {
        EditInteractionResponse::new()
            .content(self.content)
            .embeds(Vec::from_iter(self.embed))
            .components(self.rows)
            .attachments(
                self.file
                    .into_iter()
                    .fold(EditAttachments::new(), EditAttachments::add),
            )
            .allowed_mentions(CreateAllowedMentions::new())
    }
}

/// Returns the button's id that takes the last change back, if one can be.
pub(super) fn undo_of(record: &ProfileRecord) -> Option<ProfileId> {
    (!record.history.is_empty()).then(|| ProfileId::Undo {
        version: record.profile.version(),
    })
}

fn embed(record: &ProfileRecord) -> CreateEmbed {
    let footer = format!(
        "Default β {} (/strength) · version {}",
        record.strength,
        record.profile.version()
    );
    card::embed(&record.profile, "Your taste").footer(CreateEmbedFooter::new(footer))
}

#[cfg(test)]
mod tests {
    use tastemaker_preference::{Polarity, Profile};

    use super::*;

    fn record() -> ProfileRecord {
        let mut profile = Profile::default();
        profile.set(Polarity::Liked, "soft lighting", 0.8).unwrap();
        ProfileRecord::new(profile, 0.6)
    }

    fn json(panel: Panel) -> String {
        serde_json::to_string(&panel.response()).unwrap()
    }

    #[test]
    fn the_card_tells_strength_and_version_and_offers_undo_only_after_a_change() {
        let mut record = record();
        let card = json(Panel::card(Some(&record), ""));
        assert!(
            card.contains("Default β 0.6") && card.contains("soft lighting") && !card.contains("Undo"),
            "{card}"
        );
        record.replace(Profile::default().following(&record.profile));
        let emptied = json(Panel::card(Some(&record), "Changed."));
        assert!(
            emptied.contains("Undo") && emptied.contains("1.onboard.begin"),
            "{emptied}"
        );
    }

    #[test]
    fn without_a_profile_the_answer_says_how_to_get_one() {
        let none = json(Panel::card(None, ""));
        assert!(
            none.contains("don't know your taste yet") && none.contains("1.onboard.begin"),
            "{none}"
        );
    }
}
