//! The steps of a script, after reading and checking.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::play::conditions::Conditions;

/// Where a step happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the person's direct messages with the bot.
    Dm,
    /// In the guild's channel.
    Channel,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Line of the script that it starts at, from 1.
    pub line: usize,
    /// Who does it, or as whom it is looked.
    pub user: String,
    /// Where.
    pub place: Place,
    /// A remark that the transcript keeps.
    pub note: Option<String>,
    /// What happens.
    pub act: Act,
}

/// What happens in a step.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Act {
    /// The person writes a message.
    Say(String),
    /// The person runs a slash command.
    Command {
        /// Its name with subcommands: "profile show".
        name: String,
        /// Its options.
        options: Map<String, Value>,
        /// Files for its options: a path, or `@NAME` for the file of a captured message.
        files: BTreeMap<String, String>,
    },
    /// The person presses a button.
    Click {
        /// Its label or `custom_id`, or a part of either.
        button: String,
        /// The captured message it stands under; else the newest that has it.
        on: Option<String>,
    },
    /// The person chooses in a select menu.
    Select {
        /// Its placeholder or `custom_id`, or a part of either.
        menu: String,
        /// What is chosen, by value or label.
        values: Vec<String>,
        /// The captured message it stands under; else the newest that has it.
        on: Option<String>,
    },
    /// The person fills in the modal that is open for them, and submits it. Fields not given keep what they hold.
    Submit(BTreeMap<String, String>),
    /// The person adds a reaction, or takes their own away.
    React {
        /// The emoji.
        emoji: String,
        /// Whether it is added.
        add: bool,
        /// The captured message; else the bot's newest.
        on: Option<String>,
    },
    /// The person opens or closes their direct messages.
    Dms(bool),
    /// The sandbox's clock moves forward.
    Advance(Duration),
    /// The bot stops and starts again.
    Restart,
    /// A message is waited for.
    Wait(Wait),
    /// Something must hold now.
    Expect(Expectation),
}

/// What is waited for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// What the message is like.
    pub conditions: Conditions,
    /// The captured message that has to become so; else any.
    pub on: Option<String>,
    /// Whether the captured message has to disappear instead.
    pub gone: bool,
    /// Whether messages count that did not change since the person's last act.
    pub old: bool,
    /// How long the message must not have changed.
    pub settled: Option<Duration>,
    /// How long to wait, in real time.
    pub timeout: Duration,
    /// The name under which the message is captured.
    pub name: Option<String>,
}

/// What must hold.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// What the message is like.
    pub conditions: Conditions,
    /// The captured message; else the bot's newest.
    pub on: Option<String>,
    /// Whether the message must be gone instead.
    pub gone: bool,
    /// A captured message whose picture must differ.
    pub differs_from: Option<String>,
    /// A captured message whose picture must be the same, pixel for pixel.
    pub same_as: Option<String>,
    /// Least difference for `differs_from`: mean over pixels and channels, 0 to 1.
    pub by: f64,
}
