//! `tastemaker models`: the checkpoints that pictures are made with.

mod bars;
mod info;
mod list;
mod pull;
mod table;
mod verify;

use clap::{Args, Subcommand};

use crate::config::Config;

/// What `tastemaker models` is asked to do.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the models there are, and which of them are on this machine.
    List(list::ListArgs),
    /// Download a model from the hub, or the rest of it.
    Pull(pull::PullArgs),
    /// Compare the files of a model (or of every one that is here) with their sizes and hashes.
    Verify(verify::VerifyArgs),
    /// Show everything about a model: source, licence, defaults, memory, files.
    Info(info::InfoArgs),
}

/// Runs the subcommand.
///
/// # Errors
/// With a message for the person at the terminal.
pub async fn run(args: ModelsArgs, config: Config) -> anyhow::Result<()> {
    match args.command {
        Command::List(args) => list::run(&args, &config),
        Command::Pull(args) => pull::run(&args, &config).await,
        Command::Verify(args) => tokio::task::spawn_blocking(move || verify::run(&args, &config)).await?,
        Command::Info(args) => info::run(&args, &config),
    }
}

/// Writes lines to standard output; whoever stops reading has seen enough.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write as _};
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
