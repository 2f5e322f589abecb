//! Completes attributes while they are typed.

use std::sync::Arc;

use serenity::all::{
    AutocompleteChoice, CommandInteraction, Context, CreateAutocompleteResponse, CreateInteractionResponse,
};
use tastemaker_commands::profile as command;
use tastemaker_preference::{Profile, Vocabulary};

use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Discord's limit for choices.
const CHOICES: usize = 25;

/// Answers what is typed into `/profile edit`: attributes there are, or entries one has.
///
/// # Errors
/// With Discord's or the store's.
pub async fn on_autocomplete(
    app: &Arc<App>,
    ctx: &Context,
    interaction: &CommandInteraction,
) -> Result<(), BotError> {
    let choices = match interaction.data.autocomplete() {
        Some(focused) if focused.name == command::REMOVE => {
            let user = interaction.user.id.get();
            let record = app.with_store(move |store| store.profile(user)).await?;
            record
                .map(|record| entries(&record.profile, focused.value))
                .unwrap_or_default()
        }
        Some(focused) => attributes(app.vocabulary, focused.value),
        None => Vec::new(),
    };
    let choices = choices
        .into_iter()
        .map(|(label, value)| AutocompleteChoice::new(label, value))
        .collect();
    let response = CreateAutocompleteResponse::new().set_choices(choices);
    interaction
        .create_response(&ctx.http, CreateInteractionResponse::Autocomplete(response))
        .await?;
    Ok(())
}

/// Attributes of the vocabulary that what is typed may become.
fn attributes(vocabulary: &Vocabulary, typed: &str) -> Vec<(String, String)> {
    let found = vocabulary.complete(typed, CHOICES);
    found
        .into_iter()
        .map(|it| (format!("{} ({})", it.name, it.category), it.name.clone()))
        .collect()
}

/// Entries of a profile that contain what is typed, those that begin with it first.
fn entries(profile: &Profile, typed: &str) -> Vec<(String, String)> {
    let typed = typed.trim().to_lowercase();
    let sides = [
        (profile.liked(), "you like it"),
        (profile.disliked(), "not for you"),
    ];
    let all = sides
        .into_iter()
        .flat_map(|(list, side)| list.iter().map(move |entry| (entry, side)));
    let mut found: Vec<_> = all
        .filter(|(entry, _)| entry.attribute.contains(&typed))
        .collect();
    found.sort_by_key(|(entry, _)| !entry.attribute.starts_with(&typed));
    let choice = |(entry, side): (&tastemaker_preference::ProfileEntry, &str)| {
        (format!("{} ({side})", entry.attribute), entry.attribute.clone())
    };
    found.into_iter().take(CHOICES).map(choice).collect()
}

#[cfg(test)]
mod tests {
    use tastemaker_preference::Polarity;

    use super::*;

    #[test]
    fn choices_are_never_more_or_longer_than_discord_takes() {
        for typed in ["", "past", "monet", "zzzz", "light"] {
            let choices = attributes(Vocabulary::embedded(), typed);
            assert!(choices.len() <= CHOICES);
            assert!(
                choices
                    .iter()
                    .all(|(label, value)| label.chars().count() <= 100 && value.chars().count() <= 100)
            );
        }
        assert_eq!(
            attributes(Vocabulary::embedded(), "pastel")[0].1,
            "pastel colours"
        );
    }

    #[test]
    fn ones_own_entries_are_offered_for_removal() {
        let mut profile = Profile::default();
        profile.set(Polarity::Liked, "soft lighting", 0.9).unwrap();
        profile.set(Polarity::Disliked, "lightning bolts", 0.2).unwrap();
        let names = |typed: &str| {
            entries(&profile, typed)
                .into_iter()
                .map(|(_, value)| value)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(" Light"), ["lightning bolts", "soft lighting"]);
        assert_eq!(names("").len(), 2);
        assert_eq!(entries(&profile, "soft")[0].0, "soft lighting (you like it)");
    }
}
