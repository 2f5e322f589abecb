//! Slash commands: registration and typed parsing, without I/O.
//!
//! Each command is one module with its name, its limits as constants, `register()` for Discord and `parse()` for what
//! comes back. [`CustomId`] does the same for buttons, selects and modals. Discord checks options before it sends
//! them; `parse()` checks them again, because a client may be older than the registration.

pub mod cancel;
pub mod help;
pub mod ids;
pub mod imagine;
pub mod onboard;
mod options;
pub mod profile;
pub mod strength;
#[cfg(test)]
mod tests;

use serenity::all::{CreateCommand, InstallationContext, InteractionContext};

pub use ids::{CustomId, CustomIdError, ImagineId, OnboardingId, ProfileId};
pub use options::ParseError;

/// Returns every command, as it is registered with Discord in one bulk overwrite.
pub fn all() -> Vec<CreateCommand> {
    vec![
        onboard::register(),
        imagine::register(),
        profile::register(),
        strength::register(),
        cancel::register(),
        help::register(),
    ]
}

/// Begins the registration of a command that works in guilds and in direct messages with the bot.
///
/// Group conversations between people are left out: the bot can neither react nor write there after 15 minutes.
fn command(name: &str, description: &str) -> CreateCommand {
    CreateCommand::new(name)
        .description(description)
        .integration_types(vec![InstallationContext::Guild])
        .contexts(vec![InteractionContext::Guild, InteractionContext::BotDm])
}
