//! Answering interactions.

use crate::id::InteractionId;
use crate::model::message::{EPHEMERAL, LOADING};
use crate::model::{Choice, InteractionKind, Message, OptionKind};
use crate::rest::compose;
use crate::rest::error::ApiError;
use crate::rest::route::{Call, Reply};
use crate::state::World;
use crate::state::interactions::{Interaction, InteractionStatus};
use crate::state::messages::Draft;
use crate::validate::options::choice_value;
use crate::validate::{Errors, Form, modal};

/// Most suggestions of an autocomplete.
const MAX_CHOICES: usize = 25;

/// Discord's types of callback.
mod callback {
    pub(super) const MESSAGE: i64 = 4;
    pub(super) const DEFERRED_MESSAGE: i64 = 5;
    pub(super) const DEFERRED_UPDATE: i64 = 6;
    pub(super) const UPDATE: i64 = 7;
    pub(super) const AUTOCOMPLETE: i64 = 8;
    pub(super) const MODAL: i64 = 9;
}

/// `POST /interactions/{interaction_id}/{interaction_token}/callback`
pub(super) fn callback(call: &Call<'_>) -> Result<Reply, ApiError> {
    let id: InteractionId = call.id("interaction_id")?;
    let mut world = call.shared.world();
    world.expire_interactions();
    let token = call.parameter("interaction_token");
    let known = world
        .interactions
        .get(&id)
        .filter(|interaction| interaction.token == token);
    let interaction = known.cloned().ok_or_else(ApiError::unknown_interaction)?;
    match interaction.status {
        InteractionStatus::Pending => {}
        InteractionStatus::Acknowledged => return Err(ApiError::already_acknowledged()),
        InteractionStatus::Failed => return Err(ApiError::unknown_interaction()),
    }
    let errors = Errors::default();
    let form = Form::new(&call.incoming.body, &errors);
    form.get("type").require();
    let response = form.get("type").integer(1..=12);
    let allowed = allowed(&interaction);
    if response.is_some_and(|response| !allowed.contains(&response)) {
        let list = allowed.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        form.get("type")
            .fail("BASE_TYPE_CHOICES", format!("Value must be one of ({list})."));
    }
    errors.check()?;
    let response = response.unwrap_or_default();
    let data = form.get("data");
    match response {
        callback::MESSAGE => {
            data.require();
            errors.check()?;
            compose::expect_files(call.incoming, &data);
            let draft = compose::draft(&world, interaction.channel, call.incoming, &data, &errors)?;
            answer(&mut world, &interaction, draft, false);
        }
        callback::DEFERRED_MESSAGE => {
            let flags = data
                .get("flags")
                .integer(0..=i64::from(i32::MAX))
                .unwrap_or_default();
            errors.check()?;
            let flags = LOADING | (u64::try_from(flags).unwrap_or_default() & EPHEMERAL);
            answer(
                &mut world,
                &interaction,
                Draft {
                    flags,
                    ..Draft::default()
                },
                false,
            );
        }
        callback::DEFERRED_UPDATE => set_original(&mut world, &interaction, interaction.source),
        callback::UPDATE => {
            let target = interaction.source.and_then(|id| world.messages.get(&id)).cloned();
            let target = target.ok_or_else(ApiError::unknown_message)?;
            let edit = compose::edit(&world, &target, call.incoming, &data, &errors)?;
            set_original(&mut world, &interaction, Some(target.id));
            world.edit(target.id, edit);
        }
        callback::AUTOCOMPLETE => {
            let choices = choices(&data, interaction.focused.unwrap_or(OptionKind::String));
            errors.check()?;
            world.suggest(id, choices);
        }
        _ => {
            data.require();
            let modal = modal::read(&data, id, interaction.user, interaction.channel);
            errors.check()?;
            world.show_modal(id, modal);
        }
    }
    world.acknowledge(id);
    if call
        .incoming
        .query
        .get("with_response")
        .is_some_and(|value| value == "true")
    {
        let interaction = world
            .interactions
            .get(&id)
            .ok_or_else(ApiError::unknown_interaction)?;
        return Ok(Reply::ok(world.callback_response(interaction, response)));
    }
    Ok(Reply::nothing())
}

/// Returns the callback types that fit an interaction.
fn allowed(interaction: &Interaction) -> Vec<i64> {
    use callback::{AUTOCOMPLETE, DEFERRED_MESSAGE, DEFERRED_UPDATE, MESSAGE, MODAL, UPDATE};
    match (interaction.kind, interaction.source) {
        (InteractionKind::Command, _) => vec![MESSAGE, DEFERRED_MESSAGE, MODAL],
        (InteractionKind::Component, _) => vec![MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, MODAL],
        (InteractionKind::Autocomplete, _) => vec![AUTOCOMPLETE],
        (InteractionKind::Modal, Some(_)) => vec![MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE],
        (InteractionKind::Modal, None) => vec![MESSAGE, DEFERRED_MESSAGE],
    }
}

/// Sends a message that answers an interaction, visible to its user only if the draft says so.
pub(super) fn answer(
    world: &mut World,
    interaction: &Interaction,
    mut draft: Draft,
    followup: bool,
) -> Option<Message> {
    draft.interaction = Some(interaction.on_message(followup));
    draft.visible_to = (draft.flags & EPHEMERAL != 0).then_some(interaction.user);
    // Clients show what an answer answers: a component's message, and the original answer for follow-ups.
    let replied = if followup {
        interaction.original
    } else {
        interaction.source
    };
    let exists = replied.filter(|id| world.messages.contains_key(id));
    draft.reference = draft.reference.or(exists);
    let bot = world.bot;
    let message = world.send(interaction.channel, bot, draft)?;
    if let Some(interaction) = world.interactions.get_mut(&interaction.id) {
        interaction.answers.push(message.id);
        if !followup {
            interaction.original = Some(message.id);
        }
    }
    Some(message)
}

fn set_original(world: &mut World, interaction: &Interaction, original: Option<crate::MessageId>) {
    if let Some(interaction) = world.interactions.get_mut(&interaction.id) {
        interaction.original = original;
    }
}

fn choices(data: &Form<'_>, kind: OptionKind) -> Vec<Choice> {
    let list = data.get("choices");
    list.require();
    let read = |form: &Form<'_>| Choice {
        name: form.get("name").required_text(1..=100).unwrap_or_default(),
        value: choice_value(&form.get("value"), kind),
    };
    list.items_within(0..=MAX_CHOICES).iter().map(read).collect()
}
