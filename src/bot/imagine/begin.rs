//! The beginning of a job: written down, queued, followed.

use std::sync::Arc;

use tastemaker_pool::{Job, JobHandle, JobId};
use tastemaker_storage::{InteractionRef, JobOrigin, JobRecord};

use super::answer::Answer;
use super::render::Task;
use super::sources::FILE_INDEX;
use super::wish::Draft;
use super::{deliver, follow, now_ms, ranking, records, sources};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Says who asked for a job, where, and how.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Who.
    pub user: u64,
    /// In which guild, if in one.
    pub guild: Option<u64>,
    /// In which channel.
    pub channel: u64,
    /// The interaction to answer, if there is one.
    pub interaction: Option<InteractionRef>,
    /// By what.
    pub origin: JobOrigin,
    /// From which picture.
    pub parent: Option<JobId>,
}

/// Writes a job down, which makes it outlive a crash, and queues it.
///
/// # Errors
/// With words for the person where the picture it starts from is gone, with the pool's refusal, after which no trace of
/// the job is left, or with the store's.
pub(super) async fn queue(
    app: &App,
    mut draft: Draft,
    asked: Asked,
) -> Result<(JobRecord, JobHandle), BotError> {
    if let Some(source) = &mut draft.request.source {
        *source = sources::filled(app, source, draft.request.count).await?;
    }
    let ranking = ranking::widen(app, asked.user, asked.origin, &mut draft.request).await?;
    let record = app.with_store(move |store| {
        let Draft {
            mut request,
            applied,
            profile_version,
            file,
        } = draft;
        let id = store.new_job_id()?;
        if let Some(file) = &file {
            request.source = Some(file.source(id));
        }
        let job = Job {
            id,
            user: asked.user,
            guild: asked.guild,
            request,
        };
        let mut record = JobRecord::accepted(job, asked.channel, asked.origin, now_ms());
        record.interaction = asked.interaction;
        record.parent = asked.parent;
        record.applied = applied;
        record.profile_version = profile_version;
        record.ranking = ranking;
        store.put_job(&record)?;
        if let Some(file) = file
            && let Err(error) = store.put_image(id, FILE_INDEX, &file.png)
        {
            store.delete_job(id)?;
            return Err(error);
        }
        Ok(record)
    });
    let record = record.await?;
    match app.pool.submit(record.job.clone()) {
        Ok(handle) => Ok((record, handle)),
        Err(refusal) => {
            let id = record.job.id;
            app.with_store(move |store| store.delete_job(id)).await?;
            Err(refusal.into())
        }
    }
}

/// Follows a queued job to its end, beside everything else.
pub(super) async fn follow_in_background(app: &Arc<App>, record: JobRecord, handle: JobHandle) {
    let task = records::task(app, record).await;
    let app = Arc::clone(app);
    app.tasks
        .clone()
        .spawn(async move { to_its_end(&app, task, handle).await });
}

/// Follows a queued job and brings its end to the person.
pub(super) async fn to_its_end(app: &App, mut task: Task, handle: JobHandle) {
    let mut answer = Answer::of(&task.record);
    let end = follow::follow(app, &mut task, &mut answer, handle.events).await;
    deliver::conclude(app, &mut task, &mut answer, end).await;
}
