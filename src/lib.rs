//! Tastemaker: a Discord bot that learns once what a person likes to look at and draws in that taste from then on.
//!
//! A map, in the order of a request's life:
//!
//! - [`bot`]: the Discord edge. Slash commands, conversations in direct messages, buttons and reactions.
//! - `tastemaker-commands` (`commands/`): what the slash commands look like and how their options are read.
//! - `tastemaker-preference` (`src/preference/`): comments become liked and disliked attributes, these become a profile.
//! - `tastemaker-pool` (`src/pool/`): limits, the fair queue, and workers that step many pictures together.
//! - [`engine`]: the adapter that lets the pool's workers drive the diffusion pipeline.
//! - `tastemaker-diffusion` (`src/diffusion/`): Stable Diffusion on candle, personalised by VP+ and VP−.
//! - `tastemaker-hub` (`src/hub/`): checkpoints from the model hub: download, cache and check.
//! - `tastemaker-storage` (`src/storage/`): what is kept: profiles, conversations, jobs, pictures.
//! - `tastemaker-sandbox` (`src/sandbox/`): a local server that speaks Discord's protocol, for the demo and the tests.
//!
//! Around them: [`config`] (layered settings), [`extractors`] (what reads comments, by name), [`catalogue`] (checkpoints by name), [`receipt`] (how a picture was made, inside its PNG), [`seeing`] (the model that sees pictures), [`eyes`] (the small one that comes along and says what they look like), [`perception`] (extractor and metric of the bot, opened together), [`telemetry`] (logs)
//! and [`cli`] (one file a subcommand).

pub mod bot;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod engine;
pub mod extractors;
pub mod eyes;
pub mod perception;
pub mod receipt;
pub mod seeing;
pub mod telemetry;
