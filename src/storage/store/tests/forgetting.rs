use super::*;
use crate::{Answer, Mark};

/// Chosen so that its bytes and digits occur nowhere by chance.
const PERSON: u64 = 0x5EC2_E7AB_CDEF_1357;
const OTHER: u64 = 0x0BAD_CAFE_1234_8642;

/// Fills the store with everything that can be kept of a person.
fn fill(store: &Store, user: u64, first_job: u64) {
    let mut record = ProfileRecord::new(liking("soft light"), 0.5);
    record.replace(liking(&format!("taste of {user}")));
    store.put_profile(user, &record).unwrap();
    let mut conversation = onboarding(user);
    conversation.answers.push(Answer {
        image: "ink".to_owned(),
        comment: Some(format!("words of {user}")),
        extraction: Default::default(),
        unread: false,
        together: false,
    });
    store.put_onboarding(&conversation).unwrap();
    store.set_dm_closed(user, true).unwrap();
    for id in [first_job, first_job + 1] {
        store
            .put_job(&JobRecord {
                message: Some(1_000 + id),
                ..job(id, user)
            })
            .unwrap();
        store
            .put_image(id, 0, format!("picture of {user}").as_bytes())
            .unwrap();
        let copy = format!("copy for {user}").into_bytes();
        store.mark(user, id, &[(0, copy)], Mark::Liked).unwrap();
    }
    store.link_message(5_000 + first_job, first_job).unwrap();
}

/// Finds every key or value that holds any of these bytes, in any tree there is.
fn found(store: &Store, needles: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for name in store.inner.db.tree_names() {
        for entry in store.inner.db.open_tree(&name).unwrap().iter() {
            let (key, value) = entry.unwrap();
            for bytes in [&key, &value] {
                if needles
                    .iter()
                    .any(|needle| bytes.windows(needle.len()).any(|part| part == &needle[..]))
                {
                    found.push(format!(
                        "{}: {}",
                        String::from_utf8_lossy(&name),
                        tree::show(&key)
                    ));
                }
            }
        }
    }
    found
}

fn traces(user: u64, jobs: &[u64]) -> Vec<Vec<u8>> {
    let mut traces = vec![
        user.to_be_bytes().to_vec(),
        user.to_le_bytes().to_vec(),
        user.to_string().into_bytes(),
    ];
    traces.extend(jobs.iter().map(|job| job.to_be_bytes().to_vec()));
    traces
}

#[test]
fn nothing_of_a_forgotten_person_is_found_in_any_tree() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    let jobs = [0x7777_0001, 0x7777_0002];
    fill(&store, PERSON, jobs[0]);
    fill(&store, OTHER, 0x8888_0001);
    let needles = traces(PERSON, &jobs);
    assert!(found(&store, &needles).len() >= 10, "the scan sees what is there");
    let others_before = found(&store, &traces(OTHER, &[0x8888_0001]));

    let picture = format!("picture of {PERSON}").len() as u64;
    let report = store.forget(PERSON).unwrap();
    let expected = ForgetReport {
        profiles: 1,
        onboarding: 1,
        jobs: 2,
        links: 3,
        marked: 2,
        images: 2,
        bytes: 2 * picture,
    };
    assert_eq!(report, expected);
    assert_eq!(found(&store, &needles), Vec::<String>::new());
    assert_eq!(
        found(&store, &traces(OTHER, &[0x8888_0001])),
        others_before,
        "others keep everything"
    );
    assert_eq!(images_by_scan(&store), (store.image_bytes(), store.image_bytes()));

    drop(store);
    let store = open(&directory);
    assert_eq!(
        found(&store, &needles),
        Vec::<String>::new(),
        "nor after a restart"
    );
    assert_eq!(store.forget(PERSON).unwrap(), ForgetReport::default());
}

#[test]
fn a_job_that_still_runs_does_not_bring_a_forgotten_person_back() {
    let store = temporary();
    let record = job(0x7777_0001, PERSON);
    store.put_job(&record).unwrap();
    store.forget(PERSON).unwrap();
    assert!(matches!(
        store.put_image(record.job.id, 0, b"late"),
        Err(StoreError::NoSuchJob { .. })
    ));
    let done = JobRecord {
        state: JobState::Done,
        message: Some(9),
        ..record.clone()
    };
    assert!(matches!(store.put_job(&done), Err(StoreError::NoSuchJob { .. })));
    assert!(matches!(
        store.link_message(9, record.job.id),
        Err(StoreError::NoSuchJob { .. })
    ));
    assert!(!store.mark_delivered(record.job.id).unwrap());
    assert_eq!(
        found(&store, &traces(PERSON, &[record.job.id])),
        Vec::<String>::new()
    );
    // The person may come back of their own will.
    store.put_job(&job(0x7777_0002, PERSON)).unwrap();
}

#[test]
fn records_that_cannot_be_read_are_forgotten_too() {
    let store = temporary();
    let id = 0x7777_0001;
    fill(&store, PERSON, id);
    for (tree, key) in [
        (Tree::Profiles, &tree::id(PERSON)[..]),
        (Tree::Onboarding, &tree::id(PERSON)),
        (Tree::Jobs, &tree::id(id)),
        (Tree::Images, &tree::image(id, 0)),
        (Tree::Tastes, &tree::taste(PERSON, id, 0)),
    ] {
        store.tree(tree).insert(key, b"rubbish").unwrap();
    }
    let report = store.forget(PERSON).unwrap();
    assert_eq!(
        (report.profiles, report.onboarding, report.jobs, report.images),
        (1, 1, 2, 2)
    );
    assert_eq!(
        found(&store, &traces(PERSON, &[id, id + 1])),
        Vec::<String>::new()
    );
    assert_eq!(store.image_bytes(), 0);
}
