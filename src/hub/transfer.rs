//! One blob's way from the hub into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::header::CONTENT_RANGE;
use reqwest::{Method, Response, StatusCode, Url};

use crate::client::{Ask, Client, plain, protocol, reason};
use crate::digest::{Digest, Found};
use crate::disk::Disk;
use crate::error::{HubError, Result};
use crate::lock::BlobLock;
use crate::model::Part;
use crate::progress::{Event, Progress};
use crate::writer::{PartialFile, PartialWriter};

/// A blob to fetch.
pub(crate) struct Transfer<'a> {
    pub client: &'a Client,
    pub disk: &'a Arc<dyn Disk>,
    pub progress: &'a dyn Progress,
    pub part: &'a Part,
    pub url: Url,
    /// Its path in the repository.
    pub source: &'a str,
    /// Its path in the checkpoint's folder.
    pub place: &'a str,
    pub digest: &'a Digest,
    pub size: u64,
    /// Where it goes in the cache.
    pub blob: PathBuf,
    pub lock: PathBuf,
    /// Whether what is there under its name is known to be damaged.
    pub replace: bool,
}

/// Where a blob grows until it is whole.
pub(crate) fn partial_path(blob: &Path) -> PathBuf {
    blob.with_extension("incomplete")
}

impl Transfer<'_> {
    /// Fetches the blob; `None` if another process did so while this one waited for its lock.
    ///
    /// The blob appears under its name only when it is whole and its hash is right.
    pub async fn run(&self) -> Result<Option<Found>> {
        let waiting = || self.progress.on(Event::Waiting { path: self.place });
        let lock = Arc::new(BlobLock::take(&self.lock, waiting).await?);
        let here = fs::metadata(&self.blob).is_ok_and(|it| it.len() == self.size);
        if here && !self.replace {
            self.finished();
            return Ok(None);
        }
        if let Some(folder) = self.blob.parent() {
            fs::create_dir_all(folder).map_err(|error| HubError::io(folder, error))?;
        }
        let mut found = self.attempt(&lock).await?;
        if !found.content.is(self.digest) && found.resumed {
            // What an earlier run left was not a part of this file: once more, from the first byte.
            self.discard(found.content.size);
            found = self.attempt(&lock).await?;
        }
        let content = found.content;
        if !content.is(self.digest) {
            self.discard(content.size);
            return Err(HubError::Mismatch {
                path: self.place.to_owned(),
                what: self.digest.kind(),
                expected: self.digest.to_string(),
                found: content.like(self.digest).to_owned(),
                pinned: false,
            });
        }
        let partial = partial_path(&self.blob);
        fs::rename(&partial, &self.blob).map_err(|error| HubError::io(&partial, error))?;
        self.finished();
        Ok(Some(content))
    }

    fn finished(&self) {
        self.progress.on(Event::Finished {
            path: self.place,
            size: self.size,
        });
    }

    /// Removes the partial file, of which `bytes` had been counted.
    fn discard(&self, bytes: u64) {
        let partial = partial_path(&self.blob);
        if let Err(error) = fs::remove_file(&partial) {
            tracing::warn!(%error, path = %partial.display(), "a damaged download cannot be removed");
        }
        self.restarted(bytes);
    }

    fn restarted(&self, bytes: u64) {
        self.progress.on(Event::Restarted {
            path: self.place,
            bytes,
        });
    }

    /// Fills the partial file up, over as many connections as it takes.
    async fn attempt(&self, lock: &Arc<BlobLock>) -> Result<Attempt> {
        let file = PartialFile {
            path: partial_path(&self.blob),
            size: self.size,
            git: matches!(self.digest, Digest::GitBlob(_)),
        };
        let (writer, mut present) =
            PartialWriter::open(Arc::clone(self.disk), file, Arc::clone(lock)).await?;
        self.progress.on(Event::Started {
            path: self.place,
            size: self.size,
            present,
        });
        let mut resumed = present > 0;
        let retry = self.client.retry();
        let mut failed = 0;
        while present < self.size {
            let before = present;
            let response = self.request(present).await?;
            let start = self.start_of(&response, present)?;
            if start == Start::Elsewhere || (start == Start::First && present > 0) {
                if writer.start_over().await.is_err() {
                    break;
                }
                self.restarted(present);
                (present, resumed) = (0, false);
            }
            if start == Start::Elsewhere {
                continue;
            }
            let broken = match self.receive(response, &writer, &mut present).await {
                Received::Broken(reason) => reason,
                Received::Enough => break,
            };
            failed = if present > before { 1 } else { failed + 1 };
            if failed >= retry.attempts {
                // What has arrived is written before the error is shown.
                writer.finish().await?;
                return Err(HubError::Connection {
                    url: plain(&self.url),
                    reason: broken,
                });
            }
            let wait = retry.wait(failed, None);
            self.progress.on(Event::Retrying {
                path: self.place,
                reason: &broken,
                wait,
            });
            tokio::time::sleep(wait).await;
        }
        let content = writer.finish().await?;
        if content.size != self.size {
            self.discard(content.size);
            return Err(HubError::Mismatch {
                path: self.place.to_owned(),
                what: "size",
                expected: format!("{} bytes", self.size),
                found: format!("{} bytes", content.size),
                pinned: false,
            });
        }
        Ok(Attempt { content, resumed })
    }

    async fn request(&self, from: u64) -> Result<Response> {
        let ask = Ask {
            method: Method::GET,
            url: self.url.clone(),
            from,
            path: self.place,
            progress: self.progress,
        };
        self.client.send(&ask, |_| false).await
    }
}

/// A partial file that is as long as the whole.
struct Attempt {
    content: Found,
    /// Whether it began with what an earlier run had left.
    resumed: bool,
}

/// Where in the file an answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// At the byte asked for.
    Asked,
    /// At the first one: the server knows no ranges, or none was asked for.
    First,
    /// Nowhere: the file ends before the byte asked for, so the partial file is of something else.
    Elsewhere,
}

enum Received {
    /// All, or the writer has failed and will say why; or more than the file can have.
    Enough,
    Broken(String),
}

impl Transfer<'_> {
    fn start_of(&self, response: &Response, asked: u64) -> Result<Start> {
        match response.status() {
            StatusCode::OK => Ok(Start::First),
            StatusCode::PARTIAL_CONTENT => match range(response) {
                Some((start, total)) if start == asked && total.is_none_or(|total| total == self.size) => {
                    Ok(Start::Asked)
                }
                other => {
                    let problem = format!(
                        "asked for the bytes from {asked} of {}, it gives {other:?}",
                        self.size
                    );
                    Err(protocol(response.url(), problem))
                }
            },
            StatusCode::RANGE_NOT_SATISFIABLE if asked > 0 => Ok(Start::Elsewhere),
            _ => Err(self.client.refusal(response, self.part, Some(self.source))),
        }
    }

    /// Takes an answer's body as far as it comes.
    async fn receive(&self, mut response: Response, writer: &PartialWriter, present: &mut u64) -> Received {
        loop {
            let bytes = match response.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) if *present >= self.size => return Received::Enough,
                Ok(None) => return Received::Broken("the connection was closed half-way".to_owned()),
                Err(error) => return Received::Broken(reason(error)),
            };
            let count = bytes.len() as u64;
            if writer.push(bytes).await.is_err() {
                return Received::Enough;
            }
            *present += count;
            self.progress.on(Event::Advanced {
                path: self.place,
                bytes: count,
            });
            if *present > self.size {
                return Received::Enough;
            }
        }
    }
}

/// The first byte and the whole size that a partial answer is of: `Content-Range: bytes 5-9/10`.
fn range(response: &Response) -> Option<(u64, Option<u64>)> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    Some((
        range.split_once('-')?.0.trim().parse().ok()?,
        total.trim().parse().ok(),
    ))
}
