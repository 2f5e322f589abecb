//! `/profile`: shows, edits, exports, imports, undoes and forgets a taste.

use serenity::all::{Attachment, CommandData, CommandOptionType, CreateCommand, CreateCommandOption};

use crate::ParseError;
use crate::options::{Options, unknown};

/// Name of the command.
pub const NAME: &str = "profile";
/// Subcommand: shows the taste card.
pub const SHOW: &str = "show";
/// Subcommand: changes entries.
pub const EDIT: &str = "edit";
/// Subcommand: gives the profile as a file.
pub const EXPORT: &str = "export";
/// Subcommand: takes a profile from a file.
pub const IMPORT: &str = "import";
/// Subcommand: takes the last change back.
pub const UNDO: &str = "undo";
/// Subcommand: deletes everything about a person.
pub const FORGET: &str = "forget";

/// Option of `edit`: an attribute to like.
pub const LIKE: &str = "like";
/// Option of `edit`: an attribute to dislike.
pub const DISLIKE: &str = "dislike";
/// Option of `edit`: an entry to remove.
pub const REMOVE: &str = "remove";
/// Option of `edit`: weight of what is liked or disliked.
pub const WEIGHT: &str = "weight";
/// Option of `import`: the file.
pub const FILE: &str = "file";

/// Most characters of an attribute.
pub const ATTRIBUTE_LIMIT: u16 = 80;
/// Least and greatest weight of an entry.
pub const WEIGHT_RANGE: (f64, f64) = (0.05, 1.0);
/// Weight of an entry made by hand without one.
pub const DEFAULT_WEIGHT: f64 = 0.8;

/// Is what to do with a profile.
#[derive(Debug, Clone)]
pub enum Profile<'a> {
    /// Show the taste card.
    Show,
    /// Change entries; at least one field is set.
    Edit(Edit),
    /// Give the profile as a file.
    Export,
    /// Take the profile in this file instead.
    Import(&'a Attachment),
    /// Take the last change back.
    Undo,
    /// Delete everything about the person.
    Forget,
}

/// Is one change by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// An attribute to like, in any words.
    pub like: Option<String>,
    /// An attribute to dislike, in any words.
    pub dislike: Option<String>,
    /// An entry to remove.
    pub remove: Option<String>,
    /// Weight of `like` and `dislike`, 0.05 to 1.
    pub weight: f64,
}

/// Describes the command to Discord.
pub fn register() -> CreateCommand {
    let option = CreateCommandOption::new;
    let subcommand = |name, description| option(CommandOptionType::SubCommand, name, description);
    let attribute = |name, description| {
        option(CommandOptionType::String, name, description)
            .min_length(1)
            .max_length(ATTRIBUTE_LIMIT)
            .set_autocomplete(true)
    };
    crate::command(NAME, "See and change what I know of your taste")
        .add_option(subcommand(
            SHOW,
            "Your taste card: what you like and dislike, with your own words",
        ))
        .add_option(
            subcommand(EDIT, "Add something you like or dislike, or remove an entry")
                .add_sub_option(attribute(LIKE, "Something you like, for example: soft lighting"))
                .add_sub_option(attribute(
                    DISLIKE,
                    "Something you don't like, for example: neon colours",
                ))
                .add_sub_option(attribute(REMOVE, "An entry of your profile to remove"))
                .add_sub_option(
                    option(
                        CommandOptionType::Number,
                        WEIGHT,
                        "How much it counts, up to 1; else 0.8",
                    )
                    .min_number_value(WEIGHT_RANGE.0)
                    .max_number_value(WEIGHT_RANGE.1),
                ),
        )
        .add_option(subcommand(UNDO, "Take your last change back"))
        .add_option(subcommand(
            EXPORT,
            "Get your profile as a file that is yours to keep",
        ))
        .add_option(
            subcommand(IMPORT, "Use the profile in a file that I exported").add_sub_option(
                option(CommandOptionType::Attachment, FILE, "A profile file (JSON)").required(true),
            ),
        )
        .add_option(subcommand(FORGET, "Delete everything I keep about you"))
}

/// Reads what to do.
///
/// # Errors
/// When the subcommand is unknown, an edit has nothing to change, or a value lies outside its range.
pub fn parse(data: &CommandData) -> Result<Profile<'_>, ParseError> {
    let (name, options) = Options::new(data.options()).subcommand()?;
    match name {
        SHOW => Ok(Profile::Show),
        EDIT => edit(&options).map(Profile::Edit),
        EXPORT => Ok(Profile::Export),
        IMPORT => options
            .file(FILE)?
            .map(Profile::Import)
            .ok_or(ParseError::Missing { option: FILE }),
        UNDO => Ok(Profile::Undo),
        FORGET => Ok(Profile::Forget),
        other => Err(unknown(other)),
    }
}

fn edit(options: &Options<'_>) -> Result<Edit, ParseError> {
    let edit = Edit {
        like: options.text(LIKE, ATTRIBUTE_LIMIT)?,
        dislike: options.text(DISLIKE, ATTRIBUTE_LIMIT)?,
        remove: options.text(REMOVE, ATTRIBUTE_LIMIT)?,
        weight: options.number(WEIGHT, WEIGHT_RANGE)?.unwrap_or(DEFAULT_WEIGHT),
    };
    match (&edit.like, &edit.dislike, &edit.remove) {
        (None, None, None) => Err(ParseError::NothingToDo {
            options: "`like`, `dislike` or `remove`",
        }),
        _ => Ok(edit),
    }
}
