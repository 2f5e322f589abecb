//! `/cancel`, and the button under a picture on its way.

use std::sync::Arc;

use serenity::all::{
    CommandInteraction, ComponentInteraction, Context, CreateAllowedMentions, CreateInteractionResponse,
    CreateInteractionResponseFollowup, CreateInteractionResponseMessage, EditInteractionResponse,
};
use tastemaker_pool::JobId;
use tastemaker_storage::JobRecord;

use super::answer::Answer;
use super::follow::End;
use super::{deliver, records};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Said where the pictures are drawn, and were only being rated.
const UNRATED: &str = "The pictures are drawn already. I no longer rate them: they come as they are.";

/// Answers `/cancel`: cancels everything that the person has waiting or running.
///
/// # Errors
/// With Discord's or the store's.
pub async fn on_cancel(
    app: &Arc<App>,
    ctx: &Context,
    interaction: &CommandInteraction,
) -> Result<(), BotError> {
    let user = interaction.user.id.get();
    // Cancelled before anything else: it takes no time, and every step more would be drawn for nothing.
    let held = app.deliveries.held.take_user(user);
    let count = held.len() + app.pool.cancel_user(user);
    // What is drawn already comes as it is.
    let unrated = app.rater.as_ref().is_some_and(|rater| rater.interrupt(user));
    let response = CreateInteractionResponseMessage::new().ephemeral(true);
    interaction
        .create_response(&ctx.http, CreateInteractionResponse::Defer(response))
        .await?;
    for record in held {
        conclude(app, record).await;
    }
    let text = match count {
        0 if unrated => UNRATED.to_owned(),
        0 => "You have nothing waiting or running.".to_owned(),
        1 => "Cancelled your picture.".to_owned(),
        more => format!("Cancelled {more} requests of yours."),
    };
    interaction
        .edit_response(&ctx.http, EditInteractionResponse::new().content(text))
        .await?;
    Ok(())
}

/// Stops everything of a person who wants to be forgotten, without telling each of it; returns how many requests it was.
pub fn stop_all(app: &App, user: u64) -> usize {
    if let Some(rater) = &app.rater {
        rater.interrupt(user);
    }
    app.deliveries.held.take_user(user).len() + app.pool.cancel_user(user)
}

/// Answers the button: cancels one job, for its owner only.
///
/// # Errors
/// With words for anybody else, or with Discord's or the store's.
pub(super) async fn on_button(
    app: &Arc<App>,
    ctx: &Context,
    interaction: &ComponentInteraction,
    id: JobId,
) -> Result<(), BotError> {
    interaction
        .create_response(&ctx.http, CreateInteractionResponse::Acknowledge)
        .await?;
    let record = records::job(app, id).await?;
    if record.job.user != interaction.user.id.get() {
        return Err(BotError::say(
            "Only the person who asked for this picture can cancel it.",
        ));
    }
    if let Some(held) = app.deliveries.held.take(id) {
        conclude(app, held).await;
        return Ok(());
    }
    if app.pool.cancel(id) {
        return Ok(());
    }
    let unrated = app
        .rater
        .as_ref()
        .is_some_and(|rater| rater.interrupt(record.job.user));
    let followup = CreateInteractionResponseFollowup::new()
        .content(if unrated {
            UNRATED
        } else {
            "Too late to cancel: this one is over already."
        })
        .ephemeral(true)
        .allowed_mentions(CreateAllowedMentions::new());
    interaction.create_followup(&ctx.http, followup).await?;
    Ok(())
}

/// Writes down and shows that a job was cancelled which the pool did not have, so that nobody else does.
async fn conclude(app: &App, record: JobRecord) {
    let mut task = records::task(app, record).await;
    let mut answer = Answer::of(&task.record);
    deliver::conclude(app, &mut task, &mut answer, End::Cancelled).await;
}
