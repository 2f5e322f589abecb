//! Files on their way: uploaded by the page, waiting for the message or command that sends them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Page;
use crate::user::Upload;

/// Largest file taken, in bytes: what people may upload on Discord.
pub(super) const MAX_BYTES: usize = 10 * 1024 * 1024;
/// Files kept at once; the oldest give way, so that abandoned ones do not pile up.
const MAX_WAITING: usize = 20;

/// The waiting files, each with its number.
#[derive(Default)]
pub(super) struct Uploads {
    waiting: Mutex<(u64, VecDeque<(u64, Upload)>)>,
}

impl Uploads {
    fn put(&self, upload: Upload) -> u64 {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, files) = &mut *waiting;
        *last += 1;
        files.push_back((*last, upload));
        if files.len() > MAX_WAITING {
            files.pop_front();
        }
        *last
    }

    /// Returns a waiting file. It stays, because the act that sends it may be refused and tried again.
    pub(super) fn get(&self, number: u64) -> Option<Upload> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .1
            .iter()
            .find(|(known, _)| *known == number)
            .map(|(_, upload)| upload.clone())
    }
}

/// The address's query.
#[derive(Deserialize)]
pub(super) struct Named {
    filename: String,
}

/// Takes a file and answers with the number that names it.
pub(super) async fn take(State(page): State<Page>, Query(named): Query<Named>, bytes: Bytes) -> Json<Value> {
    let upload = Upload {
        filename: named.filename,
        description: None,
        bytes: Arc::from(bytes.as_ref()),
    };
    Json(json!({"upload": page.uploads.put(upload)}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_too_many_files_gives_way() {
        let uploads = Uploads::default();
        let file = |name: &str| Upload {
            filename: name.to_owned(),
            description: None,
            bytes: Arc::from([]),
        };
        let first = uploads.put(file("first"));
        let last = (0..MAX_WAITING).map(|_| uploads.put(file("more"))).last();
        assert!(uploads.get(first).is_none());
        assert!(last.is_some_and(|last| uploads.get(last).is_some()));
    }
}
