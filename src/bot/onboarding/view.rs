//! What a message of the conversation looks like: text, picture, card and buttons; pure.

mod confidence;
mod controls;

use serenity::all::{
    CreateActionRow, CreateAllowedMentions, CreateAttachment, CreateEmbed, CreateEmbedFooter,
    CreateInteractionResponseFollowup, CreateMessage, EditAttachments, EditInteractionResponse,
};
use tastemaker_preference::Profile;
use tastemaker_storage::OnboardingRecord;

use super::choice;
use super::conversation::draft;
use crate::bot::gallery::Gallery;
use crate::bot::profile::card;
pub(in crate::bot) use controls::begin_row;
pub(super) use controls::{add_modal, comment_modal};

/// Is one message.
#[derive(Clone, Default)]
pub(super) struct View {
    /// Text above everything.
    pub content: String,
    /// Picture or card.
    pub embeds: Vec<CreateEmbed>,
    /// Buttons and selects.
    pub rows: Vec<CreateActionRow>,
    /// The picture's file.
    pub file: Option<CreateAttachment>,
}

/// Says where a view is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In direct messages, where people write.
    Direct,
    /// In answers that only the person sees, where a button opens the form for a comment.
    Private,
}

/// Shows the image being asked about. `reopened` offers to start over.
pub(super) fn ask(
    record: &OnboardingRecord,
    gallery: &Gallery,
    content: String,
    place: Place,
    reopened: bool,
) -> View {
    let Some(image) = record.images.get(record.index).and_then(|id| gallery.get(id)) else {
        return plain(content);
    };
    let prompt = match place {
        Place::Direct => "What do you like or dislike about how this looks? Just write it.",
        Place::Private => "What do you like or dislike about how this looks? *Comment* opens a form.",
    };
    let embed = CreateEmbed::new()
        .title(format!(
            "{} of {} · {}",
            record.index + 1,
            record.images.len(),
            image.title
        ))
        .description(prompt)
        .colour(card::COLOUR)
        .image(format!("attachment://{}", image.file));
    let file =
        CreateAttachment::bytes(image.bytes.to_vec(), image.file.clone()).description(image.alt.clone());
    let rows = controls::asking(record, place, reopened);
    View {
        content,
        embeds: vec![embed],
        rows,
        file: Some(file),
    }
}

/// Shows the profile as it would be kept. `existing` is the one that is kept already.
pub(super) fn review(
    record: &OnboardingRecord,
    existing: Option<&Profile>,
    content: String,
    gallery: &Gallery,
) -> View {
    let draft = draft(record);
    let more_left = record.images.len() < gallery.images().len() || record.index < record.images.len();
    let rows = controls::review(record, &draft, existing.is_some(), more_left);
    let footer = match (draft.is_empty(), existing) {
        (true, _) => "Nothing to keep yet: see more pictures, write what you like here, or end this round.".to_owned(),
        (false, None) => "Nothing is stored as your taste until you keep it. More words about what you like are welcome too.".to_owned(),
        (false, Some(old)) => format!(
            "Your profile of now has {} entries. Keep adds these to it; Replace puts these in its place.",
            old.liked().len() + old.disliked().len()
        ),
    };
    let mut embed =
        card::embed(&draft, "Your taste, as I understand it").footer(CreateEmbedFooter::new(footer));
    if !record.answers.is_empty()
        && let Some(lines) = confidence::lines(&choice::confidence(gallery, record))
    {
        embed = embed.field("How sure I am", lines, false);
    }
    View {
        content,
        embeds: vec![embed],
        rows,
        file: None,
    }
}

/// Shows the profile with what can be changed.
pub(super) fn editing(record: &OnboardingRecord, content: String) -> View {
    let draft = draft(record);
    let embed = card::embed(&draft, "Your taste, as I understand it");
    View {
        content,
        embeds: vec![embed],
        rows: controls::editing(record, &draft),
        file: None,
    }
}

/// Shows that the conversation waits.
pub(super) fn paused(record: &OnboardingRecord) -> View {
    View {
        content: "Paused. I remember where we are, also over days: say *resume*, press the button, or use /onboard to go on.".into(),
        rows: controls::paused(record),
        ..View::default()
    }
}

/// Shows a text alone.
pub(super) fn plain(content: impl Into<String>) -> View {
    View {
        content: content.into(),
        ..View::default()
    }
}

impl View {
    /// Makes an ordinary message.
    pub(super) fn message(&self) -> CreateMessage {
        CreateMessage::new()
            .content(&self.content)
            .embeds(self.embeds.clone())
            .components(self.rows.clone())
            .files(self.file.clone())
            .allowed_mentions(CreateAllowedMentions::new())
    }

    /// Makes an edit of an interaction's answer, replacing whatever it showed.
    pub(super) fn response(&self) -> EditInteractionResponse {
        let attachments = self
            .file
            .iter()
            .cloned()
            .fold(EditAttachments::new(), EditAttachments::add);
        EditInteractionResponse::new()
            .content(&self.content)
            .embeds(self.embeds.clone())
            .components(self.rows.clone())
            .attachments(attachments)
            .allowed_mentions(CreateAllowedMentions::new())
    }

    /// Makes a further answer that only the person sees.
    pub(super) fn followup(&self) -> CreateInteractionResponseFollowup {
        CreateInteractionResponseFollowup::new()
            .content(&self.content)
            .embeds(self.embeds.clone())
            .components(self.rows.clone())
            .files(self.file.clone())
            .ephemeral(true)
            .allowed_mentions(CreateAllowedMentions::new())
    }
}

#[cfg(test)]
mod tests;
