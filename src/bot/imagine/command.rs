//! `/imagine`.

use std::sync::Arc;

use serenity::all::{
    CommandInteraction, Context, CreateAllowedMentions, CreateInteractionResponse,
    CreateInteractionResponseMessage, EditInteractionResponse, Http, InteractionId,
};
use tastemaker_commands::imagine::{self as command, Imagine};
use tastemaker_storage::{InteractionRef, JobOrigin};

use super::begin::{self, Asked};
use super::wish::{self, Wish};
use super::{defaults, records, sources};
use crate::bot::context::App;
use crate::bot::errors::{BotError, Incident};

/// A snowflake's upper bits count milliseconds since Discord's epoch.
const SNOWFLAKE_TIME_BITS: u32 = 22;
/// Discord's epoch, the beginning of 2015, in milliseconds since 1970.
const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

/// Answers `/imagine`: acknowledges, writes the job down, queues it and follows it.
///
/// # Errors
/// With what is wrong with the options, or with the limit that was hit; both are found without waiting on anything, so
/// that they can be told to the person alone. Whatever goes wrong later stands in the answer itself.
pub async fn on_command(
    app: &Arc<App>,
    ctx: &Context,
    interaction: &CommandInteraction,
) -> Result<(), BotError> {
    let options = command::parse(&interaction.data).map_err(|error| BotError::say(error.to_string()))?;
    let (user, guild) = (
        interaction.user.id.get(),
        interaction.guild_id.map(|guild| guild.get()),
    );
    if options.count > app.config.generation.max_count {
        return Err(BotError::say(format!(
            "I make at most {} pictures at once here.",
            app.config.generation.max_count
        )));
    }
    app.pool.admit(user, guild)?;
    interaction.create_response(&ctx.http, deferred()).await?;

    let asked = Asked {
        user,
        guild,
        channel: interaction.channel_id.get(),
        interaction: Some(token(app, interaction.id, &interaction.token)),
        origin: JobOrigin::Imagine,
        parent: None,
    };
    if let Err(error) = accept(app, options, asked).await {
        answer_failure(&ctx.http, &interaction.token, &error).await?;
    }
    Ok(())
}

async fn accept(app: &Arc<App>, options: Imagine, asked: Asked) -> Result<(), BotError> {
    let taste = records::taste(app, asked.user).await?;
    let (aspect, file) = match &options.image {
        Some(attachment) => {
            let strength = options.strength.unwrap_or(wish::IMAGE_STRENGTH);
            let (aspect, file) = sources::fetch(attachment, strength, options.aspect, defaults(app)).await?;
            (aspect, Some(file))
        }
        None => (options.aspect.unwrap_or_default(), None),
    };
    let wish = Wish {
        prompt: options.prompt,
        negative: options.negative.unwrap_or_default(),
        beta: options.beta,
        seed: options.seed.unwrap_or_else(random_seed),
        count: options.count,
        aspect,
        plain: options.plain,
        file,
    };
    let draft = wish.draft(taste.as_ref(), &defaults(app), &app.config.generation);
    let (record, handle) = begin::queue(app, draft, asked).await?;
    begin::follow_in_background(app, record, handle).await;
    Ok(())
}

/// Draws a seed that fits into the option `seed`.
pub(super) fn random_seed() -> u64 {
    u64::from(rand::random::<u32>())
}

/// Acknowledges at once; the answer follows as an edit.
pub(super) fn deferred() -> CreateInteractionResponse {
    CreateInteractionResponse::Defer(CreateInteractionResponseMessage::new())
}

/// Keeps what is needed to answer an interaction later.
pub(super) fn token(app: &App, id: InteractionId, token: &str) -> InteractionRef {
    InteractionRef {
        application_id: app.application.get(),
        token: token.to_owned(),
        created_at: (id.get() >> SNOWFLAKE_TIME_BITS) + DISCORD_EPOCH_MS,
    }
}

/// Puts a failure where the answer was announced.
///
/// # Errors
/// With Discord's.
pub(super) async fn answer_failure(http: &Http, token: &str, error: &BotError) -> Result<(), BotError> {
    use serenity::builder::Builder as _;
    let text = Incident::report(error, "imagine").message;
    EditInteractionResponse::new()
        .content(text)
        .allowed_mentions(CreateAllowedMentions::new())
        .execute(http, token)
        .await?;
    Ok(())
}
