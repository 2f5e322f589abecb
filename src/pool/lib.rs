//! A rate-limited, fair, step-batching worker pool for image jobs.
