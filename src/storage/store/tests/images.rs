use proptest::prelude::*;

use super::*;

fn capped(directory: &TempDir, image_cap_bytes: u64) -> Store {
    Store::open(
        directory.path(),
        StoreOptions {
            image_cap_bytes,
            ..StoreOptions::default()
        },
    )
    .unwrap()
}

#[test]
fn an_image_reads_back_until_the_oldest_must_go() {
    let directory = tempfile::tempdir().unwrap();
    let store = capped(&directory, 100);
    store.put_job(&job(1, 10)).unwrap();
    for index in 0..3 {
        store.put_image(1, index, &[index; 40]).unwrap();
    }
    assert_eq!(store.image(1, 0).unwrap(), None, "the oldest is gone");
    assert_eq!(store.image(1, 1).unwrap(), Some(vec![1; 40]));
    assert_eq!(store.image(1, 2).unwrap(), Some(vec![2; 40]));
    assert_eq!(store.image_bytes(), 80);
}

#[test]
fn an_image_put_again_replaces_the_old_one_and_becomes_the_newest() {
    let directory = tempfile::tempdir().unwrap();
    let store = capped(&directory, 100);
    store.put_job(&job(1, 10)).unwrap();
    store.put_image(1, 0, &[0; 40]).unwrap();
    store.put_image(1, 1, &[1; 40]).unwrap();
    store.put_image(1, 0, &[9; 60]).unwrap();
    assert_eq!(store.image_bytes(), 100, "exactly full, nothing had to go");
    store.put_image(1, 2, &[2; 40]).unwrap();
    assert_eq!(store.image(1, 1).unwrap(), None);
    assert_eq!(store.image(1, 0).unwrap(), Some(vec![9; 60]));
}

#[test]
fn an_image_that_can_never_fit_pushes_nothing_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = capped(&directory, 100);
    store.put_job(&job(1, 10)).unwrap();
    store.put_image(1, 0, &[0; 40]).unwrap();
    let error = store.put_image(1, 1, &[0; 101]).unwrap_err();
    assert!(matches!(
        error,
        StoreError::ImageTooLarge { bytes: 101, cap: 100 }
    ));
    assert!(store.image(1, 0).unwrap().is_some());
}

#[test]
fn an_image_without_a_job_is_refused() {
    let error = temporary().put_image(1, 0, &[0]).unwrap_err();
    assert!(matches!(error, StoreError::NoSuchJob { id: 1 }));
}

#[test]
fn a_job_takes_its_images_along() {
    let store = temporary();
    store.put_job(&job(1, 10)).unwrap();
    store.put_job(&job(2, 10)).unwrap();
    store.put_image(1, 0, &[0; 10]).unwrap();
    store.put_image(2, 0, &[0; 7]).unwrap();
    store.delete_job(1).unwrap();
    assert_eq!(store.image_bytes(), 7);
    assert_eq!(images_by_scan(&store), (7, 7));
}

#[test]
fn a_smaller_cap_holds_from_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = capped(&directory, 1000);
    store.put_job(&job(1, 10)).unwrap();
    for index in 0..5 {
        store.put_image(1, index, &[index; 100]).unwrap();
    }
    drop(store);
    let store = capped(&directory, 250);
    assert_eq!(store.image_bytes(), 200);
    assert_eq!(images_by_scan(&store), (200, 200));
    assert!(store.image(1, 2).unwrap().is_none() && store.image(1, 3).unwrap().is_some());
}

#[test]
fn a_damaged_index_is_made_anew_from_the_images() {
    let directory = tempfile::tempdir().unwrap();
    let store = capped(&directory, 1000);
    store.put_job(&job(1, 10)).unwrap();
    store.put_image(1, 0, &[0; 100]).unwrap();
    store.put_image(1, 1, &[1; 50]).unwrap();
    let (first, _) = store.tree(Tree::ImageAges).first().unwrap().unwrap();
    store.tree(Tree::ImageAges).insert(first, b"?").unwrap();
    drop(store);
    let store = capped(&directory, 149);
    assert_eq!(images_by_scan(&store), (50, 50));
    assert_eq!(
        store.image(1, 1).unwrap(),
        Some(vec![1; 50]),
        "the older one had to go"
    );
}

#[test]
fn a_damaged_image_is_an_error_and_can_be_replaced() {
    let store = temporary();
    store.put_job(&job(1, 10)).unwrap();
    store.put_image(1, 0, &[0; 100]).unwrap();
    store
        .tree(Tree::Images)
        .insert(tree::image(1, 0), &[0, 0, 1, 5])
        .unwrap();
    match store.image(1, 0) {
        Err(StoreError::Corrupt {
            tree: "images", key, ..
        }) => assert_eq!(key, "1/0"),
        other => panic!("{other:?}"),
    }
    store.put_image(1, 0, &[7; 30]).unwrap();
    assert_eq!(store.image_bytes(), 30);
    assert_eq!(images_by_scan(&store), (30, 30));
}

#[derive(Debug, Clone)]
enum Act {
    Put { job: u64, index: u8, size: usize },
    DeleteJob(u64),
    Forget(u64),
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1..=4_u64, 0..3_u8, 0..60_usize).prop_map(|(job, index, size)| Act::Put { job, index, size }),
        1 => (1..=4_u64).prop_map(Act::DeleteJob),
        1 => (0..2_u64).prop_map(Act::Forget),
        1 => Just(Act::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_count_is_exact_and_the_cap_holds(acts in prop::collection::vec(act(), 0..40)) {
        const CAP: u64 = 150;
        let directory = tempfile::tempdir().unwrap();
        let mut store = capped(&directory, CAP);
        for id in 1..=4 {
            store.put_job(&job(id, id % 2)).unwrap();
        }
        // What should be there, oldest first.
        let mut expected: Vec<(u64, u8, usize)> = Vec::new();
        for act in acts {
            match act {
                Act::Put { job, index, size } => {
                    if store.put_image(job, index, &vec![index; size]).is_ok() {
                        expected.retain(|(other, at, _)| (*other, *at) != (job, index));
                        expected.push((job, index, size));
                        while expected.iter().map(|(_, _, size)| *size as u64).sum::<u64>() > CAP {
                            expected.remove(0);
                        }
                    }
                }
                Act::DeleteJob(id) => {
                    store.delete_job(id).unwrap();
                    expected.retain(|(job, _, _)| *job != id);
                }
                Act::Forget(user) => {
                    let report = store.forget(user).unwrap();
                    let (theirs, others) = expected.into_iter().partition::<Vec<_>, _>(|(job, ..)| job % 2 == user);
                    expected = others;
                    prop_assert_eq!(report.images, theirs.len());
                    prop_assert_eq!(report.bytes, theirs.iter().map(|(_, _, size)| *size as u64).sum::<u64>());
                }
                Act::Reopen => {
                    drop(store);
                    store = capped(&directory, CAP);
                }
            }
            let total: u64 = expected.iter().map(|(_, _, size)| *size as u64).sum();
            prop_assert_eq!(store.image_bytes(), total);
            prop_assert_eq!(images_by_scan(&store), (total, total));
            prop_assert_eq!(store.tree(Tree::Images).len(), expected.len());
            for (job, index, size) in &expected {
                prop_assert_eq!(store.image(*job, *index).unwrap().map(|bytes| bytes.len()), Some(*size));
            }
        }
    }
}
