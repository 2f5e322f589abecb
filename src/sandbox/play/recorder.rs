//! Watching a conversation: every message with its earlier versions, also those that are gone at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

use crate::clock::Timestamp;
use crate::events::SandboxEvent;
use crate::id::MessageId;
use crate::model::Message;
use crate::sandbox::Sandbox;

/// A message and how it came to be as it is.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// As it is, or was when it disappeared.
    pub(super) message: Message,
    /// Earlier texts and files, oldest first, with when each appeared.
    pub(super) earlier: Vec<(Timestamp, Message)>,
    /// When it disappeared.
    pub(super) gone_at: Option<Timestamp>,
}

/// A watch over a sandbox's messages.
pub(super) struct Recorder {
    seen: Arc<Mutex<BTreeMap<MessageId, Seen>>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Watches what happens from now on.
    pub(super) fn start(sandbox: &Sandbox) -> Self {
        let seen = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(watch(
            sandbox.clone(),
            sandbox.subscribe(),
            Arc::clone(&seen),
            stopped,
        ));
        Recorder { seen, stop, task }
    }

    /// Takes in what has happened so far, and returns it.
    pub(super) async fn finish(self) -> BTreeMap<MessageId, Seen> {
        // The task ends by itself only with the sandbox, and then has taken in everything.
        let _ = self.stop.send(());
        let _ = self.task.await;
        std::mem::take(&mut *lock(&self.seen))
    }
}

async fn watch(
    sandbox: Sandbox,
    mut events: broadcast::Receiver<SandboxEvent>,
    seen: Arc<Mutex<BTreeMap<MessageId, Seen>>>,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => note(&mut lock(&seen), event, sandbox.now()),
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "the transcript misses some edits"),
                Err(RecvError::Closed) => return,
            },
            _ = &mut stopped => break,
        }
    }
    loop {
        match events.try_recv() {
            Ok(event) => note(&mut lock(&seen), event, sandbox.now()),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return,
        }
    }
}

fn note(seen: &mut BTreeMap<MessageId, Seen>, event: SandboxEvent, now: Timestamp) {
    match event {
        SandboxEvent::MessageCreated { message }
        | SandboxEvent::MessageUpdated { message }
        | SandboxEvent::ReactionsChanged { message, .. } => {
            let message = *message;
            match seen.get_mut(&message.id) {
                Some(known) => {
                    if reads_differently(&known.message, &message) {
                        let since = known.message.edited_at.unwrap_or(known.message.created_at);
                        known.earlier.push((since, known.message.clone()));
                    }
                    known.message = message;
                }
                None => {
                    seen.insert(
                        message.id,
                        Seen {
                            message,
                            earlier: Vec::new(),
                            gone_at: None,
                        },
                    );
                }
            }
        }
        SandboxEvent::MessageDeleted { message_id, .. } => {
            if let Some(known) = seen.get_mut(&message_id) {
                known.gone_at = Some(now);
            }
        }
        _ => {}
    }
}

fn reads_differently(one: &Message, other: &Message) -> bool {
    let files = |message: &Message| message.attachments.iter().map(|file| file.id).collect::<Vec<_>>();
    one.content != other.content || one.embeds != other.embeds || files(one) != files(other)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
