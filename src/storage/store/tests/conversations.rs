use super::*;

#[test]
fn a_profile_reads_back_with_its_history() {
    let store = temporary();
    assert!(store.profile(1).unwrap().is_none());
    let mut record = ProfileRecord::new(liking("soft light"), 0.1 + 0.2);
    record.replace(liking("bold colours"));
    store.put_profile(1, &record).unwrap();
    let kept = store.profile(1).unwrap().unwrap();
    assert_eq!(kept.profile, record.profile);
    assert_eq!(kept.strength.to_bits(), record.strength.to_bits(), "exactly");
    assert_eq!(kept.history, record.history);
    assert!(store.profile(2).unwrap().is_none());
    assert!(store.delete_profile(1).unwrap());
    assert!(!store.delete_profile(1).unwrap());
    assert!(store.profile(1).unwrap().is_none());
}

#[test]
fn a_history_too_long_is_cut_when_it_is_written() {
    let store = temporary();
    let mut record = ProfileRecord::new(Profile::default(), 0.5);
    record.history = vec![Profile::default(); 100];
    store.put_profile(1, &record).unwrap();
    assert_eq!(
        store.profile(1).unwrap().unwrap().history.len(),
        crate::HISTORY_LIMIT
    );
}

#[test]
fn changes_of_one_profile_at_once_all_take_effect() {
    let store = temporary();
    store
        .put_profile(1, &ProfileRecord::new(Profile::default(), 0.0))
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let change = |record: &mut Option<ProfileRecord>| {
                        if let Some(record) = record {
                            record.strength += 1.0;
                        }
                    };
                    store.update_profile(1, change).unwrap();
                }
            });
        }
    });
    assert_eq!(store.profile(1).unwrap().unwrap().strength, 80.0);
}

#[test]
fn a_change_that_leaves_nothing_deletes_the_profile() {
    let store = temporary();
    store
        .put_profile(1, &ProfileRecord::new(Profile::default(), 0.5))
        .unwrap();
    let old = store.update_profile(1, Option::take).unwrap();
    assert!(old.is_some());
    assert!(store.profile(1).unwrap().is_none());
}

#[test]
fn a_conversation_reads_back_and_ends_with_its_profile() {
    let store = temporary();
    store.put_onboarding(&onboarding(1)).unwrap();
    store.put_onboarding(&onboarding(2)).unwrap();
    assert_eq!(store.onboarding(1).unwrap().unwrap().images, ["ink", "neon"]);
    assert_eq!(store.all_onboarding().unwrap().len(), 2);
    store
        .conclude_onboarding(1, &ProfileRecord::new(liking("ink"), 0.5))
        .unwrap();
    assert!(store.onboarding(1).unwrap().is_none());
    assert_eq!(store.profile(1).unwrap().unwrap().profile, liking("ink"));
    assert_eq!(store.all_onboarding().unwrap()[0].user, 2);
    assert!(store.delete_onboarding(2).unwrap());
}

#[test]
fn closed_direct_messages_are_remembered_until_they_open() {
    let store = temporary();
    assert!(!store.dm_closed(1).unwrap());
    store.set_dm_closed(1, true).unwrap();
    assert!(store.dm_closed(1).unwrap() && !store.dm_closed(2).unwrap());
    store.set_dm_closed(1, false).unwrap();
    assert!(!store.dm_closed(1).unwrap());
}

#[test]
fn a_corrupt_record_is_named_and_hides_no_other() {
    let store = temporary();
    for user in 1..=3 {
        store.put_onboarding(&onboarding(user)).unwrap();
    }
    store
        .tree(Tree::Onboarding)
        .insert(tree::id(2), b"rubbish")
        .unwrap();
    match store.onboarding(2) {
        Err(StoreError::Corrupt {
            tree: "onboarding",
            key,
            ..
        }) => assert_eq!(key, "2"),
        other => panic!("{other:?}"),
    }
    let others: Vec<_> = store
        .all_onboarding()
        .unwrap()
        .iter()
        .map(|record| record.user)
        .collect();
    assert_eq!(others, [1, 3]);
    store.put_onboarding(&onboarding(2)).unwrap();
    assert!(store.onboarding(2).unwrap().is_some(), "written over");
}
