//! The handle of a running sandbox.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use crate::clock::Timestamp;
use crate::error::{SandboxError, WaitError};
use crate::events::SandboxEvent;
use crate::id::{ApplicationId, AttachmentId, ChannelId, GuildId, InteractionId, MessageId, UserId};
use crate::model::{Attachment, Channel, Command, Message};
use crate::options::SandboxOptions;
use crate::shared::{Shared, lock};
use crate::state::interactions::InteractionStatus;
use crate::user::User;
use crate::{page, server};

/// A running sandbox. Clones are handles of the same one; its servers stop with [`shutdown`](Sandbox::shutdown) or
/// when the last handle is dropped (the chat page's handles count: a sandbox with a page runs until shut down).
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) shared: Arc<Shared>,
    run: Arc<Run>,
}

/// What lives as long as the last handle.
struct Run {
    api_addr: SocketAddr,
    page_addr: Option<SocketAddr>,
    ca_pem: String,
    assets: Option<std::path::PathBuf>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    _stop: DropGuard,
}

impl Sandbox {
    /// Starts the servers on loopback and returns a handle.
    ///
    /// # Errors
    ///
    /// When a socket or the record cannot be opened, the page's address is not loopback, no certificate can be
    /// made, or the OpenAPI document cannot be used.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        let page = match options.page {
            Some(address) => Some(server::listen(address).await?),
            None => None,
        };
        let page_addr = page.as_ref().map(server::address).transpose()?;
        let servers = server::start(&options).await?;
        let shared = servers.shared;
        let run = Arc::new(Run {
            api_addr: servers.api_addr,
            page_addr,
            ca_pem: servers.ca_pem,
            assets: options.assets,
            tasks: Mutex::new(servers.tasks),
            _stop: shared.shutdown.clone().drop_guard(),
        });
        let sandbox = Sandbox { shared, run };
        if let Some(listener) = page {
            let routes = page::router(sandbox.clone());
            let task = server::serve(listener, routes, &sandbox.shared.shutdown);
            lock(&sandbox.run.tasks).push(task);
        }
        Ok(sandbox)
    }

    /// Stops every server and waits until they are gone. Bots see their gateway close with 1001.
    pub async fn shutdown(&self) {
        self.shared.shutdown.cancel();
        let tasks = std::mem::take(&mut *lock(&self.run.tasks));
        for task in tasks {
            // A task that panicked is gone as well.
            let _ = task.await;
        }
    }

    /// Returns where the REST API listens, with TLS, for a client to resolve `discord.com` to.
    pub fn api_addr(&self) -> SocketAddr {
        self.run.api_addr
    }

    /// Returns the certificate of the authority that vouches for the REST API, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.run.ca_pem
    }

    /// Returns the gateway's address, as `GET /gateway` does.
    pub fn gateway_url(&self) -> String {
        self.shared.gateway_url.clone()
    }

    /// Returns the chat page's address, if one is served.
    pub fn page_url(&self) -> Option<String> {
        self.run.page_addr.map(|address| format!("http://{address}/"))
    }

    /// Returns the folder that overrides the chat page's files.
    pub fn page_assets(&self) -> Option<&std::path::Path> {
        self.run.assets.as_deref()
    }

    /// Returns the bot's token, which works here and nowhere else.
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Returns the bot's application.
    pub fn application_id(&self) -> ApplicationId {
        self.shared.world().application
    }

    /// Returns the bot's user.
    pub fn bot_user_id(&self) -> UserId {
        self.shared.world().bot
    }

    /// Returns the bot's name.
    pub fn bot_name(&self) -> String {
        let world = self.shared.world();
        world
            .users
            .get(&world.bot)
            .map(|bot| bot.name.clone())
            .unwrap_or_default()
    }

    /// Returns the one guild.
    pub fn guild_id(&self) -> GuildId {
        self.shared.world().guild
    }

    /// Returns the guild's one text channel.
    pub fn channel_id(&self) -> ChannelId {
        self.shared.world().guild_channel()
    }

    /// Returns the person called `name`, a member of the guild, made on first use.
    pub fn user(&self, name: &str) -> User {
        let id = self.shared.world().ensure_user(name);
        User::new(self.clone(), id)
    }

    /// Returns every person, oldest first, without the bot.
    pub fn users(&self) -> Vec<User> {
        let people: Vec<UserId> = self
            .shared
            .world()
            .users
            .values()
            .filter(|user| !user.bot)
            .map(|user| user.id)
            .collect();
        people.into_iter().map(|id| User::new(self.clone(), id)).collect()
    }

    /// Returns the person with this id.
    pub fn user_by_id(&self, id: UserId) -> Option<User> {
        let known = self.shared.world().users.get(&id).is_some_and(|user| !user.bot);
        known.then(|| User::new(self.clone(), id))
    }

    /// Returns the channels that a person sees: the guild's, and their direct messages once opened.
    pub fn channels(&self, user: UserId) -> Vec<Channel> {
        let world = self.shared.world();
        let seen = world.channels.keys().filter(|id| world.can_see(user, **id));
        seen.filter_map(|id| world.channel_view(*id)).collect()
    }

    /// Returns a channel.
    pub fn channel(&self, id: ChannelId) -> Option<Channel> {
        self.shared.world().channel_view(id)
    }

    /// Returns a channel's messages, oldest first, with everyone's ephemeral ones: an observer's view.
    pub fn messages(&self, channel: ChannelId) -> Vec<Message> {
        self.shared.world().messages_in(channel).cloned().collect()
    }

    /// Returns a message as it is now.
    pub fn message(&self, id: impl Into<MessageId>) -> Option<Message> {
        self.shared.world().messages.get(&id.into()).cloned()
    }

    /// Returns a file of a message that still exists.
    pub fn file(&self, id: AttachmentId) -> Option<Attachment> {
        self.shared.world().file(id).cloned()
    }

    /// Returns the registered commands.
    pub fn commands(&self) -> Vec<Command> {
        self.shared.world().commands.clone()
    }

    /// Returns how far an interaction has come.
    pub fn interaction(&self, id: InteractionId) -> Option<InteractionStatus> {
        let mut world = self.shared.world();
        world.expire_interactions();
        world.interactions.get(&id).map(|interaction| interaction.status)
    }

    /// Writes a channel's messages as readable text.
    pub fn transcript(&self, channel: ChannelId) -> String {
        self.shared.world().transcript(channel)
    }

    /// Listens to what happens from now on. A listener that lags by more than some thousand events misses some.
    pub fn subscribe(&self) -> broadcast::Receiver<SandboxEvent> {
        self.shared.world().subscribe()
    }

    /// Returns the sandbox's present.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Moves the sandbox's clock forward: interactions fail, tokens expire and rate limits reset as if the time had
    /// passed. Only the gateway's heartbeats keep real time.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
        self.shared.world().expire_interactions();
        self.shared.deadlines.notify_one();
        self.shared.world().touch();
    }

    /// Waits until a message of the channel fits: one that is there, comes, or is edited into fitting.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`] with the channel's transcript when `timeout` (real time) is over.
    pub async fn wait_for(
        &self,
        channel: ChannelId,
        fits: impl Fn(&Message) -> bool,
        timeout: Duration,
    ) -> Result<Message, WaitError> {
        let find = || self.messages(channel).into_iter().find(|message| fits(message));
        self.wait(timeout, || Ok(find()), || self.transcript(channel))
            .await
    }

    /// Waits until `check` returns something. It is asked now and after every change in the sandbox, and must not
    /// block.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`] with every channel's transcript when `timeout` (real time) is over.
    pub async fn wait_until<T>(
        &self,
        timeout: Duration,
        check: impl Fn() -> Option<T>,
    ) -> Result<T, WaitError> {
        self.wait(timeout, || Ok(check()), || self.shared.world().transcripts())
            .await
    }

    /// Waits until the bot is connected to the gateway.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`] when `timeout` (real time) is over.
    pub async fn wait_for_bot(&self, timeout: Duration) -> Result<(), WaitError> {
        self.wait_until(timeout, || self.is_bot_online().then_some(()))
            .await
    }

    /// Waits until the bot is connected and has registered a command of this name.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`] when `timeout` (real time) is over.
    pub async fn wait_for_command(&self, name: &str, timeout: Duration) -> Result<Command, WaitError> {
        let registered = || {
            let world = self.shared.world();
            let online = world.hub.is_online();
            world
                .commands
                .iter()
                .find(|command| online && command.name == name)
                .cloned()
        };
        self.wait_until(timeout, registered).await
    }

    /// Tells whether the bot is connected to the gateway.
    pub fn is_bot_online(&self) -> bool {
        self.shared.world().hub.is_online()
    }

    /// Waits for a condition that may also fail for good; the transcript is written when the time is over.
    pub(crate) async fn wait<T>(
        &self,
        timeout: Duration,
        mut check: impl FnMut() -> Result<Option<T>, WaitError>,
        transcript: impl Fn() -> String,
    ) -> Result<T, WaitError> {
        let mut changes = self.shared.world().changes();
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            changes.borrow_and_update();
            if let Some(found) = check()? {
                return Ok(found);
            }
            tokio::select! {
                () = self.shared.shutdown.cancelled() => return Err(WaitError::ShutDown),
                () = tokio::time::sleep_until(deadline) => {
                    return Err(WaitError::TimedOut { timeout, transcript: transcript() });
                }
                changed = changes.changed() => changed.map_err(|_| WaitError::ShutDown)?,
            }
        }
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("api_addr", &self.run.api_addr)
            .finish_non_exhaustive()
    }
}

impl From<&Message> for MessageId {
    fn from(message: &Message) -> Self {
        message.id
    }
}
