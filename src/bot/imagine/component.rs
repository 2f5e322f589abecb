//! The buttons under a picture: again, vary, upscale, why this image?, delete; and cancel, while it is on its way.

use std::sync::Arc;

use serenity::all::{
    ComponentInteraction, Context, CreateAllowedMentions, CreateAttachment, CreateInteractionResponse,
    CreateInteractionResponseFollowup, CreateInteractionResponseMessage, EditInteractionResponse,
    ModalInteraction,
};
use tastemaker_commands::ImagineId;
use tastemaker_pool::JobId;
use tastemaker_storage::{JobOrigin, JobRecord};

use super::begin::{self, Asked};
use super::command::{answer_failure, deferred, random_seed, token};
use super::wish::{self, Asker};
use super::{cancel, ranking, records, sources, why};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Said to somebody else who wants a picture larger.
const NOT_YOURS: &str =
    "Only the person who asked for this picture can have it made larger. *Again* draws it for you.";
/// Said of a picture that is large already.
const AS_LARGE_AS_IT_GETS: &str = "This picture is as large as I can make it.";

/// Answers a button. Everything it needs is in its id and in the store.
///
/// # Errors
/// With words for the person, or with Discord's or the store's.
pub async fn on_component(
    app: &Arc<App>,
    ctx: &Context,
    interaction: &ComponentInteraction,
    id: ImagineId,
) -> Result<(), BotError> {
    match id {
        ImagineId::Again(job) => another(app, ctx, interaction, job, JobOrigin::Again).await,
        ImagineId::Vary(job) => another(app, ctx, interaction, job, JobOrigin::Vary).await,
        ImagineId::Upscale(job) => another(app, ctx, interaction, job, JobOrigin::Upscale).await,
        ImagineId::Why(job) => explain(app, ctx, interaction, job).await,
        ImagineId::Delete(job) => delete(app, ctx, interaction, job).await,
        ImagineId::Cancel(job) => cancel::on_button(app, ctx, interaction, job).await,
    }
}

/// Answers a form; pictures have none.
///
/// # Errors
/// Always, with words for the person.
pub async fn on_modal(_: &Arc<App>, _: &Context, _: &ModalInteraction, _: ImagineId) -> Result<(), BotError> {
    Err(BotError::say("I no longer have that form."))
}

/// Draws another picture like one that is there: for its owner as it is, for others in their own taste.
async fn another(
    app: &Arc<App>,
    ctx: &Context,
    interaction: &ComponentInteraction,
    source: JobId,
    origin: JobOrigin,
) -> Result<(), BotError> {
    let (user, guild) = (
        interaction.user.id.get(),
        interaction.guild_id.map(|guild| guild.get()),
    );
    app.pool.admit(user, guild)?;
    interaction.create_response(&ctx.http, deferred()).await?;
    let asked = Asked {
        user,
        guild,
        channel: interaction.channel_id.get(),
        interaction: Some(token(app, interaction.id, &interaction.token)),
        origin,
        parent: Some(source),
    };
    if let Err(error) = accept(app, source, asked).await {
        answer_failure(&ctx.http, &interaction.token, &error).await?;
    }
    Ok(())
}

async fn accept(app: &Arc<App>, source: JobId, asked: Asked) -> Result<(), BotError> {
    let source = records::job(app, source).await?;
    let taste = records::taste(app, asked.user).await?;
    let asker = match source.job.user == asked.user {
        true => Asker::Owner(taste.as_ref()),
        false => Asker::Other(taste.as_ref()),
    };
    let draft = match asked.origin {
        JobOrigin::Vary if sources::are_usable(app, &source).await? => {
            wish::vary(&source, asker, random_seed())
        }
        JobOrigin::Vary => wish::turn(&source, asker, random_seed()),
        JobOrigin::Upscale if source.job.user != asked.user => return Err(BotError::say(NOT_YOURS)),
        JobOrigin::Upscale => wish::upscale(&source).ok_or_else(|| BotError::say(AS_LARGE_AS_IT_GETS))?,
        _ => wish::again(&source, asker, random_seed()),
    };
    let (record, handle) = begin::queue(app, draft, asked).await?;
    begin::follow_in_background(app, record, handle).await;
    Ok(())
}

/// Explains a picture, to whoever asks and to nobody else.
async fn explain(
    app: &App,
    ctx: &Context,
    interaction: &ComponentInteraction,
    job: JobId,
) -> Result<(), BotError> {
    let response = CreateInteractionResponseMessage::new().ephemeral(true);
    interaction
        .create_response(&ctx.http, CreateInteractionResponse::Defer(response))
        .await?;
    let record = match records::job(app, job).await {
        Ok(record) => record,
        Err(error) => return answer_failure(&ctx.http, &interaction.token, &error).await,
    };
    let rating = match record.job.user == interaction.user.id.get() {
        true => Some(ranking::rate(app, &record, records::pictures(app, &record).await?).await?),
        // What somebody likes is for themselves to see.
        false => None,
    };
    let (request, model) = (&record.job.request, &app.config.model.name);
    let mut answer = EditInteractionResponse::new()
        .embed(why::embed(&record, app.vocabulary, model, rating.as_ref()))
        .allowed_mentions(CreateAllowedMentions::new());
    if let Some(command) = why::long_command(request, model) {
        answer = answer.new_attachment(CreateAttachment::bytes(command, "make-it-again.sh"));
    }
    interaction.edit_response(&ctx.http, answer).await?;
    Ok(())
}

/// Deletes a picture, its record and its message, for its owner only.
async fn delete(
    app: &App,
    ctx: &Context,
    interaction: &ComponentInteraction,
    job: JobId,
) -> Result<(), BotError> {
    interaction
        .create_response(&ctx.http, CreateInteractionResponse::Acknowledge)
        .await?;
    let record = records::job(app, job).await?;
    if record.job.user != interaction.user.id.get() {
        return Err(BotError::say(
            "Only the person who asked for this picture can delete it.",
        ));
    }
    // The data first: it is what deleting promises, and a message without it can still be deleted by hand.
    app.with_store(move |store| store.delete_job(job)).await?;
    remove_messages(ctx, interaction, &record).await?;
    let followup = CreateInteractionResponseFollowup::new()
        .content("Deleted: the message, the picture and how it was made.")
        .ephemeral(true)
        .allowed_mentions(CreateAllowedMentions::new());
    interaction.create_followup(&ctx.http, followup).await?;
    Ok(())
}

/// Removes the message with the button, and the picture's own where that is another one.
async fn remove_messages(
    ctx: &Context,
    interaction: &ComponentInteraction,
    record: &JobRecord,
) -> Result<(), BotError> {
    // Through the interaction first: that works where the bot is no member.
    if let Err(error) = interaction.delete_response(&ctx.http).await {
        tracing::debug!(%error, "deleting through the channel instead");
        match interaction
            .channel_id
            .delete_message(&ctx.http, interaction.message.id)
            .await
            .map_err(BotError::from)
        {
            Err(error) if error.is_gone() => {}
            other => other?,
        }
    }
    if let Some((channel, message)) = super::place(record)
        && message != interaction.message.id
        && let Err(error) = channel.delete_message(&ctx.http, message).await
    {
        tracing::debug!(%error, "the picture's first message stays");
    }
    Ok(())
}
