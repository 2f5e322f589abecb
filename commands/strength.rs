//! `/strength`: how strongly one's taste shapes one's pictures unless a picture says otherwise.

use serenity::all::{CommandData, CommandOptionType, CreateCommand, CreateCommandOption};

use crate::ParseError;
use crate::options::Options;

/// Name of the command.
pub const NAME: &str = "strength";
/// Option: the new default β.
pub const VALUE: &str = "value";
/// Least and greatest β.
pub const VALUE_RANGE: (f64, f64) = (0.0, 1.0);

/// Describes the command to Discord.
pub fn register() -> CreateCommand {
    crate::command(NAME, "Set how strongly your taste shapes your pictures").add_option(
        CreateCommandOption::new(
            CommandOptionType::Number,
            VALUE,
            "From 0 (plain pictures) to 1 (all your taste); 0.4 is a good start",
        )
        .required(true)
        .min_number_value(VALUE_RANGE.0)
        .max_number_value(VALUE_RANGE.1),
    )
}

/// Reads the new default β, 0 to 1.
///
/// # Errors
/// When it is missing or out of range.
pub fn parse(data: &CommandData) -> Result<f64, ParseError> {
    Options::new(data.options())
        .number(VALUE, VALUE_RANGE)?
        .ok_or(ParseError::Missing { option: VALUE })
}
