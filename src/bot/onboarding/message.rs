//! What people write to the bot.

use std::sync::Arc;

use serenity::all::{Context, CreateAllowedMentions, CreateMessage, Message, MessageType};
use tastemaker_storage::{OnboardingRecord, OnboardingState};

use super::conversation::Input;
use super::talk::{self, Via};
use super::turns::Seen;
use super::view;
use super::words::{self, Word};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Said to people who write without a conversation open.
const HELLO: &str = "Hi! I draw pictures in your taste. Show me what you like first, it takes a few minutes; then `/imagine` a picture. /help says more.";

/// Answers a direct message: a comment, or a word that steers.
///
/// # Errors
/// With Discord's or the store's.
pub async fn on_message(app: &Arc<App>, ctx: &Context, message: &Message) -> Result<(), BotError> {
    if !matches!(message.kind, MessageType::Regular | MessageType::InlineReply) {
        return Ok(());
    }
    let user = message.author.id.get();
    if matches!(words::read(&message.content), Some(Word::Stop | Word::Redo)) {
        // Whoever wants to stop does not wait until what they said before is read.
        app.reader.interrupt(user);
    }
    let mut seen = app.conversations.turn(user).await;
    if heard(app, message, &mut seen).await? {
        return Ok(());
    }
    let hello = CreateMessage::new()
        .content(HELLO)
        .components(vec![view::begin_row("Show me pictures")])
        .allowed_mentions(CreateAllowedMentions::new());
    message.channel_id.send_message(&ctx.http, hello).await?;
    Ok(())
}

/// Takes a message into the open conversation; false if none is open. The caller has the person's turn.
pub(super) async fn heard(app: &Arc<App>, message: &Message, seen: &mut Seen) -> Result<bool, BotError> {
    let (id, channel) = (message.id.get(), message.channel_id.get());
    if !seen.is_new(id) {
        return Ok(true);
    }
    let text = message.content.clone();
    let decide = move |record: &mut OnboardingRecord| {
        // People who can write here can be answered here, wherever the conversation began.
        record.dm_channel = channel;
        record.heard = record.heard.max(Some(id));
        input(&text, id, record)
    };
    let Some(taken) = talk::take(app, message.author.id.get(), Via::Message(message), decide).await? else {
        return Ok(false);
    };
    talk::show(app, taken, Via::Message(message)).await?;
    Ok(true)
}

/// Reads a message as what it does in the conversation.
fn input(text: &str, id: u64, record: &OnboardingRecord) -> Input {
    if text.trim().is_empty() {
        return Input::NoWords;
    }
    let comment = || Input::Comment {
        text: text.to_owned(),
        late: record.current_message.is_some_and(|shown| id < shown),
    };
    let unread = record.answers.iter().any(|answer| answer.unread);
    match (words::read(text), record.state) {
        (Some(Word::Again), _) if !unread => comment(),
        // "Perfect", said of a picture, is no decision.
        (None | Some(Word::Keep), OnboardingState::Asking) => comment(),
        (None, _) => comment(),
        (Some(word), _) => word.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: OnboardingState) -> OnboardingRecord {
        OnboardingRecord {
            user: 1,
            dm_channel: 2,
            images: vec!["a".into(), "b".into()],
            index: 1,
            answers: Vec::new(),
            current_message: Some(100),
            heard: None,
            keep_asking: false,
            removed: Vec::new(),
            state,
            started_at: 3,
        }
    }

    #[test]
    fn words_steer_and_everything_else_is_a_comment() {
        let asking = record(OnboardingState::Asking);
        assert_eq!(input("Skip!", 101, &asking), Input::Skip { at: None });
        assert_eq!(input(" ", 101, &asking), Input::NoWords);
        assert_eq!(
            input("soft light", 101, &asking),
            Input::Comment {
                text: "soft light".into(),
                late: false
            }
        );
        assert_eq!(
            input("soft light", 99, &asking),
            Input::Comment {
                text: "soft light".into(),
                late: true
            }
        );
    }

    #[test]
    fn perfect_is_praise_before_a_picture_and_a_yes_in_the_review() {
        assert!(matches!(
            input("perfect", 101, &record(OnboardingState::Asking)),
            Input::Comment { .. }
        ));
        assert_eq!(
            input("perfect", 101, &record(OnboardingState::Review)),
            Input::Keep
        );
    }
}
