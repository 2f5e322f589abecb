//! Doing one step: finding its message, acting through the user API, waiting and checking.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::error::WaitError;
use crate::id::{ChannelId, InteractionId, MessageId};
use crate::model::{Attachment, Message};
use crate::play::conditions::{answers, find_button, find_select, pictures_of};
use crate::play::picture;
use crate::play::step::{Act, Expectation, Place, Step, Wait};
use crate::sandbox::Sandbox;
use crate::state::interactions::InteractionStatus;
use crate::user::{Upload, User};

/// How long a button, menu, modal or acknowledgement may take to appear, in real time.
const APPEARS_WITHIN: Duration = Duration::from_secs(30);

/// What a conversation remembers from step to step.
pub(super) struct Performer {
    pub(super) sandbox: Sandbox,
    /// The folder that files are relative to.
    pub(super) folder: PathBuf,
    /// Captured messages, as they were when captured.
    pub(super) captured: HashMap<String, Message>,
    /// When each person last did something.
    pub(super) acted: HashMap<String, Timestamp>,
}

impl Performer {
    /// Does a step; the reason for a failure is in words.
    pub(super) async fn perform(&mut self, step: &Step) -> Result<(), String> {
        let user = self.sandbox.user(&step.user);
        let channel = self.channel(&user, step.place);
        if !matches!(
            step.act,
            Act::Wait(_) | Act::Expect(_) | Act::Advance(_) | Act::Restart
        ) {
            self.acted.insert(step.user.clone(), self.sandbox.now());
        }
        match &step.act {
            Act::Say(text) => user.say(channel, text).map(drop).map_err(words),
            Act::Command { name, options, files } => {
                let options = self.with_files(&user, channel, options, files)?;
                let sent = user.command(channel, name, options.into()).map_err(words)?;
                self.acknowledged(sent).await
            }
            Act::Click { button, on } => {
                let has = |message: &Message| find_button(message, button).map(str::to_owned);
                let (message, id) = self
                    .part(&user, channel, on.as_deref(), has, &format!("button {button:?}"))
                    .await?;
                let sent = user.click(message, &id).map_err(words)?;
                self.acknowledged(sent).await
            }
            Act::Select { menu, values, on } => {
                let has = |message: &Message| find_select(message, menu).map(str::to_owned);
                let (message, id) = self
                    .part(
                        &user,
                        channel,
                        on.as_deref(),
                        has,
                        &format!("select menu {menu:?}"),
                    )
                    .await?;
                let sent = user.select(message, &id, values).map_err(words)?;
                self.acknowledged(sent).await
            }
            Act::Submit(fields) => self.submit(&user, fields).await,
            Act::React { emoji, add, on } => {
                let message = self
                    .target(&user, channel, on.as_deref())
                    .ok_or("there is no message of the bot")?;
                let done = if *add {
                    user.react(&message, emoji)
                } else {
                    user.unreact(&message, emoji)
                };
                done.map_err(words)
            }
            Act::Dms(open) => {
                user.set_dms_open(*open);
                Ok(())
            }
            Act::Advance(by) => {
                self.sandbox.advance(*by);
                Ok(())
            }
            // The player's: it knows who started the bot.
            Act::Restart => Ok(()),
            Act::Wait(wait) => self.wait(&user, channel, step, wait).await,
            Act::Expect(expectation) => self.expect(&user, channel, expectation),
        }
    }

    pub(super) fn channel(&self, user: &User, place: Place) -> ChannelId {
        match place {
            Place::Dm => user.dm(),
            Place::Channel => self.sandbox.channel_id(),
        }
    }

    /// The captured message as it is now, or the bot's newest one that everybody in the channel sees.
    fn target(&self, user: &User, channel: ChannelId, on: Option<&str>) -> Option<Message> {
        match on.and_then(|name| self.captured.get(name)) {
            Some(captured) => self.sandbox.message(captured.id),
            None => user
                .messages(channel)
                .into_iter()
                .rfind(|message| message.author.bot && !message.is_ephemeral()),
        }
    }

    /// Waits until the captured message, or else any, has a part; the newest counts.
    async fn part(
        &self,
        user: &User,
        channel: ChannelId,
        on: Option<&str>,
        has: impl Fn(&Message) -> Option<String>,
        what: &str,
    ) -> Result<(MessageId, String), String> {
        let only = on
            .and_then(|name| self.captured.get(name))
            .map(|message| message.id);
        let find = || {
            let messages = user.messages(channel).into_iter().rev();
            let mut candidates = messages.filter(|message| only.is_none_or(|id| message.id == id));
            candidates.find_map(|message| has(&message).map(|part| (message.id, part)))
        };
        let found = self.sandbox.wait_until(APPEARS_WITHIN, find).await;
        found.map_err(|error| {
            ended(error, || {
                format!("no usable {what} appeared within {}", seconds(APPEARS_WITHIN))
            })
        })
    }

    async fn acknowledged(&self, interaction: InteractionId) -> Result<(), String> {
        let settled = || {
            self.sandbox
                .interaction(interaction)
                .filter(|status| *status != InteractionStatus::Pending)
        };
        match self.sandbox.wait_until(APPEARS_WITHIN, settled).await {
            Ok(InteractionStatus::Failed) => Err("the application did not respond within 3 s".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(ended(error, || "the application did not respond".to_owned())),
        }
    }

    async fn submit(&self, user: &User, fields: &BTreeMap<String, String>) -> Result<(), String> {
        let modal = user.wait_for_modal(APPEARS_WITHIN).await;
        let modal = modal.map_err(|error| ended(error, || "no modal opened".to_owned()))?;
        let names = |name: &String, input: &crate::model::TextInput| {
            input.custom_id == *name || input.label.to_lowercase().contains(&name.to_lowercase())
        };
        if let Some(unknown) = fields
            .keys()
            .find(|name| !modal.inputs.iter().any(|input| names(name, input)))
        {
            let labels: Vec<_> = modal.inputs.iter().map(|input| input.label.as_str()).collect();
            return Err(format!(
                "the modal {:?} has no field {unknown:?}; it has: {}",
                modal.title,
                labels.join(", ")
            ));
        }
        let filled = modal.inputs.iter().map(|input| {
            let given = fields
                .iter()
                .find(|(name, _)| names(name, input))
                .map(|(_, text)| text.clone());
            (
                input.custom_id.clone(),
                given.or_else(|| input.value.clone()).unwrap_or_default(),
            )
        });
        let sent = user.submit_modal(modal.interaction_id, filled).map_err(words)?;
        self.acknowledged(sent).await
    }

    fn with_files(
        &self,
        user: &User,
        channel: ChannelId,
        options: &Map<String, Value>,
        files: &BTreeMap<String, String>,
    ) -> Result<Map<String, Value>, String> {
        let mut options = options.clone();
        for (option, source) in files {
            let upload = match source.strip_prefix('@') {
                Some(name) => self.captured_file(name)?,
                None => read_file(&self.folder.join(source))?,
            };
            let id = user.stage(channel, upload).map_err(words)?;
            options.insert(option.clone(), id.to_string().into());
        }
        Ok(options)
    }

    fn captured_file(&self, name: &str) -> Result<Upload, String> {
        let message = self
            .captured
            .get(name)
            .ok_or_else(|| format!("no message is captured as {name:?}"))?;
        let file = message
            .attachments
            .first()
            .ok_or_else(|| format!("{name:?} has no file"))?;
        Ok(Upload {
            filename: file.filename.clone(),
            description: None,
            bytes: Arc::clone(&file.bytes),
        })
    }

    async fn wait(
        &mut self,
        user: &User,
        channel: ChannelId,
        step: &Step,
        wait: &Wait,
    ) -> Result<(), String> {
        let since = self.acted.get(&step.user).copied().filter(|_| !wait.old);
        let only = wait
            .on
            .as_deref()
            .and_then(|name| self.captured.get(name))
            .map(|message| message.id);
        if wait.gone {
            let gone = || only.filter(|id| self.sandbox.message(*id).is_none());
            let waited = self.sandbox.wait_until(wait.timeout, gone).await;
            return waited
                .map(drop)
                .map_err(|error| ended(error, || "the message is still there".to_owned()));
        }
        let candidates = || {
            user.messages(channel)
                .into_iter()
                .rev()
                .filter(|message| only.is_none_or(|id| message.id == id))
        };
        let fresh = |message: &Message| {
            since.is_none_or(|since| {
                message.created_at >= since || message.edited_at.is_some_and(|at| at >= since)
            })
        };
        let fits = |message: &Message| {
            wait.conditions
                .fit(message, |message| self.is_mine(user, message))
        };
        let find = || candidates().find(|message| fresh(message) && fits(message));
        let deadline = Instant::now() + wait.timeout;
        let message = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.sandbox.wait_until(left, find).await.map_err(|error| {
                ended(error, || {
                    let newest = candidates().find(|message| fresh(message) && message.author.bot);
                    let failing = newest.and_then(|message| {
                        wait.conditions
                            .failing(&message, |message| self.is_mine(user, message))
                    });
                    let why = failing.map_or("nothing new came from the bot".to_owned(), |why| {
                        format!("of the newest: {why}")
                    });
                    format!("no fitting message within {}; {why}", seconds(wait.timeout))
                })
            })?;
            let Some(settled) = wait.settled else {
                break message;
            };
            if self.rests(&message, settled).await? {
                break message;
            }
        };
        if let Some(name) = &wait.name {
            self.captured.insert(name.clone(), message);
        }
        Ok(())
    }

    /// Tells whether a message stays as it is for so long.
    async fn rests(&self, message: &Message, time: Duration) -> Result<bool, String> {
        let changed = || match self.sandbox.message(message.id) {
            Some(now) => (now.edits != message.edits || now.flags != message.flags).then_some(()),
            None => Some(()),
        };
        match self.sandbox.wait_until(time, changed).await {
            Ok(()) => Ok(false),
            Err(WaitError::TimedOut { .. }) => Ok(true),
            Err(error) => Err(error.to_string()),
        }
    }

    fn is_mine(&self, user: &User, message: &Message) -> bool {
        message.guild_id.is_none()
            || answers(message, user.id(), |message| {
                let source = message
                    .interaction
                    .as_ref()
                    .and_then(|interaction| interaction.component_message);
                self.sandbox.message(message.reference.or(source)?)
            })
    }

    fn expect(&self, user: &User, channel: ChannelId, expectation: &Expectation) -> Result<(), String> {
        let message = self.target(user, channel, expectation.on.as_deref());
        if expectation.gone {
            return match message {
                Some(_) => Err("the message is still there".to_owned()),
                None => Ok(()),
            };
        }
        let message = message.ok_or("the message is not there")?;
        if let Some(failing) = expectation
            .conditions
            .failing(&message, |message| self.is_mine(user, message))
        {
            return Err(format!("of the message: {failing}"));
        }
        // Pictures are compared as they were when captured: one message may show several in turn.
        let shown = expectation
            .on
            .as_deref()
            .and_then(|name| self.captured.get(name))
            .unwrap_or(&message);
        if let Some(name) = &expectation.differs_from {
            let difference = self.difference(shown, name)?;
            if difference < expectation.by {
                return Err(format!(
                    "its picture differs from {name:?} by {difference:.4}, less than {}",
                    expectation.by
                ));
            }
        }
        if let Some(name) = &expectation.same_as {
            let difference = self.difference(shown, name)?;
            if difference > 0.0 {
                return Err(format!("its picture differs from {name:?} by {difference:.4}"));
            }
        }
        Ok(())
    }

    fn difference(&self, message: &Message, name: &str) -> Result<f64, String> {
        let other = self
            .captured
            .get(name)
            .ok_or_else(|| format!("no message is captured as {name:?}"))?;
        picture::difference(first_picture(message)?, first_picture(other)?)
    }
}

fn first_picture(message: &Message) -> Result<&Attachment, String> {
    pictures_of(message)
        .next()
        .ok_or_else(|| "a message to compare has no picture".to_owned())
}

fn read_file(path: &Path) -> Result<Upload, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let filename = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok(Upload {
        filename,
        description: None,
        bytes: Arc::from(bytes),
    })
}

fn words(error: impl Display) -> String {
    error.to_string()
}

/// Says why a wait ended; the channel itself is shown by whoever reports the step.
fn ended(error: WaitError, timed_out: impl FnOnce() -> String) -> String {
    match error {
        WaitError::TimedOut { .. } => timed_out(),
        other => other.to_string(),
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
