//! Sizes and hashes as found, written down for later checks: `NAME.lock.toml`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{HubError, Result};
use crate::link::write_whole;

/// What a checkpoint's files were when they were downloaded or pinned.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// The files, by their places in the checkpoint's folder.
    #[serde(default, rename = "file")]
    pub files: Vec<Pin>,
}

/// What one file was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its path in the checkpoint's folder, with `/`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// Repository and commit that it came from, `owner/name@commit`; absent in a folder that was pinned as found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Pins {
    /// What was written down about one file.
    pub fn of(&self, place: &str) -> Option<&Pin> {
        self.files.iter().find(|pin| pin.path == place)
    }

    /// Reads a lock file; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read or is not one.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(HubError::io(path, error)),
        };
        toml::from_str(&text).map(Some).map_err(|error| HubError::Pins {
            path: path.to_owned(),
            reason: error.message().to_owned(),
        })
    }

    /// Writes the lock file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).map_err(|error| HubError::Pins {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let head =
            "# Sizes and hashes of a checkpoint's files, as `tastemaker models verify` expects them.\n\n";
        write_whole(path, &format!("{head}{text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.lock.toml");
        assert_eq!(Pins::read(&path).unwrap(), None);
        let pin = Pin {
            path: "unet/config.json".to_owned(),
            size: 12,
            sha256: "ab".repeat(32),
            source: Some("a/b@0".to_owned()),
        };
        let pins = Pins { files: vec![pin] };
        pins.write(&path).unwrap();
        assert_eq!(Pins::read(&path).unwrap(), Some(pins));
        std::fs::write(&path, "[[file]]\npath = 1").unwrap();
        let error = Pins::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("m.lock.toml") && error.contains("delete it"),
            "{error}"
        );
    }
}
