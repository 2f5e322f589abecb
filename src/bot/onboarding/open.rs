//! `/onboard`, and the buttons that do the same: opens the conversation where the person can be written to.

use std::sync::Arc;

use serenity::all::{
    ChannelId, CommandInteraction, ComponentInteraction, Context, CreateInteractionResponse,
    CreateInteractionResponseMessage, Message, User,
};
use tastemaker_storage::OnboardingRecord;
use tokio::task::spawn_blocking;

use super::conversation::{Input, Note, Outcome, Reading, Together, begin, step};
use super::talk::{self, Taken, surroundings, view_of};
use super::view::{self, Place, View};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Said where direct messages are closed, above the conversation itself.
const HERE_INSTEAD: &str = "Your direct messages are closed to me. To open them: server menu → *Privacy Settings* → *Direct Messages* on, then \
     /onboard again. Or we simply do it here, where only you can see it.";

/// Is what opens a conversation.
#[derive(Clone, Copy)]
enum Opener<'a> {
    Command(&'a CommandInteraction),
    Component(&'a ComponentInteraction),
}

impl Opener<'_> {
    fn user(&self) -> &User {
        match self {
            Self::Command(command) => &command.user,
            Self::Component(component) => &component.user,
        }
    }

    /// The direct-message channel, if the interaction comes from there.
    fn direct(&self) -> Option<ChannelId> {
        match self {
            Self::Command(command) => command.guild_id.is_none().then_some(command.channel_id),
            Self::Component(component) => component.guild_id.is_none().then_some(component.channel_id),
        }
    }

    /// Acknowledges; the answer is for the person alone.
    async fn defer(&self, app: &App) -> serenity::Result<()> {
        let response =
            CreateInteractionResponse::Defer(CreateInteractionResponseMessage::new().ephemeral(true));
        match self {
            Self::Command(command) => command.create_response(&app.http, response).await,
            Self::Component(component) => component.create_response(&app.http, response).await,
        }
    }

    async fn answer(&self, app: &App, view: &View) -> serenity::Result<Message> {
        match self {
            Self::Command(command) => command.edit_response(&app.http, view.response()).await,
            Self::Component(component) => component.edit_response(&app.http, view.response()).await,
        }
    }
}

/// Answers `/onboard`.
///
/// # Errors
/// With Discord's or the store's.
pub async fn on_command(app: &Arc<App>, _: &Context, command: &CommandInteraction) -> Result<(), BotError> {
    open(app, Opener::Command(command)).await
}

/// Answers a button that does what `/onboard` does.
///
/// # Errors
/// With Discord's or the store's.
pub(super) async fn on_button(app: &Arc<App>, component: &ComponentInteraction) -> Result<(), BotError> {
    open(app, Opener::Component(component)).await
}

async fn open(app: &Arc<App>, opener: Opener<'_>) -> Result<(), BotError> {
    opener.defer(app).await?;
    let user = opener.user().id.get();
    let _turn = app.conversations.turn(user).await;
    let mut taken = begun(app, user).await?;
    match open_direct(app, &opener, &mut taken).await {
        Ok(sent) => {
            let text = match opener.direct() {
                Some(_) => "Here we go.".to_owned(),
                None => format!(
                    "Check your direct messages, I have written to you: {}",
                    sent.link()
                ),
            };
            opener.answer(app, &view::plain(text)).await?;
            Ok(())
        }
        Err(error) if error.cannot_dm() => open_private(app, &opener, taken).await,
        Err(error) => Err(error),
    }
}

/// Begins a conversation, or takes up the one that is open.
async fn begun(app: &Arc<App>, user: u64) -> Result<Taken, BotError> {
    let app = Arc::clone(app);
    let taken = spawn_blocking(move || {
        let around = surroundings(&app, Reading::NotYet, Together::Off);
        let (record, outcome) = match app.store.onboarding(user)? {
            Some(mut record) => {
                let outcome = step(&mut record, Input::Open, &around)
                    .map_err(|_| BotError::internal("opening a conversation wants words read"))?;
                (record, outcome)
            }
            None => {
                let again = app.store.profile(user)?.is_some_and(|it| !it.profile.is_empty());
                (begin(user, 0, &around), Outcome::Ask(Note::Welcome { again }))
            }
        };
        talk::stored(&app, record, outcome)
    });
    taken.await.map_err(BotError::internal)?
}

/// Shows the conversation in direct messages.
async fn open_direct(app: &App, opener: &Opener<'_>, taken: &mut Taken) -> Result<Message, BotError> {
    let channel = match opener.direct() {
        Some(channel) => channel,
        None => opener.user().create_dm_channel(&app.http).await?.id,
    };
    let Some(view) = view_of(app, taken, Place::Direct) else {
        return Err(BotError::internal("an opened conversation shows nothing"));
    };
    let sent = channel.send_message(&app.http, view.message()).await?;
    taken.record.dm_channel = channel.get();
    let earlier = taken.previous.map(Into::into);
    remember(app, taken, &sent, false).await?;
    talk::strip(app, channel, earlier, sent.id).await;
    Ok(sent)
}

/// Shows the conversation in the answer to the interaction, where nobody else sees it.
async fn open_private(app: &App, opener: &Opener<'_>, mut taken: Taken) -> Result<(), BotError> {
    taken.record.dm_channel = 0;
    let Some(mut view) = view_of(app, &taken, Place::Private) else {
        return Err(BotError::internal("an opened conversation shows nothing"));
    };
    view.content = format!("{HERE_INSTEAD}\n\n{}", view.content);
    let sent = opener.answer(app, &view).await?;
    remember(app, &taken, &sent, true).await
}

/// Takes note of where the conversation is shown.
async fn remember(app: &App, taken: &Taken, sent: &Message, closed: bool) -> Result<(), BotError> {
    let record = OnboardingRecord {
        current_message: Some(sent.id.get()),
        ..taken.record.clone()
    };
    app.with_store(move |store| {
        store.set_dm_closed(record.user, closed)?;
        store.put_onboarding(&record)
    })
    .await
}
