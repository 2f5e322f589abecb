//! Where a checkpoint is published, and what it needs of a machine.

use serde::{Deserialize, Serialize};

/// A repository of the model hub and those of its files that loading needs. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubSource {
    /// The repository, `owner/name`.
    pub repo: String,
    /// Branch, tag or commit.
    #[serde(default = "main_branch")]
    pub revision: String,
    /// Whether only accounts that accepted its terms on the hub may have it, so that a token is needed.
    #[serde(default)]
    pub gated: bool,
    /// The name of the manifest whose checkpoint this one changes: its hub files come too, except those whose place one
    /// of `files` takes.
    pub base: Option<String>,
    /// What to download.
    pub files: Vec<HubFile>,
}

/// One file of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubFile {
    /// Its path in the repository, with `/`.
    pub path: String,
    /// Its path in the checkpoint's folder where that is another one.
    #[serde(rename = "as")]
    pub place: Option<String>,
    /// Bytes; the hub's word is taken if absent.
    pub size: Option<u64>,
    /// SHA-256 of the content, in lower-case hexadecimal digits; the hub's word is taken if absent.
    pub sha256: Option<String>,
}

/// MiB that a checkpoint's weights take in memory in each precision, counted from its parameters. Pictures being made
/// come on top of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryNeed {
    /// Four bytes a parameter.
    pub f32: Option<u64>,
    /// Two bytes a parameter, four in an autoencoder that overflows in f16 (`force_upcast`).
    pub f16: Option<u64>,
    /// Two bytes a parameter.
    pub bf16: Option<u64>,
}

fn main_branch() -> String {
    "main".to_owned()
}
