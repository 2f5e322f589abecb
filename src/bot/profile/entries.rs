//! Controls that change the entries of a profile, in the onboarding as under a taste card.

use serenity::all::{
    ActionRowComponent, CreateActionRow, CreateInputText, CreateSelectMenuOption, InputTextStyle,
    ModalInteraction,
};
use tastemaker_preference::{Polarity, Profile, ProfileEntry};

use super::card;
use crate::bot::imagine::text::cut;

/// Discord's limit for the options of a select.
const OPTIONS_LIMIT: usize = 25;
/// Discord's limit for an option's label and description, in characters.
const OPTION_TEXT_LIMIT: usize = 100;
/// Most characters of a field of the form.
const FIELD_LIMIT: u16 = 500;
/// Field of the form: what to like.
const LIKED: &str = "liked";
/// Field of the form: what to dislike.
const DISLIKED: &str = "disliked";

/// Lists entries to choose from; where there are too many, the heaviest of both lists.
pub(in crate::bot) fn options(profile: &Profile) -> Vec<CreateSelectMenuOption> {
    let side = |polarity: Polarity, name: &'static str| {
        profile.list(polarity).iter().map(move |entry| (name, entry))
    };
    let mut entries: Vec<(&str, &ProfileEntry)> = side(Polarity::Liked, "you like it")
        .chain(side(Polarity::Disliked, "not for you"))
        .collect();
    if entries.len() > OPTIONS_LIMIT {
        entries.sort_by(|a, b| b.1.weight.total_cmp(&a.1.weight));
        entries.truncate(OPTIONS_LIMIT);
    }
    entries
        .into_iter()
        .map(|(side, entry)| option(side, entry))
        .collect()
}

fn option(side: &str, entry: &ProfileEntry) -> CreateSelectMenuOption {
    let quote = entry.evidence.last().map_or(String::new(), |evidence| {
        format!(" · “{}”", evidence.quote.trim())
    });
    let description = cut(
        &format!("{} {side}{quote}", card::bar(entry.weight)),
        OPTION_TEXT_LIMIT,
    );
    CreateSelectMenuOption::new(cut(&entry.attribute, OPTION_TEXT_LIMIT), &entry.attribute)
        .description(description)
}

/// The fields of the form that adds entries.
pub(in crate::bot) fn add_inputs() -> Vec<CreateActionRow> {
    let input = |label: &str, id: &str, example: &str| {
        let input = CreateInputText::new(InputTextStyle::Paragraph, label, id)
            .placeholder(example)
            .max_length(FIELD_LIMIT)
            .required(false);
        CreateActionRow::InputText(input)
    };
    vec![
        input(
            "You like (with commas between)",
            LIKED,
            "soft lighting, watercolour",
        ),
        input(
            "Not for you (with commas between)",
            DISLIKED,
            "neon colours, clutter",
        ),
    ]
}

/// Reads the form: what to like, what to dislike.
pub(in crate::bot) fn added(modal: &ModalInteraction) -> (String, String) {
    (field(modal, LIKED), field(modal, DISLIKED))
}

/// Reads a field of a form; empty if it is not there.
pub(in crate::bot) fn field(modal: &ModalInteraction, id: &str) -> String {
    let inputs = modal.data.components.iter().flat_map(|row| &row.components);
    let mut value = inputs.filter_map(|component| match component {
        ActionRowComponent::InputText(input) if input.custom_id == id => input.value.clone(),
        _ => None,
    });
    value.next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_profile_offers_its_heaviest_entries() {
        let mut profile = Profile::default();
        for at in 0..40u8 {
            let side = if at % 2 == 0 {
                Polarity::Liked
            } else {
                Polarity::Disliked
            };
            profile
                .set(side, &format!("look number {at}"), 0.1 + f32::from(at) / 50.0)
                .unwrap();
        }
        let options = serde_json::to_value(options(&profile)).unwrap();
        let options = options.as_array().unwrap();
        assert_eq!(
            (options.len(), options[0]["value"].as_str()),
            (25, Some("look number 39"))
        );
        assert!(
            options
                .iter()
                .all(|it| it["description"].as_str().unwrap().chars().count() <= 100)
        );
    }
}
