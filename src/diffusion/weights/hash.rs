//! The name of a set of weights.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::error::{DiffusionError, Result};

/// Bytes read between two looks at whether anybody still wants the hash.
const CHUNK: usize = 1 << 20;

/// Names the content of a checkpoint's files: the first 12 hexadecimal digits of SHA-256 over each file's own SHA-256.
///
/// Receipts carry it, so that a picture can be traced to the exact weights. Reading gigabytes takes seconds, so it is
/// computed on a thread of its own while the model already works; whoever asks waits for it. The thread gives up when
/// nobody can ask any more.
#[derive(Clone)]
pub struct ContentHash {
    /// One a checkpoint.
    handles: Vec<Arc<Handle>>,
}

/// Ends the computation when the last copy of the hash is dropped.
struct Handle {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    unwanted: AtomicBool,
    hash: Mutex<Option<String>>,
    finished: Condvar,
}

impl ContentHash {
    /// Begins to hash the files at `paths`.
    pub(crate) fn start(paths: Vec<PathBuf>) -> Self {
        Self::compute(move |unwanted| of_files(&paths, unwanted))
    }

    fn compute(hash: impl Fn(&AtomicBool) -> Result<String> + Clone + Send + 'static) -> Self {
        let shared = Arc::<Shared>::default();
        let worker = shared.clone();
        let work = move || {
            let hash = hash(&worker.unwanted).unwrap_or_else(|error| {
                tracing::warn!(%error, "the weights cannot be hashed: receipts will not name them");
                String::new()
            });
            *worker.hash.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash);
            worker.finished.notify_all();
        };
        let thread = std::thread::Builder::new().name("content-hash".to_owned());
        if let Err(error) = thread.spawn(work.clone()) {
            tracing::warn!(%error, "no thread could be started to hash the weights");
            work();
        }
        Self {
            handles: vec![Arc::new(Handle { shared })],
        }
    }

    /// The name of these weights with adapters added: a hash over this one and each adapter's content and strength.
    pub(crate) fn with_adapters(&self, adapters: Vec<(PathBuf, f64)>) -> Self {
        if adapters.is_empty() {
            return self.clone();
        }
        let base = self.clone();
        Self::compute(move |unwanted| {
            let mut all = Sha256::new();
            all.update(base.get());
            for (path, weight) in &adapters {
                all.update(of_file(path, unwanted)?);
                all.update(weight.to_le_bytes());
            }
            Ok(short(&all.finalize()))
        })
    }

    /// The name after the first of several checkpoints has become `first`.
    pub(crate) fn with_first(&self, first: &Self) -> Self {
        Self {
            handles: first
                .handles
                .iter()
                .chain(self.handles.iter().skip(1))
                .cloned()
                .collect(),
        }
    }

    /// The name of two checkpoints that work together: both hashes, joined by a plus sign.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            handles: self.handles.iter().chain(&other.handles).cloned().collect(),
        }
    }

    /// The hash, waiting until it is known. Empty if the files could not be read again, which is logged.
    pub fn get(&self) -> String {
        let hashes: Vec<_> = self.handles.iter().map(|handle| handle.shared.wait()).collect();
        hashes.join("+")
    }
}

impl Shared {
    fn wait(&self) -> String {
        let mut hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(hash) = &*hash {
                return hash.clone();
            }
            hash = self.finished.wait(hash).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.unwanted.store(true, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for ContentHash {
    /// What is known by now; does not wait.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.handles.iter().map(|handle| {
            let hash = handle.shared.hash.try_lock().ok()?;
            hash.clone()
        });
        f.debug_list().entries(known).finish()
    }
}

fn of_files(paths: &[PathBuf], unwanted: &AtomicBool) -> Result<String> {
    let mut all = Sha256::new();
    for path in paths {
        all.update(of_file(path, unwanted)?);
    }
    Ok(short(&all.finalize()))
}

/// A file's SHA-256.
fn of_file(path: &Path, unwanted: &AtomicBool) -> Result<[u8; 32]> {
    let io = |error| DiffusionError::io(path, error);
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    while !unwanted.load(Ordering::Relaxed) {
        match file.read(&mut chunk).map_err(io)? {
            0 => break,
            read => hasher.update(&chunk[..read]),
        }
    }
    Ok(hasher.finalize().into())
}

fn short(digest: &[u8]) -> String {
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_names_contents_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        std::fs::write(&a, "one").unwrap();
        std::fs::write(&b, "two").unwrap();
        let hash = |paths: &[&PathBuf]| ContentHash::start(paths.iter().map(|&p| p.clone()).collect()).get();
        let mut expected = Sha256::new();
        expected.update(Sha256::digest("one"));
        expected.update(Sha256::digest("two"));
        assert_eq!(hash(&[&a, &b]), short(&expected.finalize()));
        assert_ne!(hash(&[&a, &b]), hash(&[&b, &a]));
        assert_eq!(hash(&[&a]).len(), 12);
        let two = ContentHash::start(vec![a]).and(&ContentHash::start(vec![b]));
        assert_eq!(two.get().split('+').map(str::len).collect::<Vec<_>>(), [12, 12]);
    }

    #[test]
    fn a_file_that_cannot_be_read_gives_no_hash() {
        assert_eq!(ContentHash::start(vec!["/nowhere/at/all".into()]).get(), "");
    }
}
