//! The command line: one file a subcommand.

pub mod demo;
pub mod describe;
pub mod eval;
pub mod extract;
pub mod imagine;
pub mod invite;
pub mod models;
pub mod onboarding;
pub mod receipt;
pub mod run;
pub mod score;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::{Config, Sources};
use crate::telemetry;

/// A Discord bot that learns what you like to look at and draws it.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// Settings above the defaults (default: config/local.toml when it exists).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Secrets above those (default: config/secrets.toml when it exists).
    #[arg(long, global = true, value_name = "FILE")]
    secrets: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything here: a local chat page, no account, token, GPU or download.
    Demo(demo::DemoArgs),
    /// Run the bot on Discord.
    Run,
    /// Print the link that adds the bot to a server.
    Invite(invite::InviteArgs),
    /// Generate pictures on the command line.
    Imagine(Box<imagine::ImagineArgs>),
    /// Print how pictures were made, from the receipts in their files.
    Receipt(receipt::ReceiptArgs),
    /// Read comments (JSON Lines) into liked and disliked attributes.
    Extract(extract::ExtractArgs),
    /// Measure what reads comments on labelled ones.
    Eval(eval::EvalArgs),
    /// Tell how much a person would like pictures, from some they liked and disliked.
    Score(Box<score::ScoreArgs>),
    /// Draw the pictures of the onboarding with any model.
    Onboarding(onboarding::OnboardingArgs),
    /// Tell which visual attributes pictures have.
    Describe(describe::DescribeArgs),
    /// List, download and check the checkpoints that pictures are made with.
    Models(models::ModelsArgs),
}

impl Cli {
    /// Loads the configuration and runs the subcommand.
    ///
    /// # Errors
    /// With a message for the person at the terminal.
    pub async fn run(self) -> anyhow::Result<()> {
        let config = Config::load(&Sources::usual(self.config, self.secrets))?;
        telemetry::init(&config.log)?;
        match self.command {
            Command::Demo(args) => demo::run(args, config).await,
            Command::Run => run::run(config).await,
            Command::Invite(args) => invite::run(&args),
            Command::Imagine(args) => {
                tokio::task::spawn_blocking(move || imagine::run(*args, &config)).await?
            }
            Command::Receipt(args) => receipt::run(&args),
            Command::Extract(args) => {
                tokio::task::spawn_blocking(move || extract::run(args, &config)).await?
            }
            Command::Eval(args) => tokio::task::spawn_blocking(move || eval::run(args, &config)).await?,
            Command::Score(args) => tokio::task::spawn_blocking(move || score::run(&args)).await?,
            Command::Onboarding(args) => {
                tokio::task::spawn_blocking(move || onboarding::run(args, &config)).await?
            }
            Command::Describe(args) => {
                tokio::task::spawn_blocking(move || describe::run(&args, &config)).await?
            }
            Command::Models(args) => models::run(args, config).await,
        }
    }
}
