//! `/help`: what the bot can do, with examples.

use serenity::all::CreateCommand;

/// Name of the command.
pub const NAME: &str = "help";

/// Describes the command to Discord. It has no options.
pub fn register() -> CreateCommand {
    crate::command(NAME, "What I can do, with examples, and what I keep about you")
}
