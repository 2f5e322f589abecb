//! Why a checkpoint did not arrive, in words for the person who asked for it.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::progress::bytes;

/// Reports why a checkpoint cannot be had; every message names what it is about and what to do. None holds a token.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// A manifest's hub table cannot be right.
    #[error("the hub table of `{model}` cannot be used: {problem}")]
    InvalidModel {
        /// The model's name.
        model: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The endpoint or the token is malformed.
    #[error("{setting} cannot be used: {problem}")]
    InvalidOption {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Files are missing and the hub may not be asked.
    #[error(
        "offline (HF_HUB_OFFLINE or hub.offline), and {} of `{model}` {} not in the cache: {}",
        count(missing.len()),
        if missing.len() == 1 { "is" } else { "are" },
        missing.join(", ")
    )]
    Offline {
        /// The model's name.
        model: String,
        /// The missing files.
        missing: Vec<String>,
    },
    /// The repository asks for an account that accepted its terms, or for a token that may read it.
    #[error("{}", denied(.repo, .endpoint, *.gated, *.with_token))]
    Denied {
        /// The repository.
        repo: String,
        /// Where it is, to name the page of its terms.
        endpoint: String,
        /// Whether its terms are what stands in the way, as far as the hub says.
        gated: bool,
        /// Whether a token was sent.
        with_token: bool,
    },
    /// There is no such repository or revision.
    #[error(
        "there is no revision `{revision}` of a repository {repo} at {endpoint}: it is misspelt, was removed or is private"
    )]
    RepoNotFound {
        /// The repository.
        repo: String,
        /// The revision.
        revision: String,
        /// The hub asked.
        endpoint: String,
    },
    /// The repository does not have a file that the manifest lists.
    #[error(
        "{repo} has no file {path} at revision `{revision}`{}; correct `hub.files` in the manifest",
        nearest.as_ref().map_or(String::new(), |n| format!(" (the most similar one is {n})"))
    )]
    FileNotFound {
        /// The repository.
        repo: String,
        /// The revision.
        revision: String,
        /// The file as the manifest lists it.
        path: String,
        /// The file with the most similar name.
        nearest: Option<String>,
    },
    /// The hub answered with an error, also after repeated attempts where that may help.
    #[error("{url} answered {status}{}", message.as_ref().map_or(String::new(), |m| format!(": {m}")))]
    Status {
        /// What was asked for, without its query.
        url: String,
        /// The status.
        status: u16,
        /// What the hub said about it.
        message: Option<String>,
    },
    /// The hub cannot be reached, or the connection broke again and again.
    #[error("cannot read {url}: {reason}; what has arrived is kept, the same command goes on from there")]
    Connection {
        /// What was asked for, without its query.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The hub's answer is not what its routes are known for.
    #[error("{url} does not answer as a model hub does: {problem}; check HF_ENDPOINT or hub.endpoint")]
    Protocol {
        /// What was asked for, without its query.
        url: String,
        /// What is missing or wrong.
        problem: String,
    },
    /// A file is not the one that the manifest or the hub announced.
    #[error("{path} is damaged: {what} is {found}, but must be {expected}{}", if *.pinned { " according to the manifest" } else { "; it was discarded, pull again" })]
    Mismatch {
        /// The file.
        path: String,
        /// `size` or the name of the hash.
        what: &'static str,
        /// The value that it must have.
        expected: String,
        /// The value that it has.
        found: String,
        /// Whether the manifest says so, rather than the hub.
        pinned: bool,
    },
    /// The disk cannot hold what is still to come.
    #[error("{} more {} needed in {}, but only {} {} free", bytes(*needed), are(*needed), folder.display(), bytes(*free), are(*free))]
    DiskFull {
        /// The cache.
        folder: PathBuf,
        /// Bytes still to come.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The disk ran full on the way.
    #[error("the disk is full: {} cannot grow; make room and repeat the command, it goes on from {}", path.display(), bytes(*arrived))]
    NoSpace {
        /// The partial file.
        path: PathBuf,
        /// Bytes of it that are there.
        arrived: u64,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A lock file of sizes and hashes is malformed.
    #[error("{} is not a lock file: {reason}; delete it, `models pull` writes a new one", path.display())]
    Pins {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The crate's result type.
pub type Result<T, E = HubError> = std::result::Result<T, E>;

impl HubError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn invalid(model: &str, problem: impl Into<String>) -> Self {
        Self::InvalidModel {
            model: model.to_owned(),
            problem: problem.into(),
        }
    }
}

fn count(files: usize) -> String {
    match files {
        1 => "a file".to_owned(),
        n => format!("{n} files"),
    }
}

fn are(bytes: u64) -> &'static str {
    if bytes == 1 { "is" } else { "are" }
}

fn denied(repo: &str, endpoint: &str, gated: bool, with_token: bool) -> String {
    let page = format!("{endpoint}/{repo}");
    match (gated, with_token) {
        (true, true) => format!(
            "{repo} is gated and this token's account has no access yet: accept the licence at {page}, then repeat the command"
        ),
        (true, false) => format!(
            "{repo} is gated: accept the licence at {page}, then set HF_TOKEN to a token with read access and repeat the command"
        ),
        (false, true) => format!(
            "the hub does not let this token read {repo}: check the repository's name, the token's permissions, and whether {page} asks to accept a licence"
        ),
        (false, false) => format!(
            "the hub gives {repo} to nobody unknown: it does not exist, is private, or is gated; accept the licence at {page} where it asks for that, and set HF_TOKEN"
        ),
    }
}
