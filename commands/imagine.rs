//! `/imagine`: draws a picture in the person's taste.

use serenity::all::{Attachment, CommandData, CommandOptionType, CreateCommand, CreateCommandOption};

use crate::ParseError;
use crate::options::{Options, unknown};

/// Name of the command.
pub const NAME: &str = "imagine";
/// Option: what to draw.
pub const PROMPT: &str = "prompt";
/// Option: β for this picture.
pub const BETA: &str = "beta";
/// Option: the seed.
pub const SEED: &str = "seed";
/// Option: number of pictures.
pub const COUNT: &str = "count";
/// Option: what to avoid.
pub const NEGATIVE: &str = "negative";
/// Option: shape of the picture.
pub const ASPECT: &str = "aspect";
/// Option: leave the person's taste aside.
pub const PLAIN: &str = "plain";
/// Option: a picture to start from.
pub const IMAGE: &str = "image";
/// Option: how far to move away from it.
pub const STRENGTH: &str = "strength";

/// Most characters of the prompt.
pub const PROMPT_LIMIT: u16 = 1000;
/// Most characters of the negative prompt.
pub const NEGATIVE_LIMIT: u16 = 1000;
/// Least and greatest β.
pub const BETA_RANGE: (f64, f64) = (0.0, 1.0);
/// Least and greatest seed: 32 bits, as other tools of the field have it.
pub const SEED_RANGE: (u64, u64) = (0, u32::MAX as u64);
/// Least and greatest share of the denoising that a picture to start from goes through.
pub const STRENGTH_RANGE: (f64, f64) = (0.05, 1.0);
/// Least and greatest number of pictures.
pub const COUNT_RANGE: (u64, u64) = (1, 4);

/// Names the shapes of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Aspect {
    /// As wide as high.
    #[default]
    Square,
    /// Higher than wide.
    Portrait,
    /// Wider than high.
    Landscape,
}

impl Aspect {
    /// All shapes, in the order they are offered.
    pub const ALL: [Aspect; 3] = [Aspect::Square, Aspect::Portrait, Aspect::Landscape];

    /// Returns the name that stands in the command.
    pub fn name(self) -> &'static str {
        match self {
            Aspect::Square => "square",
            Aspect::Portrait => "portrait",
            Aspect::Landscape => "landscape",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aspect| aspect.name() == name)
    }
}

/// Is what a person asks for.
#[derive(Debug, Clone)]
pub struct Imagine {
    /// What to draw, trimmed, 1 to [`PROMPT_LIMIT`] characters.
    pub prompt: String,
    /// β of this picture, 0 to 1; `None` for the person's own default.
    pub beta: Option<f64>,
    /// The seed; `None` for a random one.
    pub seed: Option<u64>,
    /// Number of pictures, 1 to 4.
    pub count: u8,
    /// What to avoid.
    pub negative: Option<String>,
    /// Shape of the picture; `None` for that of `image`, or square.
    pub aspect: Option<Aspect>,
    /// Whether to leave the person's taste aside.
    pub plain: bool,
    /// A file to start from.
    pub image: Option<Attachment>,
    /// How far to move away from it, 0.05 to 1; given only with `image`.
    pub strength: Option<f64>,
}

/// Describes the command to Discord.
pub fn register() -> CreateCommand {
    let option = CreateCommandOption::new;
    crate::command(NAME, "Draw a picture in your taste")
        .add_option(
            option(
                CommandOptionType::String,
                PROMPT,
                "What to draw, for example: a lighthouse at dusk",
            )
            .required(true)
            .min_length(1)
            .max_length(PROMPT_LIMIT),
        )
        .add_option(
            option(
                CommandOptionType::Number,
                BETA,
                "How much of your taste: 0 (none) to 1 (all); else your /strength",
            )
            .min_number_value(BETA_RANGE.0)
            .max_number_value(BETA_RANGE.1),
        )
        .add_option(
            option(
                CommandOptionType::Integer,
                SEED,
                "The same seed and words give the same picture; else a random one",
            )
            .min_int_value(SEED_RANGE.0)
            .max_int_value(SEED_RANGE.1),
        )
        .add_option(
            option(
                CommandOptionType::Integer,
                COUNT,
                "How many pictures, 1 to 4; else 1",
            )
            .min_int_value(COUNT_RANGE.0)
            .max_int_value(COUNT_RANGE.1),
        )
        .add_option(
            option(
                CommandOptionType::String,
                NEGATIVE,
                "What to avoid, for example: text, people",
            )
            .min_length(1)
            .max_length(NEGATIVE_LIMIT),
        )
        .add_option(Aspect::ALL.into_iter().fold(
            option(
                CommandOptionType::String,
                ASPECT,
                "The shape of the picture; else that of the image, or square",
            ),
            |option, aspect| option.add_string_choice(aspect.name(), aspect.name()),
        ))
        .add_option(option(
            CommandOptionType::Boolean,
            PLAIN,
            "Leave your taste aside this once",
        ))
        .add_option(option(
            CommandOptionType::Attachment,
            IMAGE,
            "A PNG or JPEG picture to start from",
        ))
        .add_option(
            option(
                CommandOptionType::Number,
                STRENGTH,
                "How far to move away from the image: 0.05 (hardly) to 1 (altogether); else 0.6",
            )
            .min_number_value(STRENGTH_RANGE.0)
            .max_number_value(STRENGTH_RANGE.1),
        )
}

/// Reads what a person asks for.
///
/// # Errors
/// When the prompt is missing or empty, or a value lies outside its range.
pub fn parse(data: &CommandData) -> Result<Imagine, ParseError> {
    let options = Options::new(data.options());
    let aspect = match options.text(ASPECT, u16::MAX)? {
        None => None,
        Some(name) => Some(Aspect::from_name(&name).ok_or_else(|| unknown(ASPECT))?),
    };
    let (image, strength) = (
        options.file(IMAGE)?.cloned(),
        options.number(STRENGTH, STRENGTH_RANGE)?,
    );
    if strength.is_some() && image.is_none() {
        return Err(ParseError::Missing { option: IMAGE });
    }
    let count = options.integer(COUNT, COUNT_RANGE)?.unwrap_or(COUNT_RANGE.0);
    Ok(Imagine {
        prompt: options
            .text(PROMPT, PROMPT_LIMIT)?
            .ok_or(ParseError::Missing { option: PROMPT })?,
        beta: options.number(BETA, BETA_RANGE)?,
        seed: options.integer(SEED, SEED_RANGE)?,
        count: u8::try_from(count).unwrap_or(1),
        negative: options.text(NEGATIVE, NEGATIVE_LIMIT)?,
        aspect,
        plain: options.switch(PLAIN)?.unwrap_or(false),
        image,
        strength,
    })
}
