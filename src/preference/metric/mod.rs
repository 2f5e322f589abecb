//! How much a person would like a picture, told from pictures they liked and disliked.
//!
//! A [`Metric`] is the knowledge that holds for everybody; [`Metric::context`] adds what is known of one person and gives
//! the [`Scorer`] that rates pictures for them. A scorer is made once and asked often: whatever it can compute once for
//! the context, it does.
//!
//! A score that chose a picture is no proof that the picture is good: what a metric ranked is judged by something else.

pub mod embedded;
pub mod viper;

use image::RgbImage;

use crate::{Cancel, MetricError};

/// Knows how to learn from pictures what a person likes.
pub trait Metric: Send + Sync {
    /// Names the metric as the configuration does.
    fn name(&self) -> &'static str;

    /// Learns one person's taste from pictures they liked and pictures they disliked, of any sizes, in any order.
    ///
    /// # Errors
    ///
    /// [`MetricError::TooFew`] where a list has too few pictures to learn from, [`MetricError::EmptyImage`] for a picture
    /// without pixels, [`MetricError::Failed`] where a model fails.
    fn context(&self, liked: &[RgbImage], disliked: &[RgbImage]) -> Result<Box<dyn Scorer>, MetricError> {
        self.context_until(liked, disliked, &Cancel::never())
    }

    /// Learns like [`context`](Metric::context), as long as it is not cancelled; the same goes for the scorer afterwards.
    ///
    /// # Errors
    ///
    /// Those of [`context`](Metric::context), and [`MetricError::Cancelled`].
    fn context_until(
        &self,
        liked: &[RgbImage],
        disliked: &[RgbImage],
        cancel: &Cancel,
    ) -> Result<Box<dyn Scorer>, MetricError>;
}

/// Rates pictures for one person.
pub trait Scorer: Send {
    /// Returns how much the person is expected to like a picture, in `0..=1`; 0.5 is undecided.
    ///
    /// # Errors
    ///
    /// [`MetricError::EmptyImage`] for a picture without pixels, [`MetricError::Failed`] where a model fails,
    /// [`MetricError::Cancelled`] where nobody wants the score any more.
    fn score(&mut self, query: &RgbImage) -> Result<f32, MetricError>;
}

/// Refuses a context that lacks a side.
fn need_both(liked: &[RgbImage], disliked: &[RgbImage]) -> Result<(), MetricError> {
    for (what, list) in [("liked", liked), ("disliked", disliked)] {
        if list.is_empty() {
            return Err(MetricError::TooFew {
                what,
                given: 0,
                needed: 1,
            });
        }
    }
    Ok(())
}
