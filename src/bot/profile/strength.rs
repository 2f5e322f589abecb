//! `/strength`: one's own default β.

use std::sync::Arc;

use serenity::all::{
    CommandInteraction, Context, CreateInteractionResponse, CreateInteractionResponseMessage,
    EditInteractionResponse,
};
use tastemaker_commands::strength as command;
use tastemaker_preference::Profile;
use tastemaker_storage::ProfileRecord;

use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Answers `/strength`.
///
/// # Errors
/// With words for the person, or with Discord's or the store's.
pub async fn on_strength(
    app: &Arc<App>,
    ctx: &Context,
    interaction: &CommandInteraction,
) -> Result<(), BotError> {
    let value = command::parse(&interaction.data).map_err(|error| BotError::say(error.to_string()))?;
    let private = CreateInteractionResponseMessage::new().ephemeral(interaction.guild_id.is_some());
    interaction
        .create_response(&ctx.http, CreateInteractionResponse::Defer(private))
        .await?;
    let (user, default) = (interaction.user.id.get(), app.config.generation.strength);
    let (before, has_taste) = app
        .with_store(move |store| {
            store.update_profile(user, |stored| {
                let record = stored.get_or_insert_with(|| ProfileRecord::new(Profile::default(), default));
                (
                    std::mem::replace(&mut record.strength, value),
                    !record.profile.is_empty(),
                )
            })
        })
        .await?;
    interaction
        .edit_response(
            &ctx.http,
            EditInteractionResponse::new().content(told(before, value, has_taste)),
        )
        .await?;
    Ok(())
}

fn told(before: f64, now: f64, has_taste: bool) -> String {
    let change = if before == now {
        format!("Your strength is {now} already.")
    } else {
        format!("Your strength is now {now} (it was {before}).")
    };
    let meaning = match now {
        0.0 => " Your pictures will be plain unless you ask for more with `beta` or ➕.",
        _ => " It shapes every picture unless you give `beta`; ➕ and ➖ change single pictures.",
    };
    let hint = if has_taste {
        ""
    } else {
        "\nIt takes effect as soon as I know your taste: /onboard."
    };
    format!("{change}{meaning}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_what_it_was_and_what_it_means() {
        assert!(told(0.6, 0.25, true).starts_with("Your strength is now 0.25 (it was 0.6)."));
        assert!(told(0.6, 0.0, true).contains("plain"));
        assert!(told(0.6, 0.6, false).contains("/onboard"));
    }
}
