//! Reads the options of a command by name and type.

use serenity::all::{Attachment, ResolvedOption, ResolvedValue};
use thiserror::Error;

/// Says what is wrong with the options of a command, in a sentence for the person who typed them.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// An option that the command needs is not there.
    #[error("I need `{option}` to do that. Please give it and try again.")]
    Missing {
        /// Name of the option.
        option: &'static str,
    },
    /// None of several options is there, and without any there is nothing to do.
    #[error("Tell me what to change: fill in {options}.")]
    NothingToDo {
        /// The options, as they are named to the person.
        options: &'static str,
    },
    /// A text has nothing but spaces.
    #[error("`{option}` is empty. Please write a few words.")]
    Empty {
        /// Name of the option.
        option: &'static str,
    },
    /// A text is too long.
    #[error("`{option}` has {length} characters, and I can take {limit}. Please shorten it.")]
    TooLong {
        /// Name of the option.
        option: &'static str,
        /// Characters it has.
        length: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A number lies outside its range.
    #[error("`{option}` must be a number from {least} to {most}.")]
    OutOfRange {
        /// Name of the option.
        option: &'static str,
        /// Least value.
        least: f64,
        /// Greatest value.
        most: f64,
    },
    /// An option has another type, a choice or a subcommand that this version does not know.
    #[error(
        "I don't understand `{option}` as it came. Discord may show an older version of this command: reload it (Ctrl+R) and try again."
    )]
    Unknown {
        /// Name of the option, as it came.
        option: String,
    },
}

/// Gives typed access to the options of a command or subcommand.
pub(crate) struct Options<'a>(Vec<ResolvedOption<'a>>);

impl<'a> Options<'a> {
    pub(crate) fn new(options: Vec<ResolvedOption<'a>>) -> Self {
        Self(options)
    }

    /// Takes the name and the options of the subcommand that was chosen.
    pub(crate) fn subcommand(mut self) -> Result<(&'a str, Options<'a>), ParseError> {
        match self.0.pop() {
            Some(ResolvedOption {
                name,
                value: ResolvedValue::SubCommand(options),
                ..
            }) => Ok((name, Options(options))),
            Some(other) => Err(unknown(other.name)),
            None => Err(ParseError::Missing {
                option: "a subcommand",
            }),
        }
    }

    fn get(&self, option: &str) -> Option<&ResolvedValue<'a>> {
        self.0
            .iter()
            .find(|candidate| candidate.name == option)
            .map(|found| &found.value)
    }

    /// Reads a text, trimmed; it must have at least one character and at most `limit`.
    pub(crate) fn text(&self, option: &'static str, limit: u16) -> Result<Option<String>, ParseError> {
        let text = match self.get(option) {
            None => return Ok(None),
            Some(ResolvedValue::String(text)) => text.trim(),
            Some(_) => return Err(unknown(option)),
        };
        let (length, limit) = (text.chars().count(), usize::from(limit));
        match length {
            0 => Err(ParseError::Empty { option }),
            _ if length > limit => Err(ParseError::TooLong {
                option,
                length,
                limit,
            }),
            _ => Ok(Some(text.to_owned())),
        }
    }

    /// Reads a number in a range. Whole numbers count too: clients send `1` for `1.0`.
    pub(crate) fn number(
        &self,
        option: &'static str,
        (least, most): (f64, f64),
    ) -> Result<Option<f64>, ParseError> {
        let number = match self.get(option) {
            None => return Ok(None),
            Some(ResolvedValue::Number(number)) => *number,
            Some(ResolvedValue::Integer(number)) => *number as f64,
            Some(_) => return Err(unknown(option)),
        };
        if (least..=most).contains(&number) {
            Ok(Some(number))
        } else {
            Err(ParseError::OutOfRange { option, least, most })
        }
    }

    /// Reads a whole number in a range.
    pub(crate) fn integer(
        &self,
        option: &'static str,
        (least, most): (u64, u64),
    ) -> Result<Option<u64>, ParseError> {
        let number = match self.get(option) {
            None => return Ok(None),
            Some(ResolvedValue::Integer(number)) => *number,
            Some(_) => return Err(unknown(option)),
        };
        match u64::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(ParseError::OutOfRange {
                option,
                least: least as f64,
                most: most as f64,
            }),
        }
    }

    /// Reads a switch.
    pub(crate) fn switch(&self, option: &'static str) -> Result<Option<bool>, ParseError> {
        match self.get(option) {
            None => Ok(None),
            Some(ResolvedValue::Boolean(on)) => Ok(Some(*on)),
            Some(_) => Err(unknown(option)),
        }
    }

    /// Reads an attached file.
    pub(crate) fn file(&self, option: &'static str) -> Result<Option<&'a Attachment>, ParseError> {
        match self.get(option) {
            None => Ok(None),
            Some(ResolvedValue::Attachment(file)) => Ok(Some(file)),
            Some(_) => Err(unknown(option)),
        }
    }
}

pub(crate) fn unknown(option: impl Into<String>) -> ParseError {
    ParseError::Unknown {
        option: option.into(),
    }
}
