//! `/cancel`: takes back everything one has asked for and not yet got.

use serenity::all::CreateCommand;

/// Name of the command.
pub const NAME: &str = "cancel";

/// Describes the command to Discord. It has no options.
pub fn register() -> CreateCommand {
    crate::command(NAME, "Stop the pictures of yours that are waiting or being drawn")
}
