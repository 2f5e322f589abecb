//! Whole conversations: the real bot, through serenity, against the sandbox. The one integration-test target.
//!
//! A test reads as what people do and see. Every request of the bot and every answer of the sandbox is checked against
//! Discord's own API description when the variable `DISCORD_OPENAPI` names a copy of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

mod imagine;
mod newcomer;
mod onboarding;
mod profile;
mod seeing;
mod support;
