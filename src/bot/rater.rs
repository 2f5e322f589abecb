//! Pictures are rated one request after the other, and never keep anybody waiting longer than the configuration allows.

use std::sync::Arc;
use std::time::Duration;

use tastemaker_preference::{Cancel, Metric, MetricError};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::turnstile::{Interrupted, Turnstile};

/// Says why pictures were not rated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RateError {
    /// It took too long, was cancelled, or panicked.
    #[error("rating: {0}")]
    Interrupted(#[from] Interrupted),
    /// The metric reported an error.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

/// Rates pictures with the metric of the configuration.
pub struct PictureRater {
    metric: Arc<dyn Metric>,
    turns: Turnstile,
    within: Duration,
}

impl PictureRater {
    /// Makes a rater that gives up what is not rated `within` a time, waiting for those before it included.
    pub fn new(metric: Arc<dyn Metric>, within: Duration, stopping: CancellationToken) -> Self {
        Self {
            metric,
            turns: Turnstile::new(stopping),
            within,
        }
    }

    /// Names the metric as the configuration does.
    pub fn name(&self) -> &'static str {
        self.metric.name()
    }

    /// Lets a person's pictures be rated.
    ///
    /// # Errors
    /// When it takes too long or is cancelled, or with the metric's.
    pub async fn rate<T: Send + 'static>(
        &self,
        user: u64,
        rate: impl FnOnce(&dyn Metric, &Cancel) -> Result<T, MetricError> + Send + 'static,
    ) -> Result<T, RateError> {
        let metric = Arc::clone(&self.metric);
        let rated = self
            .turns
            .pass(user, self.within, move |cancel| rate(metric.as_ref(), cancel));
        Ok(rated.await??)
    }

    /// Ends what is being rated for a person; tells whether there was anything.
    pub fn interrupt(&self, user: u64) -> bool {
        self.turns.interrupt(user)
    }
}
