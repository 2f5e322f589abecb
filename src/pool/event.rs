//! What a submitted job tells about itself, and the mailbox it is told through.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use image::RgbImage;
use tokio::sync::Notify;

use crate::{JobError, JobId, LongText, Picture};

/// Is a piece of news of one job. After [`Finished`](Self::Finished), [`Failed`](Self::Failed) or
/// [`Cancelled`](Self::Cancelled) there is no more.
#[derive(Clone, PartialEq)]
pub enum JobEvent {
    /// The job waits.
    Queued {
        /// Its place among the jobs that have not begun, from 1: so many starts from now it begins, if nobody new
        /// comes. A newcomer with fewer jobs in the queue may still go first.
        position: usize,
        /// Expected time until its pictures are ready; `None` before anything was measured.
        eta: Option<Duration>,
    },
    /// Its first picture was begun.
    Started,
    /// It moved on.
    Progress {
        /// Steps taken, all pictures of the job together.
        done: u32,
        /// Steps in all, all pictures together.
        total: u32,
        /// A rough view of one picture on its way, every few steps.
        preview: Option<RgbImage>,
    },
    /// It is done.
    Finished {
        /// The pictures, in order: picture `k` has seed `seed + k`.
        pictures: Vec<Picture>,
        /// Time since [`Started`](Self::Started).
        elapsed: Duration,
        /// The texts that are longer than the model reads at once.
        long_texts: Vec<LongText>,
    },
    /// It failed.
    Failed(JobError),
    /// It was cancelled.
    Cancelled,
}

impl JobEvent {
    /// Tells whether this is the last event of its job.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Failed(_) | Self::Cancelled)
    }
}

// Derived, this would print every pixel.
impl fmt::Debug for JobEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued { position, eta } => write!(f, "Queued {{ position: {position}, eta: {eta:?} }}"),
            Self::Started => f.write_str("Started"),
            Self::Progress { done, total, preview } => {
                let preview = preview.as_ref().map(RgbImage::dimensions);
                write!(
                    f,
                    "Progress {{ done: {done}, total: {total}, preview: {preview:?} }}"
                )
            }
            Self::Finished {
                pictures,
                elapsed,
                long_texts,
            } => f
                .debug_struct("Finished")
                .field("pictures", pictures)
                .field("elapsed", elapsed)
                .field("long_texts", long_texts)
                .finish(),
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            Self::Cancelled => f.write_str("Cancelled"),
        }
    }
}

/// Is the submitter's end of a job.
#[derive(Debug)]
pub struct JobHandle {
    /// The job.
    pub id: JobId,
    /// Its news.
    pub events: JobEvents,
}

impl JobHandle {
    /// Makes the job be cancelled when its [`events`](Self::events) are dropped. Without this a job outlives its
    /// listener: its pictures go nowhere, and the record in the store decides what becomes of it.
    pub fn cancel_on_drop(mut self) -> Self {
        self.events.cancel = true;
        self
    }
}

/// Receives the news of one job, the latest only.
///
/// The worker never waits for a listener and nothing piles up: news not yet read is replaced by newer news, except
/// that an unread preview stays until a newer preview comes. The final event is therefore always read.
pub struct JobEvents {
    mailbox: Arc<Mailbox>,
    owner: Weak<dyn CancelBySerial>,
    serial: u64,
    cancel: bool,
}

impl fmt::Debug for JobEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobEvents")
            .field("cancel_on_drop", &self.cancel)
            .finish_non_exhaustive()
    }
}

impl JobEvents {
    /// Waits for news and returns it; `None` after the final event, or when the pool was drained or dropped before
    /// the job's end. Cancel safe: news is taken only when it is returned.
    pub async fn next(&mut self) -> Option<JobEvent> {
        loop {
            if let Some(taken) = self.try_next() {
                return taken;
            }
            self.mailbox.arrival.notified().await;
        }
    }

    /// Returns news already there, `Some(None)` when there will be no more, `None` when one has to wait.
    fn try_next(&mut self) -> Option<Option<JobEvent>> {
        let mut inbox = self.mailbox.lock();
        match inbox.latest.take() {
            Some(event) => Some(Some(event)),
            None if inbox.closed => Some(None),
            None => None,
        }
    }
}

impl Drop for JobEvents {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.upgrade().filter(|_| self.cancel) {
            owner.cancel_serial(self.serial);
        }
    }
}

/// Lets a dropped listener cancel exactly the submission it listened to.
pub(crate) trait CancelBySerial: Send + Sync {
    /// Cancels the submission, if it is still there.
    fn cancel_serial(&self, serial: u64);
}

/// Makes the two ends of a job's news.
pub(crate) fn mailbox(owner: Weak<dyn CancelBySerial>, serial: u64) -> (EventSender, JobEvents) {
    let mailbox = Arc::new(Mailbox::default());
    (
        EventSender(Arc::clone(&mailbox)),
        JobEvents {
            mailbox,
            owner,
            serial,
            cancel: false,
        },
    )
}

#[derive(Default)]
struct Mailbox {
    inbox: Mutex<Inbox>,
    arrival: Notify,
}

#[derive(Default)]
struct Inbox {
    latest: Option<JobEvent>,
    closed: bool,
}

impl Mailbox {
    // An inbox is replaced whole, so one whose lock was poisoned is still sound.
    fn lock(&self) -> std::sync::MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Is the pool's end of a job's news. Dropping it says that there will be no more.
pub(crate) struct EventSender(Arc<Mailbox>);

impl EventSender {
    /// Replaces unread news.
    pub(crate) fn send(&self, mut event: JobEvent) {
        let mut inbox = self.0.lock();
        if let JobEvent::Progress {
            preview: preview @ None,
            ..
        } = &mut event
            && let Some(JobEvent::Progress { preview: unread, .. }) = &mut inbox.latest
        {
            *preview = unread.take();
        }
        inbox.latest = Some(event);
        drop(inbox);
        self.0.arrival.notify_one();
    }

    /// Tells whether anyone would read what is sent.
    pub(crate) fn has_listener(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.arrival.notify_one();
    }
}
