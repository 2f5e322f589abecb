//! Takes up what an earlier process of the bot left unfinished.

use std::sync::Arc;
use std::time::Duration;

use tastemaker_pool::{ImageRequest, JobId, Refusal};
use tastemaker_storage::{JobRecord, JobState};

use super::answer::Answer;
use super::render::Task;
use super::{begin, deliver, records, sources};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Time between two attempts to queue jobs that the queue had no room for.
const RETRY: Duration = Duration::from_secs(2);

/// Queues the unfinished jobs of an earlier process again, and delivers those that only lack their delivery.
///
/// Neither counts against any rate limit: they were admitted when they were asked for. Returns at once; what there is
/// to do is done beside everything else.
pub async fn recover(app: &Arc<App>) {
    let unfinished = match app.with_store(|store| store.unfinished_jobs()).await {
        Ok(unfinished) => unfinished,
        Err(error) => {
            tracing::error!(%error, "unfinished jobs could not be read");
            return;
        }
    };
    if unfinished.is_empty() {
        return;
    }
    tracing::info!(jobs = unfinished.len(), "taking up unfinished jobs");
    let (over, open) = unfinished
        .into_iter()
        .partition::<Vec<_>, _>(|record| matches!(record.state, JobState::Done | JobState::Failed));
    // At once, so that a /cancel that comes first finds them.
    app.deliveries.held.hold(open);
    let app = Arc::clone(app);
    app.tasks.clone().spawn(async move {
        for record in over {
            show_end(&app, record).await;
        }
        queue_all(&app).await;
    });
}

/// Shows the end of a job that was over before the restart, and draws it again when its pictures have left the store.
async fn show_end(app: &Arc<App>, record: JobRecord) {
    if record.state == JobState::Failed {
        in_background(app, record, |app, mut task, mut answer| async move {
            deliver::show_failure(&app, &mut task, &mut answer).await;
        })
        .await;
        return;
    }
    match records::pictures(app, &record).await {
        Ok(Some(kept)) => {
            in_background(app, record, |app, mut task, mut answer| async move {
                deliver::show_result(&app, &mut task, &mut answer, kept).await;
            })
            .await;
        }
        Ok(None) => app.deliveries.held.hold([record]),
        Err(error) => {
            tracing::error!(job = record.job.id, %error, "pictures could not be read, drawing them again");
            app.deliveries.held.hold([record]);
        }
    }
}

/// Queues what is held, in as many rounds as it takes: there may be more than the queue has room for.
async fn queue_all(app: &Arc<App>) {
    loop {
        for id in app.deliveries.held.ids() {
            queue(app, id).await;
        }
        if app.deliveries.held.ids().is_empty() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = app.stopping.cancelled() => return,
        }
    }
}

async fn queue(app: &Arc<App>, id: JobId) {
    // Sources are not written down with their pixels.
    let source = match app.deliveries.held.request(id) {
        Some(ImageRequest {
            source: Some(source),
            count,
            ..
        }) => match sources::filled(app, &source, count).await {
            Ok(source) => Some(source),
            Err(error) => return give_up(app, id, error).await,
        },
        _ => None,
    };
    let submit = |record: &JobRecord| {
        let mut job = record.job.clone();
        job.request.source = source;
        app.pool.submit(job)
    };
    let Some((record, queued)) = app.deliveries.held.offer(id, submit) else {
        return;
    };
    match queued {
        Ok(handle) => begin::follow_in_background(app, record, handle).await,
        // Shutting down, and the next start finds it; or no room yet.
        Err(Refusal::Draining | Refusal::QueueFull { .. } | Refusal::TooManyWaiting { .. }) => {}
        Err(Refusal::AlreadyKnown { .. }) => {
            app.deliveries.held.take(id);
        }
        Err(refusal) => give_up(app, id, refusal.into()).await,
    }
}

/// Lets go of a job that cannot be drawn, and says so.
async fn give_up(app: &Arc<App>, id: JobId, error: BotError) {
    let Some(record) = app.deliveries.held.take(id) else {
        return;
    };
    in_background(app, record, |app, mut task, mut answer| async move {
        deliver::fail(&app, &mut task, &mut answer, &error).await;
    })
    .await;
}

/// Joins a record with its answer and does something with both, beside everything else.
async fn in_background<F>(app: &Arc<App>, record: JobRecord, act: impl FnOnce(Arc<App>, Task, Answer) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let task = records::task(app, record).await;
    let answer = Answer::of(&task.record);
    app.tasks.spawn(act(Arc::clone(app), task, answer));
}
