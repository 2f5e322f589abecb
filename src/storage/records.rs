//! What is kept, as plain data.

mod job;
mod onboarding;
mod profile;
mod taste;

pub use job::{AppliedAttribute, InteractionRef, JobOrigin, JobRecord, JobState, Ranking, Receipt};
pub use onboarding::{Answer, OnboardingRecord, OnboardingState};
pub use profile::{HISTORY_LIMIT, ProfileRecord};
pub use taste::{CONTEXT_LIMIT, ContextPicture, Mark, Marks};
