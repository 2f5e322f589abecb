//! Downloads from a local server that speaks the hub's routes.

mod breaking;
mod disk;
mod offline;
mod pulling;
mod refusing;
mod sharing;
mod verifying;

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use crate::error::{HubError, Result};
use crate::fake::{FakeHub, weights};
use crate::model::Model;
use crate::options::{HubOptions, Retry};
use crate::progress::{Event, Progress, Silent};
use crate::pull::{Hub, Pulled};

const INDEX: &str = "model_index.json";
const UNET: &str = "unet/w.safetensors";
const ALL: [&str; 2] = [INDEX, UNET];

/// A hub with a small and a large file, and a cache of its own.
struct Bench {
    server: FakeHub,
    folder: TempDir,
    unet: Vec<u8>,
}

impl Bench {
    async fn new() -> Self {
        let unet = weights(300_000);
        Self {
            server: FakeHub::serve(&[(INDEX, b"{}"), (UNET, &unet)]).await,
            folder: tempfile::tempdir().unwrap(),
            unet,
        }
    }

    fn options(&self) -> HubOptions {
        HubOptions {
            endpoint: self.server.endpoint.clone(),
            retry: Retry {
                attempts: 3,
                first_wait: Duration::ZERO,
                longest_wait: Duration::ZERO,
            },
            ..HubOptions::new(self.folder.path().join("hub"))
        }
    }

    fn hub(&self) -> Hub {
        Hub::new(&self.options()).unwrap()
    }

    async fn pull(&self, model: &Model) -> Result<Pulled> {
        self.hub().pull(model, false, &Silent).await
    }

    /// What the large file's partial download holds.
    fn partial(&self) -> Option<Vec<u8>> {
        fs::read(self.blob(&self.unet).with_extension("incomplete")).ok()
    }

    fn blob(&self, content: &[u8]) -> PathBuf {
        let blobs = self.folder.path().join("hub/models--owner--tiny/blobs");
        blobs.join(crate::fake::hashes(content).sha256)
    }
}

/// Writes down what happens, in words.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn has(&self, line: &str) -> bool {
        self.lines().iter().any(|it| it == line)
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Progress for Diary {
    fn on(&self, event: Event<'_>) {
        let line = match event {
            Event::Planned {
                files,
                total,
                present,
            } => format!("{files} files, {present} of {total}"),
            Event::Waiting { path } => format!("waiting for {path}"),
            Event::Started { path, present, .. } => format!("{path} from {present}"),
            Event::Restarted { path, bytes } => format!("{path} without {bytes}"),
            Event::Retrying { path, .. } => format!("{path} again"),
            Event::Finished { path, .. } => format!("{path} is here"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

fn message(result: Result<Pulled>) -> String {
    result.unwrap_err().to_string()
}
