//! How soon an interaction is acknowledged while every worker is busy: 200 `/imagine` within one second, from the moment
//! a person presses Enter to the moment Discord's stand-in has the bot's acknowledgement. Discord gives up after 3 s.
//!
//! `cargo bench --bench acknowledge` (the numbers include the sandbox's own part: its gateway, its TLS, its checks)

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use secrecy::SecretString;
use serde_json::json;
use tastemaker::bot::{Bot, Endpoint};
use tastemaker::config::Config;
use tastemaker_sandbox::{InteractionId, Sandbox, SandboxEvent, SandboxOptions};
use tokio::sync::broadcast::Receiver;

/// Commands in the burst.
const COMMANDS: u32 = 200;
/// Time over which they are spread evenly.
const SPREAD: Duration = Duration::from_secs(1);
/// People who send them.
const PEOPLE: u32 = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Tests of all targets start this too, and want to see only that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let sandbox = Sandbox::start(SandboxOptions::default()).await?;
    let data = tempfile::tempdir()?;
    let bot = Bot::start(settings(data.path())?, endpoint(&sandbox)).await?;
    sandbox
        .wait_for_command("imagine", Duration::from_secs(60))
        .await?;
    let ready = bot.app().pool.ready();
    tokio::time::timeout(Duration::from_secs(60), ready)
        .await
        .context("the worker is not ready")??;

    let people: Vec<_> = (0..PEOPLE)
        .map(|number| sandbox.user(&format!("Person {number}")))
        .collect();
    let arrivals = tokio::spawn(arrivals(sandbox.subscribe()));
    let mut sent = HashMap::new();
    let mut tick = tokio::time::interval(SPREAD / COMMANDS);
    for person in people.iter().cycle().take(COMMANDS as usize) {
        tick.tick().await;
        let at = Instant::now();
        let interaction =
            person.command(sandbox.channel_id(), "imagine", json!({"prompt": "a lighthouse"}))?;
        sent.insert(interaction, at);
    }
    let acknowledged = tokio::time::timeout(Duration::from_secs(30), arrivals)
        .await
        .context("not all were answered")???;
    let mut latencies: Vec<Duration> = sent
        .iter()
        .filter_map(|(id, at)| Some(acknowledged.get(id)?.saturating_duration_since(*at)))
        .collect();
    latencies.sort_unstable();
    let status = bot.app().pool.status();
    ensure!(status.running > 0, "the workers were not busy");
    println!(
        "{COMMANDS} commands in {SPREAD:?}, {} jobs queued, {} running",
        status.queued, status.running
    );
    for (name, share) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
        let index = ((latencies.len() as f64 * share).ceil() as usize).clamp(1, latencies.len()) - 1;
        println!("{name}  {:>8.1} ms", latencies[index].as_secs_f64() * 1000.0);
    }
    bot.shutdown().await;
    sandbox.shutdown().await;
    Ok(())
}

/// Collects when each interaction was acknowledged, until all of the burst are.
async fn arrivals(mut events: Receiver<SandboxEvent>) -> anyhow::Result<HashMap<InteractionId, Instant>> {
    let mut arrived = HashMap::new();
    while arrived.len() < COMMANDS as usize {
        match events.recv().await.context("the stream of events broke off")? {
            SandboxEvent::InteractionAcknowledged { interaction_id, .. } => {
                arrived.insert(interaction_id, Instant::now());
            }
            SandboxEvent::InteractionFailed { interaction_id, .. } => {
                anyhow::bail!("{interaction_id} was not acknowledged within 3 s");
            }
            _ => {}
        }
    }
    Ok(arrived)
}

fn endpoint(sandbox: &Sandbox) -> Endpoint {
    Endpoint::Local {
        addr: sandbox.api_addr(),
        ca_pem: sandbox.ca_pem().to_owned(),
        token: SecretString::from(sandbox.token().to_owned()),
    }
}

/// The documented defaults, with a tiny checkpoint that is kept busy, and without limits in the way.
fn settings(data: &Path) -> anyhow::Result<Config> {
    let mut config = Config::defaults()?;
    config.paths.data = data.join("data");
    let checkpoint = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion/sd");
    config.model.name = checkpoint.display().to_string();
    config.model.devices = vec!["cpu".to_owned()];
    config.generation.steps = Some(150);
    config.pool.queue_capacity = COMMANDS as usize;
    config.pool.waiting_per_user = COMMANDS as usize;
    config.pool.drain_timeout_s = 0;
    let limits = &mut config.limits;
    for limit in [
        &mut limits.user_burst,
        &mut limits.guild_burst,
        &mut limits.global_burst,
    ] {
        *limit = COMMANDS;
    }
    Ok(config)
}
