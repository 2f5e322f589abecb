//! Forgetting a person.

use tastemaker_pool::UserId;

use super::Store;
use crate::StoreError;
use crate::tree::{self, Changes, Tree};

/// Counts what was deleted when a person was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForgetReport {
    /// Profiles, each with its history: 0 or 1.
    pub profiles: usize,
    /// Onboarding conversations: 0 or 1.
    pub onboarding: usize,
    /// Jobs, with their requests and receipts.
    pub jobs: usize,
    /// Links from messages to jobs.
    pub links: usize,
    /// Copies of pictures that were marked with ♥ or ✗.
    pub marked: usize,
    /// Images.
    pub images: usize,
    /// Bytes of the images.
    pub bytes: u64,
}

impl Store {
    /// Deletes everything that is kept of a person, at once, and reports what it was. Afterwards no key and no value of
    /// the database holds their id or anything they said, and jobs of theirs that are still being drawn cannot be
    /// written any more. Cancel those first.
    ///
    /// The database reuses its files in parts, so deleted bytes may stay in them, unreachable, until they are
    /// written over.
    ///
    /// # Errors
    /// [`StoreError::Database`]; nothing is deleted then.
    pub fn forget(&self, user: UserId) -> Result<ForgetReport, StoreError> {
        let mut writer = self.writer();
        let jobs = self.ids_behind(Tree::UserJobs, user)?;
        let mut report = ForgetReport {
            profiles: usize::from(self.tree(Tree::Profiles).contains_key(tree::id(user))?),
            onboarding: usize::from(self.tree(Tree::Onboarding).contains_key(tree::id(user))?),
            jobs: jobs.len(),
            ..ForgetReport::default()
        };
        let mut changes = Changes::default();
        for tree in [Tree::Profiles, Tree::Onboarding, Tree::DmClosed] {
            changes.remove(tree, tree::id(user));
        }
        for job in &jobs {
            report.links += self.ids_behind(Tree::JobMessages, *job)?.len();
            self.remove_job(&mut changes, *job)?;
            changes.remove(Tree::UserJobs, tree::ids(user, *job));
            let count = self.remove_images(&mut changes, *job)?;
            report.images += count.images;
            report.bytes += count.bytes;
        }
        report.marked = self.remove_tastes(&mut changes, user, None)?;
        self.commit(&changes)?;
        writer.deleted.extend(jobs);
        writer.image_bytes = writer.image_bytes.saturating_sub(report.bytes);
        drop(writer);
        self.flush()?;
        Ok(report)
    }
}
