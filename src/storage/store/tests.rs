use std::fs;

use serde_json::json;
use tastemaker_pool::Job;
use tastemaker_preference::{Polarity, Profile};
use tempfile::TempDir;

use super::*;
use crate::{JobOrigin, JobRecord, JobState, OnboardingRecord, OnboardingState, ProfileRecord};

mod conversations;
mod crashes;
mod forgetting;
mod images;
mod jobs;
mod tastes;

fn temporary() -> Store {
    Store::temporary().expect("a temporary database")
}

fn open(directory: &TempDir) -> Store {
    Store::open(directory.path(), StoreOptions::default()).expect("a database")
}

/// Copies a database as a crash would leave it: with its files as they are, its owner still running.
fn crashed_copy(of: &TempDir) -> TempDir {
    fn copy(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                fs::create_dir_all(&to).unwrap();
                copy(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    copy(of.path(), directory.path());
    directory
}

fn liking(attribute: &str) -> Profile {
    let mut profile = Profile::default();
    profile.set(Polarity::Liked, attribute, 0.9).unwrap();
    profile
}

fn job(id: u64, user: u64) -> JobRecord {
    // From JSON, so that a field the pool adds later needs no change here.
    let request = json!({
        "prompt": format!("a lighthouse for {user}"), "negative": "", "vp_plus": "soft light", "vp_minus": "",
        "beta": 0.1 + 0.2, "conditioning": "embedding", "seed": 7, "steps": 20, "guidance": 5.0,
        "guidance_rescale": 0.0, "scheduler": "ddim", "width": 64, "height": 64, "count": 1,
    });
    let job = Job {
        id,
        user,
        guild: Some(3),
        request: serde_json::from_value(request).unwrap(),
    };
    JobRecord::accepted(job, 5, JobOrigin::Imagine, 1_000 + id)
}

fn onboarding(user: u64) -> OnboardingRecord {
    OnboardingRecord {
        user,
        dm_channel: 9,
        images: vec!["ink".to_owned(), "neon".to_owned()],
        index: 1,
        answers: Vec::new(),
        current_message: Some(4),
        heard: None,
        keep_asking: false,
        removed: Vec::new(),
        state: OnboardingState::Asking,
        started_at: 12,
    }
}

/// Adds up what is in the trees of images, from both sides.
fn images_by_scan(store: &Store) -> (u64, u64) {
    let ages = store
        .tree(Tree::ImageAges)
        .iter()
        .map(|entry| tree::read_id(&entry.unwrap().1, 9).unwrap());
    // 3 bytes of envelope and 8 of age come before the image.
    let images = store
        .tree(Tree::Images)
        .iter()
        .map(|entry| entry.unwrap().1.len() as u64 - 11);
    (ages.sum(), images.sum())
}

#[test]
fn job_ids_increase_also_across_restarts_and_clones() {
    let directory = tempfile::tempdir().unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let store = open(&directory);
        let clone = store.clone();
        for _ in 0..5_000 {
            for store in [&store, &clone] {
                let id = store.new_job_id().unwrap();
                assert!(id > last, "{id} after {last}");
                last = id;
            }
        }
    }
    assert!(last < 1 << 53, "{last} is no exact number in JavaScript");
}

#[test]
fn a_job_id_is_not_given_again_when_the_clock_is_set_back() {
    let store = temporary();
    let far = 1 << 60;
    store.put_job(&job(far, 1)).unwrap();
    let mut writer = store.writer();
    writer.last_job = store.last_job().unwrap();
    drop(writer);
    assert_eq!(store.new_job_id().unwrap(), far + 1);
}

#[test]
fn the_same_database_is_not_opened_twice() {
    let directory = tempfile::tempdir().unwrap();
    let _open = open(&directory);
    let error = Store::open_within(directory.path(), StoreOptions::default(), Duration::ZERO).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[test]
fn a_database_that_is_just_being_closed_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(&directory);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| open(&directory));
        drop(first);
        second.join().unwrap();
    });
}

#[test]
fn a_database_of_a_newer_release_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory);
    store.tree(Tree::Meta).insert(LAYOUT_KEY, &[0, 9]).unwrap();
    drop(store);
    let error = Store::open(directory.path(), StoreOptions::default()).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::NewerLayout {
                found: 9,
                known: LAYOUT
            }
        ),
        "{error}"
    );
}
