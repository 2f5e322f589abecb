//! Durable records of the bot: profiles, conversations, jobs, receipts, images.
//!
//! | what | where |
//! |---|---|
//! | the records, plain data | [`ProfileRecord`], [`OnboardingRecord`], [`JobRecord`], [`ContextPicture`] |
//! | reading and writing them; every change is all or nothing | [`Store`], `store/` |
//! | trees and keys | `tree.rs` |
//! | how a record becomes bytes, and what becomes of older and newer ones | `envelope.rs` |
//!
//! The database is sled: embedded, one directory, one process. A job is written before it is queued and read again
//! after a restart ([`Store::unfinished_jobs`]); images stay within a number of bytes; [`Store::forget`] leaves nothing of
//! a person behind.

mod envelope;
mod error;
mod records;
mod store;
mod tree;

pub use error::StoreError;
pub use records::{
    Answer, AppliedAttribute, CONTEXT_LIMIT, ContextPicture, HISTORY_LIMIT, InteractionRef, JobOrigin,
    JobRecord, JobState, Mark, Marks, OnboardingRecord, OnboardingState, ProfileRecord, Ranking, Receipt,
};
pub use store::{ForgetReport, Store, StoreOptions};
