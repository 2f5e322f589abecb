use std::sync::atomic::{AtomicU64, Ordering};

use super::fake::{Call, Calls, PATIENCE, Stage, job, picture};
use super::*;
use crate::{JobError, JobEvent, JobEvents, LimitOptions, Rate, RequestText, Scope};

fn options(max_slots: usize) -> PoolOptions {
    PoolOptions {
        queue_capacity: 8,
        waiting_per_user: 8,
        max_slots,
        max_pixels: 1 << 30,
        preview_every: 0,
        job_deadline: Duration::from_secs(3600),
        limits: LimitOptions::unlimited(),
    }
}

/// A clock that stands still until its hand, in seconds, is moved.
fn hand_clock() -> (Clock, Arc<AtomicU64>) {
    let start = Instant::now();
    let seconds = Arc::new(AtomicU64::new(0));
    let hand = Arc::clone(&seconds);
    (
        Clock::new(move || start + Duration::from_secs(hand.load(Ordering::Relaxed))),
        seconds,
    )
}

async fn next(events: &mut JobEvents) -> Option<JobEvent> {
    tokio::time::timeout(PATIENCE, events.next())
        .await
        .expect("news in time")
}

/// Reads on to the end and returns the final event.
async fn outcome(events: &mut JobEvents) -> JobEvent {
    loop {
        match next(events).await {
            Some(event) if event.is_final() => return event,
            Some(_) => {}
            None => panic!("no final event"),
        }
    }
}

async fn pictures_of(handle: &mut JobHandle) -> Vec<image::RgbImage> {
    match outcome(&mut handle.events).await {
        JobEvent::Finished { pictures, .. } => pictures
            .iter()
            .filter_map(|picture| picture.image().cloned())
            .collect(),
        other => panic!("not finished: {other:?}"),
    }
}

async fn error_of_job(handle: &mut JobHandle) -> JobError {
    match outcome(&mut handle.events).await {
        JobEvent::Failed(error) => error,
        other => panic!("not failed: {other:?}"),
    }
}

/// Reads on to the next position.
async fn position(events: &mut JobEvents) -> usize {
    loop {
        match next(events).await {
            Some(JobEvent::Queued { position, .. }) => return position,
            Some(_) => {}
            None => panic!("no position"),
        }
    }
}

mod batching;
mod cancelling;
mod draining;
mod failing;
mod refusing;
