//! One act: the record is loaded, the step taken, the new record stored, and only then the answer shown.

use std::sync::Arc;
use std::time::Duration;

use serenity::all::{
    ChannelId, ComponentInteraction, CreateEmbedFooter, CreateMessage, EditMessage, Message, MessageId,
    MessageReference, MessageReferenceKind, ModalInteraction,
};
use tastemaker_commands::ProfileId;
use tastemaker_preference::{Extraction, Profile};
use tastemaker_storage::{OnboardingRecord, Store};
use tokio::task::spawn_blocking;

use super::conversation::{Input, Note, Outcome, Reading, Said, Surroundings, ToRead, Together, step};
use super::keep::{Kept, keep};
use super::view::{self, Place, View};
use super::{now_ms, phrases};
use crate::bot::context::App;
use crate::bot::errors::BotError;
use crate::bot::profile::{buttons, card};
use crate::bot::reading::ReadError;
use crate::bot::turnstile::Interrupted;

/// Said where the person has closed their direct messages in the middle of a conversation.
pub(super) const CLOSED: &str = "I can't write to you: your direct messages are closed to me. In the server where we met, open its menu → \
     *Privacy Settings* → turn *Direct Messages* on. Then use /onboard again; I remember where we were.";

/// How long reading may take before the person sees that the bot is busy.
const BUSY_AFTER: Duration = Duration::from_millis(400);

/// Is where an act came from, by which it is answered. Interactions are acknowledged already.
#[derive(Clone, Copy)]
pub(super) enum Via<'a> {
    /// A direct message.
    Message(&'a Message),
    /// A button or select.
    Component(&'a ComponentInteraction),
    /// A form.
    Modal(&'a ModalInteraction),
    /// Nothing of the person's: the bot goes on by itself after a restart.
    Nothing,
}

/// Is a step that was taken and stored.
pub(super) struct Taken {
    /// The record after it.
    pub record: OnboardingRecord,
    /// What to show.
    pub outcome: Outcome,
    /// The profile that is kept already.
    pub existing: Option<Profile>,
    /// What was kept by this step.
    pub kept: Option<Kept>,
    /// The message that showed the step before.
    pub previous: Option<u64>,
}

/// Takes a step; `None` if no conversation is open. `decide` turns the record into what the person does with it.
///
/// Words are read between attempts at the step, away from the store, and one person's after another's. What cannot be
/// read is no error: the words are kept, and the person is told that they can have them read again. At a shutdown the step
/// is not taken at all where it can be taken after the next start.
///
/// # Errors
/// With the store's.
pub(super) async fn take(
    app: &Arc<App>,
    user: u64,
    via: Via<'_>,
    decide: impl FnOnce(&mut OnboardingRecord) -> Input + Send + 'static,
) -> Result<Option<Taken>, BotError> {
    let blocking = Arc::clone(app);
    let begun = spawn_blocking(move || {
        let Some(mut record) = blocking.store.onboarding(user)? else {
            return Ok(None);
        };
        let input = decide(&mut record);
        Ok::<_, BotError>(Some((record, input)))
    });
    let Some((record, input)) = begun.await.map_err(BotError::internal)?? else {
        return Ok(None);
    };
    let mut known = Known::default();
    loop {
        let wanted = match attempt(app, record.clone(), input.clone(), known.clone()).await? {
            Attempt::Closed => return Ok(None),
            Attempt::Taken(taken) => return Ok(Some(*taken)),
            Attempt::Needs(wanted) => *wanted,
        };
        known = known.read(app, &record, wanted, via).await?;
        // A message is found again after the next start, a button can be pressed again; only a form is gone.
        if app.stopping.is_cancelled() && !matches!(input, Input::CommentOn { .. }) {
            return Ok(Some(Taken {
                previous: record.current_message,
                record,
                outcome: Outcome::Nothing,
                existing: None,
                kept: None,
            }));
        }
    }
}

/// Is how far a step came with what was read.
enum Attempt {
    /// The conversation is no longer open.
    Closed,
    /// It is taken.
    Taken(Box<Taken>),
    /// It needs words read first.
    Needs(Box<ToRead>),
}

/// Takes a step on the record, and writes it down.
async fn attempt(
    app: &Arc<App>,
    mut record: OnboardingRecord,
    input: Input,
    known: Known,
) -> Result<Attempt, BotError> {
    let app = Arc::clone(app);
    let attempt = spawn_blocking(move || {
        let open = app.store.onboarding(record.user)?;
        // Forgotten while its words were read: then nothing of it may come back.
        if open.is_none_or(|open| open.started_at != record.started_at) {
            return Ok(Attempt::Closed);
        }
        match step(&mut record, input, &known.surroundings(&app)) {
            Ok(outcome) => stored(&app, record, outcome).map(|taken| Attempt::Taken(Box::new(taken))),
            Err(wanted) => Ok(Attempt::Needs(wanted)),
        }
    });
    attempt.await.map_err(BotError::internal)?
}

/// Is what was read for a step so far; within, `None` for what could not be read.
#[derive(Clone, Default)]
struct Known {
    one: Option<Option<Extraction>>,
    together: Option<Option<Vec<Extraction>>>,
}

impl Known {
    fn surroundings<'a>(&'a self, app: &'a App) -> Surroundings<'a> {
        let reading = match &self.one {
            None => Reading::NotYet,
            Some(None) => Reading::Failed,
            Some(Some(read)) => Reading::Done(read),
        };
        let together = match &self.together {
            _ if !app.reader.reads_together() => Together::Off,
            None => Together::NotYet,
            Some(None) => Together::Failed,
            Some(Some(read)) => Together::Done(read),
        };
        surroundings(app, reading, together)
    }

    /// Reads what a step needs, showing that the bot is busy if it takes a while.
    async fn read(
        mut self,
        app: &App,
        record: &OnboardingRecord,
        wanted: ToRead,
        via: Via<'_>,
    ) -> Result<Self, BotError> {
        let user = record.user;
        let with_picture = |said: Said| {
            let image = said.image.as_deref().and_then(|id| app.gallery.get(id));
            (said.comment, image.map(|it| Arc::clone(&it.bytes)))
        };
        match wanted {
            ToRead::One(said) if self.one.is_none() => {
                let read = busy(app, record, app.reader.read(user, with_picture(said))).await;
                self.one = Some(noted(
                    read,
                    user,
                    "a comment could not be read; its words are kept",
                ));
            }
            ToRead::Together(all) if self.together.is_none() => {
                let all: Vec<_> = all.into_iter().map(with_picture).collect();
                say(app, record, &view::plain(phrases::READING_TOGETHER), via).await?;
                let read = busy(app, record, app.reader.read_together(user, all)).await;
                self.together = Some(noted(read, user, "comments could not be read together"));
            }
            _ => return Err(BotError::internal("a step wants words read that were read")),
        }
        Ok(self)
    }
}

/// Waits for words to be read; the person sees that the bot is busy if it takes a while.
async fn busy<T>(app: &App, record: &OnboardingRecord, reading: impl Future<Output = T>) -> T {
    tokio::pin!(reading);
    match tokio::time::timeout(BUSY_AFTER, &mut reading).await {
        Ok(read) => read,
        Err(_) if record.dm_channel == 0 => reading.await,
        Err(_) => {
            let _typing = ChannelId::new(record.dm_channel).start_typing(&app.http);
            reading.await
        }
    }
}

/// Takes note of why something was not read.
fn noted<T>(read: Result<T, ReadError>, user: u64, what: &str) -> Option<T> {
    read.inspect_err(|error| match error {
        ReadError::Interrupted(Interrupted::Cancelled) => tracing::info!(user, "{what}: cancelled"),
        error => tracing::error!(%error, user, "{what}"),
    })
    .ok()
}

/// Returns what the conversation needs to know of the world.
pub(super) fn surroundings<'a>(
    app: &'a App,
    reading: Reading<'a>,
    together: Together<'a>,
) -> Surroundings<'a> {
    let images = app.config.onboarding_images.min(app.gallery.images().len());
    Surroundings {
        gallery: &app.gallery,
        reading,
        together,
        images,
        now: now_ms(),
    }
}

/// Writes a step down. Blocks.
///
/// # Errors
/// With the store's.
pub(super) fn stored(app: &App, mut record: OnboardingRecord, outcome: Outcome) -> Result<Taken, BotError> {
    let store: &Store = &app.store;
    let user = record.user;
    let existing = store.profile(user)?;
    let profile = existing
        .as_ref()
        .map(|it| it.profile.clone())
        .filter(|it| !it.is_empty());
    let previous = record.current_message;
    let mut kept = None;
    match outcome {
        Outcome::Keep { replace } => {
            let result = keep(existing, &record, replace, app.config.generation.strength);
            store.conclude_onboarding(user, &result.record)?;
            kept = Some(result);
        }
        Outcome::Discarded => {
            store.delete_onboarding(user)?;
        }
        Outcome::Nothing => {}
        Outcome::Say(_) => store.put_onboarding(&record)?,
        Outcome::Ask(_) | Outcome::Review(_) | Outcome::Edit(_) | Outcome::Paused => {
            // Until the new message is out there is none; a start that finds this shows it again.
            record.current_message = None;
            store.put_onboarding(&record)?;
        }
    }
    Ok(Taken {
        record,
        outcome,
        existing: profile,
        kept,
        previous,
    })
}

/// Draws what a step shows; `None` for nothing.
pub(super) fn view_of(app: &App, taken: &Taken, place: Place) -> Option<View> {
    let record = &taken.record;
    Some(match &taken.outcome {
        Outcome::Ask(note) => view::ask(
            record,
            &app.gallery,
            phrases::note(note),
            place,
            matches!(note, Note::Resumed),
        ),
        Outcome::Review(note) => {
            view::review(record, taken.existing.as_ref(), phrases::note(note), &app.gallery)
        }
        Outcome::Edit(note) => view::editing(record, phrases::note(note)),
        Outcome::Paused => view::paused(record),
        Outcome::Say(note @ Note::StillPaused) => View {
            content: phrases::note(note),
            ..view::paused(record)
        },
        Outcome::Say(note) => view::plain(phrases::note(note)),
        Outcome::Discarded => view::plain(
            "Dropped: everything you said in this round is deleted, and your taste is as it was. /onboard begins anew at any time.",
        ),
        Outcome::Keep { .. } => kept_view(taken.kept.as_ref()?),
        Outcome::Nothing => return None,
    })
}

fn kept_view(kept: &Kept) -> View {
    let profile = &kept.record.profile;
    let mut content = "Kept. Now try `/imagine prompt: a lighthouse`, and react with ➕ or ➖ to the picture for more or less of your taste.".to_owned();
    let undo = (kept.had_before && !kept.changes.is_empty()).then(|| ProfileId::Undo {
        version: profile.version(),
    });
    if kept.had_before {
        content = format!("{content}\n{}", phrases::changed(&kept.changes));
    }
    let footer = "/profile shows, changes, exports or deletes it at any time.";
    let embed = card::embed(profile, "Your taste").footer(CreateEmbedFooter::new(footer));
    View {
        content,
        embeds: vec![embed],
        rows: vec![buttons::after_change(undo)],
        file: None,
    }
}

/// Shows a step where the conversation is held.
///
/// # Errors
/// With words for the person if their direct messages are closed, or with Discord's or the store's.
pub(super) async fn show(app: &Arc<App>, taken: Taken, via: Via<'_>) -> Result<(), BotError> {
    let place = if taken.record.dm_channel == 0 {
        Place::Private
    } else {
        Place::Direct
    };
    let Some(view) = view_of(app, &taken, place) else {
        return Ok(());
    };
    if let Outcome::Say(_) = taken.outcome {
        return say(app, &taken.record, &view, via).await;
    }
    if place == Place::Private || in_place(&taken, via) {
        return answer(app, taken, &view, via).await;
    }
    let channel = ChannelId::new(taken.record.dm_channel);
    let sent = send(app, channel, view.message()).await?;
    shown(app, &taken, sent.id).await?;
    strip(app, channel, taken.previous.map(MessageId::new), sent.id).await;
    Ok(())
}

/// Sends a direct message.
///
/// # Errors
/// With words for the person if they cannot be written to, or with Discord's.
async fn send(app: &App, channel: ChannelId, message: CreateMessage) -> Result<Message, BotError> {
    match channel
        .send_message(&app.http, message)
        .await
        .map_err(BotError::from)
    {
        Err(error) if error.cannot_dm() => Err(BotError::say(CLOSED)),
        other => other,
    }
}

/// Tells whether a step changes the message that its button stands under, instead of making a new one.
fn in_place(taken: &Taken, via: Via<'_>) -> bool {
    let message = match via {
        Via::Component(component) => Some(component.message.id),
        Via::Modal(modal) => modal.message.as_ref().map(|message| message.id),
        Via::Message(_) | Via::Nothing => None,
    };
    let current = message.is_some_and(|message| taken.previous == Some(message.get()));
    // A picture stays where it is; what follows it comes below.
    let card = match via {
        Via::Component(component) => component.message.attachments.is_empty(),
        _ => true,
    };
    current && card && matches!(taken.outcome, Outcome::Review(_) | Outcome::Edit(_))
}

/// Shows a step in the message that the interaction came from.
async fn answer(app: &Arc<App>, taken: Taken, view: &View, via: Via<'_>) -> Result<(), BotError> {
    let message = match via {
        Via::Component(component) => component.edit_response(&app.http, view.response()).await?,
        Via::Modal(modal) => modal.edit_response(&app.http, view.response()).await?,
        // A private conversation has no place of its own: only an interaction can show it.
        Via::Message(_) | Via::Nothing => return Ok(()),
    };
    shown(app, &taken, message.id).await
}

/// Takes note of the message that shows the step, if the conversation goes on.
async fn shown(app: &App, taken: &Taken, message: MessageId) -> Result<(), BotError> {
    if matches!(taken.outcome, Outcome::Keep { .. } | Outcome::Discarded) {
        return Ok(());
    }
    let mut record = taken.record.clone();
    record.current_message = Some(message.get());
    app.with_store(move |store| store.put_onboarding(&record)).await
}

/// Says something without moving on.
async fn say(app: &App, record: &OnboardingRecord, view: &View, via: Via<'_>) -> Result<(), BotError> {
    match via {
        Via::Component(component) => {
            component.create_followup(&app.http, view.followup()).await?;
        }
        Via::Modal(modal) => {
            modal.create_followup(&app.http, view.followup()).await?;
        }
        Via::Message(message) => {
            // A message that was deleted meanwhile is answered all the same.
            let reply = MessageReference::new(MessageReferenceKind::Default, message.channel_id)
                .message_id(message.id);
            let reply = view.message().reference_message(reply.fail_if_not_exists(false));
            send(app, message.channel_id, reply).await?;
        }
        Via::Nothing if record.dm_channel != 0 => {
            send(app, ChannelId::new(record.dm_channel), view.message()).await?;
        }
        Via::Nothing => {}
    }
    Ok(())
}

/// Takes the buttons off the message that a newer one follows. A failure costs nothing: old buttons say so themselves.
pub(super) async fn strip(app: &App, channel: ChannelId, old: Option<MessageId>, new: MessageId) {
    let Some(old) = old.filter(|old| *old != new) else {
        return;
    };
    if let Err(error) = channel
        .edit_message(&app.http, old, EditMessage::new().components(Vec::new()))
        .await
    {
        tracing::debug!(%error, "old buttons stay");
    }
}
