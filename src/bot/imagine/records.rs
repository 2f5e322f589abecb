//! What the answers read from the store and write to it, off the event loop.

use tastemaker_pool::{JobId, Safety, UserId};
use tastemaker_storage::{JobRecord, StoreError};

use super::pictures::Kept;
use super::render::{Parent, Task};
use super::taste::Taste;
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Said of a picture whose record was deleted, by its owner or with all their data.
const FORGOTTEN: &str = "I no longer know that picture: it was deleted.";

/// Writes a record, or logs why not: the job goes on from memory, and only a restart would notice.
pub(super) async fn save(app: &App, record: &JobRecord) {
    let owned = record.clone();
    match app.with_store(move |store| store.put_job(&owned)).await {
        Ok(()) => {}
        Err(BotError::Store(StoreError::NoSuchJob { id })) => {
            tracing::debug!(job = id, "deleted while under way")
        }
        Err(error) => tracing::error!(job = record.job.id, %error, "a job could not be written down"),
    }
}

/// Reads the job behind a button.
///
/// # Errors
/// With words for the person, when it was deleted.
pub(super) async fn job(app: &App, id: JobId) -> Result<JobRecord, BotError> {
    app.with_store(move |store| store.job(id))
        .await?
        .ok_or_else(|| BotError::say(FORGOTTEN))
}

/// Reads a person's taste; `None` without a profile.
///
/// # Errors
/// With the store's.
pub(super) async fn taste(app: &App, user: UserId) -> Result<Option<Taste>, BotError> {
    let record = app.with_store(move |store| store.profile(user)).await?;
    Ok(record.as_ref().and_then(Taste::of))
}

/// Joins a record with what its answer tells of the picture it came from.
pub(super) async fn task(app: &App, record: JobRecord) -> Task {
    let parent = match record.parent {
        Some(id) => app.with_store(move |store| store.job(id)).await.ok().flatten(),
        None => None,
    };
    Task {
        parent: parent.as_ref().map(Parent::of),
        record,
    }
}

/// Reads the pictures of a job, without those that are withheld; `None` when some have left the store.
///
/// # Errors
/// With the store's.
pub(super) async fn pictures(app: &App, record: &JobRecord) -> Result<Option<Vec<Kept>>, BotError> {
    let (id, count, receipt) = (record.job.id, record.job.request.count, record.receipt.clone());
    let safety = move |index| {
        receipt
            .as_ref()
            .map_or(Safety::Clear, |receipt| receipt.safety_of(index))
    };
    app.with_store(move |store| {
        (0..count)
            .map(|index| (index, safety(index)))
            .filter(|(_, safety)| *safety != Safety::Withheld)
            .map(|(index, safety)| Ok(store.image(id, index)?.map(|png| Kept { index, png, safety })))
            .collect()
    })
    .await
}
