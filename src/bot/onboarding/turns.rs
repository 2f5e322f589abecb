//! Keeps the acts of one person in order: what they do next waits until the answer to this is out.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// People of whom nothing is under way are forgotten beyond this number.
const PEOPLE: usize = 1024;
/// Messages remembered per person, to know those that the gateway sends twice.
const REMEMBERED: usize = 32;

/// Holds whose turn it is.
#[derive(Debug, Default)]
pub struct Conversations(Mutex<HashMap<u64, Arc<AsyncMutex<Seen>>>>);

/// Remembers the latest messages of a person.
#[derive(Debug, Default)]
pub(in crate::bot) struct Seen(VecDeque<u64>);

impl Conversations {
    /// Waits for a person's turn, which lasts until the guard is dropped. Turns come in the order they are asked for.
    pub(in crate::bot) async fn turn(&self, user: u64) -> OwnedMutexGuard<Seen> {
        let turn = {
            let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if people.len() >= PEOPLE {
                people.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            Arc::clone(people.entry(user).or_default())
        };
        turn.lock_owned().await
    }
}

impl Seen {
    /// Takes note of a message; false if it was seen before.
    pub(super) fn is_new(&mut self, message: u64) -> bool {
        if self.0.contains(&message) {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(message);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_person_waits_for_oneself_and_for_nobody_else() {
        let conversations = Conversations::default();
        let first = conversations.turn(1).await;
        let _other = conversations.turn(2).await;
        let mut second = Box::pin(conversations.turn(1));
        let waits = std::future::poll_fn(|context| {
            std::task::Poll::Ready(second.as_mut().poll(context).is_pending())
        })
        .await;
        assert!(waits);
        drop(first);
        second.await;
    }

    #[tokio::test]
    async fn people_who_are_done_are_forgotten_in_time() {
        let conversations = Conversations::default();
        let open = conversations.turn(0).await;
        for user in 1..3 * PEOPLE as u64 {
            conversations.turn(user).await;
        }
        assert!(conversations.0.lock().unwrap().len() <= PEOPLE);
        assert!(
            conversations.0.lock().unwrap().contains_key(&0),
            "whose turn it is stays"
        );
        drop(open);
    }

    #[test]
    fn a_message_counts_once() {
        let mut seen = Seen::default();
        assert!(seen.is_new(1) && !seen.is_new(1));
        assert!((2..100).all(|message| seen.is_new(message)));
        assert!(seen.0.len() <= REMEMBERED);
    }
}
