//! Lets quick successive reactions to one message end in one picture.
//!
//! The first reaction to a message opens a *climb*; as long as it lasts, every further reaction moves the β that it
//! aims at, and the latest aim is the one that is drawn.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tastemaker_pool::JobId;
use tokio::sync::watch;

use super::beta::Step;

/// Quiet time after which an aim counts as settled. Long enough for two presses in a row, short beside a picture.
pub(super) const SETTLE: Duration = Duration::from_millis(700);

/// Holds the climbs under way, by the job whose pictures were reacted to.
#[derive(Debug, Default)]
pub(super) struct Ladders(Mutex<HashMap<JobId, Climb>>);

/// Is a climb under way.
#[derive(Debug)]
struct Climb {
    aim: watch::Sender<f64>,
    /// Whether the picture aimed at is drawn. Its message carries its own β from then on, so a reaction to the first
    /// message counts from that one's again.
    arrived: bool,
}

/// Says what a reaction led to.
#[derive(Debug)]
pub(super) enum Reacted {
    /// It opened a climb, which follows the aim from here.
    Opened(watch::Receiver<f64>),
    /// It moved the aim of a climb under way.
    Joined,
    /// β is there already and no climb is under way.
    AlreadyThere,
}

impl Ladders {
    /// Applies a reaction to the pictures of job `source`, which were made with β `base`.
    pub(super) fn react(&self, source: JobId, base: f64, step: Step, by: f64) -> Reacted {
        let mut climbs = self.lock();
        if let Some(climb) = climbs.get_mut(&source) {
            let arrived = std::mem::take(&mut climb.arrived);
            climb.aim.send_if_modified(|aim| {
                let moved = step.apply(if arrived { base } else { *aim }, by);
                std::mem::replace(aim, moved) != moved || arrived
            });
            return Reacted::Joined;
        }
        let aim = step.apply(base, by);
        if aim == base {
            return Reacted::AlreadyThere;
        }
        let (aim, receiver) = watch::channel(aim);
        climbs.insert(source, Climb { aim, arrived: false });
        Reacted::Opened(receiver)
    }

    /// Takes note that the picture aimed at is drawn.
    pub(super) fn arrive(&self, source: JobId) {
        if let Some(climb) = self.lock().get_mut(&source) {
            climb.arrived = true;
        }
    }

    /// Ends a climb, unless its aim has moved since `seen` was last read: then it must go on.
    pub(super) fn close(&self, source: JobId, seen: &watch::Receiver<f64>) -> bool {
        let mut climbs = self.lock();
        if seen.has_changed().unwrap_or(false) {
            return false;
        }
        climbs.remove(&source);
        true
    }

    /// Ends a climb whatever its aim, so that one that failed does not swallow later reactions.
    pub(super) fn abandon(&self, source: JobId) {
        self.lock().remove(&source);
    }

    // Every change is a single insertion or removal, so a map whose lock was poisoned is still sound.
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Climb>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the aim has not moved for the time `quiet` and returns it.
pub(super) async fn settle(aim: &mut watch::Receiver<f64>, quiet: Duration) -> f64 {
    loop {
        let beta = *aim.borrow_and_update();
        match tokio::time::timeout(quiet, aim.changed()).await {
            Ok(Ok(())) => {}
            // Quiet, or the climb was abandoned: either way this is the latest aim.
            Ok(Err(_)) | Err(_) => return beta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_millis(1);

    fn opened(ladders: &Ladders, base: f64, step: Step) -> watch::Receiver<f64> {
        match ladders.react(1, base, step, 0.2) {
            Reacted::Opened(aim) => aim,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_latest_of_quick_reactions_wins() {
        let ladders = Ladders::default();
        let mut aim = opened(&ladders, 0.2, Step::Up);
        assert!(matches!(ladders.react(1, 0.2, Step::Up, 0.2), Reacted::Joined));
        assert!(matches!(ladders.react(1, 0.2, Step::Up, 0.2), Reacted::Joined));
        assert_eq!(settle(&mut aim, QUIET).await, 0.8);
        assert!(ladders.close(1, &aim));
    }

    #[tokio::test]
    async fn a_reaction_while_a_picture_is_drawn_keeps_the_climb_open() {
        let ladders = Ladders::default();
        let mut aim = opened(&ladders, 0.6, Step::Up);
        assert_eq!(settle(&mut aim, QUIET).await, 0.8);
        ladders.react(1, 0.6, Step::Up, 0.2);
        assert!(!ladders.close(1, &aim));
        assert_eq!(settle(&mut aim, QUIET).await, 1.0);
        assert!(ladders.close(1, &aim));
        // Closed: the next reaction counts from the picture's own β again.
        assert_eq!(*opened(&ladders, 0.6, Step::Down).borrow(), 0.4);
    }

    #[tokio::test]
    async fn once_a_picture_is_drawn_the_first_message_counts_from_its_own_beta_again() {
        let ladders = Ladders::default();
        let mut aim = opened(&ladders, 0.6, Step::Up);
        assert_eq!(settle(&mut aim, QUIET).await, 0.8);
        ladders.arrive(1);
        // The same aim again is a wish for the same picture again.
        ladders.react(1, 0.6, Step::Up, 0.2);
        assert!(!ladders.close(1, &aim));
        assert_eq!(settle(&mut aim, QUIET).await, 0.8);
        assert!(ladders.close(1, &aim));
    }

    #[test]
    fn a_step_beyond_the_end_opens_nothing() {
        let ladders = Ladders::default();
        assert!(matches!(
            ladders.react(1, 1.0, Step::Up, 0.2),
            Reacted::AlreadyThere
        ));
        assert!(matches!(
            ladders.react(1, 0.0, Step::To(0.0), 0.2),
            Reacted::AlreadyThere
        ));
    }

    #[test]
    fn a_reaction_that_changes_nothing_does_not_disturb_a_climb() {
        let ladders = Ladders::default();
        let aim = opened(&ladders, 0.9, Step::Up);
        ladders.react(1, 0.9, Step::Up, 0.2);
        assert!(!aim.has_changed().unwrap());
    }

    #[test]
    fn messages_do_not_share_climbs() {
        let ladders = Ladders::default();
        let _aim = opened(&ladders, 0.6, Step::Up);
        assert!(matches!(ladders.react(2, 0.6, Step::Up, 0.2), Reacted::Opened(_)));
        ladders.abandon(1);
        assert!(matches!(ladders.react(1, 0.6, Step::Up, 0.2), Reacted::Opened(_)));
    }
}
