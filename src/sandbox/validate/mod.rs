//! Checks of request bodies, collecting every fault where it is, in Discord's nested shape.

pub(crate) mod commands;
pub(crate) mod components;
pub(crate) mod embeds;
pub(crate) mod emoji;
pub(crate) mod form;
pub(crate) mod message;
pub(crate) mod modal;
pub(crate) mod options;

pub(crate) use form::{Errors, Form};
