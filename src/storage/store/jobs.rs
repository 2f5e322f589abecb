//! Jobs, and the messages that show them.

use tastemaker_pool::{JobId, UserId};

use super::{Store, Writer};
use crate::envelope::{self, Record};
use crate::tree::{self, Changes, Tree};
use crate::{JobRecord, StoreError};

impl Record for JobRecord {
    const TREE: Tree = Tree::Jobs;
    const SCHEMA: u16 = 1;
}

impl Store {
    /// Reads a job.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::NewerRecord`] if it cannot be read, or
    /// [`StoreError::Database`].
    pub fn job(&self, id: JobId) -> Result<Option<JobRecord>, StoreError> {
        self.read(&tree::id(id))
    }

    /// Writes a job, with the link from its message if it has one. A job must be written before it is queued.
    ///
    /// That a result was delivered is never unsaid: `delivered` stays true once it is, whatever the record says.
    ///
    /// # Errors
    /// [`StoreError::NoSuchJob`] if the job was deleted: whoever still draws it must not bring it back.
    /// [`StoreError::Unwritable`] or [`StoreError::Database`].
    pub fn put_job(&self, record: &JobRecord) -> Result<(), StoreError> {
        let writer = self.writer();
        // A record that cannot be read any more is replaced.
        let known = match self.job(record.job.id) {
            Err(error @ StoreError::Database(_)) => return Err(error),
            known => known.ok().flatten(),
        };
        let delivered = record.delivered || known.is_some_and(|known| known.delivered);
        let changes = self.job_changes(
            &writer,
            &JobRecord {
                delivered,
                ..record.clone()
            },
        )?;
        self.commit(&changes)?;
        drop(writer);
        self.flush()
    }

    /// Changes a job with nothing in between and returns it as it is then; `None` if there is no such job.
    ///
    /// # Errors
    /// As [`job`](Self::job) and [`put_job`](Self::put_job); nothing is changed then.
    pub fn update_job(
        &self,
        id: JobId,
        change: impl FnOnce(&mut JobRecord),
    ) -> Result<Option<JobRecord>, StoreError> {
        let writer = self.writer();
        let Some(mut record) = self.job(id)? else {
            return Ok(None);
        };
        let delivered = record.delivered;
        change(&mut record);
        record.delivered |= delivered;
        self.commit(&self.job_changes(&writer, &record)?)?;
        drop(writer);
        self.flush()?;
        Ok(Some(record))
    }

    /// Takes note that a job's result was shown, and tells whether this was the first time; false also if there is
    /// no such job.
    ///
    /// Of several that try at once exactly one gets true. So that a person sees a result once although the bot may
    /// crash between showing and noting it, show it in a way that may be repeated (an edit of the job's message, or
    /// a message with the job's id as its nonce), then call this, and show only what
    /// [`unfinished_jobs`](Self::unfinished_jobs) returns.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub fn mark_delivered(&self, id: JobId) -> Result<bool, StoreError> {
        let mut first = false;
        self.update_job(id, |record| {
            first = !record.delivered;
            record.delivered = true;
        })?;
        Ok(first)
    }

    /// Reads the jobs that somebody still waits for, oldest first: those not done, and those done or failed whose
    /// result was not shown. One that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn unfinished_jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        self.read_all(self.tree(Tree::OpenJobs).iter().keys())
    }

    /// Reads a person's jobs, oldest first. One that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn jobs_of(&self, user: UserId) -> Result<Vec<JobRecord>, StoreError> {
        let ids = self.ids_behind(Tree::UserJobs, user)?;
        self.read_all(ids.into_iter().map(|id| Ok(sled::IVec::from(&tree::id(id)))))
    }

    /// Returns the job that a message shows.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Database`].
    pub fn job_of_message(&self, message: u64) -> Result<Option<JobId>, StoreError> {
        let key = tree::id(message);
        let Some(bytes) = self.tree(Tree::Messages).get(key)? else {
            return Ok(None);
        };
        let job =
            tree::read_id(&bytes, 0).ok_or_else(|| envelope::corrupt(Tree::Messages, &key, "no job id"))?;
        Ok(Some(job))
    }

    /// Takes note that a message shows a job. A job may have several; a message shows the job linked last.
    ///
    /// # Errors
    /// [`StoreError::NoSuchJob`] or [`StoreError::Database`].
    pub fn link_message(&self, message: u64, job: JobId) -> Result<(), StoreError> {
        let writer = self.writer();
        if !self.tree(Tree::Jobs).contains_key(tree::id(job))? {
            return Err(StoreError::NoSuchJob { id: job });
        }
        let mut changes = Changes::default();
        self.add_link(&mut changes, message, job)?;
        self.commit(&changes)?;
        drop(writer);
        self.flush()
    }

    /// Deletes a job with its links and images, also those in its owner's context; false if there is no such job.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn delete_job(&self, id: JobId) -> Result<bool, StoreError> {
        let mut writer = self.writer();
        let existed = self.tree(Tree::Jobs).contains_key(tree::id(id))?;
        let mut changes = Changes::default();
        self.remove_job(&mut changes, id)?;
        for key in self.owner_keys(id)? {
            if let Some(user) = tree::read_id(&key, 0) {
                self.remove_tastes(&mut changes, user, Some(id))?;
            }
            changes.remove(Tree::UserJobs, key);
        }
        let images = self.remove_images(&mut changes, id)?;
        self.commit(&changes)?;
        writer.deleted.insert(id);
        writer.image_bytes = writer.image_bytes.saturating_sub(images.bytes);
        drop(writer);
        self.flush()?;
        Ok(existed)
    }

    /// Collects what writing a job changes.
    fn job_changes(&self, writer: &Writer, record: &JobRecord) -> Result<Changes, StoreError> {
        let id = record.job.id;
        if writer.deleted.contains(&id) {
            return Err(StoreError::NoSuchJob { id });
        }
        let mut changes = Changes::default();
        changes.insert(Tree::Jobs, tree::id(id), envelope::seal(record)?);
        changes.insert(Tree::UserJobs, tree::ids(record.job.user, id), &[]);
        match record.is_unfinished() {
            true => changes.insert(Tree::OpenJobs, tree::id(id), &[]),
            false => changes.remove(Tree::OpenJobs, tree::id(id)),
        }
        if let Some(message) = record.message {
            self.add_link(&mut changes, message, id)?;
        }
        Ok(changes)
    }

    /// Collects what removing a job changes, but for its images and its owner.
    pub(super) fn remove_job(&self, changes: &mut Changes, id: JobId) -> Result<(), StoreError> {
        changes.remove(Tree::Jobs, tree::id(id));
        changes.remove(Tree::OpenJobs, tree::id(id));
        for message in self.ids_behind(Tree::JobMessages, id)? {
            changes.remove(Tree::JobMessages, tree::ids(id, message));
            changes.remove(Tree::Messages, tree::id(message));
        }
        Ok(())
    }

    fn add_link(&self, changes: &mut Changes, message: u64, job: JobId) -> Result<(), StoreError> {
        if let Some(before) = self.job_of_message(message)?.filter(|before| *before != job) {
            changes.remove(Tree::JobMessages, tree::ids(before, message));
        }
        changes.insert(Tree::Messages, tree::id(message), &tree::id(job));
        changes.insert(Tree::JobMessages, tree::ids(job, message), &[]);
        Ok(())
    }

    /// Finds the keys that say whose job it is: from its record, or, if that cannot be read, by looking at all.
    fn owner_keys(&self, id: JobId) -> Result<Vec<[u8; 16]>, StoreError> {
        match self.job(id) {
            Ok(record) => Ok(record
                .map(|record| tree::ids(record.job.user, id))
                .into_iter()
                .collect()),
            Err(error @ StoreError::Database(_)) => Err(error),
            Err(_) => {
                let keys = self
                    .tree(Tree::UserJobs)
                    .iter()
                    .keys()
                    .collect::<Result<Vec<_>, _>>()?;
                let users = keys.iter().filter(|key| tree::read_id(key, 8) == Some(id));
                Ok(users
                    .filter_map(|key| tree::read_id(key, 0))
                    .map(|user| tree::ids(user, id))
                    .collect())
            }
        }
    }
}
