//! `tastemaker run`: the bot on Discord.

use crate::bot::{Bot, Endpoint};
use crate::config::Config;

/// Runs until a termination signal, then drains.
///
/// # Errors
/// When the bot cannot start, or Discord ends the connection for good.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut bot = Bot::start(config, Endpoint::Discord).await?;
    tokio::select! {
        ended = bot.ended() => {
            ended?;
            anyhow::bail!("the connection to Discord ended");
        }
        () = stop_signal() => {}
    }
    tracing::info!("stopping");
    bot.shutdown().await;
    Ok(())
}

/// Waits for Ctrl-C or, on Unix, a termination signal.
pub async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C cannot be heard");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be heard");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
