//! Durable records of the bot: profiles, conversations, jobs, receipts, images.

mod error;
mod records;

pub use error::StoreError;
pub use records::{
    Answer, AppliedAttribute, HISTORY_LIMIT, InteractionRef, JobOrigin, JobRecord, JobState,
    OnboardingRecord, OnboardingState, ProfileRecord, Receipt,
};
