use super::*;
use crate::{CONTEXT_LIMIT, Mark};

fn told(store: &Store, user: u64) -> Vec<(u64, u8, Mark)> {
    let context = store.context(user).unwrap();
    context.iter().map(|it| (it.job, it.index, it.mark)).collect()
}

fn with_jobs(store: &Store, user: u64, jobs: std::ops::Range<u64>) {
    for id in jobs {
        store.put_job(&job(id, user)).unwrap();
    }
}

#[test]
fn marks_are_kept_over_a_restart_and_leave_with_their_reaction() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    with_jobs(&store, 1, 1..4);
    let file = |index| (index, vec![index; 3]);
    store.mark(1, 1, &[file(0), file(1)], Mark::Liked).unwrap();
    store.mark(1, 2, &[file(0)], Mark::Liked).unwrap();
    store.mark(1, 2, &[file(0)], Mark::Disliked).unwrap();
    drop(store);
    let store = open(&directory);
    assert_eq!(store.context_size(1).unwrap(), (2, 1));
    assert_eq!(
        told(&store, 1),
        [(1, 0, Mark::Liked), (1, 1, Mark::Liked), (2, 0, Mark::Disliked)]
    );
    assert_eq!(store.context(1).unwrap()[1].file, [1; 3]);
    // The earlier mark still stands under the picture.
    store.unmark(1, 2, Mark::Disliked).unwrap();
    assert_eq!(store.context_size(1).unwrap(), (3, 0));
    store.unmark(1, 2, Mark::Liked).unwrap();
    store.unmark(1, 3, Mark::Liked).unwrap();
    assert_eq!(store.context_size(1).unwrap(), (2, 0));
    assert!(store.context(2).unwrap().is_empty());
}

#[test]
fn the_oldest_leave_a_full_context() {
    let store = Store::temporary().unwrap();
    let many = CONTEXT_LIMIT as u64 + 3;
    with_jobs(&store, 1, 0..many + 1);
    store.mark(1, many, &[(0, vec![9])], Mark::Disliked).unwrap();
    for id in 0..many {
        store.mark(1, id, &[(0, vec![1])], Mark::Liked).unwrap();
    }
    assert_eq!(store.context_size(1).unwrap(), (CONTEXT_LIMIT, 1));
    assert_eq!(
        told(&store, 1)[..2],
        [(many, 0, Mark::Disliked), (3, 0, Mark::Liked)]
    );
}

#[test]
fn a_deleted_picture_leaves_the_context_and_nobody_marks_another_persons() {
    let store = Store::temporary().unwrap();
    with_jobs(&store, 1, 1..3);
    for id in [1, 2] {
        store.mark(1, id, &[(0, vec![1])], Mark::Liked).unwrap();
    }
    store.delete_job(1).unwrap();
    assert_eq!(told(&store, 1), [(2, 0, Mark::Liked)]);
    for (user, id) in [(1, 1), (7, 2)] {
        let refused = store.mark(user, id, &[(0, vec![1])], Mark::Liked);
        assert!(matches!(refused, Err(StoreError::NoSuchJob { .. })));
    }
}
