use super::*;

#[test]
fn everything_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store
        .put_profile(1, &ProfileRecord::new(liking("ink"), 0.5))
        .unwrap();
    store.put_onboarding(&onboarding(1)).unwrap();
    store
        .put_job(&JobRecord {
            message: Some(8),
            ..job(1, 1)
        })
        .unwrap();
    store.put_image(1, 0, b"png").unwrap();
    store.set_dm_closed(1, true).unwrap();
    drop(store);
    let store = open(&directory);
    assert_eq!(store.profile(1).unwrap().unwrap().profile, liking("ink"));
    assert_eq!(store.onboarding(1).unwrap().unwrap().index, 1);
    assert_eq!(
        store.job(1).unwrap().unwrap(),
        JobRecord {
            message: Some(8),
            ..job(1, 1)
        }
    );
    assert_eq!(store.job_of_message(8).unwrap(), Some(1));
    assert_eq!(store.image(1, 0).unwrap().unwrap(), b"png");
    assert_eq!(store.image_bytes(), 3);
    assert!(store.dm_closed(1).unwrap());
}

#[test]
fn what_a_call_returned_from_survives_a_crash_right_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let mut ids = Vec::new();
    for round in 0..5_u64 {
        let id = store.new_job_id().unwrap();
        ids.push(id);
        store
            .put_job(&JobRecord {
                message: Some(100 + round),
                ..job(id, 1)
            })
            .unwrap();
        let crashed = crashed_copy(&directory);
        let after = open(&crashed);
        let unfinished: Vec<_> = after
            .unfinished_jobs()
            .unwrap()
            .iter()
            .map(|record| record.job.id)
            .collect();
        assert_eq!(unfinished, ids);
        assert_eq!(after.job_of_message(100 + round).unwrap(), Some(id));
        assert!(after.new_job_id().unwrap() > id);
    }
}

#[test]
fn a_result_shown_before_a_crash_is_not_shown_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store
        .put_job(&JobRecord {
            state: JobState::Done,
            ..job(1, 1)
        })
        .unwrap();
    assert!(store.mark_delivered(1).unwrap());
    let crashed = crashed_copy(&directory);
    let after = open(&crashed);
    assert!(after.unfinished_jobs().unwrap().is_empty());
    assert!(!after.mark_delivered(1).unwrap());
}

#[test]
fn who_was_forgotten_before_a_crash_stays_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store
        .put_profile(1, &ProfileRecord::new(liking("ink"), 0.5))
        .unwrap();
    store.put_job(&job(1, 1)).unwrap();
    store.forget(1).unwrap();
    let crashed = crashed_copy(&directory);
    let after = open(&crashed);
    assert!(after.profile(1).unwrap().is_none());
    assert!(after.jobs_of(1).unwrap().is_empty());
}

#[test]
fn images_and_their_count_agree_after_a_crash_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        image_cap_bytes: 5_000,
        ..StoreOptions::default()
    };
    let store = Store::open(directory.path(), options.clone()).unwrap();
    store.put_job(&job(1, 1)).unwrap();
    for index in 0..40_u8 {
        store
            .put_image(1, index, &vec![index; 200 + 20 * usize::from(index)])
            .unwrap();
        if index % 8 == 7 {
            // Some of these images were not flushed: the crash takes them, whole.
            let crashed = crashed_copy(&directory);
            let after = Store::open(crashed.path(), options.clone()).unwrap();
            let count = after.image_bytes();
            assert_eq!(images_by_scan(&after), (count, count));
            assert!(count <= 5_000);
            after.put_image(1, 200, &[1; 100]).unwrap();
        }
    }
}
