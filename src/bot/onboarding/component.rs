//! Buttons, selects and forms of the conversation.

use std::sync::Arc;

use serenity::all::{
    ComponentInteraction, ComponentInteractionDataKind, Context, CreateInteractionResponse,
    CreateInteractionResponseFollowup, ModalInteraction,
};
use tastemaker_commands::OnboardingId;

use super::conversation::{Input, Note};
use super::talk::{self, Via};
use super::{open, phrases, view};
use crate::bot::context::App;
use crate::bot::errors::BotError;
use crate::bot::profile::entries;

/// Said where the conversation of a button is over.
const OVER: &str = "That round is over. /onboard begins a new one, and /profile shows what I know.";

/// Answers a button or select.
///
/// # Errors
/// With Discord's or the store's.
pub async fn on_component(
    app: &Arc<App>,
    ctx: &Context,
    component: &ComponentInteraction,
    id: OnboardingId,
) -> Result<(), BotError> {
    let modal = match id {
        OnboardingId::Begin => return open::on_button(app, component).await,
        // A form must be the first answer, so nothing can be looked up before; what comes back is checked.
        OnboardingId::Comment { conversation, at } => Some(view::comment_modal(conversation, at)),
        OnboardingId::Add { conversation } => Some(view::add_modal(conversation)),
        _ => None,
    };
    if let Some(modal) = modal {
        return Ok(component
            .create_response(&ctx.http, CreateInteractionResponse::Modal(modal))
            .await?);
    }
    component
        .create_response(&ctx.http, CreateInteractionResponse::Acknowledge)
        .await?;
    let Some(input) = clicked(id, &component.data.kind) else {
        return Ok(());
    };
    act(app, component.user.id.get(), id, input, Via::Component(component)).await
}

/// Answers a form.
///
/// # Errors
/// With Discord's or the store's.
pub async fn on_modal(
    app: &Arc<App>,
    ctx: &Context,
    modal: &ModalInteraction,
    id: OnboardingId,
) -> Result<(), BotError> {
    modal
        .create_response(&ctx.http, CreateInteractionResponse::Acknowledge)
        .await?;
    let input = match id {
        OnboardingId::Comment { at, .. } => Input::CommentOn {
            at: place(at),
            text: entries::field(modal, "comment"),
        },
        OnboardingId::Add { .. } => {
            let (liked, disliked) = entries::added(modal);
            Input::Add { liked, disliked }
        }
        _ => return Ok(()),
    };
    act(app, modal.user.id.get(), id, input, Via::Modal(modal)).await
}

async fn act(
    app: &Arc<App>,
    user: u64,
    id: OnboardingId,
    input: Input,
    via: Via<'_>,
) -> Result<(), BotError> {
    if matches!(input, Input::Stop | Input::Redo | Input::Discard) {
        app.reader.interrupt(user);
    }
    let _turn = app.conversations.turn(user).await;
    let open = app
        .with_store(move |store| store.onboarding(user))
        .await?
        .map(|record| record.started_at);
    if open.is_none() || open != id.conversation() {
        return tell(
            app,
            via,
            if open.is_some() {
                phrases::note(&Note::Passed)
            } else {
                OVER.to_owned()
            },
        )
        .await;
    }
    match talk::take(app, user, via, |_| input).await? {
        Some(taken) => talk::show(app, taken, via).await,
        None => tell(app, via, OVER.to_owned()).await,
    }
}

/// Turns a click into what it does; `None` for what no click can be.
fn clicked(id: OnboardingId, kind: &ComponentInteractionDataKind) -> Option<Input> {
    Some(match id {
        OnboardingId::Skip { at, .. } => Input::Skip { at: Some(place(at)) },
        OnboardingId::Back { at, .. } => Input::Back { at: Some(place(at)) },
        OnboardingId::Done { at, .. } => Input::Done { at: Some(place(at)) },
        OnboardingId::Stop { .. } => Input::Stop,
        OnboardingId::Resume { .. } => Input::Resume,
        OnboardingId::Redo { .. } => Input::Redo,
        OnboardingId::More { .. } => Input::More,
        OnboardingId::Keep { .. } => Input::Keep,
        OnboardingId::Replace { .. } => Input::Replace,
        OnboardingId::Edit { .. } => Input::Edit,
        OnboardingId::Edited { .. } => Input::Edited,
        OnboardingId::Discard { .. } => Input::Discard,
        OnboardingId::Remove { .. } => match kind {
            ComponentInteractionDataKind::StringSelect { values } => Input::Remove(values.clone()),
            _ => return None,
        },
        OnboardingId::Begin | OnboardingId::Comment { .. } | OnboardingId::Add { .. } => return None,
    })
}

/// The place of an image; one that is too large for this machine is no place either way.
fn place(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

async fn tell(app: &App, via: Via<'_>, text: String) -> Result<(), BotError> {
    let followup = CreateInteractionResponseFollowup::new()
        .content(text)
        .ephemeral(true);
    match via {
        Via::Component(component) => component.create_followup(&app.http, followup).await.map(drop)?,
        Via::Modal(modal) => modal.create_followup(&app.http, followup).await.map(drop)?,
        Via::Message(_) | Via::Nothing => {}
    }
    Ok(())
}
