//! Playing a script from its first step to its last, or to the first that fails.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use serde_json::{Value, json};

use crate::play::error::PlayError;
use crate::play::performer::Performer;
use crate::play::recorder::Recorder;
use crate::play::script::Script;
use crate::play::step::{Act, Place, Step};
use crate::play::transcript::{Deed, Recording};
use crate::sandbox::Sandbox;

/// Stops the bot and starts it again, for `restart` steps.
pub type Restart<'a> =
    Box<dyn FnMut() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> + Send + 'a>;

/// Plays a script against a sandbox that the bot is connected to.
pub struct Player<'a> {
    sandbox: Sandbox,
    script: Script,
    restart: Option<Restart<'a>>,
    told: Box<dyn FnMut(&str) + Send + 'a>,
}

impl<'a> Player<'a> {
    /// Prepares to play.
    pub fn new(sandbox: Sandbox, script: Script) -> Self {
        Player {
            sandbox,
            script,
            restart: None,
            told: Box::new(|_| ()),
        }
    }

    /// Says how the bot is restarted. Without, a `restart` step fails.
    #[must_use]
    pub fn on_restart(mut self, restart: Restart<'a>) -> Self {
        self.restart = Some(restart);
        self
    }

    /// Calls `told` with each step in words, before it is done.
    #[must_use]
    pub fn on_step(mut self, told: impl FnMut(&str) + Send + 'a) -> Self {
        self.told = Box::new(told);
        self
    }

    /// Plays every step. The recording is there also when a step failed, and then ends with it.
    pub async fn play(mut self) -> (Recording, Result<(), PlayError>) {
        let recorder = Recorder::start(&self.sandbox);
        let started = self.sandbox.now();
        let mut performer = Performer {
            sandbox: self.sandbox.clone(),
            folder: self.script.folder.clone(),
            captured: HashMap::new(),
            acted: HashMap::new(),
        };
        let mut deeds = Vec::new();
        let mut outcome = Ok(());
        for (index, step) in self.script.steps.iter().enumerate() {
            let what = describe(step);
            (self.told)(&what);
            let at = self.sandbox.now();
            deeds.push(Deed {
                order: self.sandbox.shared.clock.snowflake(),
                at,
                step: index + 1,
                line: step.line,
                what: what.clone(),
                details: details(step),
            });
            let mut result = performer.perform(step).await;
            if matches!(step.act, Act::Restart) {
                result = match &mut self.restart {
                    Some(restart) => restart().await,
                    None => Err("this player cannot restart the bot".to_owned()),
                };
            }
            if let Err(reason) = result {
                let user = self.sandbox.user(&step.user);
                outcome = Err(PlayError::Step {
                    script: self.script.name.clone(),
                    line: step.line,
                    step: index + 1,
                    what: what.into(),
                    reason,
                    place: place(step).into(),
                    channel: self.sandbox.transcript(performer.channel(&user, step.place)),
                });
                break;
            }
        }
        let recording = Recording {
            title: self.script.title,
            script: self.script.name,
            started,
            ended: self.sandbox.now(),
            failure: outcome.as_ref().err().map(ToString::to_string),
            deeds,
            captured: performer.captured,
            seen: recorder.finish().await,
            sandbox: self.sandbox,
        };
        (recording, outcome)
    }
}

fn place(step: &Step) -> String {
    match step.place {
        Place::Dm => format!("the direct messages of {:?}", step.user),
        Place::Channel => "the channel".to_owned(),
    }
}

/// Says a step in a line.
fn describe(step: &Step) -> String {
    let on = |on: &Option<String>| {
        on.as_ref()
            .map(|name| format!(" on {name:?}"))
            .unwrap_or_default()
    };
    let user = &step.user;
    let place = match step.place {
        Place::Dm => "DM",
        Place::Channel => "channel",
    };
    match &step.act {
        Act::Say(text) => format!("{user} in {place}: says {text:?}"),
        Act::Command { name, options, .. } => {
            let options: Vec<_> = options
                .iter()
                .map(|(name, value)| format!(" {name}:{value}"))
                .collect();
            format!("{user} in {place}: /{name}{}", options.concat())
        }
        Act::Click { button, on: name } => format!("{user} in {place}: clicks {button:?}{}", on(name)),
        Act::Select {
            menu,
            values,
            on: name,
        } => format!("{user} in {place}: chooses {values:?} in {menu:?}{}", on(name)),
        Act::Submit(fields) => format!("{user}: submits the modal with {fields:?}"),
        Act::React {
            emoji,
            add: true,
            on: name,
        } => format!("{user} in {place}: reacts {emoji}{}", on(name)),
        Act::React {
            emoji,
            add: false,
            on: name,
        } => format!("{user} in {place}: takes {emoji} away{}", on(name)),
        Act::Dms(open) => format!(
            "{user}: {} their direct messages",
            if *open { "opens" } else { "closes" }
        ),
        Act::Advance(by) => format!("the clock moves {} s forward", by.as_secs_f64()),
        Act::Restart => "the bot restarts".to_owned(),
        Act::Wait(wait) => {
            let name = wait
                .name
                .as_ref()
                .map(|name| format!(" ({name:?})"))
                .unwrap_or_default();
            format!("{user} in {place}: waits{}{name}", on(&wait.on))
        }
        Act::Expect(expectation) => format!("{user} in {place}: expects{}", on(&expectation.on)),
    }
}

/// A step's own fields, for the transcript.
fn details(step: &Step) -> Value {
    let mut details = match &step.act {
        Act::Say(text) => json!({"act": "say", "text": text}),
        Act::Command { name, options, files } => {
            json!({"act": "command", "command": name, "options": options, "files": files})
        }
        Act::Click { button, on } => json!({"act": "click", "button": button, "on": on}),
        Act::Select { menu, values, on } => {
            json!({"act": "select", "menu": menu, "values": values, "on": on})
        }
        Act::Submit(fields) => json!({"act": "submit", "fields": fields}),
        Act::React { emoji, add, on } => {
            json!({"act": if *add { "react" } else { "unreact" }, "emoji": emoji, "on": on})
        }
        Act::Dms(open) => json!({"act": "dms", "open": open}),
        Act::Advance(by) => json!({"act": "advance", "seconds": by.as_secs_f64()}),
        Act::Restart => json!({"act": "restart"}),
        Act::Wait(wait) => json!({"act": "wait", "on": wait.on, "name": wait.name}),
        Act::Expect(expectation) => {
            json!({"act": "expect", "on": expectation.on, "differs_from": expectation.differs_from, "same_as": expectation.same_as})
        }
    };
    details["user"] = step.user.as_str().into();
    details["note"] = json!(step.note);
    if let Some(fields) = details.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    details
}
