//! `/profile`.

use std::sync::Arc;

use serenity::all::{
    CommandInteraction, Context, CreateInteractionResponse, CreateInteractionResponseMessage,
};
use tastemaker_commands::profile::{self as command, Profile as Asked};

use super::panel::{Panel, undo_of};
use super::{buttons, change, forget, transfer};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Answers `/profile`.
///
/// # Errors
/// With words for the person, or with Discord's or the store's.
pub async fn on_command(
    app: &Arc<App>,
    ctx: &Context,
    interaction: &CommandInteraction,
) -> Result<(), BotError> {
    let asked = command::parse(&interaction.data).map_err(|error| BotError::say(error.to_string()))?;
    let private = CreateInteractionResponseMessage::new().ephemeral(interaction.guild_id.is_some());
    interaction
        .create_response(&ctx.http, CreateInteractionResponse::Defer(private))
        .await?;
    let panel = answer(app, interaction.user.id.get(), asked).await?;
    interaction.edit_response(&ctx.http, panel.response()).await?;
    Ok(())
}

async fn answer(app: &App, user: u64, asked: Asked<'_>) -> Result<Panel, BotError> {
    match asked {
        Asked::Show => {
            let record = app.with_store(move |store| store.profile(user)).await?;
            Ok(Panel::card(record.as_ref(), ""))
        }
        Asked::Edit(edit) => {
            let changed = change::apply(app, user, move |profile| change::edit(profile, &edit)).await?;
            Ok(after(changed))
        }
        Asked::Undo => Ok(after(change::undo(app, user, None).await?)),
        Asked::Export => transfer::export(app, user).await,
        Asked::Import(file) => Ok(after(transfer::import(app, user, file).await?)),
        Asked::Forget => forget::ask(app, user).await,
    }
}

/// Tells a change, with the button that takes it back.
pub(super) fn after(changed: change::Changed) -> Panel {
    let undo = changed.record.as_ref().and_then(undo_of);
    Panel::text(changed.text).row(buttons::after_change(undo))
}
