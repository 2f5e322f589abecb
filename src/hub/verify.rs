//! Checks of what is on the disk: sizes, hashes, and the headers of weights.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cache::Cache;
use crate::digest::{Digest, Hasher};
use crate::error::{HubError, Result};
use crate::model::Model;
use crate::pin::{Pin, Pins};
use crate::progress::{Event, Progress};
use crate::safetensors;

/// What was found out about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its path in the checkpoint's folder.
    pub place: String,
    /// Its bytes, if it is there.
    pub size: Option<u64>,
    /// Its SHA-256, if it could be read.
    pub sha256: Option<String>,
    /// Whether it is what it should be.
    pub verdict: Verdict,
}

/// Whether a file is what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It has the hash that it should have.
    Whole,
    /// Nothing is wrong with it, but no hash is known to compare with.
    Unpinned,
    /// It is not there.
    Missing,
    /// It has another size.
    Size {
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// It has another content.
    Hash {
        /// The hash's name.
        kind: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// It cannot be what its name says, or cannot be read.
    Damaged(String),
}

impl Verdict {
    /// Whether the file can be used.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Whole | Self::Unpinned)
    }
}

/// A file to check, with what is known about it.
struct Target {
    place: String,
    path: Option<PathBuf>,
    size: Option<u64>,
    digest: Option<Digest>,
}

/// Reads every file of a checkpoint in the cache and compares it with the manifest, the lock file and the name that the
/// cache keeps it under, whichever of them knows. Blocks.
///
/// # Errors
/// If the lock file cannot be read; what is wrong with the checkpoint is in the findings.
pub fn verify(cache: &Cache, model: &Model, progress: &dyn Progress) -> Result<Vec<Finding>> {
    let pins = cache.pins(model)?.unwrap_or_default();
    let targets = model.files().map(|(part, file)| {
        let path = cache.snapshot_file(part, file);
        let pin = pins.of(&file.place);
        let sha256 = file.sha256.clone().or_else(|| pin.map(|pin| pin.sha256.clone()));
        let by_name = || path.as_deref().and_then(|path| cache.digest_of(path));
        Target {
            place: file.place.clone(),
            size: file.size.or(pin.map(|pin| pin.size)),
            digest: sha256.map(Digest::Sha256).or_else(by_name),
            path,
        }
    });
    Ok(check_all(targets.collect(), progress))
}

/// Reads every file of a checkpoint's folder, or its one file, and compares it with a lock file if there is one. Blocks.
///
/// # Errors
/// If the folder cannot be listed.
pub fn verify_folder(path: &Path, pins: Option<&Pins>, progress: &dyn Progress) -> Result<Vec<Finding>> {
    let mut places = Vec::new();
    let folder = if path.is_file() {
        places.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        path.parent().unwrap_or(Path::new("."))
    } else {
        list(path, "", &mut places)?;
        path
    };
    let pinned = pins.map_or(&[][..], |pins| &pins.files);
    places.extend(pinned.iter().map(|pin| pin.path.clone()));
    places.sort();
    places.dedup();
    let targets = places.into_iter().map(|place| {
        let pin = pins.and_then(|pins| pins.of(&place));
        Target {
            path: Some(folder.join(&place)),
            size: pin.map(|pin| pin.size),
            digest: pin.map(|pin| Digest::Sha256(pin.sha256.clone())),
            place,
        }
    });
    Ok(check_all(targets.collect(), progress))
}

/// What there is to write down of files as they were found.
pub fn pins_of(findings: &[Finding]) -> Pins {
    let pin = |finding: &Finding| {
        Some(Pin {
            path: finding.place.clone(),
            size: finding.size?,
            sha256: finding.sha256.clone()?,
            source: None,
        })
    };
    Pins {
        files: findings.iter().filter_map(pin).collect(),
    }
}

/// The files that a loader may read: weights, configurations and vocabularies.
fn list(folder: &Path, prefix: &str, places: &mut Vec<String>) -> Result<()> {
    let error = |error| HubError::io(folder, error);
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{prefix}{name}/"), places)?;
        } else if [".safetensors", ".json", ".txt"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            places.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

fn check_all(targets: Vec<Target>, progress: &dyn Progress) -> Vec<Finding> {
    let size = |target: &Target| {
        target
            .path
            .as_ref()
            .and_then(|path| fs::metadata(path).ok())
            .map(|it| it.len())
    };
    progress.on(Event::Planned {
        files: targets.len(),
        total: targets.iter().filter_map(size).sum(),
        present: 0,
    });
    targets
        .into_iter()
        .map(|target| check(target, progress))
        .collect()
}

fn check(target: Target, progress: &dyn Progress) -> Finding {
    let metadata = target.path.as_ref().and_then(|path| fs::metadata(path).ok());
    let (Some(path), Some(metadata)) = (&target.path, metadata.filter(fs::Metadata::is_file)) else {
        return Finding {
            place: target.place,
            size: None,
            sha256: None,
            verdict: Verdict::Missing,
        };
    };
    let found = metadata.len();
    progress.on(Event::Started {
        path: &target.place,
        size: found,
        present: 0,
    });
    let mut finding = Finding {
        place: target.place.clone(),
        size: Some(found),
        sha256: None,
        verdict: Verdict::Unpinned,
    };
    finding.verdict = match target.size {
        Some(expected) if expected != found => Verdict::Size { expected, found },
        _ => match hash(path, found, &target, progress) {
            Err(error) => Verdict::Damaged(format!("cannot be read ({error})")),
            Ok((sha256, verdict)) => {
                finding.sha256 = Some(sha256);
                verdict
            }
        },
    };
    // A header says more than a hash about what to expect of the file.
    if path.extension().is_some_and(|end| end == "safetensors")
        && !matches!(finding.verdict, Verdict::Size { .. })
        && let Err(problem) = safetensors::check(path)
    {
        finding.verdict = Verdict::Damaged(problem);
    }
    progress.on(Event::Finished {
        path: &finding.place,
        size: found,
    });
    finding
}

fn hash(path: &Path, size: u64, target: &Target, progress: &dyn Progress) -> io::Result<(String, Verdict)> {
    let git = matches!(target.digest, Some(Digest::GitBlob(_)));
    let mut hasher = Hasher::new(size, git);
    hasher.read(fs::File::open(path)?, |bytes| {
        progress.on(Event::Advanced {
            path: &target.place,
            bytes,
        });
        Ok(())
    })?;
    let found = hasher.finish();
    let verdict = match &target.digest {
        None => Verdict::Unpinned,
        Some(digest) if found.is(digest) => Verdict::Whole,
        Some(digest) => Verdict::Hash {
            kind: digest.kind(),
            expected: digest.to_string(),
            found: found.like(digest).to_owned(),
        },
    };
    Ok((found.sha256, verdict))
}
