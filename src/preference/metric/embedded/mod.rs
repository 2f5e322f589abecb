//! The `embedded` metric: no model to download, a few milliseconds for a picture.
//!
//! | step | where |
//! |---|---|
//! | colour, light, texture, lines and composition, as numbers | `features.rs`, `features/` |
//! | what looks these numbers speak of, by probes learned once from pictures whose looks are known | `probes.rs` |
//! | what one person likes, from liked and disliked pictures: a Gaussian process classifier | `taste.rs` |
//!
//! It knows looks, not subjects. How often it is right is measured by the example `metric`; the figures are in
//! `docs/metric.md`.

mod features;
mod probes;
mod taste;

use std::sync::Arc;

use image::RgbImage;

pub use features::{COLOURS, SIDE, features};
pub use probes::{FACTORS, KERNEL, PROBES, Probes, ProbesError};
pub use taste::{Kernel, Taste};

use super::{Metric, Scorer, need_both};
use crate::{Cancel, MetricError};

/// Is the metric that is part of the program.
#[derive(Debug, Clone)]
pub struct EmbeddedMetric {
    probes: Arc<Probes>,
}

impl EmbeddedMetric {
    /// Loads the probes that are part of the program.
    ///
    /// # Errors
    ///
    /// [`MetricError::Failed`] if the program was built with a file that cannot be read; a test reads it.
    pub fn embedded() -> Result<EmbeddedMetric, MetricError> {
        let probes = Probes::from_bytes(PROBES).map_err(|error| MetricError::Failed {
            message: error.to_string(),
        })?;
        Ok(EmbeddedMetric {
            probes: Arc::new(probes),
        })
    }

    /// Takes other probes.
    pub fn with_probes(probes: Probes) -> EmbeddedMetric {
        EmbeddedMetric {
            probes: Arc::new(probes),
        }
    }
}

impl Metric for EmbeddedMetric {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn context_until(
        &self,
        liked: &[RgbImage],
        disliked: &[RgbImage],
        cancel: &Cancel,
    ) -> Result<Box<dyn Scorer>, MetricError> {
        need_both(liked, disliked)?;
        let mut looks = Vec::with_capacity(liked.len() + disliked.len());
        for picture in liked.iter().chain(disliked) {
            if cancel.is_cancelled() {
                return Err(MetricError::Cancelled);
            }
            looks.push(self.probes.look(&features(picture)?));
        }
        let likes: Vec<bool> = (0..looks.len()).map(|at| at < liked.len()).collect();
        Ok(Box::new(EmbeddedScorer {
            probes: Arc::clone(&self.probes),
            taste: Taste::fit(looks, &likes, KERNEL),
            cancel: cancel.clone(),
        }))
    }
}

/// Rates pictures for one person.
struct EmbeddedScorer {
    probes: Arc<Probes>,
    taste: Taste,
    cancel: Cancel,
}

impl Scorer for EmbeddedScorer {
    fn score(&mut self, query: &RgbImage) -> Result<f32, MetricError> {
        if self.cancel.is_cancelled() {
            return Err(MetricError::Cancelled);
        }
        Ok(self.taste.score(&self.probes.look(&features(query)?)))
    }
}

#[cfg(test)]
mod tests;
