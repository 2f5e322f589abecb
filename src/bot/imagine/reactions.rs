//! Reactions under a picture: ➕ and ➖ move β, 0️⃣ sets it to 0; ♥ and ✗ are marks (`marks.rs`).
//!
//! In a guild only adding one counts, and the bot takes it away again where it may. In a direct message it may not, so
//! there taking one away counts like adding it: every press of the button is one step.

use std::pin::pin;
use std::sync::Arc;

use serenity::all::{Context, CreateAllowedMentions, CreateMessage, Http, Reaction, ReactionType};
use tastemaker_pool::JobId;
use tastemaker_storage::{JobOrigin, JobRecord, JobState};
use tokio::sync::watch;

use super::answer::{self, Answer, Post};
use super::begin::{self, Asked};
use super::beta::{self, Step};
use super::follow::{self, End};
use super::ladder::{self, Reacted};
use super::pictures::Kept;
use super::render::{self, Parent, Task};
use super::wish::{self, Draft};
use super::{Deliveries, deliver, marks, pictures, records};
use crate::bot::context::App;
use crate::bot::errors::{BotError, Incident};

/// Said to someone whose picture is plain for want of a profile.
const NO_TASTE: &str =
    "I don't know your taste yet, so there is nothing to turn up. /onboard takes a few comments on pictures.";

/// Answers a reaction, added or taken away.
///
/// # Errors
/// With the store's, or with Discord's.
pub async fn on_reaction(
    app: &Arc<App>,
    ctx: &Context,
    reaction: &Reaction,
    added: bool,
) -> Result<(), BotError> {
    let in_guild = reaction.guild_id.is_some();
    let (Some(user), ReactionType::Unicode(emoji)) = (reaction.user_id, &reaction.emoji) else {
        return Ok(());
    };
    let (step, mark) = (Step::from_emoji(emoji), marks::from_emoji(emoji));
    if mark.is_none() && (step.is_none() || (in_guild && !added)) {
        return Ok(());
    }
    let message = reaction.message_id.get();
    let source = app.with_store(move |store| {
        let id = store.job_of_message(message)?;
        id.map_or(Ok(None), |id| store.job(id))
    });
    let Some(source) = source.await? else {
        return Ok(());
    };
    if source.job.user != user.get() || source.state != JobState::Done {
        return Ok(());
    }
    if let Some(mark) = mark {
        // It stays where it is: taking it away is how a mark is taken back.
        return marks::on_mark(app, &source, mark, added).await;
    }
    let Some(step) = step else {
        return Ok(());
    };
    if in_guild && let Err(error) = reaction.delete(&ctx.http).await {
        tracing::debug!(%error, "the reaction stays");
    }
    let (id, base) = (source.job.id, source.job.request.beta);
    match app
        .deliveries
        .ladders
        .react(id, base, step, app.config.generation.reaction_step)
    {
        Reacted::Joined => Ok(()),
        Reacted::AlreadyThere => {
            say(&ctx.http, &source, &format!("β is already {}.", beta::show(base))).await
        }
        Reacted::Opened(aim) => {
            let climb = climb_to_the_end(Arc::clone(app), source, aim);
            app.tasks.spawn(climb);
            Ok(())
        }
    }
}

/// Makes sure that a climb that ends in whatever way does not keep later reactions from opening another.
struct Climb<'a> {
    deliveries: &'a Deliveries,
    source: JobId,
}

impl Drop for Climb<'_> {
    fn drop(&mut self) {
        self.deliveries.ladders.abandon(self.source);
    }
}

async fn climb_to_the_end(app: Arc<App>, source: JobRecord, aim: watch::Receiver<f64>) {
    let _climb = Climb {
        deliveries: &app.deliveries,
        source: source.job.id,
    };
    if let Err(error) = climb(&app, &source, aim).await {
        let incident = Incident::report(&error, "reaction");
        if let Err(error) = say(&app.http, &source, &incident.message).await {
            tracing::warn!(%error, "the failure could not be told");
        }
    }
}

/// Draws what the aim settles on, and begins again whenever it moves before the picture is there.
async fn climb(app: &App, source: &JobRecord, mut aim: watch::Receiver<f64>) -> Result<(), BotError> {
    let taste = if render::is_personal(source) {
        None
    } else {
        records::taste(app, source.job.user).await?
    };
    if taste.is_none() && !render::is_personal(source) {
        return Err(BotError::say(NO_TASTE));
    }
    // The message of a picture that was given up for a newer aim serves the next one.
    let mut spare = None;
    loop {
        let beta = ladder::settle(&mut aim, ladder::SETTLE).await;
        if beta == source.job.request.beta {
            if let Some(message) = spare.take() {
                delete(&app.http, source, message).await;
            }
        } else {
            let draft = wish::at_beta(source, taste.as_ref(), beta);
            match same_picture(app, source, &draft).await? {
                Some((record, kept)) => show_again(app, source, record, &kept, spare.take()).await?,
                None => match draw(app, source, draft, spare, &mut aim).await {
                    Ok(given_up) => spare = given_up,
                    Err(error) => {
                        if let Some(message) = spare {
                            delete(&app.http, source, message).await;
                        }
                        return Err(error);
                    }
                },
            }
        }
        if spare.is_none() && app.deliveries.ladders.close(source.job.id, &aim) {
            return Ok(());
        }
    }
}

/// Draws one picture; returns its message when it was given up because the aim moved.
async fn draw(
    app: &App,
    source: &JobRecord,
    draft: Draft,
    spare: Option<u64>,
    aim: &mut watch::Receiver<f64>,
) -> Result<Option<u64>, BotError> {
    app.pool.admit(source.job.user, source.job.guild)?;
    let asked = Asked {
        user: source.job.user,
        guild: source.job.guild,
        channel: source.channel,
        interaction: None,
        origin: JobOrigin::Beta,
        parent: Some(source.job.id),
    };
    let (record, handle) = begin::queue(app, draft, asked).await?;
    let id = record.job.id;
    let mut task = Task {
        record,
        parent: Some(Parent::of(source)),
    };
    task.record.message = match spare {
        Some(message) => Some(message),
        None => announce(app, source, &task).await,
    };
    records::save(app, &task.record).await;

    let mut answer = Answer::of(&task.record);
    let mut given_up = false;
    let end = {
        let mut following = pin!(follow::follow(app, &mut task, &mut answer, handle.events));
        loop {
            tokio::select! {
                end = &mut following => break end,
                Ok(()) = aim.changed(), if !given_up => {
                    given_up = app.pool.cancel(id);
                    if !given_up {
                        // Over already: it is shown, and the new aim comes after it.
                        aim.mark_changed();
                        break following.await;
                    }
                }
            }
        }
    };
    if given_up && matches!(end, End::Cancelled) {
        aim.mark_changed();
        app.with_store(move |store| store.delete_job(id)).await?;
        return Ok(task.record.message);
    }
    app.deliveries.ladders.arrive(source.job.id);
    deliver::conclude(app, &mut task, &mut answer, end).await;
    Ok(None)
}

/// Replies to the picture that was reacted to; without a reply, the result comes as a message of its own.
async fn announce(app: &App, source: &JobRecord, task: &Task) -> Option<u64> {
    let (channel, message) = super::place(source)?;
    match answer::reply(&app.http, channel, message, &render::accepted(task)).await {
        Ok(message) => Some(message.get()),
        Err(error) => {
            tracing::debug!(job = task.record.job.id, %error, "the reply could not be sent");
            None
        }
    }
}

/// Finds the same picture among those that came from the same one, with its files.
async fn same_picture(
    app: &App,
    source: &JobRecord,
    draft: &Draft,
) -> Result<Option<(JobRecord, Vec<Kept>)>, BotError> {
    let (user, request) = (source.job.user, draft.request.clone());
    let found = app.with_store(move |store| {
        let same = |record: &JobRecord| record.state == JobState::Done && record.job.request == request;
        Ok(store.jobs_of(user)?.into_iter().rev().find(same))
    });
    let Some(record) = found.await? else {
        return Ok(None);
    };
    Ok(records::pictures(app, &record).await?.map(|kept| (record, kept)))
}

/// Shows a picture that was made before, in a new message that its reactions and buttons work under as well.
async fn show_again(
    app: &App,
    source: &JobRecord,
    record: JobRecord,
    kept: &[Kept],
    spare: Option<u64>,
) -> Result<(), BotError> {
    if let Some(message) = spare {
        delete(&app.http, source, message).await;
    }
    let Some((channel, message)) = super::place(source) else {
        return Ok(());
    };
    app.deliveries.ladders.arrive(source.job.id);
    let files = Some(pictures::results(&record.job.request, kept));
    let id = record.job.id;
    let offered = deliver::offered(app, &record);
    let task = Task {
        record: JobRecord {
            origin: JobOrigin::Beta,
            ..record
        },
        parent: Some(Parent::of(source)),
    };
    let shown = answer::reply(
        &app.http,
        channel,
        message,
        &Post {
            files,
            ..render::finished(&task)
        },
    )
    .await?;
    app.with_store(move |store| store.link_message(shown.get(), id))
        .await?;
    deliver::offer_reactions(app, (channel, shown), offered);
    Ok(())
}

/// Replies to a picture with a few words.
async fn say(http: &Http, source: &JobRecord, words: &str) -> Result<(), BotError> {
    let Some((channel, message)) = super::place(source) else {
        return Ok(());
    };
    let reply = CreateMessage::new()
        .content(words)
        .reference_message((channel, message))
        .allowed_mentions(CreateAllowedMentions::new());
    channel.send_message(http, reply).await?;
    Ok(())
}

async fn delete(http: &Http, source: &JobRecord, message: u64) {
    let Some((channel, _)) = super::place(source) else {
        return;
    };
    if let Err(error) = channel.delete_message(http, message.max(1)).await {
        tracing::debug!(%error, "the reply stays");
    }
}
