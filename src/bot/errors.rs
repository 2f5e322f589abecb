//! The one place where an internal error becomes what a person sees.
//!
//! Whatever a person can do something about is said in a sentence; everything else is "Something broke" with an id that
//! the log line carries too. No library's own words reach a person.

use serenity::all::{DiscordJsonError, ErrorResponse, HttpError};
use tastemaker_pool::{BackendError, JobError, Refusal};
use tastemaker_preference::ImportError;
use tastemaker_storage::StoreError;
use thiserror::Error;

/// Discord's codes for a person who cannot be sent direct messages.
const CANNOT_DM: [isize; 2] = [50007, 50278];
/// Discord's codes for something that is no longer there: message, channel, interaction, webhook.
const GONE: [isize; 5] = [10003, 10008, 10015, 10062, 50027];

/// Discord's code for files that are larger than it takes.
const TOO_LARGE: isize = 40005;

/// Is any failure while answering an event.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BotError {
    /// Something the person can mend; shown as it is.
    #[error("{0}")]
    Say(String),
    /// The pool refused the request.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A profile file was not accepted.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Discord refused or did not answer.
    #[error("discord: {0}")]
    Discord(Box<serenity::Error>),
    /// The database failed.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// A job that was taken has failed.
    #[error("job: {0}")]
    Job(#[from] JobError),
    /// A worker failed.
    #[error("worker: {0}")]
    Worker(#[from] BackendError),
    /// Anything else.
    #[error("internal: {0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<serenity::Error> for BotError {
    fn from(error: serenity::Error) -> Self {
        Self::Discord(Box::new(error))
    }
}

impl BotError {
    /// Makes a message for the person who asked.
    pub fn say(message: impl Into<String>) -> Self {
        Self::Say(message.into())
    }

    /// Wraps an error that only the log should see.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// Returns Discord's error code, where Discord gave one.
    pub fn discord_code(&self) -> Option<isize> {
        match self {
            Self::Discord(error) => discord_code(error),
            _ => None,
        }
    }

    /// Tells whether the person has closed their direct messages to the bot.
    pub fn cannot_dm(&self) -> bool {
        self.discord_code().is_some_and(|code| CANNOT_DM.contains(&code))
    }

    /// Tells whether the same request has a fair chance a little later: Discord did not answer, or not sensibly.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Discord(error) => match error.as_ref() {
                serenity::Error::Http(HttpError::UnsuccessfulRequest(refusal)) => {
                    refusal.status_code.is_server_error() || matches!(refusal.status_code.as_u16(), 408 | 429)
                }
                serenity::Error::Http(HttpError::Request(_)) | serenity::Error::Io(_) => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// Tells whether Discord found the files of a request too large.
    pub fn is_too_large(&self) -> bool {
        self.discord_code() == Some(TOO_LARGE)
            || matches!(self, Self::Discord(error) if matches!(error.as_ref(),
                serenity::Error::Http(HttpError::UnsuccessfulRequest(refusal)) if refusal.status_code.as_u16() == 413))
    }

    /// Tells whether the message, channel or interaction is no longer there, so that there is nobody to answer.
    pub fn is_gone(&self) -> bool {
        self.discord_code().is_some_and(|code| GONE.contains(&code))
    }
}

fn discord_code(error: &serenity::Error) -> Option<isize> {
    match error {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(ErrorResponse {
            error: DiscordJsonError { code, .. },
            ..
        })) => Some(*code),
        _ => None,
    }
}

/// Is one failure as it was reported: what the person sees, and the id that the log line has too, if it was internal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// What the person sees.
    pub message: String,
    /// Eight hexadecimal digits for internal failures.
    pub id: Option<String>,
}

impl Incident {
    /// Turns an error into what a person sees, and logs it under an id where it is not theirs to mend.
    pub fn report(error: &BotError, doing: &'static str) -> Self {
        match error {
            BotError::Say(message) => Self {
                message: message.clone(),
                id: None,
            },
            BotError::Refused(refusal) => Self {
                message: refusal.to_string(),
                id: None,
            },
            BotError::Import(problem) => Self {
                message: format!("I can't read that profile: {problem}"),
                id: None,
            },
            BotError::Job(JobError::DeadlineExceeded { .. }) => {
                tracing::warn!(%error, doing, "a job was given up");
                Self { message: "That took longer than I allow, so I stopped. Fewer pictures at once are quicker; please try again.".into(), id: None }
            }
            BotError::Job(JobError::OutOfMemory { .. }) => {
                tracing::error!(%error, doing, "a picture does not fit into memory");
                Self {
                    message: "That picture is too large for the memory I have. A square one may fit.".into(),
                    id: None,
                }
            }
            BotError::Job(JobError::Unavailable) => {
                tracing::error!(%error, doing, "no device works");
                Self {
                    message: Refusal::Unavailable.to_string(),
                    id: None,
                }
            }
            other => {
                let id = format!("{:08x}", rand::random::<u32>());
                tracing::error!(incident = %id, doing, error = %other, "an event failed");
                Self {
                    message: format!(
                        "Something broke on my side (id `{id}`). Please try again; if it happens again, tell the operator that id."
                    ),
                    id: Some(id),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_words_never_reach_a_person() {
        let incident = Incident::report(&BotError::internal("tensor shape mismatch at /srv/model"), "test");
        assert!(!incident.message.contains("tensor"), "{}", incident.message);
        assert!(incident.message.contains(&incident.id.unwrap()));
    }

    #[test]
    fn what_a_person_can_mend_is_said_as_it_is() {
        let incident = Incident::report(&BotError::say("β must be 0 to 1."), "test");
        assert_eq!(
            incident,
            Incident {
                message: "β must be 0 to 1.".into(),
                id: None
            }
        );
    }
}
