//! The database: opening, committing, flushing, and the ids it gives.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sled::Transactional;
use sled::transaction::TransactionError;
use tastemaker_pool::JobId;

use crate::StoreError;
use crate::envelope::{self, Record};
use crate::tree::{self, Changes, Tree};

mod conversations;
mod forget;
mod images;
mod jobs;
mod tastes;

pub use forget::ForgetReport;

/// Layout of the trees and their keys. Raise it when an older release could no longer find its way.
const LAYOUT: u16 = 1;
const LAYOUT_KEY: &[u8] = b"layout";
const LAST_JOB_KEY: &[u8] = b"last_job";

/// 2026-01-01, from which job ids count, in milliseconds since 1970.
const JOB_EPOCH_MS: u64 = 1_767_225_600_000;
/// Job ids of one millisecond, as a power of two.
const IDS_PER_MS_LOG2: u32 = 12;

/// How long a database in use is waited for.
const LOCK_GRACE: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// Sets how much the store may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes that all images together may have; the oldest leave first.
    pub image_cap_bytes: u64,
    /// Bytes of memory that the database uses to keep what was read and written lately.
    pub cache_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            image_cap_bytes: 1 << 30,
            cache_bytes: 64 << 20,
        }
    }
}

/// Keeps the bot's records on disk. A clone is another handle to the same database.
///
/// All calls are synchronous and may wait for the disk: from async code, call them on a blocking thread. A call that
/// writes a job, a profile or a conversation returns when it is on the disk, so what a person was told is kept. A
/// crash at any moment leaves each call done or not done, never half.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: sled::Db,
    trees: Vec<sled::Tree>,
    options: StoreOptions,
    /// Held through every change: a change reads, decides and writes, and they are too rare to gain from more.
    writer: Mutex<Writer>,
}

/// Is what every change needs to know.
#[derive(Debug, Default)]
struct Writer {
    /// Bytes of all images.
    image_bytes: u64,
    last_job: JobId,
    /// Jobs deleted since the start. Whoever still draws or shows one must not bring it back.
    deleted: HashSet<JobId>,
}

impl Store {
    /// Opens the database in a directory, making it if there is none.
    ///
    /// One that is in use is waited for, some seconds: the last handle's threads give it back a moment after that
    /// handle is gone, and a service manager may start the next process while the one before is still closing.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::NewerLayout`], or [`StoreError::Database`] when the disk fails.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        Self::open_within(path, options, LOCK_GRACE)
    }

    fn open_within(path: &Path, options: StoreOptions, grace: Duration) -> Result<Self, StoreError> {
        let start = Instant::now();
        loop {
            match Self::open_with(sled::Config::new().path(path), options.clone()) {
                Err(StoreError::Database(error)) if is_locked(&error) => {
                    if start.elapsed() >= grace {
                        return Err(StoreError::InUse {
                            path: path.display().to_string(),
                        });
                    }
                    std::thread::sleep(LOCK_RETRY);
                }
                other => return other,
            }
        }
    }

    /// Opens a new database that is deleted with its last handle, for tests and trials.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the disk fails.
    pub fn temporary() -> Result<Self, StoreError> {
        Self::open_with(sled::Config::new().temporary(true), StoreOptions::default())
    }

    fn open_with(config: sled::Config, options: StoreOptions) -> Result<Self, StoreError> {
        let db = config.cache_capacity(options.cache_bytes).open()?;
        let trees = Tree::ALL
            .iter()
            .map(|tree| db.open_tree(tree.name()))
            .collect::<Result<_, _>>()?;
        let inner = Inner {
            db,
            trees,
            options,
            writer: Mutex::default(),
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        store.check_layout()?;
        let mut writer = store.writer();
        writer.last_job = store.last_job()?;
        writer.image_bytes = store.count_image_bytes()?;
        store.evict_to(&mut writer, store.inner.options.image_cap_bytes)?;
        drop(writer);
        store.flush()?;
        Ok(store)
    }

    /// Waits until everything written is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the disk fails.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.inner.db.flush()?;
        Ok(())
    }

    /// Gives an id to a new job: greater than every one before, also before a restart, and, being made of the time,
    /// most likely also than those of a database that was lost. A button that outlives its database thus finds
    /// nothing, rather than somebody else's job. Ids stay below 2⁵³ for some 69 years, so they survive JSON readers
    /// that know no other numbers.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the disk fails.
    pub fn new_job_id(&self) -> Result<JobId, StoreError> {
        let mut writer = self.writer();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let by_time = now_ms.saturating_sub(JOB_EPOCH_MS) << IDS_PER_MS_LOG2;
        // The clock may have been set back, or more ids asked for than fit into a millisecond.
        let id = by_time.max(writer.last_job + 1);
        self.tree(Tree::Meta).insert(LAST_JOB_KEY, &tree::id(id))?;
        writer.last_job = id;
        Ok(id)
    }

    fn last_job(&self) -> Result<JobId, StoreError> {
        let given = self
            .tree(Tree::Meta)
            .get(LAST_JOB_KEY)?
            .and_then(|bytes| tree::read_id(&bytes, 0));
        let kept = self
            .tree(Tree::Jobs)
            .last()?
            .and_then(|(key, _)| tree::read_id(&key, 0));
        Ok(given.max(kept).unwrap_or(0))
    }

    fn check_layout(&self) -> Result<(), StoreError> {
        let meta = self.tree(Tree::Meta);
        let found = match meta.get(LAYOUT_KEY)? {
            None => {
                meta.insert(LAYOUT_KEY, &LAYOUT.to_be_bytes())?;
                return Ok(());
            }
            Some(bytes) => match *bytes {
                [high, low] => u16::from_be_bytes([high, low]),
                _ => return Err(envelope::corrupt(Tree::Meta, LAYOUT_KEY, "not a layout number")),
            },
        };
        match found {
            ..=LAYOUT => Ok(()),
            found => Err(StoreError::NewerLayout { found, known: LAYOUT }),
        }
    }

    fn tree(&self, tree: Tree) -> &sled::Tree {
        &self.inner.trees[tree as usize]
    }

    // Its numbers change only after a commit succeeded, so they are right even if a holder panicked.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes changes to any trees, all or none.
    fn commit(&self, changes: &Changes) -> Result<(), StoreError> {
        let batches = changes.batches();
        if batches.is_empty() {
            return Ok(());
        }
        let trees: Vec<&sled::Tree> = batches.iter().map(|(tree, _)| self.tree(*tree)).collect();
        let committed = trees[..].transaction(|views| {
            for (view, (_, batch)) in views.iter().zip(batches) {
                view.apply_batch(batch)?;
            }
            Ok(())
        });
        committed.map_err(|error| match error {
            TransactionError::Storage(error) => StoreError::Database(error),
            TransactionError::Abort(()) => StoreError::Database(sled::Error::Unsupported("abort".to_owned())),
        })
    }

    /// Reads a record.
    fn read<R: Record>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        self.tree(R::TREE)
            .get(key)?
            .map(|bytes| envelope::open(key, &bytes))
            .transpose()
    }

    /// Reads the records of these keys; one that cannot be read is logged and left out.
    fn read_all<R: Record>(
        &self,
        keys: impl Iterator<Item = sled::Result<sled::IVec>>,
    ) -> Result<Vec<R>, StoreError> {
        let mut records = Vec::new();
        for key in keys {
            match self.read(&key?) {
                Ok(record) => records.extend(record),
                Err(error @ StoreError::Database(_)) => return Err(error),
                Err(error) => tracing::error!(%error, "a record was left out"),
            }
        }
        Ok(records)
    }

    /// Returns the ids that stand behind an id in the keys of a tree.
    fn ids_behind(&self, tree: Tree, first: u64) -> Result<Vec<u64>, StoreError> {
        let keys = self.tree(tree).scan_prefix(tree::id(first)).keys();
        keys.filter_map(|key| key.map(|key| tree::read_id(&key, 8)).transpose())
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)
    }
}

/// Tells whether another handle has the database open. The library has no kind of its own for this.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(io) if io.to_string().contains("acquire lock"))
}

#[cfg(test)]
mod tests;
