//! `/profile` and `/strength`: what the bot knows of a person's taste, in the person's hands.
//!
//! | what | file |
//! |---|---|
//! | the card with bars and quotes; pure | `card.rs` |
//! | controls that change entries, shared with the onboarding; pure | `entries.rs` |
//! | buttons under a card, and whole answers; pure | `buttons.rs`, `panel.rs` |
//! | changes, each told and each to be undone | `change.rs` |
//! | the subcommands, `/strength`, completion of what is typed | `command.rs`, `strength.rs`, `complete.rs` |
//! | the profile as a file, in and out | `transfer.rs` |
//! | deleting everything | `forget.rs` |
//! | buttons, selects and forms | `component.rs` |
//!
//! In guilds every answer is for the person alone.

pub(in crate::bot) mod buttons;
pub(in crate::bot) mod card;
mod change;
mod command;
mod complete;
mod component;
pub(in crate::bot) mod entries;
mod forget;
mod panel;
mod strength;
mod transfer;

pub use command::on_command;
pub use complete::on_autocomplete;
pub use component::{on_component, on_modal};
pub use strength::on_strength;
