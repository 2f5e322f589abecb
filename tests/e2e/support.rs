//! What every conversation needs: a sandbox, the bot in it, and words for what people do and wait for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use tastemaker::bot::{Bot, Endpoint};
use tastemaker::config::Config;
use tastemaker_sandbox::model::Message;
use tastemaker_sandbox::{ChannelId, InteractionId, Sandbox, SandboxOptions, User};
use tempfile::TempDir;

/// Real time after which a wait is given up; far longer than anything here takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Is a small world: Discord's stand-in, the bot, and a database folder that outlives restarts of the bot.
pub struct World {
    pub sandbox: Sandbox,
    config: Config,
    bot: Option<Bot>,
    _folder: TempDir,
}

impl World {
    /// Starts everything with the documented defaults, but a tiny checkpoint.
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// Starts everything with settings of the test's own.
    pub async fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let openapi = std::env::var_os("DISCORD_OPENAPI").map(PathBuf::from);
        let sandbox = Sandbox::start(SandboxOptions {
            openapi,
            ..SandboxOptions::default()
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::defaults().unwrap();
        config.paths.data = folder.path().join("data");
        config.model.name = tiny_checkpoint().display().to_string();
        config.model.devices = vec!["cpu".to_owned()];
        config.generation.steps = Some(4);
        config.edit_interval = Duration::from_millis(50);
        adjust(&mut config);
        let mut world = Self {
            sandbox,
            config,
            bot: None,
            _folder: folder,
        };
        world.start_bot().await;
        world
    }

    /// Starts the bot on the database as it is.
    pub async fn start_bot(&mut self) {
        let endpoint = Endpoint::Local {
            addr: self.sandbox.api_addr(),
            ca_pem: self.sandbox.ca_pem().to_owned(),
            token: SecretString::from(self.sandbox.token().to_owned()),
        };
        let bot = Bot::start(self.config.clone(), endpoint)
            .await
            .expect("the bot starts");
        self.sandbox
            .wait_for_bot(PATIENCE)
            .await
            .expect("the bot connects");
        self.bot = Some(bot);
    }

    /// Shuts the bot down as an operator does.
    pub async fn stop_bot(&mut self) {
        if let Some(bot) = self.bot.take() {
            bot.shutdown().await;
        }
    }

    /// Shuts the bot down and starts it anew.
    pub async fn restart_bot(&mut self) {
        self.stop_bot().await;
        self.start_bot().await;
    }

    /// The running bot.
    pub fn bot(&self) -> &Bot {
        self.bot.as_ref().expect("the bot runs")
    }

    /// Changes settings for the next start of the bot.
    pub fn configure(&mut self, adjust: impl FnOnce(&mut Config)) {
        adjust(&mut self.config);
    }

    /// Ends the test: everything stops, and Discord would have had nothing to complain about.
    pub async fn finish(mut self) {
        self.stop_bot().await;
        assert_eq!(
            self.sandbox.unknown_routes(),
            Vec::<String>::new(),
            "requests to routes that do not exist"
        );
        assert_eq!(
            self.sandbox.contract_violations(),
            Vec::<String>::new(),
            "violations of Discord's description"
        );
        self.sandbox.shutdown().await;
    }

    /// Makes somebody a profile through a file, which is quicker than a conversation.
    pub async fn with_taste(&self, name: &str, likes: &[&str], dislikes: &[&str]) -> User {
        let user = self.sandbox.user(name);
        let dm = user.dm();
        for (option, attributes) in [("like", likes), ("dislike", dislikes)] {
            for attribute in attributes {
                let shown = user.run(dm, "profile edit", json!({ option: attribute })).await;
                assert!(shown.text().contains(attribute), "{}", shown.text());
            }
        }
        user
    }
}

/// The folder of the tiny random checkpoint, in the same layout as published ones.
fn tiny_checkpoint() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion/sd")
}

/// What people do, in one word each.
pub trait Acts {
    /// Runs a command and returns the bot's first real answer to it.
    async fn run(&self, channel: ChannelId, command: &str, options: Value) -> Message;
    /// Runs a command and waits for an answer that fits.
    async fn run_until(
        &self,
        channel: ChannelId,
        command: &str,
        options: Value,
        fits: impl Fn(&Message) -> bool,
    ) -> Message;
    /// Runs `/imagine` and returns the finished picture's message.
    async fn imagine(&self, channel: ChannelId, options: Value) -> Message;
    /// Clicks a button and waits for an answer that fits.
    async fn click_until(&self, message: &Message, button: &str, fits: impl Fn(&Message) -> bool) -> Message;
    /// Waits for the answer of an interaction.
    async fn answer(&self, interaction: InteractionId, fits: impl Fn(&Message) -> bool) -> Message;
    /// Waits for a message in a channel.
    async fn sees(&self, channel: ChannelId, fits: impl Fn(&Message) -> bool) -> Message;
}

impl Acts for User {
    async fn run(&self, channel: ChannelId, command: &str, options: Value) -> Message {
        self.run_until(channel, command, options, |message| !message.is_thinking())
            .await
    }

    async fn run_until(
        &self,
        channel: ChannelId,
        command: &str,
        options: Value,
        fits: impl Fn(&Message) -> bool,
    ) -> Message {
        let interaction = self.command(channel, command, options).unwrap();
        self.answer(interaction, fits).await
    }

    async fn imagine(&self, channel: ChannelId, options: Value) -> Message {
        self.run_until(channel, "imagine", options, is_finished).await
    }

    async fn click_until(&self, message: &Message, button: &str, fits: impl Fn(&Message) -> bool) -> Message {
        let interaction = self.click(message, button).unwrap();
        self.answer(interaction, fits).await
    }

    async fn answer(&self, interaction: InteractionId, fits: impl Fn(&Message) -> bool) -> Message {
        self.wait_for_answer(interaction, fits, PATIENCE)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    async fn sees(&self, channel: ChannelId, fits: impl Fn(&Message) -> bool) -> Message {
        self.wait_for(channel, fits, PATIENCE)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Tells whether a message shows finished pictures rather than progress.
pub fn is_finished(message: &Message) -> bool {
    !message.attachments.is_empty() && message.part("Why this image?").is_some()
}

/// The pixels of a message's first picture.
pub fn pixels(message: &Message) -> Vec<u8> {
    image::load_from_memory(&message.attachments[0].bytes)
        .unwrap()
        .to_rgb8()
        .into_raw()
}
