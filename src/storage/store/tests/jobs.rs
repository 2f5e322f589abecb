use proptest::prelude::*;

use super::*;

#[test]
fn a_job_reads_back_exactly() {
    let store = temporary();
    let mut record = job(1, 10);
    record.interaction = Some(crate::InteractionRef {
        application_id: 1,
        token: "token".to_owned(),
        created_at: 2,
    });
    record.applied = vec![crate::AppliedAttribute {
        attribute: "ink".to_owned(),
        liked: true,
        weight: 0.3,
    }];
    store.put_job(&record).unwrap();
    let kept = store.job(1).unwrap().unwrap();
    assert_eq!(kept, record);
    assert_eq!(kept.job.request.beta.to_bits(), (0.1_f64 + 0.2).to_bits());
    assert_eq!(store.job(2).unwrap(), None);
}

#[test]
fn an_interaction_token_is_never_printed() {
    let mut record = job(1, 10);
    record.interaction = Some(crate::InteractionRef {
        application_id: 1,
        token: "aW50ZXJhY3".to_owned(),
        created_at: 2,
    });
    assert!(!format!("{record:?}").contains("aW50ZXJhY3"));
}

#[test]
fn jobs_are_unfinished_until_their_person_has_what_they_wait_for() {
    let store = temporary();
    for (id, state) in [
        (1, JobState::Accepted),
        (2, JobState::Running),
        (3, JobState::Done),
        (4, JobState::Failed),
        (5, JobState::Cancelled),
    ] {
        store.put_job(&JobRecord { state, ..job(id, 10) }).unwrap();
    }
    let ids = |store: &Store| -> Vec<u64> {
        store
            .unfinished_jobs()
            .unwrap()
            .iter()
            .map(|record| record.job.id)
            .collect()
    };
    assert_eq!(ids(&store), [1, 2, 3, 4]);
    store.mark_delivered(3).unwrap();
    store.mark_delivered(4).unwrap();
    assert_eq!(ids(&store), [1, 2]);
    store
        .update_job(1, |record| record.state = JobState::Cancelled)
        .unwrap();
    assert_eq!(ids(&store), [2]);
}

#[test]
fn a_result_is_delivered_once_however_many_try() {
    let store = temporary();
    store
        .put_job(&JobRecord {
            state: JobState::Done,
            ..job(1, 10)
        })
        .unwrap();
    let firsts: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| store.mark_delivered(1).unwrap()))
            .collect();
        tries
            .into_iter()
            .map(|thread| usize::from(thread.join().unwrap()))
            .sum()
    });
    assert_eq!(firsts, 1);
    // A writer with an older copy of the record does not undo it.
    store
        .put_job(&JobRecord {
            state: JobState::Done,
            ..job(1, 10)
        })
        .unwrap();
    assert!(store.job(1).unwrap().unwrap().delivered);
    assert!(!store.mark_delivered(1).unwrap());
    assert!(!store.mark_delivered(99).unwrap(), "no such job");
}

#[test]
fn a_message_leads_to_the_job_linked_last() {
    let store = temporary();
    store
        .put_job(&JobRecord {
            message: Some(100),
            ..job(1, 10)
        })
        .unwrap();
    store.put_job(&job(2, 10)).unwrap();
    assert_eq!(store.job_of_message(100).unwrap(), Some(1));
    store.link_message(100, 2).unwrap();
    store.link_message(101, 2).unwrap();
    assert_eq!(store.job_of_message(100).unwrap(), Some(2));
    assert!(store.delete_job(1).unwrap());
    assert_eq!(
        store.job_of_message(100).unwrap(),
        Some(2),
        "not the deleted job's link any more"
    );
    assert!(store.delete_job(2).unwrap());
    assert_eq!(store.job_of_message(100).unwrap(), None);
    assert_eq!(store.job_of_message(101).unwrap(), None);
    assert!(!store.delete_job(2).unwrap());
    assert!(matches!(
        store.link_message(7, 2),
        Err(StoreError::NoSuchJob { id: 2 })
    ));
}

#[test]
fn a_deleted_job_is_not_brought_back_by_whoever_still_holds_it() {
    let store = temporary();
    let record = job(1, 10);
    store.put_job(&record).unwrap();
    store.delete_job(1).unwrap();
    assert!(matches!(
        store.put_job(&record),
        Err(StoreError::NoSuchJob { id: 1 })
    ));
    assert_eq!(store.update_job(1, |_| ()).unwrap(), None);
    assert!(store.jobs_of(10).unwrap().is_empty());
}

#[test]
fn a_persons_jobs_come_oldest_first_and_nobody_elses() {
    let store = temporary();
    for (id, user) in [(5, 10), (1, 10), (3, 20), (300, 10)] {
        store.put_job(&job(id, user)).unwrap();
    }
    let ids: Vec<_> = store
        .jobs_of(10)
        .unwrap()
        .iter()
        .map(|record| record.job.id)
        .collect();
    assert_eq!(ids, [1, 5, 300]);
}

#[test]
fn a_corrupt_job_can_be_deleted_and_hides_no_other() {
    let store = temporary();
    for id in 1..=3 {
        store
            .put_job(&JobRecord {
                message: Some(100 + id),
                ..job(id, 10)
            })
            .unwrap();
    }
    store
        .tree(Tree::Jobs)
        .insert(tree::id(2), &[0, 0, 1, b'{'])
        .unwrap();
    assert!(matches!(
        store.job(2),
        Err(StoreError::Corrupt { tree: "jobs", .. })
    ));
    assert_eq!(store.unfinished_jobs().unwrap().len(), 2);
    assert_eq!(store.jobs_of(10).unwrap().len(), 2);
    assert!(store.delete_job(2).unwrap());
    assert_eq!(store.tree(Tree::UserJobs).len(), 2);
    assert_eq!(store.job_of_message(102).unwrap(), None);
}

#[derive(Debug, Clone)]
enum Act {
    Put {
        job: u64,
        user: u64,
        message: Option<u64>,
    },
    Link {
        message: u64,
        job: u64,
    },
    Delete {
        job: u64,
    },
    Forget {
        user: u64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..6_u64, proptest::option::of(0..4_u64)).prop_map(|(job, message)| {
            Act::Put { job, user: job % 2, message }
        }),
        3 => (0..4_u64, 0..6_u64).prop_map(|(message, job)| Act::Link { message, job }),
        1 => (0..6_u64).prop_map(|job| Act::Delete { job }),
        1 => (0..2_u64).prop_map(|user| Act::Forget { user }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn links_and_indices_agree_with_the_records(acts in prop::collection::vec(act(), 0..25)) {
        let store = temporary();
        for act in acts {
            match act {
                Act::Put { job: id, user, message } => {
                    // Refused only for a job that was deleted before.
                    let _refused = store.put_job(&JobRecord { message, ..job(id, user) });
                }
                Act::Link { message, job } => {
                    let _refused = store.link_message(message, job);
                }
                Act::Delete { job } => {
                    store.delete_job(job).unwrap();
                }
                Act::Forget { user } => {
                    store.forget(user).unwrap();
                }
            }
        }
        let keys = |tree| store.tree(tree).iter().map(Result::unwrap).collect::<Vec<_>>();
        let jobs: Vec<u64> = keys(Tree::Jobs).iter().filter_map(|(key, _)| tree::read_id(key, 0)).collect();
        let owned: Vec<u64> = keys(Tree::UserJobs).iter().filter_map(|(key, _)| tree::read_id(key, 8)).collect();
        prop_assert_eq!(owned.len(), jobs.len());
        prop_assert!(owned.iter().all(|id| jobs.contains(id)));
        prop_assert_eq!(keys(Tree::OpenJobs).len(), jobs.len());
        let mut forth: Vec<_> = keys(Tree::Messages)
            .iter()
            .map(|(message, job)| (tree::read_id(job, 0), tree::read_id(message, 0)))
            .collect();
        let back: Vec<_> = keys(Tree::JobMessages)
            .iter()
            .map(|(key, _)| (tree::read_id(key, 0), tree::read_id(key, 8)))
            .collect();
        forth.sort_unstable();
        prop_assert_eq!(&forth, &back, "both sides say the same");
        prop_assert!(forth.iter().all(|(job, _)| job.is_some_and(|job| jobs.contains(&job))));
    }
}
