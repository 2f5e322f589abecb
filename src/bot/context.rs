//! What all handlers share.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serenity::all::{ApplicationId, Command, GuildId, Http, UserId};
use tastemaker_diffusion::ModelManifest;
use tastemaker_pool::WorkerPool;
use tastemaker_preference::Vocabulary;
use tastemaker_storage::{Store, StoreError, StoreOptions};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::errors::BotError;
use super::gallery::Gallery;
use super::imagine::Deliveries;
use super::onboarding::Conversations;
use super::rater::PictureRater;
use super::reading::CommentReader;
use crate::config::Config;
use crate::engine::{self, LoadedModel};
use crate::perception::{self, Perception};

/// Longest time that a start waits for the process before it to let go of the database.
const HANDOVER: Duration = Duration::from_secs(5);

/// Holds what all handlers share; one for the life of the bot.
pub struct App {
    /// Validated settings.
    pub config: Config,
    /// Discord's REST API, behind serenity's rate limiter.
    pub http: Arc<Http>,
    /// The bot's own user, whose reactions are not answered.
    pub me: UserId,
    /// The application that owns the interactions.
    pub application: ApplicationId,
    /// The checkpoint's manifest: name, defaults, sizes.
    pub model: ModelManifest,
    /// What the workers found in the checkpoint; empty until the first has loaded it.
    pub loaded: LoadedModel,
    /// Durable records.
    pub store: Store,
    /// Workers that make pictures.
    pub pool: WorkerPool,
    /// What reads comments.
    pub reader: CommentReader,
    /// What rates pictures for a person; `None` where nothing does.
    pub rater: Option<PictureRater>,
    /// Attributes a preference can name.
    pub vocabulary: &'static Vocabulary,
    /// Style images for onboarding.
    pub gallery: Gallery,
    /// Onboarding conversations under way.
    pub conversations: Conversations,
    /// Jobs whose messages are being kept up to date.
    pub deliveries: Deliveries,
    /// Every task that must have ended before the process does.
    pub tasks: TaskTracker,
    /// Cancelled when shutdown begins.
    pub stopping: CancellationToken,
}

impl App {
    pub(super) async fn open(
        config: Config,
        http: Arc<Http>,
        me: UserId,
        application: ApplicationId,
    ) -> anyhow::Result<Self> {
        let model = engine::manifest(&config)?;
        let options = StoreOptions {
            image_cap_bytes: config.image_cap_bytes,
            ..StoreOptions::default()
        };
        let data = config.paths.data.clone();
        let store = spawn_blocking(move || open_store(&data, options)).await??;
        let folder = &config.onboarding_folder;
        let gallery = Gallery::load(folder)
            .with_context(|| format!("cannot open the onboarding images in {}", folder.display()))?;
        let vocabulary = Vocabulary::embedded();
        let settings = config.preference.clone();
        let Perception {
            extractor,
            times,
            metric,
        } = spawn_blocking(move || perception::open(&settings)).await??;
        let stopping = CancellationToken::new();
        let reader = CommentReader::new(extractor, times, stopping.clone());
        let within = config.preference.rating_timeout;
        let rater = metric.map(|metric| PictureRater::new(metric, within, stopping.clone()));
        let loaded = LoadedModel::default();
        let pool = engine::start_pool(&config, &model, &loaded)?;
        Ok(Self {
            http,
            me,
            application,
            model,
            loaded,
            store,
            pool,
            reader,
            rater,
            vocabulary,
            gallery,
            conversations: Conversations::default(),
            deliveries: Deliveries::default(),
            tasks: TaskTracker::new(),
            stopping,
            config,
        })
    }

    /// Replaces the registered commands by this version's, in one guild or globally.
    pub(super) async fn register_commands(&self) -> serenity::Result<()> {
        let commands = tastemaker_commands::all();
        let registered = match self.config.discord.guild {
            Some(guild) => GuildId::new(guild).set_commands(&self.http, commands).await?,
            None => Command::set_global_commands(&self.http, commands).await?,
        };
        tracing::info!(commands = registered.len(), "registered");
        Ok(())
    }

    /// Returns the short hash of the checkpoint's weights, or nothing while no worker has loaded it.
    ///
    /// On a blocking thread, since soon after a start the hash is still being computed.
    pub async fn model_hash(&self) -> String {
        let loaded = self.loaded.clone();
        let hash = spawn_blocking(move || loaded.get().map(|info| info.hash.get()));
        hash.await.ok().flatten().unwrap_or_default()
    }

    /// Runs a store operation on a blocking thread, so that no event waits on the disk.
    ///
    /// # Errors
    /// With the operation's own error, or an internal one when it panicked.
    pub async fn with_store<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, BotError> {
        let store = self.store.clone();
        Ok(spawn_blocking(move || operation(&store))
            .await
            .map_err(BotError::internal)??)
    }

    /// Writes what is in memory to disk.
    pub(super) async fn flush(&self) {
        if let Err(error) = self.with_store(Store::flush).await {
            tracing::error!(%error, "the store could not be flushed");
        }
    }
}

/// Opens the database. A process that is being replaced may hold it a moment longer, so this waits for it a little. Blocks.
fn open_store(path: &Path, options: StoreOptions) -> anyhow::Result<Store> {
    let give_up = Instant::now() + HANDOVER;
    loop {
        match Store::open(path, options.clone()) {
            Err(StoreError::InUse { .. }) if Instant::now() < give_up => {
                std::thread::sleep(Duration::from_millis(50))
            }
            result => {
                return result.with_context(|| format!("cannot open the database in {}", path.display()));
            }
        }
    }
}
