use super::*;

#[tokio::test]
async fn draining_finishes_what_runs_and_returns_what_waits() {
    let (stage, calls) = Stage::halted();
    let pool = Arc::new(WorkerPool::start(stage.backends(1), options(1)));
    let mut running = pool.submit(job(7, 10, 2, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 7000 });
    let mut waiting = pool.submit(job(9, 20, 1, "x")).unwrap();
    let draining = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.drain(PATIENCE).await }
    });
    // The end of the waiting job's news shows that the drain has begun.
    while next(&mut waiting.events).await.is_some() {}
    assert_eq!(pool.submit(job(3, 30, 1, "x")).unwrap_err(), Refusal::Draining);
    assert_eq!(pool.admit(30, None), Err(Refusal::Draining));
    assert!(pool.status().draining);
    stage.open();
    assert_eq!(
        pictures_of(&mut running).await.len(),
        2,
        "its second picture is begun too"
    );
    assert_eq!(draining.await.unwrap(), [9]);
    assert!(
        pool.health()
            .borrow()
            .iter()
            .all(|state| *state == WorkerState::Stopped)
    );
}

#[tokio::test]
async fn what_is_not_done_in_time_is_returned_and_gets_no_final_event() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(2));
    // The first job alone has pictures for both slots, so both start before the worker halts in a step.
    let mut running = pool.submit(job(2, 10, 4, "x")).unwrap();
    let mut waiting = pool.submit(job(1, 10, 1, "x")).unwrap();
    calls.find(|call| matches!(call, Call::Start { .. }));
    calls.find(|call| matches!(call, Call::Start { .. }));
    let news_ends = async {
        for handle in [&mut running, &mut waiting] {
            while let Some(event) = next(&mut handle.events).await {
                assert!(!event.is_final(), "{event:?}");
            }
        }
        // Everything is decided; only now may the step that the worker was in end.
        stage.open();
    };
    let (unfinished, ()) = tokio::join!(pool.drain(Duration::ZERO), news_ends);
    assert_eq!(unfinished, [1, 2]);
    assert_eq!(pool.status().counters.finished, 0);
}

#[tokio::test]
async fn draining_an_idle_pool_ends_at_once_and_a_second_time_too() {
    let (stage, _calls) = Stage::new();
    let pool = WorkerPool::start(stage.backends(2), options(1));
    assert!(pool.drain(PATIENCE).await.is_empty());
    assert!(pool.drain(PATIENCE).await.is_empty());
}

#[tokio::test]
async fn dropping_the_pool_ends_everybodys_news() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(1));
    let mut handle = pool.submit(job(1, 10, 1, "x")).unwrap();
    calls.find(|call| matches!(call, Call::Start { .. }));
    drop(pool);
    stage.open();
    while let Some(event) = next(&mut handle.events).await {
        assert!(!event.is_final(), "{event:?}");
    }
}
