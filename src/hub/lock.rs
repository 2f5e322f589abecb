//! One process at a time for each blob of the cache.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::error::{HubError, Result};

/// How often a taken lock is tried again.
const POLL: Duration = Duration::from_millis(200);

/// Held until dropped, also when the process dies: the system lets go of it then.
pub(crate) struct BlobLock {
    _file: File,
}

impl BlobLock {
    /// Takes the lock, calling `waiting` once if another process (this program or Python's) has it.
    ///
    /// On file systems that know no locks the download goes on without: the hash is checked at the end in any case.
    pub async fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| HubError::io(folder, error))?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|error| HubError::io(path, error))?;
        let mut waiting = Some(waiting);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    tokio::time::sleep(POLL).await;
                }
                Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                    tracing::warn!(path = %path.display(), "the file system of the cache knows no locks");
                    return Ok(Self { _file: file });
                }
                Err(TryLockError::Error(error)) => return Err(HubError::io(path, error)),
            }
        }
    }
}
