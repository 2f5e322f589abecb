//! Why a script cannot be read, or how a conversation went another way than the script.

use std::path::PathBuf;

/// Why a script cannot be played at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The script.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is not TOML, or has a key or type that steps do not have.
    #[error("{name}: {reason}")]
    Syntax {
        /// The script's name.
        name: String,
        /// What is wrong, with the place.
        reason: String,
    },
    /// A step makes no sense.
    #[error("{name}:{line}: {reason}")]
    Step {
        /// The script's name.
        name: String,
        /// Line that the step starts at, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// How a conversation went another way than its script.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// A step could not be done, or what it waits for or expects is not so.
    #[error("{script}:{line}: step {step} ({what}): {reason}\n\n{place} looked like this:\n{channel}")]
    Step {
        /// The script's name.
        script: String,
        /// Line that the step starts at, from 1.
        line: usize,
        /// The step, from 1.
        step: usize,
        /// The step in words.
        what: Box<str>,
        /// What was expected and what there was.
        reason: String,
        /// Where it happened.
        place: Box<str>,
        /// The channel as readable text.
        channel: String,
    },
    /// The transcript or a picture could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
