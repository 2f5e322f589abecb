//! `/onboard`: the conversation that makes a taste profile.

use serenity::all::CreateCommand;

/// Name of the command.
pub const NAME: &str = "onboard";

/// Describes the command to Discord. It has no options.
pub fn register() -> CreateCommand {
    crate::command(
        NAME,
        "Show me what you like: comment on a few pictures, and I learn your taste",
    )
}
