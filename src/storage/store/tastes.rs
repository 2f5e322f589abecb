//! Each person's context: pictures of theirs that they liked and disliked.

use tastemaker_pool::{JobId, UserId};

use super::Store;
use crate::envelope;
use crate::tree::{self, Changes, Tree};
use crate::{CONTEXT_LIMIT, ContextPicture, Mark, Marks, StoreError};

/// Schema of a context picture's envelope.
const SCHEMA: u16 = 1;

/// Is a context picture with what only the store needs to know.
struct Kept {
    key: sled::IVec,
    age: [u8; 8],
    marks: Marks,
    file: Vec<u8>,
}

impl Store {
    /// Takes note of a mark under pictures of a job; `files` are the pictures with their places. Past [`CONTEXT_LIMIT`] on a
    /// side, those whose mark is the oldest leave.
    ///
    /// # Errors
    /// [`StoreError::NoSuchJob`] if the job was deleted or is not this person's, or [`StoreError::Database`].
    pub fn mark(
        &self,
        user: UserId,
        job: JobId,
        files: &[(u8, Vec<u8>)],
        mark: Mark,
    ) -> Result<(), StoreError> {
        let writer = self.writer();
        if !self.tree(Tree::UserJobs).contains_key(tree::ids(user, job))? {
            return Err(StoreError::NoSuchJob { id: job });
        }
        let mut kept = self.kept(user)?;
        let mut changes = Changes::default();
        for (index, file) in files {
            let key = tree::taste(user, job, *index);
            let known = kept.iter().position(|it| it.key == key);
            let mut marks = known.map_or_else(Marks::default, |at| kept.remove(at).marks);
            marks.add(mark);
            let age = tree::id(self.inner.db.generate_id()?);
            changes.insert(Tree::Tastes, key, sealed(&marks, &age, file));
            kept.push(Kept {
                key: sled::IVec::from(&key[..]),
                age,
                marks,
                file: Vec::new(),
            });
        }
        let mut side: Vec<&Kept> = kept
            .iter()
            .filter(|it| it.marks.counting() == Some(mark))
            .collect();
        side.sort_by_key(|it| it.age);
        for oldest in &side[..side.len().saturating_sub(CONTEXT_LIMIT)] {
            changes.remove(Tree::Tastes, &oldest.key);
        }
        self.commit(&changes)?;
        drop(writer);
        self.flush()
    }

    /// Takes a mark away from all pictures of a job. One that has no other leaves the context.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn unmark(&self, user: UserId, job: JobId, mark: Mark) -> Result<(), StoreError> {
        let writer = self.writer();
        let mut changes = Changes::default();
        for mut kept in self.kept(user)? {
            if tree::read_id(&kept.key, 8) != Some(job) {
                continue;
            }
            kept.marks.remove(mark);
            match kept.marks.counting() {
                Some(_) => changes.insert(
                    Tree::Tastes,
                    &kept.key,
                    sealed(&kept.marks, &kept.age, &kept.file),
                ),
                None => changes.remove(Tree::Tastes, &kept.key),
            }
        }
        self.commit(&changes)?;
        drop(writer);
        self.flush()
    }

    /// Reads a person's context, the oldest mark first. A picture that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn context(&self, user: UserId) -> Result<Vec<ContextPicture>, StoreError> {
        let mut kept = self.kept(user)?;
        kept.sort_by_key(|it| it.age);
        let picture = |it: Kept| {
            Some(ContextPicture {
                job: tree::read_id(&it.key, 8)?,
                index: *it.key.get(16)?,
                mark: it.marks.counting()?,
                file: it.file,
            })
        };
        Ok(kept.into_iter().filter_map(picture).collect())
    }

    /// Counts a person's context: liked, disliked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn context_size(&self, user: UserId) -> Result<(usize, usize), StoreError> {
        let kept = self.kept(user)?;
        let of = |mark| kept.iter().filter(|it| it.marks.counting() == Some(mark)).count();
        Ok((of(Mark::Liked), of(Mark::Disliked)))
    }

    /// Collects the removal of what a person said of the pictures of a job; counts it.
    pub(super) fn remove_tastes(
        &self,
        changes: &mut Changes,
        user: UserId,
        job: Option<JobId>,
    ) -> Result<usize, StoreError> {
        let prefix = match job {
            Some(job) => tree::ids(user, job).to_vec(),
            None => tree::id(user).to_vec(),
        };
        let mut count = 0;
        for key in self.tree(Tree::Tastes).scan_prefix(prefix).keys() {
            changes.remove(Tree::Tastes, key?);
            count += 1;
        }
        Ok(count)
    }

    fn kept(&self, user: UserId) -> Result<Vec<Kept>, StoreError> {
        let mut all = Vec::new();
        for entry in self.tree(Tree::Tastes).scan_prefix(tree::id(user)) {
            let (key, value) = entry?;
            match read(&key, &value) {
                Ok((age, marks, file)) => all.push(Kept {
                    key,
                    age,
                    marks,
                    file,
                }),
                Err(error) => tracing::error!(%error, "a picture of a context was left out"),
            }
        }
        Ok(all)
    }
}

fn sealed(marks: &Marks, age: &[u8; 8], file: &[u8]) -> Vec<u8> {
    envelope::wrap(SCHEMA, &[&[marks.to_byte()], age, file])
}

fn read(key: &[u8], value: &[u8]) -> Result<([u8; 8], Marks, Vec<u8>), StoreError> {
    let (_, content) = envelope::unwrap(Tree::Tastes, key, value, SCHEMA)?;
    let read = || {
        let (byte, rest) = content.split_first()?;
        let (age, file) = rest.split_first_chunk()?;
        Some((*age, Marks::from_byte(*byte)?, file.to_vec()))
    };
    read().ok_or_else(|| envelope::corrupt(Tree::Tastes, key, "not a marked picture"))
}
