//! The thread that hashes and writes what a transfer brings, so that the network never waits for either.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::digest::{Found, Hasher};
use crate::disk::{Appender, Disk};
use crate::error::{HubError, Result};
use crate::lock::BlobLock;

/// Portions that may wait to be written; the network pauses when there are more.
const BACKLOG: usize = 64;

/// Bytes as they came from the network.
type Portion = Box<dyn AsRef<[u8]> + Send>;

enum Message {
    Portion(Portion),
    StartOver,
}

/// A partial file that grows, and whose hash grows with it.
///
/// When this is dropped, what was handed over is still written: the next transfer goes on from there.
pub(crate) struct PartialWriter {
    messages: mpsc::Sender<Message>,
    thread: JoinHandle<Result<Found>>,
}

/// What there is to know about a partial file.
pub(crate) struct PartialFile {
    pub path: PathBuf,
    /// Bytes of the whole file.
    pub size: u64,
    /// Whether Git's hash is wanted as well.
    pub git: bool,
}

impl PartialWriter {
    /// Opens a partial file, hashes what is there and says how much that is. More than the whole is discarded.
    ///
    /// The lock is held until the last byte is written, also after whoever asked for the file has gone.
    pub async fn open(disk: Arc<dyn Disk>, file: PartialFile, lock: Arc<BlobLock>) -> Result<(Self, u64)> {
        let (messages, inbox) = mpsc::channel(BACKLOG);
        let (say, present) = oneshot::channel();
        let thread = tokio::task::spawn_blocking(move || {
            let written = write(&*disk, &file, say, inbox);
            drop(lock);
            written
        });
        let writer = Self { messages, thread };
        match present.await {
            Ok(present) => Ok((writer, present)),
            // It ended before it could say: its result says why.
            Err(_) => Err(match writer.finish().await {
                Err(error) => error,
                Ok(_) => HubError::io(Path::new("download"), ErrorKind::UnexpectedEof.into()),
            }),
        }
    }

    /// Hands over the next bytes; waits while too many are unwritten.
    ///
    /// An error is [`finish`](Self::finish)'s to explain.
    pub async fn push(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<(), Ended> {
        let message = Message::Portion(Box::new(bytes));
        self.messages.send(message).await.map_err(|_| Ended)
    }

    /// Empties the file.
    pub async fn start_over(&self) -> Result<(), Ended> {
        self.messages.send(Message::StartOver).await.map_err(|_| Ended)
    }

    /// Waits until all is written and gives the hashes.
    pub async fn finish(self) -> Result<Found> {
        drop(self.messages);
        match self.thread.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Only a runtime that is shutting down cancels it.
            Err(error) => Err(HubError::io(Path::new("download"), std::io::Error::other(error))),
        }
    }
}

/// The writer has given up.
#[derive(Debug)]
pub(crate) struct Ended;

fn write(
    disk: &dyn Disk,
    partial: &PartialFile,
    say: oneshot::Sender<u64>,
    mut inbox: mpsc::Receiver<Message>,
) -> Result<Found> {
    let path = &partial.path;
    let error = |error| HubError::io(path, error);
    let new = || Hasher::new(partial.size, partial.git);
    let mut hasher = new();
    match File::open(path) {
        Ok(file) => hasher.read(file, |_| Ok(())).map_err(error)?,
        Err(absent) if absent.kind() == ErrorKind::NotFound => {}
        Err(other) => return Err(error(other)),
    }
    let mut file = disk.append(path).map_err(|error| full(error, path))?;
    if hasher.size() > partial.size {
        file.clear().map_err(error)?;
        hasher = new();
    }
    if say.send(hasher.size()).is_err() {
        return Ok(hasher.finish());
    }
    while let Some(message) = inbox.blocking_recv() {
        match message {
            Message::Portion(bytes) => {
                let bytes = (*bytes).as_ref();
                file.write_all(bytes).map_err(|error| full(error, path))?;
                hasher.update(bytes);
            }
            Message::StartOver => {
                file.clear().map_err(error)?;
                hasher = new();
            }
        }
    }
    settle(&mut *file, path)?;
    Ok(hasher.finish())
}

fn settle(file: &mut dyn Appender, path: &Path) -> Result<()> {
    file.flush()
        .and_then(|()| file.sync())
        .map_err(|error| full(error, path))
}

/// Tells a full disk apart: a person can make room and go on.
fn full(error: std::io::Error, path: &Path) -> HubError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => HubError::NoSpace {
            path: path.to_owned(),
            arrived: std::fs::metadata(path).map_or(0, |it| it.len()),
        },
        _ => HubError::io(path, error),
    }
}
