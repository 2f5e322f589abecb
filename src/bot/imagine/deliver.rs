//! Brings the end of a job to the person who asked: once, wherever it still can be.

use std::sync::Arc;
use std::time::Duration;

use serenity::all::{ChannelId, Http, MessageId, ReactionType};
use tastemaker_pool::{Picture, Safety};
use tastemaker_storage::{JobRecord, JobState, Receipt, Store, StoreError};
use tokio::task::spawn_blocking;

use super::answer::{Answer, Post};
use super::beta::Step;
use super::follow::End;
use super::pictures::Kept;
use super::render::{self, Task};
use super::{marks, now_ms, pictures, ranking, records};
use crate::bot::context::App;
use crate::bot::errors::{BotError, Incident};
use crate::receipt;

/// Longest wait between two attempts to reach Discord.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Attempts to reach Discord, some ten minutes in all. After the next start they begin anew.
const ATTEMPTS: u32 = 15;
/// Times that a result is made smaller before it is given up.
const SHRINKINGS: u32 = 4;

/// Writes the end of a job down and shows it.
pub(super) async fn conclude(app: &App, task: &mut Task, answer: &mut Answer, end: End) {
    match end {
        End::Finished {
            pictures,
            elapsed,
            long_texts,
        } => {
            let pictures = ranking::choose(app, &mut task.record, pictures).await;
            let receipt = Receipt {
                model: app.model.name.clone(),
                model_hash: app.model_hash().await,
                elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                finished_at: now_ms(),
                safety: safety(task, &pictures),
                long_texts,
            };
            task.record.receipt = Some(receipt);
            task.record.state = JobState::Done;
            match keep(app, task, pictures).await {
                Ok(kept) => show_result(app, task, answer, kept).await,
                Err(error) => fail(app, task, answer, &error).await,
            }
        }
        End::Failed(error) => fail(app, task, answer, &error.into()).await,
        End::Cancelled => {
            task.record.state = JobState::Cancelled;
            records::save(app, &task.record).await;
            if let Err(error) = answer.update(&app.http, &render::cancelled(task)).await {
                tracing::debug!(job = task.record.job.id, %error, "the cancellation could not be shown");
            }
        }
        End::Kept => {
            if let Err(error) = answer.update(&app.http, &render::kept(task)).await {
                tracing::debug!(job = task.record.job.id, %error, "the restart could not be announced");
            }
        }
    }
}

/// What a safety check made of each picture, noted in the log; empty if it found nothing.
fn safety(task: &Task, pictures: &[Picture]) -> Vec<Safety> {
    let all: Vec<Safety> = pictures.iter().map(Picture::safety).collect();
    if all.iter().all(|safety| *safety == Safety::Clear) {
        return Vec::new();
    }
    tracing::info!(job = task.record.job.id, safety = ?all, "a safety check found something");
    all
}

/// Encodes the pictures and writes them down together with the job that is now done.
///
/// A disk that does not take them is logged; the person gets the pictures all the same.
async fn keep(app: &App, task: &Task, pictures: Vec<Picture>) -> Result<Vec<Kept>, BotError> {
    let (store, record) = (app.store.clone(), task.record.clone());
    let encoded = spawn_blocking(move || -> Result<Vec<Kept>, BotError> {
        let kept = (0..)
            .zip(&pictures)
            .filter_map(|(index, picture)| Some((index, picture.image()?, picture.safety())))
            .map(|(index, image, safety)| {
                let png = receipt::encode(image, &record, index)?;
                Ok(Kept { index, png, safety })
            })
            .collect::<Result<Vec<_>, receipt::ReceiptError>>()
            .map_err(BotError::internal)?;
        match write_down(&store, &record, &kept) {
            Ok(()) => {}
            Err(StoreError::NoSuchJob { id }) => tracing::debug!(job = id, "deleted while under way"),
            Err(error) => tracing::error!(job = record.job.id, %error, "a result could not be kept"),
        }
        Ok(kept)
    });
    encoded.await.map_err(BotError::internal)?
}

/// Writes pictures before the record that says they are there.
fn write_down(store: &Store, record: &JobRecord, pictures: &[Kept]) -> Result<(), StoreError> {
    for kept in pictures {
        store.put_image(record.job.id, kept.index, &kept.png)?;
    }
    store.put_job(record)
}

/// Shows the pictures of a job that is done.
pub(super) async fn show_result(app: &App, task: &mut Task, answer: &mut Answer, kept: Vec<Kept>) {
    if is_delivered(app, task).await {
        return;
    }
    let request = &task.record.job.request;
    let post = Post {
        files: Some(pictures::results(request, &kept)),
        ..render::finished(task)
    };
    match persist(app, task, answer, post, &kept).await {
        Ok(place) => {
            delivered(app, task, Some(place)).await;
            offer_reactions(app, place, offered(app, &task.record));
        }
        Err(error) => undeliverable(app, task, &error).await,
    }
}

/// Writes a failure down and shows it in words fit for the person.
pub(super) async fn fail(app: &App, task: &mut Task, answer: &mut Answer, error: &BotError) {
    task.record.state = JobState::Failed;
    task.record.failure = Some(Incident::report(error, "job").message);
    records::save(app, &task.record).await;
    show_failure(app, task, answer).await;
}

/// Shows the failure of a job that was written down.
pub(super) async fn show_failure(app: &App, task: &mut Task, answer: &mut Answer) {
    let message = task
        .record
        .failure
        .clone()
        .unwrap_or_else(|| "Something broke on my side.".to_owned());
    let post = render::failed(task, &message);
    match persist(app, task, answer, post, &[]).await {
        Ok(place) => delivered(app, task, Some(place)).await,
        Err(error) => undeliverable(app, task, &error).await,
    }
}

/// Delivers a post, patiently where Discord is out of reach, and smaller where it is too large.
async fn persist(
    app: &App,
    task: &Task,
    answer: &mut Answer,
    mut post: Post,
    kept: &[Kept],
) -> Result<(ChannelId, MessageId), BotError> {
    let mut wait = Duration::from_secs(1);
    let (mut attempts, mut shrinkings) = (0, 0);
    loop {
        let error = match answer.deliver(&app.http, &post).await {
            Ok(place) => return Ok(place),
            Err(error) => error,
        };
        if error.is_too_large() && shrinkings < SHRINKINGS && !kept.is_empty() {
            let (request, kept) = (task.record.job.request.clone(), kept.to_vec());
            let smaller = spawn_blocking(move || pictures::smaller(&request, &kept, shrinkings)).await;
            post.files = Some(smaller.map_err(BotError::internal)?.map_err(BotError::internal)?);
            if shrinkings == 0 {
                post.content
                    .push_str("\n-# Compressed, because this channel takes no larger files.");
            }
            shrinkings += 1;
            continue;
        }
        attempts += 1;
        if !error.is_transient() || attempts >= ATTEMPTS {
            return Err(error);
        }
        tracing::warn!(job = task.record.job.id, %error, "Discord is out of reach, trying again");
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
            () = app.stopping.cancelled() => return Err(error),
        }
    }
}

/// Asks the store, which alone knows what a process before this one has shown.
async fn is_delivered(app: &App, task: &Task) -> bool {
    let id = task.record.job.id;
    match app.with_store(move |store| store.job(id)).await {
        Ok(record) => record.is_some_and(|record| record.delivered),
        Err(error) => {
            tracing::error!(job = id, %error, "a job could not be read");
            false
        }
    }
}

/// Writes down that a job's end has been shown, and in which message.
async fn delivered(app: &App, task: &mut Task, place: Option<(ChannelId, MessageId)>) {
    if let Some((channel, message)) = place {
        task.record.channel = channel.get();
        task.record.message = Some(message.get());
    }
    task.record.delivered = true;
    let (id, channel, message) = (task.record.job.id, task.record.channel, task.record.message);
    let written = app.with_store(move |store| {
        store.update_job(id, |record| {
            record.channel = channel;
            record.message = message;
        })?;
        store.mark_delivered(id)
    });
    match written.await {
        Ok(true) => {}
        Ok(false) => tracing::debug!(job = id, "deleted, or shown before"),
        Err(error) => tracing::error!(job = id, %error, "a delivery could not be written down"),
    }
}

/// Gives up a result that has nowhere to go, unless a later start may find a way.
async fn undeliverable(app: &App, task: &mut Task, error: &BotError) {
    let job = task.record.job.id;
    if error.is_transient() {
        tracing::warn!(job, %error, "a result waits for the next start");
    } else {
        tracing::warn!(job, %error, "a result has nowhere to go");
        delivered(app, task, None).await;
    }
}

/// Returns the reactions that do something under a result.
pub(super) fn offered(app: &App, record: &JobRecord) -> Vec<&'static str> {
    let mut offered = Vec::new();
    if render::is_personal(record) {
        offered.extend(Step::OFFERED);
    }
    if app.rater.is_some() {
        offered.extend(marks::OFFERED);
    }
    offered
}

/// Puts reactions under a result, in the background, since it takes longer than showing it: Discord takes four a second. Where
/// it is not permitted, or the bot stops meanwhile, buttons still do their part.
pub(super) fn offer_reactions(app: &App, place: (ChannelId, MessageId), offered: Vec<&'static str>) {
    let reacting = react(Arc::clone(&app.http), place, offered);
    app.tasks
        .spawn(app.stopping.clone().run_until_cancelled_owned(reacting));
}

async fn react(http: Arc<Http>, (channel, message): (ChannelId, MessageId), offered: Vec<&'static str>) {
    for emoji in offered {
        if let Err(error) = channel
            .create_reaction(&http, message, ReactionType::Unicode(emoji.to_owned()))
            .await
        {
            tracing::debug!(%error, "no reactions here");
            return;
        }
    }
}
