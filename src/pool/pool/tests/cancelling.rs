use super::*;

#[tokio::test]
async fn a_waiting_job_is_cancelled_and_never_begun() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(1));
    let mut running = pool.submit(job(1, 10, 1, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1000 });
    let mut waiting = pool.submit(job(2, 20, 1, "x")).unwrap();
    let mut behind = pool.submit(job(3, 30, 1, "x")).unwrap();
    assert_eq!(position(&mut behind.events).await, 2);
    assert!(pool.cancel(2));
    assert_eq!(outcome(&mut waiting.events).await, JobEvent::Cancelled);
    assert_eq!(position(&mut behind.events).await, 1, "who waits behind moves up");
    stage.open();
    pictures_of(&mut running).await;
    pictures_of(&mut behind).await;
    assert!(!calls.so_far().contains(&Call::Start { seed: 2000 }));
    assert_eq!(pool.status().counters.cancelled, 1);
}

#[tokio::test]
async fn a_running_job_stops_after_its_current_step_and_others_go_on() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(4));
    let mut cancelled = pool.submit(job(1, 10, 2, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1001 });
    assert!(pool.cancel(1));
    assert_eq!(outcome(&mut cancelled.events).await, JobEvent::Cancelled);
    let mut other = pool.submit(job(2, 20, 1, "x")).unwrap();
    stage.open();
    pictures_of(&mut other).await;
    let calls = calls.so_far();
    let steps = calls
        .iter()
        .filter(|call| matches!(call, Call::Step { seeds, .. } if seeds.contains(&1000)));
    assert_eq!(steps.count(), 1, "the step it was in, and no other");
    assert!(calls.contains(&Call::Dropped { seed: 1000 }) && calls.contains(&Call::Dropped { seed: 1001 }));
    assert!(!calls.contains(&Call::Finish { seed: 1000 }));
}

#[tokio::test]
async fn a_job_cancelled_in_its_last_step_is_not_finished() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(1));
    let mut handle = pool.submit(job(1, 10, 1, "x")).unwrap();
    stage.allow(2);
    calls.step();
    calls.step();
    assert!(pool.cancel(1));
    stage.open();
    assert_eq!(outcome(&mut handle.events).await, JobEvent::Cancelled);
    calls.find(|call| *call == Call::Dropped { seed: 1000 });
    assert!(!calls.so_far().contains(&Call::Finish { seed: 1000 }));
}

#[tokio::test]
async fn cancelling_twice_or_after_the_end_says_no() {
    let (stage, _calls) = Stage::new();
    let pool = WorkerPool::start(stage.backends(1), options(1));
    let mut handle = pool.submit(job(1, 10, 1, "x")).unwrap();
    pictures_of(&mut handle).await;
    assert!(!pool.cancel(1));
    assert!(!pool.cancel(99));
}

#[tokio::test]
async fn a_person_who_is_forgotten_takes_all_their_jobs_along_and_nobody_elses() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(2));
    let mut theirs: Vec<_> = (1..=3)
        .map(|id| pool.submit(job(id, 10, 2, "x")).unwrap())
        .collect();
    let mut other = pool.submit(job(4, 20, 1, "x")).unwrap();
    calls.find(|call| matches!(call, Call::Start { .. }));
    assert_eq!(pool.cancel_user(10), 3);
    assert_eq!(pool.cancel_user(10), 0);
    for handle in &mut theirs {
        assert_eq!(outcome(&mut handle.events).await, JobEvent::Cancelled);
    }
    stage.open();
    assert_eq!(pictures_of(&mut other).await, [picture(4000)]);
}

#[tokio::test]
async fn a_dropped_handle_cancels_only_if_it_was_asked_to() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(1));
    let mut running = pool.submit(job(1, 10, 1, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1000 });
    drop(pool.submit(job(2, 20, 1, "x")).unwrap());
    drop(pool.submit(job(3, 30, 1, "x")).unwrap().cancel_on_drop());
    assert_eq!(pool.status().queued, 1);
    assert_eq!(pool.status().counters.cancelled, 1);
    stage.open();
    pictures_of(&mut running).await;
    calls.find(|call| *call == Call::Finish { seed: 2000 });
}

#[tokio::test]
async fn a_late_handle_does_not_cancel_a_later_job_of_the_same_id() {
    let (stage, _calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(1));
    let old = pool.submit(job(1, 10, 1, "x")).unwrap().cancel_on_drop();
    assert!(pool.cancel(1));
    let mut new = pool.submit(job(1, 10, 1, "x")).unwrap();
    drop(old);
    stage.open();
    assert_eq!(pictures_of(&mut new).await, [picture(1000)]);
}
