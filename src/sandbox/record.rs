//! The record: one JSON line per REST request of the bot.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use serde::Serialize;
use serde_json::Value;

use crate::error::SandboxError;
use crate::shared::lock;

/// One request, in the order of the fields of its line.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) method: &'a str,
    /// The path as sent, `/api/v10` included, without the query.
    pub(crate) path: &'a str,
    /// The JSON body, or `payload_json` of a multipart one; null if there was none.
    pub(crate) body: &'a Value,
    pub(crate) files: Vec<RecordedFile<'a>>,
    pub(crate) status: u16,
}

/// A file of a multipart request.
#[derive(Debug, Serialize)]
pub(crate) struct RecordedFile<'a> {
    pub(crate) name: &'a str,
    pub(crate) size: usize,
    pub(crate) content_type: Option<&'a str>,
}

/// Writes the record.
pub(crate) struct Recorder {
    file: Mutex<File>,
}

impl Recorder {
    /// Starts an empty record.
    pub(crate) fn create(path: &Path) -> Result<Self, SandboxError> {
        let file = File::create(path).map_err(|source| SandboxError::Record {
            path: path.to_owned(),
            source,
        })?;
        Ok(Recorder {
            file: Mutex::new(file),
        })
    }

    /// Appends a line. A full disk costs the record, not the conversation: it is logged.
    pub(crate) fn write(&self, line: &Line<'_>) {
        let Ok(mut text) = serde_json::to_string(line) else {
            return;
        };
        text.push('\n');
        // One write per line: a reader of the growing file never sees half of one.
        if let Err(error) = lock(&self.file).write_all(text.as_bytes()) {
            tracing::warn!(%error, "cannot write the record of requests");
        }
    }
}
