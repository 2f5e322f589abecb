//! What can go wrong with the store.

use tastemaker_pool::JobId;
use thiserror::Error;

/// Says why the store could not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk or the database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sled::Error),
    /// Another process has the database open.
    #[error("the database in {path} is in use: is another copy of the bot running?")]
    InUse {
        /// Where it is.
        path: String,
    },
    /// A record cannot be read. Other records can.
    #[error("the record {key} in {tree} is corrupt: {reason}")]
    Corrupt {
        /// The tree it stands in.
        tree: &'static str,
        /// Its key, in decimal parts or in hexadecimal.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A record was written by a newer release.
    #[error(
        "the record {key} in {tree} has schema {found}, and this release reads up to {known}: use the release that wrote it"
    )]
    NewerRecord {
        /// The tree it stands in.
        tree: &'static str,
        /// Its key.
        key: String,
        /// Its schema.
        found: u16,
        /// The newest schema that this release knows.
        known: u16,
    },
    /// The whole database was laid out by a newer release.
    #[error(
        "the database has layout {found}, and this release reads up to {known}: use the release that wrote it"
    )]
    NewerLayout {
        /// Its layout.
        found: u16,
        /// The newest layout that this release knows.
        known: u16,
    },
    /// A record cannot be written as it is.
    #[error("a record for {tree} cannot be written: {reason}")]
    Unwritable {
        /// The tree it was meant for.
        tree: &'static str,
        /// Why not.
        reason: String,
    },
    /// There is no such job, or no longer.
    #[error("there is no job {id}")]
    NoSuchJob {
        /// The job.
        id: JobId,
    },
    /// An image is larger than all images together may be.
    #[error("an image of {bytes} bytes does not fit into {cap} bytes")]
    ImageTooLarge {
        /// Size of the image.
        bytes: u64,
        /// Size that all images together may have.
        cap: u64,
    },
}
