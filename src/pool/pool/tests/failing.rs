use super::*;
use crate::BackendErrorKind;

#[tokio::test]
async fn a_panic_fails_its_job_only_wherever_it_happens() {
    for place in ["start", "step", "finish"] {
        let (stage, calls) = Stage::halted();
        let pool = WorkerPool::start(stage.backends(1), options(4));
        let mut before = pool.submit(job(1, 10, 1, "x")).unwrap();
        let mut bad = pool.submit(job(2, 20, 2, &format!("panic in {place}"))).unwrap();
        let mut after = pool.submit(job(3, 30, 1, "x")).unwrap();
        stage.open();
        let error = error_of_job(&mut bad).await;
        assert!(
            matches!(&error, JobError::Panicked { message } if message.contains(place)),
            "{error:?}"
        );
        assert_eq!(pictures_of(&mut before).await, [picture(1000)]);
        assert_eq!(pictures_of(&mut after).await, [picture(3000)]);
        let made = calls
            .so_far()
            .into_iter()
            .filter(|call| matches!(call, Call::Made { .. }))
            .count();
        assert_eq!(made, 1, "the worker lives on");
    }
}

#[tokio::test]
async fn a_failed_joint_step_is_taken_again_by_each_that_did_not_move() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(4));
    // Held at the gate of its own first step, so that the three enter together.
    let mut gate = pool.submit(job(9, 90, 1, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 9000 });
    let mut good = pool.submit(job(1, 10, 1, "x")).unwrap();
    let mut bad = pool.submit(job(2, 20, 1, "fail in step")).unwrap();
    let mut late = pool.submit(job(3, 30, 1, "x")).unwrap();
    stage.allow(1);
    assert_eq!(calls.step(), [9000]);
    stage.open();
    assert_eq!(
        error_of_job(&mut bad).await,
        JobError::Failed {
            message: "as asked".to_owned()
        }
    );
    for handle in [&mut gate, &mut good, &mut late] {
        assert_eq!(
            pictures_of(handle).await.len(),
            1,
            "exactly three steps each, or it would not finish"
        );
    }
    let steps: Vec<_> = calls
        .so_far()
        .into_iter()
        .filter_map(|call| match call {
            Call::Step { seeds, ok } => Some((seeds, ok)),
            _ => None,
        })
        .collect();
    let expected = [
        (vec![9000, 1000, 2000, 3000], false),
        // The first two had moved before the fault.
        (vec![2000], false),
        (vec![3000], true),
        (vec![9000, 1000, 3000], true),
        (vec![1000, 3000], true),
    ];
    assert_eq!(steps, expected);
}

#[tokio::test]
async fn a_request_that_cannot_be_drawn_is_told_as_such() {
    let (stage, _calls) = Stage::new();
    let pool = WorkerPool::start(stage.backends(1), options(2));
    let mut handle = pool.submit(job(1, 10, 1, "invalid in start")).unwrap();
    let error = error_of_job(&mut handle).await;
    assert_eq!(
        error,
        JobError::Invalid {
            message: "as asked".to_owned()
        }
    );
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn out_of_memory_halves_the_batch_says_so_and_loses_nothing() {
    let (stage, calls) = Stage::halted();
    stage.rules().memory = Some(2);
    let pool = WorkerPool::start(stage.backends(1), options(4));
    let mut handle = pool.submit(job(1, 10, 4, "x")).unwrap();
    stage.open();
    assert_eq!(
        pictures_of(&mut handle).await,
        [1000, 1001, 1002, 1003].map(picture)
    );
    let sizes: Vec<_> = calls
        .so_far()
        .into_iter()
        .filter_map(|call| match call {
            Call::Step { seeds, ok } => Some((seeds.len(), ok)),
            _ => None,
        })
        .collect();
    assert_eq!(
        sizes,
        [
            (4, false),
            (2, true),
            (2, true),
            (2, true),
            (2, true),
            (2, true),
            (2, true)
        ]
    );
    let status = pool.status();
    assert_eq!(status.counters.batches_halved, 1);
    assert_eq!(status.slots_total, 2);
}

#[tokio::test]
async fn a_halved_batch_grows_again_when_memory_has_sufficed_for_a_while() {
    let (stage, _calls) = Stage::new();
    stage.rules().memory = Some(2);
    let pool = WorkerPool::start(stage.backends(1), options(4));
    pictures_of(&mut pool.submit(job(1, 10, 4, "x")).unwrap()).await;
    assert_eq!(pool.status().slots_total, 2);
    stage.rules().memory = None;
    let mut long = job(2, 10, 1, "x");
    long.request.steps = 600;
    pictures_of(&mut pool.submit(long).unwrap()).await;
    assert_eq!(pool.status().slots_total, 4);
}

#[tokio::test]
async fn a_picture_that_does_not_fit_alone_fails_its_job() {
    let (stage, _calls) = Stage::new();
    stage.rules().memory = Some(0);
    let pool = WorkerPool::start(stage.backends(1), options(4));
    let mut handle = pool.submit(job(1, 10, 2, "x")).unwrap();
    assert!(matches!(
        error_of_job(&mut handle).await,
        JobError::OutOfMemory { .. }
    ));
}

#[tokio::test]
async fn a_picture_whose_decoding_found_no_memory_is_drawn_once_more() {
    let (stage, _calls) = Stage::new();
    stage.rules().oom_finish.insert(1001);
    let pool = WorkerPool::start(stage.backends(1), options(4));
    let mut handle = pool.submit(job(1, 10, 2, "x")).unwrap();
    assert_eq!(pictures_of(&mut handle).await, [1000, 1001].map(picture));
    assert_eq!(pool.status().counters.requeued, 1);
}

#[tokio::test]
async fn a_lost_device_is_made_anew_and_its_jobs_are_drawn_all_the_same() {
    let (stage, calls) = Stage::halted();
    stage.rules().lose_in = Some(2);
    let pool = WorkerPool::start(stage.backends(1), options(2));
    let mut first = pool.submit(job(1, 10, 2, "x")).unwrap();
    let mut second = pool.submit(job(2, 20, 1, "x")).unwrap();
    stage.open();
    assert_eq!(pictures_of(&mut first).await, [1000, 1001].map(picture));
    assert_eq!(pictures_of(&mut second).await, [picture(2000)]);
    assert_eq!(
        calls
            .so_far()
            .into_iter()
            .filter(|call| matches!(call, Call::Made { .. }))
            .count(),
        2
    );
    assert_eq!(pool.status().counters.rebuilds, 1);
}

#[tokio::test]
async fn a_job_that_loses_the_device_twice_fails_and_the_next_is_drawn() {
    let (stage, calls) = Stage::halted();
    stage.rules().lose_in = Some(2);
    let pool = WorkerPool::start(stage.backends(1), options(1));
    let mut cursed = pool.submit(job(1, 10, 1, "x")).unwrap();
    stage.allow(2);
    calls.find(|call| matches!(call, Call::Step { ok: false, .. }));
    // Again after one good step of the new backend.
    stage.rules().lose_in = Some(2);
    let mut next_job = pool.submit(job(2, 20, 1, "x")).unwrap();
    stage.open();
    assert_eq!(
        error_of_job(&mut cursed).await,
        JobError::WorkerLost {
            message: "unplugged".to_owned()
        }
    );
    assert_eq!(pictures_of(&mut next_job).await, [picture(2000)]);
}

#[tokio::test]
async fn another_worker_takes_over_from_a_lost_one() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(2), options(2));
    pool.ready().await.unwrap();
    let mut handle = pool.submit(job(1, 10, 1, "x")).unwrap();
    calls.find(|call| matches!(call, Call::Start { .. }));
    // The lost worker cannot be made again, so only the other can finish the job.
    stage.rules().lose_in = Some(1);
    stage.rules().broken_builds = usize::MAX;
    stage.open();
    assert_eq!(pictures_of(&mut handle).await, [picture(1000)]);
    assert_eq!(pool.status().workers_ready, 1);
}

#[tokio::test]
async fn a_worker_whose_model_is_wrong_gives_up_and_says_why() {
    let (stage, _calls) = Stage::new();
    stage.rules().build_is_invalid = true;
    let pool = WorkerPool::start(stage.backends(1), options(1));
    assert_eq!(pool.ready().await.unwrap_err().kind, BackendErrorKind::Invalid);
    assert_eq!(pool.submit(job(1, 10, 1, "x")).unwrap_err(), Refusal::Unavailable);
    assert_eq!(pool.admit(10, None), Err(Refusal::Unavailable));
}

#[tokio::test]
async fn jobs_submitted_before_the_last_worker_gave_up_are_told() {
    let (stage, _calls) = Stage::new();
    let (_pool, mut handle) = {
        // The factory waits for the rules, so the job is in the queue before it can fail.
        let mut rules = stage.rules();
        let pool = WorkerPool::start(stage.backends(1), options(1));
        let handle = pool.submit(job(1, 10, 1, "x")).unwrap();
        rules.build_is_invalid = true;
        (pool, handle)
    };
    assert_eq!(error_of_job(&mut handle).await, JobError::Unavailable);
}

#[tokio::test]
async fn a_job_past_its_deadline_fails_whether_it_waits_or_runs() {
    let (stage, calls) = Stage::halted();
    let (clock, seconds) = hand_clock();
    let limit = Duration::from_secs(60);
    let options = PoolOptions {
        job_deadline: limit,
        ..options(1)
    };
    let pool = WorkerPool::start_with_clock(stage.backends(1), options, clock);
    let mut running = pool.submit(job(1, 10, 1, "x")).unwrap();
    let mut waiting = pool.submit(job(2, 20, 1, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1000 });
    seconds.store(30, Ordering::Relaxed);
    let mut young = pool.submit(job(3, 30, 1, "x")).unwrap();
    seconds.store(60, Ordering::Relaxed);
    stage.open();
    assert_eq!(
        error_of_job(&mut running).await,
        JobError::DeadlineExceeded { limit }
    );
    assert_eq!(
        error_of_job(&mut waiting).await,
        JobError::DeadlineExceeded { limit }
    );
    assert_eq!(pictures_of(&mut young).await, [picture(3000)]);
    assert_eq!(pool.status().counters.failed, 2);
}
