//! Lets work that takes a model its time through: one after the other, on blocking threads, within a limit, and ended when
//! nobody wants it any more.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use tastemaker_preference::Cancel;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;

/// Says why work was not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Interrupted {
    /// It took longer than it may.
    #[error("not done within {} s", within.as_secs())]
    TimedOut {
        /// What it was given.
        within: Duration,
    },
    /// The person or a shutdown ended it.
    #[error("cancelled")]
    Cancelled,
    /// It panicked.
    #[error("broke: {0}")]
    Broke(#[from] JoinError),
}

/// Holds whose turn it is.
pub struct Turnstile {
    turn: Arc<Mutex<()>>,
    /// Cancelled when the bot shuts down.
    stopping: CancellationToken,
    /// Work under way or waiting, by person; what is over is cancelled as well, and left out at the next entry.
    under_way: StdMutex<Vec<(u64, CancellationToken)>>,
}

impl Turnstile {
    /// Opens one. Everything in it is cancelled together with `stopping`.
    pub fn new(stopping: CancellationToken) -> Self {
        Self {
            turn: Arc::default(),
            stopping,
            under_way: StdMutex::default(),
        }
    }

    /// Does a person's work when its turn comes, within a time that waiting counts towards.
    ///
    /// Work that is given up is told so, and still ends before the next begins. So does work whose future is dropped.
    ///
    /// # Errors
    /// When it takes too long, is cancelled, or panics.
    pub async fn pass<T: Send + 'static>(
        &self,
        user: u64,
        within: Duration,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<T, Interrupted> {
        let token = self.stopping.child_token();
        let _ends = token.clone().drop_guard();
        {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.retain(|(_, token)| !token.is_cancelled());
            under_way.push((user, token.clone()));
        }
        let asked = token.clone();
        let done = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let task = spawn_blocking(move || {
                let _turn = turn;
                work(&Cancel::when(move || asked.is_cancelled()))
            });
            Ok(task.await?)
        };
        tokio::select! {
            biased;
            () = token.cancelled() => Err(Interrupted::Cancelled),
            done = tokio::time::timeout(within, done) => {
                done.unwrap_or(Err(Interrupted::TimedOut { within }))
            }
        }
    }

    /// Ends all work of a person; tells whether there was any.
    pub fn interrupt(&self, user: u64) -> bool {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let mut any = false;
        for (_, token) in under_way.iter().filter(|(of, _)| *of == user) {
            any |= !token.is_cancelled();
            token.cancel();
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn turnstile() -> Turnstile {
        Turnstile::new(CancellationToken::new())
    }

    /// Work that ends only by being cancelled, and says when it has begun and that it has ended.
    fn endless(
        begun: tokio::sync::oneshot::Sender<()>,
        ended: mpsc::Sender<()>,
    ) -> impl FnOnce(&Cancel) + Send + 'static {
        move |cancel| {
            begun.send(()).unwrap();
            while !cancel.is_cancelled() {
                std::thread::yield_now();
            }
            ended.send(()).unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_person_or_a_shutdown_ends_work_under_way() {
        for by_shutdown in [false, true] {
            let turnstile = turnstile();
            let (begun, has_begun) = tokio::sync::oneshot::channel();
            let (ended, has_ended) = mpsc::channel();
            let work = turnstile.pass(1, LONG, endless(begun, ended));
            let end = async {
                has_begun.await.unwrap();
                assert!(!turnstile.interrupt(2), "nothing of somebody else");
                match by_shutdown {
                    true => turnstile.stopping.cancel(),
                    false => assert!(turnstile.interrupt(1)),
                }
            };
            let (result, ()) = tokio::join!(work, end);
            assert!(matches!(result, Err(Interrupted::Cancelled)), "{result:?}");
            assert!(!turnstile.interrupt(1), "it is over");
            spawn_blocking(move || has_ended.recv()).await.unwrap().unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_past_its_time_is_told_to_end_and_the_next_begins_after_it() {
        let turnstile = turnstile();
        let (begun, _has_begun) = tokio::sync::oneshot::channel();
        let (ended, has_ended) = mpsc::channel();
        let late = turnstile
            .pass(1, Duration::from_millis(1), endless(begun, ended))
            .await;
        assert!(matches!(late, Err(Interrupted::TimedOut { .. })), "{late:?}");
        // Either it has ended before the next begins, or it never began and its end of the channel is gone.
        let next = turnstile.pass(2, LONG, move |_| {
            !matches!(has_ended.try_recv(), Err(mpsc::TryRecvError::Empty))
        });
        assert!(next.await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_panics_leaves_the_way_free() {
        let turnstile = turnstile();
        let broken = turnstile.pass(1, LONG, |_| panic!("as a test")).await;
        assert!(matches!(broken, Err::<(), _>(Interrupted::Broke(_))));
        assert_eq!(turnstile.pass(1, LONG, |_| 5).await.unwrap(), 5);
    }
}
