//! Unfinished jobs of an earlier process that wait for room in the queue.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tastemaker_pool::{ImageRequest, JobId, UserId};
use tastemaker_storage::JobRecord;

/// Holds jobs until the pool takes them. Each is in here or in the pool, never in both and never in neither, so that
/// whoever cancels looks here first and then there.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<BTreeMap<JobId, JobRecord>>);

impl Held {
    /// Adds jobs.
    pub(super) fn hold(&self, records: impl IntoIterator<Item = JobRecord>) {
        self.lock()
            .extend(records.into_iter().map(|record| (record.job.id, record)));
    }

    /// Returns the jobs held, oldest first.
    pub(super) fn ids(&self) -> Vec<JobId> {
        self.lock().keys().copied().collect()
    }

    /// Returns what a job asks for, if it is held.
    pub(super) fn request(&self, id: JobId) -> Option<ImageRequest> {
        self.lock().get(&id).map(|record| record.job.request.clone())
    }

    /// Offers a job to `submit` and lets go of it if that succeeds; `None` if it is not held any more.
    pub(super) fn offer<T, E>(
        &self,
        id: JobId,
        submit: impl FnOnce(&JobRecord) -> Result<T, E>,
    ) -> Option<(JobRecord, Result<T, E>)> {
        let mut held = self.lock();
        let result = submit(held.get(&id)?);
        let record = if result.is_ok() {
            held.remove(&id)
        } else {
            held.get(&id).cloned()
        };
        record.map(|record| (record, result))
    }

    /// Takes a job out.
    pub(super) fn take(&self, id: JobId) -> Option<JobRecord> {
        self.lock().remove(&id)
    }

    /// Takes out all jobs of a person.
    pub(super) fn take_user(&self, user: UserId) -> Vec<JobRecord> {
        self.lock()
            .extract_if(.., |_, record| record.job.user == user)
            .map(|(_, record)| record)
            .collect()
    }

    // Every change is a single insertion or removal, so a map whose lock was poisoned is still sound.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, JobRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::task;
    use super::*;

    fn record(id: JobId, user: UserId) -> JobRecord {
        let mut record = task(0.6).record;
        (record.job.id, record.job.user) = (id, user);
        record
    }

    #[test]
    fn a_job_stays_until_it_is_taken() {
        let held = Held::default();
        held.hold([record(2, 1), record(1, 1)]);
        assert_eq!(held.ids(), [1, 2]);
        assert!(
            held.offer(1, |_| Err::<(), _>("full"))
                .is_some_and(|(_, result)| result.is_err())
        );
        assert!(
            held.offer(1, |_| Ok::<_, ()>(()))
                .is_some_and(|(_, result)| result.is_ok())
        );
        assert!(held.offer(1, |_| Ok::<_, ()>(())).is_none());
        assert_eq!(held.ids(), [2]);
    }

    #[test]
    fn a_person_takes_their_own_jobs_out() {
        let held = Held::default();
        held.hold([record(1, 1), record(2, 9), record(3, 1)]);
        assert_eq!(held.take_user(1).len(), 2);
        assert_eq!(held.take(2).map(|record| record.job.user), Some(9));
        assert!(held.ids().is_empty());
    }
}
