//! Buttons, selects and forms under a taste card.

use std::sync::Arc;

use serenity::all::{
    ComponentInteraction, ComponentInteractionDataKind, Context, CreateInteractionResponse, ModalInteraction,
};
use tastemaker_commands::ProfileId;
use tastemaker_preference::Profile;
use tastemaker_storage::ProfileRecord;

use super::panel::Panel;
use super::{buttons, change, command, entries, forget, transfer};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Answers a button or select.
///
/// # Errors
/// With words for the person, or with Discord's or the store's.
pub async fn on_component(
    app: &Arc<App>,
    ctx: &Context,
    component: &ComponentInteraction,
    id: ProfileId,
) -> Result<(), BotError> {
    if id == ProfileId::Add {
        // A form must be the first answer.
        return Ok(component
            .create_response(&ctx.http, CreateInteractionResponse::Modal(buttons::add_modal()))
            .await?);
    }
    component
        .create_response(&ctx.http, CreateInteractionResponse::Acknowledge)
        .await?;
    let Some(panel) = answer(app, component, id).await? else {
        return Ok(());
    };
    component.edit_response(&ctx.http, panel.response()).await?;
    Ok(())
}

async fn answer(
    app: &App,
    component: &ComponentInteraction,
    id: ProfileId,
) -> Result<Option<Panel>, BotError> {
    let user = component.user.id.get();
    Ok(Some(match id {
        ProfileId::Show => Panel::card(record(app, user).await?.as_ref(), ""),
        ProfileId::Edit => Panel::editing(&or_empty(app, record(app, user).await?), ""),
        ProfileId::Remove => {
            let ComponentInteractionDataKind::StringSelect { values } = component.data.kind.clone() else {
                return Ok(None);
            };
            editing(
                app,
                change::apply(app, user, move |profile| remove(profile, &values)).await?,
            )
        }
        ProfileId::Undo { version } => command::after(change::undo(app, user, Some(version)).await?),
        ProfileId::Export => transfer::export(app, user).await?,
        ProfileId::Forget => forget::forget(app, user).await?,
        ProfileId::Spare => Panel::text("Nothing was deleted."),
        ProfileId::Add => return Ok(None),
    }))
}

/// Answers the form that adds entries.
///
/// # Errors
/// With words for the person, or with Discord's or the store's.
pub async fn on_modal(
    app: &Arc<App>,
    ctx: &Context,
    modal: &ModalInteraction,
    id: ProfileId,
) -> Result<(), BotError> {
    modal
        .create_response(&ctx.http, CreateInteractionResponse::Acknowledge)
        .await?;
    if id != ProfileId::Add {
        return Ok(());
    }
    let (liked, disliked) = entries::added(modal);
    let changed = change::apply(app, modal.user.id.get(), move |profile| {
        change::add(profile, &liked, &disliked)
    })
    .await?;
    modal
        .edit_response(&ctx.http, editing(app, changed).response())
        .await?;
    Ok(())
}

/// Removes what is still there; a second click on the same entry removes nothing.
fn remove(profile: &mut Profile, attributes: &[String]) -> Result<(), BotError> {
    for attribute in attributes {
        profile.remove(attribute);
    }
    Ok(())
}

fn editing(app: &App, changed: change::Changed) -> Panel {
    Panel::editing(&or_empty(app, changed.record), changed.text)
}

fn or_empty(app: &App, record: Option<ProfileRecord>) -> ProfileRecord {
    record.unwrap_or_else(|| ProfileRecord::new(Profile::default(), app.config.generation.strength))
}

async fn record(app: &App, user: u64) -> Result<Option<ProfileRecord>, BotError> {
    app.with_store(move |store| store.profile(user)).await
}
