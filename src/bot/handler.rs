//! Sends each gateway event to the module that answers it, and each failure to the person who caused it.

use std::sync::{Arc, OnceLock, Weak};

use serenity::all::{
    CommandInteraction, ComponentInteraction, Context, EventHandler, Interaction, Message, ModalInteraction,
    Reaction, Ready,
};
use serenity::async_trait;
use tastemaker_commands::{self as commands, CustomId};

use super::errors::{BotError, Incident};
use super::{App, help, imagine, onboarding, profile, reply};

/// Shown for a button of a version that is no longer understood.
const OLD_BUTTON: &str = "That button is from an older version of me and no longer does anything.";

/// Answers events with the app, which is set between the making of the client and its start: the client wants its handler
/// first, and the app holds the client's REST API. The handler does not keep the app: serenity lets go of its handlers
/// only some time after the last shard has stopped, and until then nobody else could open the database.
#[derive(Clone, Default)]
pub(super) struct Handler {
    app: Arc<OnceLock<Weak<App>>>,
}

impl Handler {
    /// Gives the handler its app; later calls change nothing.
    pub(super) fn serve(&self, app: &Arc<App>) {
        self.app.get_or_init(|| Arc::downgrade(app));
    }

    /// The app, unless the bot has not been started yet or was shut down.
    fn app(&self) -> Option<Arc<App>> {
        self.app.get().and_then(Weak::upgrade)
    }

    async fn command(app: &Arc<App>, ctx: &Context, command: &CommandInteraction) -> Result<(), BotError> {
        match command.data.name.as_str() {
            commands::imagine::NAME => imagine::on_command(app, ctx, command).await,
            commands::cancel::NAME => imagine::on_cancel(app, ctx, command).await,
            commands::onboard::NAME => onboarding::on_command(app, ctx, command).await,
            commands::profile::NAME => profile::on_command(app, ctx, command).await,
            commands::strength::NAME => profile::on_strength(app, ctx, command).await,
            commands::help::NAME => help::on_command(app, ctx, command).await,
            _ => Err(BotError::say(
                "I no longer have that command. /help lists those I have.",
            )),
        }
    }

    async fn component(
        app: &Arc<App>,
        ctx: &Context,
        component: &ComponentInteraction,
    ) -> Result<(), BotError> {
        match component.data.custom_id.parse::<CustomId>() {
            Ok(CustomId::Imagine(id)) => imagine::on_component(app, ctx, component, id).await,
            Ok(CustomId::Onboarding(id)) => onboarding::on_component(app, ctx, component, id).await,
            Ok(CustomId::Profile(id)) => profile::on_component(app, ctx, component, id).await,
            Err(_) => Err(BotError::say(OLD_BUTTON)),
        }
    }

    async fn modal(app: &Arc<App>, ctx: &Context, modal: &ModalInteraction) -> Result<(), BotError> {
        match modal.data.custom_id.parse::<CustomId>() {
            Ok(CustomId::Imagine(id)) => imagine::on_modal(app, ctx, modal, id).await,
            Ok(CustomId::Onboarding(id)) => onboarding::on_modal(app, ctx, modal, id).await,
            Ok(CustomId::Profile(id)) => profile::on_modal(app, ctx, modal, id).await,
            Err(_) => Err(BotError::say(OLD_BUTTON)),
        }
    }
}

#[async_trait]
impl EventHandler for Handler {
    async fn ready(&self, _: Context, ready: Ready) {
        tracing::info!(session = %ready.session_id, guilds = ready.guilds.len(), "connected");
    }

    async fn interaction_create(&self, ctx: Context, interaction: Interaction) {
        let Some(app) = self.app() else { return };
        let _running = app.tasks.token();
        let (result, doing) = match &interaction {
            Interaction::Command(command) => (Self::command(&app, &ctx, command).await, "command"),
            Interaction::Component(component) => (Self::component(&app, &ctx, component).await, "component"),
            Interaction::Modal(modal) => (Self::modal(&app, &ctx, modal).await, "modal"),
            Interaction::Autocomplete(typing) => {
                (profile::on_autocomplete(&app, &ctx, typing).await, "autocomplete")
            }
            _ => return,
        };
        let Err(error) = result else { return };
        if error.is_gone() {
            tracing::debug!(%error, doing, "the interaction is gone");
            return;
        }
        let incident = Incident::report(&error, doing);
        if let Err(error) = reply::tell(&ctx.http, &interaction, &incident.message).await {
            tracing::warn!(%error, doing, "the failure could not be told");
        }
    }

    async fn message(&self, ctx: Context, message: Message) {
        // Guild messages are nobody's comments: only direct messages are read.
        if message.author.bot || message.guild_id.is_some() {
            return;
        }
        let Some(app) = self.app() else { return };
        let _running = app.tasks.token();
        if let Err(error) = onboarding::on_message(&app, &ctx, &message).await {
            let incident = Incident::report(&error, "message");
            if let Err(error) = message.channel_id.say(&ctx.http, incident.message).await {
                tracing::warn!(%error, "the failure could not be told");
            }
        }
    }

    async fn reaction_add(&self, ctx: Context, reaction: Reaction) {
        self.reaction(&ctx, &reaction, true).await;
    }

    async fn reaction_remove(&self, ctx: Context, reaction: Reaction) {
        self.reaction(&ctx, &reaction, false).await;
    }
}

impl Handler {
    async fn reaction(&self, ctx: &Context, reaction: &Reaction, added: bool) {
        let Some(app) = self.app() else { return };
        if reaction.user_id.is_none_or(|user| user == app.me) {
            return;
        }
        let _running = app.tasks.token();
        if let Err(error) = imagine::on_reaction(&app, ctx, reaction, added).await {
            let incident = Incident::report(&error, "reaction");
            if let Err(error) = reaction.channel_id.say(&ctx.http, incident.message).await {
                tracing::warn!(%error, "the failure could not be told");
            }
        }
    }
}
