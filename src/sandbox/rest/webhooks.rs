//! What an interaction's token allows for 15 minutes: the original answer, and follow-ups.

use crate::id::MessageId;
use crate::model::Message;
use crate::rest::compose;
use crate::rest::error::ApiError;
use crate::rest::interactions::answer;
use crate::rest::route::{Call, Reply};
use crate::state::World;
use crate::state::interactions::{Interaction, InteractionStatus};
use crate::validate::{Errors, Form};
use crate::wire;

/// `POST /webhooks/{webhook_id}/{webhook_token}`
pub(super) fn follow_up(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let interaction = interaction(call, &mut world)?;
    let errors = Errors::default();
    let form = Form::new(&call.incoming.body, &errors);
    compose::expect_files(call.incoming, &form);
    let draft = compose::draft(&world, interaction.channel, call.incoming, &form, &errors)?;
    let deferred = interaction
        .original
        .and_then(|id| world.messages.get(&id))
        .filter(|it| it.is_thinking());
    // The first follow-up to a deferred answer is that answer: it fills the message that "is thinking…".
    let message = match deferred.cloned() {
        Some(target) => {
            let edit = compose::edit(&world, &target, call.incoming, &form, &errors)?;
            world.edit(target.id, edit)
        }
        None => answer(&mut world, &interaction, draft, true),
    };
    let message = message.ok_or_else(ApiError::unknown_channel)?;
    Ok(Reply::ok(wire::message(&world, &message)))
}

/// `GET …/messages/@original`
pub(super) fn get_original(call: &Call<'_>) -> Result<Reply, ApiError> {
    show(call, Target::Original)
}

/// `PATCH …/messages/@original`
pub(super) fn edit_original(call: &Call<'_>) -> Result<Reply, ApiError> {
    change(call, Target::Original)
}

/// `DELETE …/messages/@original`
pub(super) fn delete_original(call: &Call<'_>) -> Result<Reply, ApiError> {
    remove(call, Target::Original)
}

/// `GET …/messages/{message_id}`
pub(super) fn get(call: &Call<'_>) -> Result<Reply, ApiError> {
    show(call, Target::Named)
}

/// `PATCH …/messages/{message_id}`
pub(super) fn edit(call: &Call<'_>) -> Result<Reply, ApiError> {
    change(call, Target::Named)
}

/// `DELETE …/messages/{message_id}`
pub(super) fn delete(call: &Call<'_>) -> Result<Reply, ApiError> {
    remove(call, Target::Named)
}

/// Which of an interaction's messages is meant.
#[derive(Clone, Copy)]
enum Target {
    Original,
    /// The one that the path names.
    Named,
}

fn show(call: &Call<'_>, target: Target) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let message = find(call, &mut world, target)?;
    Ok(Reply::ok(wire::message(&world, &message)))
}

fn change(call: &Call<'_>, target: Target) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let message = find(call, &mut world, target)?;
    let errors = Errors::default();
    let form = Form::new(&call.incoming.body, &errors);
    let edit = compose::edit(&world, &message, call.incoming, &form, &errors)?;
    let message = world
        .edit(message.id, edit)
        .ok_or_else(ApiError::unknown_message)?;
    Ok(Reply::ok(wire::message(&world, &message)))
}

fn remove(call: &Call<'_>, target: Target) -> Result<Reply, ApiError> {
    let mut world = call.shared.world();
    let message = find(call, &mut world, target)?;
    world.delete(message.id);
    Ok(Reply::nothing())
}

fn find(call: &Call<'_>, world: &mut World, target: Target) -> Result<Message, ApiError> {
    let interaction = interaction(call, world)?;
    let id = match target {
        Target::Original => interaction.original,
        Target::Named => {
            let id: MessageId = call.id("message_id")?;
            Some(id).filter(|id| interaction.answers.contains(id) || interaction.original == Some(*id))
        }
    };
    let message = id.and_then(|id| world.messages.get(&id));
    message.cloned().ok_or_else(ApiError::unknown_message)
}

/// Finds the interaction that the token belongs to, if the token may be used: answered, and not older than 15
/// minutes. After that Discord no longer knows the webhook.
fn interaction(call: &Call<'_>, world: &mut World) -> Result<Interaction, ApiError> {
    world.expire_interactions();
    if call.parameter("webhook_id") != world.application.to_string() {
        return Err(ApiError::unknown_webhook());
    }
    let token = call.parameter("webhook_token");
    let known = world
        .interactions
        .values()
        .find(|interaction| interaction.token == token);
    let interaction = known.ok_or_else(ApiError::invalid_webhook_token)?;
    let usable =
        interaction.status == InteractionStatus::Acknowledged && interaction.token_lives(world.now());
    if usable {
        Ok(interaction.clone())
    } else {
        Err(ApiError::unknown_webhook())
    }
}
