//! Checkpoints from the model hub: which files they are, where they lie, how they get here and whether they are whole.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | [`Model`]: the files of a checkpoint, from one repository or several |
//! | [`options`] | [`HubOptions`]: endpoint, cache folder, token, offline mode |
//! | [`cache`] | [`Cache`]: the folder that all programs of the field share, and what is in it |
//! | [`pull`] | [`Hub::pull`]: downloads what is missing, several files at once, each resumed where it broke off |
//! | [`mod@verify`] | [`verify()`]: compares sizes and hashes, opens weights' headers |
//! | [`pin`] | [`Pins`]: sizes and hashes as found, for later checks |
//! | [`progress`] | [`Progress`]: what a download tells whoever watches |
//!
//! The cache has the layout of Python's `huggingface_hub`, through the `hf-hub` crate, so that a checkpoint downloaded by
//! either is there for both. The transfers are this crate's own, over the HTTP client that the bot has anyway: hf-hub 0.5
//! sends the token on to the host that a download is redirected to, checks no hash, does not repeat a request that the hub
//! was too busy for, and knows no offline mode; hf-hub 1.0 needs a second HTTP client, a second TLS stack built from C and
//! two hundred crates more.

pub mod cache;
mod client;
mod digest;
pub mod disk;
pub mod error;
#[cfg(test)]
mod fake;
mod link;
mod lock;
pub mod model;
pub mod options;
pub mod pin;
pub mod progress;
pub mod pull;
mod remote;
mod safetensors;
#[cfg(test)]
mod scenarios;
mod transfer;
pub mod verify;
mod writer;

pub use cache::{Cache, State};
pub use error::HubError;
pub use model::{Model, Part, RepoFile};
pub use options::{HubOptions, Retry};
pub use pin::Pins;
pub use progress::{Event, Progress, Silent};
pub use pull::{Hub, Pulled};
pub use verify::{Finding, Verdict, pins_of, verify, verify_folder};
