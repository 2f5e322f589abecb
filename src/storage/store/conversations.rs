//! Profiles, onboarding conversations, and who cannot be written to.

use tastemaker_pool::UserId;

use super::Store;
use crate::envelope::{self, Record};
use crate::tree::{self, Changes, Tree};
use crate::{OnboardingRecord, ProfileRecord, StoreError};

impl Record for ProfileRecord {
    const TREE: Tree = Tree::Profiles;
    const SCHEMA: u16 = 1;
}

impl Record for OnboardingRecord {
    const TREE: Tree = Tree::Onboarding;
    const SCHEMA: u16 = 1;
}

impl Store {
    /// Reads a person's profile.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::NewerRecord`] if it cannot be read, or
    /// [`StoreError::Database`].
    pub fn profile(&self, user: UserId) -> Result<Option<ProfileRecord>, StoreError> {
        self.read(&tree::id(user))
    }

    /// Writes a person's profile, with at most [`HISTORY_LIMIT`](crate::HISTORY_LIMIT) earlier versions.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`] or [`StoreError::Database`].
    pub fn put_profile(&self, user: UserId, record: &ProfileRecord) -> Result<(), StoreError> {
        let writer = self.writer();
        let mut changes = Changes::default();
        insert_profile(&mut changes, user, record)?;
        self.commit(&changes)?;
        drop(writer);
        self.flush()
    }

    /// Changes a person's profile with nothing in between: two changes at once both take effect. The closure gets
    /// the record as it is; leaving `None` deletes it.
    ///
    /// # Errors
    /// As [`profile`](Self::profile) and [`put_profile`](Self::put_profile); nothing is changed then.
    pub fn update_profile<T>(
        &self,
        user: UserId,
        change: impl FnOnce(&mut Option<ProfileRecord>) -> T,
    ) -> Result<T, StoreError> {
        let writer = self.writer();
        let mut record = self.profile(user)?;
        let result = change(&mut record);
        let mut changes = Changes::default();
        match &record {
            Some(record) => insert_profile(&mut changes, user, record)?,
            None => changes.remove(Tree::Profiles, tree::id(user)),
        }
        self.commit(&changes)?;
        drop(writer);
        self.flush()?;
        Ok(result)
    }

    /// Deletes a person's profile with its history; false if there was none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn delete_profile(&self, user: UserId) -> Result<bool, StoreError> {
        self.delete(Tree::Profiles, user)
    }

    /// Reads a person's onboarding conversation.
    ///
    /// # Errors
    /// As [`profile`](Self::profile).
    pub fn onboarding(&self, user: UserId) -> Result<Option<OnboardingRecord>, StoreError> {
        self.read(&tree::id(user))
    }

    /// Writes a person's onboarding conversation.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`] or [`StoreError::Database`].
    pub fn put_onboarding(&self, record: &OnboardingRecord) -> Result<(), StoreError> {
        let bytes = envelope::seal(record)?;
        let writer = self.writer();
        let mut changes = Changes::default();
        changes.insert(Tree::Onboarding, tree::id(record.user), bytes);
        self.commit(&changes)?;
        drop(writer);
        self.flush()
    }

    /// Deletes a person's onboarding conversation; false if there was none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn delete_onboarding(&self, user: UserId) -> Result<bool, StoreError> {
        self.delete(Tree::Onboarding, user)
    }

    /// Ends an onboarding conversation with the profile it made: both or neither, so that no crash leaves a person
    /// with a kept profile who is asked once more whether to keep it.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`] or [`StoreError::Database`].
    pub fn conclude_onboarding(&self, user: UserId, record: &ProfileRecord) -> Result<(), StoreError> {
        let writer = self.writer();
        let mut changes = Changes::default();
        insert_profile(&mut changes, user, record)?;
        changes.remove(Tree::Onboarding, tree::id(user));
        self.commit(&changes)?;
        drop(writer);
        self.flush()
    }

    /// Reads every onboarding conversation. One that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn all_onboarding(&self) -> Result<Vec<OnboardingRecord>, StoreError> {
        self.read_all(self.tree(Tree::Onboarding).iter().keys())
    }

    /// Tells whether direct messages to a person failed last time.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn dm_closed(&self, user: UserId) -> Result<bool, StoreError> {
        Ok(self.tree(Tree::DmClosed).contains_key(tree::id(user))?)
    }

    /// Takes note of whether direct messages to a person fail. Not flushed: to learn it again costs one message.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn set_dm_closed(&self, user: UserId, closed: bool) -> Result<(), StoreError> {
        let _writer = self.writer();
        let mut changes = Changes::default();
        match closed {
            true => changes.insert(Tree::DmClosed, tree::id(user), &[]),
            false => changes.remove(Tree::DmClosed, tree::id(user)),
        }
        self.commit(&changes)
    }

    fn delete(&self, from: Tree, user: UserId) -> Result<bool, StoreError> {
        let writer = self.writer();
        let existed = self.tree(from).contains_key(tree::id(user))?;
        let mut changes = Changes::default();
        changes.remove(from, tree::id(user));
        self.commit(&changes)?;
        drop(writer);
        self.flush()?;
        Ok(existed)
    }
}

fn insert_profile(changes: &mut Changes, user: UserId, record: &ProfileRecord) -> Result<(), StoreError> {
    let mut record = record.clone();
    record.trim();
    changes.insert(Tree::Profiles, tree::id(user), envelope::seal(&record)?);
    Ok(())
}
