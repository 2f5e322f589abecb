use super::*;

/// Starts a pool whose only slot is taken by job 1 of user 10.
async fn busy(options: PoolOptions) -> (Stage, WorkerPool, JobHandle) {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(
        stage.backends(1),
        PoolOptions {
            max_slots: 1,
            ..options
        },
    );
    let running = pool.submit(job(1, 10, 1, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1000 });
    (stage, pool, running)
}

#[tokio::test]
async fn a_full_queue_says_so_and_takes_jobs_again_when_there_is_room() {
    let (stage, pool, mut running) = busy(PoolOptions {
        queue_capacity: 1,
        ..options(1)
    })
    .await;
    let mut waiting = pool.submit(job(2, 20, 1, "x")).unwrap();
    assert_eq!(
        pool.submit(job(3, 30, 1, "x")).unwrap_err(),
        Refusal::QueueFull { capacity: 1 }
    );
    assert_eq!(pool.status().counters.refused, 1);
    stage.open();
    pictures_of(&mut running).await;
    pictures_of(&mut waiting).await;
    let mut again = pool.submit(job(3, 30, 1, "x")).unwrap();
    pictures_of(&mut again).await;
}

#[tokio::test]
async fn one_person_may_have_only_so_many_waiting() {
    let (_stage, pool, _running) = busy(PoolOptions {
        waiting_per_user: 1,
        ..options(1)
    })
    .await;
    let _second = pool.submit(job(2, 10, 1, "x")).unwrap();
    assert_eq!(
        pool.submit(job(3, 10, 1, "x")).unwrap_err(),
        Refusal::TooManyWaiting { limit: 1 }
    );
    assert!(pool.submit(job(4, 20, 1, "x")).is_ok());
}

#[tokio::test]
async fn a_job_is_in_the_pool_once_also_while_it_runs() {
    let (_stage, pool, _running) = busy(options(1)).await;
    assert_eq!(
        pool.submit(job(1, 10, 1, "x")).unwrap_err(),
        Refusal::AlreadyKnown { id: 1 }
    );
}

#[tokio::test]
async fn rate_limits_are_of_the_pools_clock() {
    let (stage, _calls) = Stage::new();
    let (clock, seconds) = hand_clock();
    let limits = LimitOptions {
        user: Rate::new(1, Duration::from_secs(20)),
        ..LimitOptions::unlimited()
    };
    let pool = WorkerPool::start_with_clock(stage.backends(1), PoolOptions { limits, ..options(1) }, clock);
    assert_eq!(pool.admit(1, None), Ok(()));
    let refusal = pool.admit(1, None).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::RateLimited {
            scope: Scope::User,
            retry_after: Duration::from_secs(20)
        }
    );
    assert_eq!(
        refusal.to_string(),
        "You have asked for many pictures in a short time. Please try again in 20 seconds."
    );
    seconds.store(20, Ordering::Relaxed);
    assert_eq!(pool.admit(1, None), Ok(()));
}

#[test]
fn refusals_say_what_to_do_in_words_people_use() {
    let limited = |secs| Refusal::RateLimited {
        scope: Scope::Global,
        retry_after: Duration::from_millis(secs),
    };
    let cases = [
        (limited(1), "in 1 second."),
        (limited(1_001), "in 2 seconds."),
        (limited(90_001), "in 2 minutes."),
        (limited(3_600_000), "in 60 minutes."),
        (limited(7_000_000), "in 2 hours."),
        (Refusal::QueueFull { capacity: 12 }, "12 requests are waiting"),
        (Refusal::TooManyWaiting { limit: 1 }, "1 request waiting"),
    ];
    for (refusal, words) in cases {
        assert!(refusal.to_string().contains(words), "{refusal}");
    }
}
