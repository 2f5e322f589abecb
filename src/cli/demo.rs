//! `tastemaker demo`: the bot in a local stand-in for Discord, with a chat page or a script in front of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use secrecy::SecretString;
use tastemaker_sandbox::play::{Player, Script};
use tastemaker_sandbox::{Sandbox, SandboxError, SandboxOptions};
use tokio::sync::Mutex;

use super::run::stop_signal;
use crate::bot::{Bot, Endpoint, StartError};
use crate::config::Config;

/// Where the page is served unless told otherwise.
const PAGE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8585);
/// Ports tried after the usual one, before any free one is taken.
const PORTS_TRIED: u16 = 10;
/// How long the bot may take to appear in the sandbox after it was started.
const CONNECTS_WITHIN: Duration = Duration::from_secs(60);

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Loopback address of the chat page (default: 127.0.0.1:8585, or the next free port).
    #[arg(long, value_name = "ADDRESS")]
    addr: Option<SocketAddr>,
    /// Play a conversation script instead of waiting for people, then stop (docs/play.md).
    #[arg(long, value_name = "FILE")]
    play: Option<PathBuf>,
    /// Folder for the transcript and the pictures of a played script.
    #[arg(long, value_name = "DIR", requires = "play", default_value = "playback")]
    out: PathBuf,
    /// Write every request of the bot to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Folder that keeps profiles, pictures and conversations between demos (default: `demo` in the data folder; a
    /// played script starts with nothing and keeps nothing).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Start with nothing and keep nothing.
    #[arg(long, conflicts_with = "data")]
    fresh: bool,
    /// Model manifest or checkpoint folder to generate with.
    #[arg(long, value_name = "NAME|DIR")]
    model: Option<String>,
    /// Folder whose files stand in for the chat page's embedded ones, for working on the page.
    #[arg(long, value_name = "DIR", hide = true)]
    page_assets: Option<PathBuf>,
}

/// Runs until a termination signal or the end of the script, then drains.
///
/// # Errors
/// When a part cannot start, or the played conversation goes another way than its script.
pub async fn run(args: DemoArgs, mut config: Config) -> anyhow::Result<()> {
    let script = args.play.as_deref().map(Script::load).transpose()?;
    // Kept until the end: dropping it deletes the folder.
    let temporary = (args.fresh || (script.is_some() && args.data.is_none()))
        .then(tempfile::tempdir)
        .transpose()?;
    let data = match &temporary {
        Some(folder) => folder.path().to_owned(),
        None => args
            .data
            .clone()
            .unwrap_or_else(|| config.paths.data.join("demo")),
    };
    config.paths.data = data.join("bot");
    if let Some(model) = &args.model {
        config.model.name.clone_from(model);
    }
    // The real Discord's, where they are set: neither means anything here.
    config.discord.token = None;
    config.discord.guild = None;

    let sandbox = start_sandbox(&args, &data, script.is_some()).await?;
    let result = match script {
        Some(script) => play(&sandbox, config, script, &args.out).await,
        None => chat(&sandbox, config, temporary.is_none().then_some(&data)).await,
    };
    sandbox.shutdown().await;
    result
}

/// Opens the sandbox, with its page on the next free port if the usual one is taken.
async fn start_sandbox(args: &DemoArgs, data: &Path, playing: bool) -> anyhow::Result<Sandbox> {
    let options = |page| SandboxOptions {
        page,
        record: args.record.clone(),
        assets: args.page_assets.clone(),
        keep: Some(data.join("sandbox")),
        ..SandboxOptions::default()
    };
    if let Some(page) = args.addr {
        let hint = "choose another address with --addr";
        return Sandbox::start(options(Some(page))).await.context(hint);
    }
    if playing {
        return Ok(Sandbox::start(options(None)).await?);
    }
    let ports = (PAGE.port()..=PAGE.port() + PORTS_TRIED).chain([0]);
    let mut last = None;
    for port in ports {
        match Sandbox::start(options(Some(SocketAddr::new(PAGE.ip(), port)))).await {
            Err(SandboxError::Listen { source, address })
                if source.kind() == std::io::ErrorKind::AddrInUse =>
            {
                last = Some(SandboxError::Listen { source, address });
            }
            started => return Ok(started?),
        }
    }
    Err(last.map_or_else(|| anyhow::anyhow!("no port was tried"), Into::into))
}

async fn start_bot(sandbox: &Sandbox, config: Config) -> Result<Bot, StartError> {
    let endpoint = Endpoint::Local {
        addr: sandbox.api_addr(),
        ca_pem: sandbox.ca_pem().to_owned(),
        token: SecretString::from(sandbox.token()),
    };
    let bot = Bot::start(config, endpoint).await?;
    sandbox
        .wait_for_bot(CONNECTS_WITHIN)
        .await
        .map_err(anyhow::Error::from)?;
    Ok(bot)
}

/// Serves the chat page until somebody stops the demo.
async fn chat(sandbox: &Sandbox, config: Config, kept: Option<&PathBuf>) -> anyhow::Result<()> {
    let mut bot = tokio::select! {
        bot = start_bot(sandbox, config) => bot?,
        () = stop_signal() => return Ok(()),
    };
    let url = sandbox.page_url().context("the sandbox serves no page")?;
    let kept = kept.map_or("nothing is kept".to_owned(), |folder| {
        format!("all is kept in {}", folder.display())
    });
    println!("Tastemaker is ready: open {url} (Ctrl-C stops; {kept})");
    tokio::select! {
        ended = bot.ended() => {
            ended?;
            anyhow::bail!("the bot's connection ended");
        }
        () = stop_signal() => {}
    }
    println!("Stopping…");
    bot.shutdown().await;
    Ok(())
}

/// Plays a script and writes down what happened, also when it failed.
async fn play(sandbox: &Sandbox, config: Config, script: Script, out: &Path) -> anyhow::Result<()> {
    let steps = script.steps.len();
    let bot = Arc::new(Mutex::new(Some(start_bot(sandbox, config.clone()).await?)));
    let restart = {
        let (sandbox, bot) = (sandbox.clone(), Arc::clone(&bot));
        move || {
            let (sandbox, bot, config) = (sandbox.clone(), Arc::clone(&bot), config.clone());
            let restarted = async move {
                let mut bot = bot.lock().await;
                if let Some(running) = bot.take() {
                    running.shutdown().await;
                }
                *bot = Some(
                    start_bot(&sandbox, config)
                        .await
                        .map_err(|error| error.to_string())?,
                );
                Ok(())
            };
            Box::pin(restarted) as std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>>
        }
    };
    let mut step = 0;
    let told = |what: &str| {
        step += 1;
        println!("{step:>3}/{steps}  {what}");
    };
    let player = Player::new(sandbox.clone(), script)
        .on_restart(Box::new(restart))
        .on_step(told);
    let played = tokio::select! {
        played = player.play() => Some(played),
        () = stop_signal() => None,
    };
    if let Some(bot) = bot.lock().await.take() {
        bot.shutdown().await;
    }
    let (recording, outcome) = played.context("stopped before the end of the script")?;
    recording.write(out)?;
    println!("Written to {}", out.display());
    for route in sandbox.unknown_routes() {
        tracing::warn!(route, "the bot asked for something the sandbox does not have");
    }
    Ok(outcome?)
}
