//! Which image to ask about next, how sure the answers make one, and when to stop asking.
//!
//! What a person likes is a number for each attribute: above 0 liked, below 0 disliked, near 0 of no matter. Before the
//! first answer nothing is known, so each is a normal variable with mean 0 and variance 1. They hang together:
//! attributes that one image shows, or that share a word, are often liked together, opposites seldom (`prior.rs`).
//! Each answer is a measurement of them (`beliefs.rs`), and the next image is the one whose answer is expected to
//! tell most (`choice.rs`).
//!
//! ```text
//! Beliefs::new(candidates) ── hear(image, answer) ──▶ next_image(…) ──▶ confidence(), little_left(…)
//! ```
//!
//! Sources of the formulas: expected information as the worth of an experiment, D. V. Lindley, "On a Measure of the
//! Information Provided by an Experiment" (1956); its closed form for normal beliefs and the choice of the next
//! measurement by it, D. J. C. MacKay, "Information-Based Objective Functions for Active Data Selection" (1992);
//! measurements of normal variables, R. E. Kalman (1960). Everything is computed, nothing drawn: equal answers give
//! equal questions, on every machine and after every restart.

mod beliefs;
mod choice;
mod prior;
#[cfg(test)]
mod tests;

pub use beliefs::{Beliefs, CategoryConfidence, Heard};
pub use choice::{Choice, little_left, next_image, same_style};

/// An image that can be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub id: String,
    /// What it shows: names of the vocabulary.
    pub attributes: Vec<String>,
}
