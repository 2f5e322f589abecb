use super::*;

#[tokio::test]
async fn a_job_gives_its_pictures_in_order_of_their_seeds() {
    let (stage, _calls) = Stage::new();
    let pool = WorkerPool::start(stage.backends(1), options(3));
    let mut handle = pool.submit(job(1, 10, 4, "a lighthouse")).unwrap();
    assert_eq!(
        pictures_of(&mut handle).await,
        [1000, 1001, 1002, 1003].map(picture)
    );
    assert_eq!(next(&mut handle.events).await, None, "nothing after the end");
    let status = pool.status();
    assert_eq!((status.counters.finished, status.counters.pictures), (1, 4));
    assert_eq!((status.queued, status.running, status.slots_in_use), (0, 0, 0));
}

#[tokio::test]
async fn the_end_of_a_job_says_which_texts_are_long() {
    let (stage, _calls) = Stage::new();
    let pool = WorkerPool::start(stage.backends(1), options(3));
    let mut beyond = Vec::new();
    // The last one's length cannot be told, which costs nothing else.
    for (id, prompt) in [
        (1, "a b c d e"),
        (2, "a b c"),
        (3, "fail in reading"),
        (4, "panic in reading"),
    ] {
        let mut handle = pool.submit(job(id, 10, 2, prompt)).unwrap();
        match outcome(&mut handle.events).await {
            JobEvent::Finished {
                pictures, long_texts, ..
            } => {
                assert_eq!(pictures.len(), 2);
                beyond.extend(long_texts.into_iter().map(|it| (id, it.text, it.beyond)));
            }
            other => panic!("not finished: {other:?}"),
        }
    }
    assert_eq!(beyond, [(1, RequestText::Prompt, "d e".to_owned())]);
}

#[tokio::test]
async fn running_pictures_step_jointly_and_a_newcomer_enters_between_steps() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(4));
    let mut first = pool.submit(job(1, 10, 2, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1001 });
    stage.allow(1);
    assert_eq!(calls.step(), [1000, 1001]);
    let mut second = pool.submit(job(2, 20, 1, "x")).unwrap();
    // The step that was already begun ends without the newcomer.
    stage.allow(1);
    let seeds = calls.step();
    stage.open();
    if seeds == [1000, 1001] {
        assert_eq!(calls.step(), [1000, 1001, 2000]);
    } else {
        assert_eq!(seeds, [1000, 1001, 2000]);
    }
    assert_eq!(pictures_of(&mut first).await.len(), 2);
    assert_eq!(pictures_of(&mut second).await, [picture(2000)]);
}

#[tokio::test]
async fn a_picture_that_is_done_gives_its_place_to_the_next_of_its_job() {
    let (stage, calls) = Stage::new();
    let pool = WorkerPool::start(stage.backends(1), options(2));
    let mut handle = pool.submit(job(1, 10, 3, "x")).unwrap();
    assert_eq!(pictures_of(&mut handle).await.len(), 3);
    let steps: Vec<_> = calls
        .so_far()
        .into_iter()
        .filter_map(|call| match call {
            Call::Step { seeds, .. } => Some(seeds),
            _ => None,
        })
        .collect();
    let (both, last) = (vec![1000, 1001], vec![1002]);
    assert_eq!(
        steps,
        [both.clone(), both.clone(), both, last.clone(), last.clone(), last]
    );
}

#[tokio::test]
async fn users_are_served_in_turn_and_told_their_real_place() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(1), options(1));
    let mut running = pool.submit(job(1, 10, 1, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1000 });
    let mut waiting: Vec<JobHandle> = [(2, 10), (3, 10), (4, 20), (5, 30)]
        .map(|(id, user)| pool.submit(job(id, user, 1, "x")).unwrap())
        .into();
    let mut promised = Vec::new();
    for handle in &mut waiting {
        promised.push((position(&mut handle.events).await, handle.id));
    }
    promised.sort_unstable();
    assert_eq!(promised, [(1, 2), (2, 4), (3, 5), (4, 3)]);
    stage.open();
    pictures_of(&mut running).await;
    for handle in &mut waiting {
        pictures_of(handle).await;
    }
    let begun: Vec<u64> = calls
        .so_far()
        .into_iter()
        .filter_map(|call| match call {
            Call::Start { seed } => Some(seed / 1000),
            _ => None,
        })
        .collect();
    assert_eq!(begun, [2, 4, 5, 3]);
}

#[tokio::test]
async fn several_workers_share_the_pictures_of_one_job() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(stage.backends(3), options(1));
    pool.ready().await.unwrap();
    assert_eq!(pool.status().workers_ready, 3);
    let mut handle = pool.submit(job(1, 10, 3, "x")).unwrap();
    for _ in 0..3 {
        // All three begin though no step may be taken: each is on a worker of its own.
        calls.find(|call| matches!(call, Call::Start { .. }));
    }
    assert_eq!(pool.status().slots_in_use, 3);
    stage.open();
    assert_eq!(pictures_of(&mut handle).await, [1000, 1001, 1002].map(picture));
}

#[tokio::test]
async fn previews_come_every_few_steps_of_the_first_picture() {
    let (stage, calls) = Stage::new();
    let pool = WorkerPool::start(
        stage.backends(1),
        PoolOptions {
            preview_every: 2,
            ..options(4)
        },
    );
    let mut handle = pool.submit(job(1, 10, 2, "x")).unwrap();
    pictures_of(&mut handle).await;
    let previews: Vec<_> = calls
        .so_far()
        .into_iter()
        .filter(|call| matches!(call, Call::Preview { .. }))
        .collect();
    assert_eq!(
        previews,
        [Call::Preview { seed: 1000 }],
        "after step 2 of 3, of picture 0"
    );
}

#[tokio::test]
async fn a_preview_reaches_a_listener_who_looks_late() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(
        stage.backends(1),
        PoolOptions {
            preview_every: 1,
            ..options(1)
        },
    );
    let mut handle = pool.submit(job(1, 10, 1, "x")).unwrap();
    stage.allow(2);
    calls.find(|call| matches!(call, Call::Preview { .. }));
    calls.find(|call| matches!(call, Call::Preview { .. }));
    loop {
        if let Some(JobEvent::Progress {
            done: 2,
            total: 3,
            preview: Some(preview),
        }) = next(&mut handle.events).await
        {
            assert_eq!(preview, picture(1000));
            break;
        }
    }
    stage.open();
    pictures_of(&mut handle).await;
}

#[tokio::test]
async fn nobody_listening_means_no_previews_and_the_job_goes_on() {
    let (stage, calls) = Stage::halted();
    let pool = WorkerPool::start(
        stage.backends(1),
        PoolOptions {
            preview_every: 1,
            ..options(1)
        },
    );
    drop(pool.submit(job(1, 10, 1, "x")).unwrap());
    stage.open();
    calls.find(|call| *call == Call::Finish { seed: 1000 });
    let mut next_job = pool.submit(job(2, 10, 1, "x")).unwrap();
    pictures_of(&mut next_job).await;
    assert_eq!(pool.status().counters.finished, 2);
    assert!(!calls.so_far().contains(&Call::Preview { seed: 1000 }));
}

#[tokio::test]
async fn a_failing_preview_costs_only_the_preview() {
    for prompt in ["fail in preview", "panic in preview"] {
        let (stage, _calls) = Stage::new();
        let pool = WorkerPool::start(
            stage.backends(1),
            PoolOptions {
                preview_every: 1,
                ..options(1)
            },
        );
        let mut handle = pool.submit(job(1, 10, 1, prompt)).unwrap();
        assert_eq!(pictures_of(&mut handle).await, [picture(1000)]);
    }
}

#[tokio::test]
async fn an_estimate_comes_with_the_first_measurement() {
    let (stage, calls) = Stage::halted();
    let (clock, seconds) = hand_clock();
    stage.rules().hand = Some(seconds);
    let pool = WorkerPool::start_with_clock(stage.backends(1), options(1), clock);
    pool.ready().await.unwrap();
    let _running = pool.submit(job(1, 10, 1, "x")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1000 });
    let mut waiting = pool.submit(job(2, 20, 1, "x")).unwrap();
    assert_eq!(
        next(&mut waiting.events).await,
        Some(JobEvent::Queued {
            position: 1,
            eta: None
        })
    );
    stage.allow(1);
    match next(&mut waiting.events).await {
        // One step took a second: two are left of the running picture, three of this one.
        Some(JobEvent::Queued {
            position: 1,
            eta: Some(eta),
        }) => assert_eq!(eta, Duration::from_secs(5)),
        other => panic!("no estimate: {other:?}"),
    }
    stage.open();
    pictures_of(&mut waiting).await;
}

fn sized(id: JobId, user: UserId, count: u8, side: u32, conditioning: &str) -> Job {
    let mut job = job(id, user, count, "x");
    (job.request.width, job.request.height) = (side, side);
    job.request.conditioning = conditioning.to_owned();
    job
}

/// How many pictures each joint step had.
fn sizes(calls: &Calls) -> Vec<usize> {
    let steps = calls.so_far().into_iter().filter_map(|call| match call {
        Call::Step { seeds, .. } => Some(seeds.len()),
        _ => None,
    });
    steps.collect()
}

#[tokio::test]
async fn pictures_are_joined_as_their_pixels_allow() {
    for (side, conditioning, expected) in [
        (64, "embedding", vec![4; 3]),
        // Four times the pixels, a quarter of the pictures.
        (128, "embedding", vec![1; 12]),
        // Four rows each: all begin, but a forward takes two.
        (64, "guidance", vec![2; 6]),
        // Larger than anything that was allowed: alone.
        (256, "reference", vec![1; 12]),
    ] {
        let (stage, calls) = Stage::new();
        let options = PoolOptions {
            max_pixels: 4 * 64 * 64,
            ..options(4)
        };
        let pool = WorkerPool::start(stage.backends(1), options);
        let mut handle = pool.submit(sized(1, 10, 4, side, conditioning)).unwrap();
        assert_eq!(pictures_of(&mut handle).await.len(), 4);
        assert_eq!(sizes(&calls), expected, "{side} {conditioning}");
    }
}

#[tokio::test]
async fn a_large_picture_is_not_overtaken_for_ever() {
    let (stage, calls) = Stage::halted();
    let options = PoolOptions {
        max_pixels: 4 * 64 * 64,
        ..options(4)
    };
    let pool = WorkerPool::start(stage.backends(1), options);
    let mut small = pool.submit(sized(1, 10, 1, 64, "embedding")).unwrap();
    calls.find(|call| *call == Call::Start { seed: 1000 });
    let mut large = pool.submit(sized(2, 20, 1, 128, "embedding")).unwrap();
    let mut late = pool.submit(sized(3, 30, 1, 64, "embedding")).unwrap();
    stage.open();
    for handle in [&mut small, &mut large, &mut late] {
        pictures_of(handle).await;
    }
    let begun: Vec<u64> = calls
        .so_far()
        .into_iter()
        .filter_map(|call| match call {
            Call::Start { seed } => Some(seed),
            _ => None,
        })
        .collect();
    assert_eq!(begun, [2000, 3000]);
}
