//! What is kept, as plain data.

mod job;
mod onboarding;
mod profile;

pub use job::{AppliedAttribute, InteractionRef, JobOrigin, JobRecord, JobState, Receipt};
pub use onboarding::{Answer, OnboardingRecord, OnboardingState};
pub use profile::{HISTORY_LIMIT, ProfileRecord};
