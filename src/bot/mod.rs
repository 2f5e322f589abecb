//! The Discord edge: one serenity client, its event handler, and the conversations behind it.
//!
//! [`Bot::start`] connects and returns at once; [`Bot::shutdown`] drains. Handlers never wait on a model or on the disk
//! before they have acknowledged an interaction: they hand work to the pool and to blocking threads.

mod context;
mod endpoint;
mod errors;
mod gallery;
mod handler;
pub mod help;
pub mod imagine;
pub mod onboarding;
pub mod profile;
mod rater;
mod reading;
mod reply;
mod turnstile;

use std::sync::Arc;
use std::time::Duration;

use serenity::all::{ClientBuilder, GatewayIntents, ShardManager};
use thiserror::Error;
use tokio::task::JoinHandle;

use crate::config::Config;
use handler::Handler;

pub use context::App;
pub use endpoint::Endpoint;
pub use errors::{BotError, Incident};
pub use gallery::{Gallery, StyleImage};
pub use rater::{PictureRater, RateError};
pub use reading::{CommentReader, ReadError, ReadingTimes};
pub use turnstile::{Interrupted, Turnstile};

/// What the bot listens to. Message content in direct messages needs no privileged intent.
const INTENTS: GatewayIntents = GatewayIntents::GUILDS
    .union(GatewayIntents::GUILD_MESSAGE_REACTIONS)
    .union(GatewayIntents::DIRECT_MESSAGES)
    .union(GatewayIntents::DIRECT_MESSAGE_REACTIONS);

/// Reports why the bot could not start; every message says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// No token was configured.
    #[error(
        "no Discord token: put it into config/secrets.toml or TASTEMAKER_DISCORD__TOKEN (or try `tastemaker demo`)"
    )]
    NoToken,
    /// Discord, or the local server in its place, did not answer or refused the token.
    #[error("cannot reach Discord: {0}")]
    Discord(#[source] Box<serenity::Error>),
    /// The HTTP client could not be made.
    #[error("cannot make the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// The database, the model, the gallery or the vocabulary could not be opened.
    #[error("{0}")]
    Service(#[from] anyhow::Error),
}

impl From<serenity::Error> for StartError {
    fn from(error: serenity::Error) -> Self {
        Self::Discord(Box::new(error))
    }
}

/// Is a running bot.
pub struct Bot {
    app: Arc<App>,
    shards: Arc<ShardManager>,
    client: JoinHandle<Result<(), serenity::Error>>,
}

impl Bot {
    /// Opens the store, starts the workers, registers the commands, connects to the gateway and takes up unfinished jobs.
    ///
    /// # Errors
    /// When a part cannot be opened or Discord cannot be reached; nothing keeps running then.
    pub async fn start(config: Config, endpoint: Endpoint) -> Result<Self, StartError> {
        let http = endpoint.http(config.discord.token.as_ref())?;
        // serenity falls back to the real gateway when this request fails, so ask first and stop here instead.
        http.get_gateway().await?;
        let me = http.get_current_user().await?;
        let application = http.get_current_application_info().await?;
        http.set_application_id(application.id);

        // One REST client for all: its rate limiter must see every request. No event comes before the client is started.
        let handler = Handler::default();
        let mut client = ClientBuilder::new_with_http(http, INTENTS)
            .event_handler(handler.clone())
            .await?;
        let app = Arc::new(App::open(config, Arc::clone(&client.http), me.id, application.id).await?);
        handler.serve(&app);
        app.register_commands().await?;
        let shards = Arc::clone(&client.shard_manager);
        let client = tokio::spawn(async move { client.start_autosharded().await });
        imagine::recover(&app).await;
        onboarding::recover(&app).await;
        tracing::info!(bot = %me.name, model = %app.model.name, "ready");
        Ok(Self { app, shards, client })
    }

    /// Returns what the handlers share, for tests and the demo.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Waits until the gateway client ends by itself, which it does only on an error it cannot mend (a revoked token).
    ///
    /// # Errors
    /// With what ended it.
    pub async fn ended(&mut self) -> Result<(), StartError> {
        match (&mut self.client).await {
            Ok(result) => Ok(result?),
            Err(join) => Err(anyhow::anyhow!("the gateway task failed: {join}").into()),
        }
    }

    /// Stops in order: no new events, running jobs finish or are kept for the next start, records are flushed.
    pub async fn shutdown(self) {
        self.app.stopping.cancel();
        let drain = Duration::from_secs(self.app.config.pool.drain_timeout_s);
        let unfinished = self.app.pool.drain(drain).await;
        if !unfinished.is_empty() {
            tracing::info!(jobs = unfinished.len(), "kept for the next start");
        }
        self.shards.shutdown_all().await;
        self.client.abort();
        // Ended by the abort, or by itself just before it: either way it has let go of its handler.
        let _ = self.client.await;
        self.app.tasks.close();
        if tokio::time::timeout(Duration::from_secs(5), self.app.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some replies were still under way at shutdown");
        }
        self.app.flush().await;
        // Events that serenity was handing out still hold the database, which the next start locks.
        let released = async {
            while Arc::strong_count(&self.app) > 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(5), released)
            .await
            .is_err()
        {
            tracing::warn!("the database is still in use at shutdown");
        }
    }
}
