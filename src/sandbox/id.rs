//! Snowflakes: Discord's 64-bit identifiers, one Rust type per kind of thing they name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// First instant a snowflake can name: 2015-01-01T00:00:00Z in milliseconds of the Unix epoch.
pub(crate) const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

macro_rules! snowflakes {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// Returns the number itself, as client libraries hold it.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Returns when this id was made, in milliseconds of the Unix epoch.
            pub const fn created_at_ms(self) -> u64 {
                (self.0 >> 22) + DISCORD_EPOCH_MS
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_id(deserializer).map(Self)
            }
        }
    )+};
}

snowflakes! {
    /// Names a user, the bot included.
    UserId,
    /// Names a guild.
    GuildId,
    /// Names a guild channel or a direct-message channel.
    ChannelId,
    /// Names a message.
    MessageId,
    /// Names one file of a message.
    AttachmentId,
    /// Names one use of a command, component, autocomplete or modal.
    InteractionId,
    /// Names a registered application command.
    CommandId,
    /// Names the bot's application.
    ApplicationId,
}

/// Reads an id written as a string (Discord's way) or as a number (some clients' way).
fn deserialize_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        Number(u64),
        Text(String),
    }
    match Raw::deserialize(deserializer)? {
        Raw::Number(id) => Ok(id),
        Raw::Text(text) => text.parse().map_err(de::Error::custom),
    }
}
