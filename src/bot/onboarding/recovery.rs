//! After a start: what was written meanwhile is read, and a message that was lost is sent again.

use std::sync::Arc;

use serenity::all::{ChannelId, GetMessages, Message, MessageType};
use tastemaker_storage::{OnboardingRecord, OnboardingState};

use super::conversation::{Note, Outcome};
use super::message::heard;
use super::talk::{self, Via};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Messages of one person that are read after a start: Discord's limit for one request.
const MISSED: u8 = 100;

/// Takes up every open conversation, one after the other, in the background.
pub async fn recover(app: &Arc<App>) {
    let records = match app.with_store(tastemaker_storage::Store::all_onboarding).await {
        Ok(records) => records,
        Err(error) => {
            tracing::error!(%error, "open conversations cannot be read");
            return;
        }
    };
    let app = Arc::clone(app);
    app.tasks.clone().spawn(async move {
        for record in records {
            if app.stopping.is_cancelled() {
                return;
            }
            let user = record.user;
            if let Err(error) = take_up(&app, record).await {
                tracing::warn!(user, %error, "a conversation could not be taken up; /onboard does");
            }
        }
    });
}

async fn take_up(app: &Arc<App>, record: OnboardingRecord) -> Result<(), BotError> {
    // A private conversation cannot be written into; its buttons take it up by themselves.
    if record.dm_channel == 0 || record.state == OnboardingState::Paused {
        return Ok(());
    }
    let mut seen = app.conversations.turn(record.user).await;
    let user = record.user;
    // It may have gone on since it was listed.
    let Some(record) = app.with_store(move |store| store.onboarding(user)).await? else {
        return Ok(());
    };
    if let Some(shown) = record.current_message {
        for message in missed(app, &record, shown).await? {
            heard(app, &message, &mut seen).await?;
        }
        return Ok(());
    }
    let outcome = match record.state {
        OnboardingState::Asking => Outcome::Ask(Note::None),
        OnboardingState::Review => Outcome::Review(Note::None),
        OnboardingState::Editing => Outcome::Edit(Note::None),
        OnboardingState::Paused => return Ok(()),
    };
    let blocking = Arc::clone(app);
    let taken = tokio::task::spawn_blocking(move || talk::stored(&blocking, record, outcome))
        .await
        .map_err(BotError::internal)??;
    talk::show(app, taken, Via::Nothing).await
}

/// Returns what the person wrote since the message that is shown and not answered, oldest first.
async fn missed(app: &App, record: &OnboardingRecord, shown: u64) -> Result<Vec<Message>, BotError> {
    let channel = ChannelId::new(record.dm_channel);
    let mut messages = channel
        .messages(
            &app.http,
            GetMessages::new()
                .after(record.heard.map_or(shown, |heard| heard.max(shown)))
                .limit(MISSED),
        )
        .await?;
    messages.retain(|message| {
        message.author.id.get() == record.user
            && matches!(message.kind, MessageType::Regular | MessageType::InlineReply)
    });
    messages.sort_by_key(|message| message.id);
    Ok(messages)
}
