//! Why the sandbox could not start, a person's act was impossible, or a wait ended without its message.

use std::path::PathBuf;
use std::time::Duration;

/// Why a [`Sandbox`](crate::Sandbox) did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A loopback socket could not be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The page's address is reachable from outside this machine.
    #[error("{0} is not a loopback address; the sandbox serves this machine only")]
    NotLoopback(std::net::SocketAddr),
    /// The certificate could not be made.
    #[error("cannot make the sandbox's certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS configuration was refused.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The record file could not be opened.
    #[error("cannot write the record {path}: {source}")]
    Record {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// What an earlier sandbox kept could not be read.
    #[error("cannot go on from {path}: {reason}")]
    Keep {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Discord's OpenAPI document could not be used.
    #[error("cannot use the OpenAPI document {path}: {reason}")]
    OpenApi {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a person cannot do what was asked: what a Discord client would not offer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActionError {
    /// No channel has this id, or this user is not in it.
    #[error("there is no channel {0} for this user")]
    UnknownChannel(crate::ChannelId),
    /// No message has this id, or this user cannot see it.
    #[error("there is no message {0} for this user")]
    UnknownMessage(crate::MessageId),
    /// The message has no such button or select menu.
    #[error("the message has no part named {name:?}; it has: {available}")]
    UnknownComponent {
        /// What was looked for: a `custom_id`, label or placeholder.
        name: String,
        /// What there is.
        available: String,
    },
    /// The button or select menu is greyed out, or is not of the kind acted upon.
    #[error("{name:?} cannot be used: {reason}")]
    UnusableComponent {
        /// The part.
        name: String,
        /// Why not.
        reason: String,
    },
    /// No command of this name can be used in this channel by this user.
    #[error("there is no command /{name} here; there are: {available}")]
    UnknownCommand {
        /// The name, with subcommands.
        name: String,
        /// What there is.
        available: String,
    },
    /// The client would not send the command with this option.
    #[error("option {option:?} of /{command}: {reason}")]
    BadOption {
        /// The command's full name.
        command: String,
        /// The option.
        option: String,
        /// Why not.
        reason: String,
    },
    /// No such modal is open for this user.
    #[error("no modal of interaction {0} is open for this user")]
    UnknownModal(crate::InteractionId),
    /// The client would not submit the modal with this field.
    #[error("field {field:?}: {reason}")]
    BadField {
        /// The field.
        field: String,
        /// Why not.
        reason: String,
    },
    /// The message breaks one of Discord's limits.
    #[error("cannot send this: {0}")]
    BadMessage(String),
    /// The text is not an emoji.
    #[error("{0:?} is not an emoji")]
    UnknownEmoji(String),
    /// The act belongs to someone else.
    #[error("not allowed: {0}")]
    NotAllowed(String),
}

/// Why a wait ended without what it waited for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// Nothing fitting came in time.
    #[error("nothing fitting within {timeout:?}; what happened so far:\n{transcript}")]
    TimedOut {
        /// How long was waited.
        timeout: Duration,
        /// The channel's messages, readable.
        transcript: String,
    },
    /// The bot did not acknowledge the interaction within 3 s of the sandbox's time.
    #[error("the application did not respond to {what}; what happened so far:\n{transcript}")]
    DidNotRespond {
        /// The interaction, in words.
        what: String,
        /// The channel's messages, readable.
        transcript: String,
    },
    /// What was to be waited for could not be done in the first place.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// The sandbox was shut down.
    #[error("the sandbox was shut down")]
    ShutDown,
}
