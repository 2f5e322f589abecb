//! The cache folder that all programs of the field share.

use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::{Repo, RepoType};

use crate::digest::Digest;
use crate::error::{HubError, Result};
use crate::link::{link, write_whole};
use crate::model::{Model, Part, RepoFile};
use crate::pin::Pins;

/// The folder of a repository's cache in which this program keeps what the shared layout has no place for.
const OWN: &str = "tastemaker";

/// The cache folder: `models--OWNER--NAME/{blobs,refs,snapshots}`, as `huggingface_hub` lays it out.
#[derive(Debug, Clone)]
pub struct Cache {
    inner: hf_hub::Cache,
}

/// How much of a checkpoint is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// All of it; the folder can be loaded.
    Here(PathBuf),
    /// Some files, by their places, are missing or have a wrong size; or the folder of a composed checkpoint is not laid
    /// out yet, and then the list is empty.
    Incomplete(Vec<String>),
    /// Nothing.
    Absent,
}

impl Cache {
    /// Uses this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        // Links are made relative, which needs paths of one kind.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Self {
            inner: hf_hub::Cache::new(folder),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.inner.path()
    }

    /// How much of a checkpoint is here. Looks at names and sizes, not at contents: that is [`verify`](crate::verify())'s.
    pub fn state(&self, model: &Model) -> State {
        let pins = self.pins(model).ok().flatten().unwrap_or_default();
        let missing: Vec<_> = model
            .files()
            .filter(|(part, file)| !self.has(part, file, &pins))
            .map(|(_, file)| file.place.clone())
            .collect();
        if missing.len() == model.files().count() {
            return State::Absent;
        }
        let folder = self.model_folder(model);
        let laid_out = |(_, file): (&Part, &RepoFile)| {
            folder
                .as_ref()
                .is_some_and(|folder| folder.join(&file.place).is_file())
        };
        match &folder {
            Some(folder) if missing.is_empty() && model.files().all(laid_out) => State::Here(folder.clone()),
            _ => State::Incomplete(missing),
        }
    }

    /// Bytes on disk of the checkpoint's files that are here.
    pub fn size_on_disk(&self, model: &Model) -> u64 {
        let mut blobs: Vec<_> = model
            .files()
            .filter_map(|(part, file)| fs::canonicalize(self.snapshot_file(part, file)?).ok())
            .collect();
        // Two places may share one blob, such as the vocabularies of two tokenizers.
        blobs.sort();
        blobs.dedup();
        blobs
            .iter()
            .filter_map(|path| fs::metadata(path).ok())
            .map(|it| it.len())
            .sum()
    }

    fn has(&self, part: &Part, file: &RepoFile, pins: &Pins) -> bool {
        let Some(path) = self.snapshot_file(part, file) else {
            return false;
        };
        let expected = file.size.or_else(|| pins.of(&file.place).map(|pin| pin.size));
        fs::metadata(path)
            .is_ok_and(|found| found.is_file() && expected.is_none_or(|expected| found.len() == expected))
    }

    /// Where a file lies in its repository's snapshot, whether or not it is there; `None` while the revision is unknown.
    pub fn snapshot_file(&self, part: &Part, file: &RepoFile) -> Option<PathBuf> {
        Some(self.snapshot(part, &self.commit(part)?).join(&file.path))
    }

    /// The hash that the cache files a file's content under.
    pub(crate) fn digest_of(&self, pointer: &Path) -> Option<Digest> {
        let blob = fs::read_link(pointer).ok()?;
        Digest::of_etag(blob.file_name()?.to_str()?)
    }

    /// The commit that a part's revision stood for when it was last downloaded.
    pub fn commit(&self, part: &Part) -> Option<String> {
        if is_commit(&part.revision) {
            return Some(part.revision.clone());
        }
        let commit = fs::read_to_string(self.repo(part).join("refs").join(&part.revision)).ok()?;
        let commit = commit.trim();
        is_commit(commit).then(|| commit.to_owned())
    }

    /// Remembers which commit a part's revision stands for.
    pub(crate) fn set_commit(&self, part: &Part, commit: &str) -> Result<()> {
        if is_commit(&part.revision) {
            return Ok(());
        }
        write_whole(&self.repo(part).join("refs").join(&part.revision), commit)
    }

    /// The folder of one commit's files.
    pub(crate) fn snapshot(&self, part: &Part, commit: &str) -> PathBuf {
        self.inner.repo(repo(part)).pointer_path(commit)
    }

    pub(crate) fn blob(&self, part: &Part, digest: &Digest) -> PathBuf {
        self.repo(part).join("blobs").join(digest.hex())
    }

    pub(crate) fn blob_lock(&self, part: &Part, digest: &Digest) -> PathBuf {
        let folder = self.folder().join(".locks").join(repo(part).folder_name());
        folder.join(format!("{}.lock", digest.hex()))
    }

    fn repo(&self, part: &Part) -> PathBuf {
        self.folder().join(repo(part).folder_name())
    }

    /// The folder to load a checkpoint from: the snapshot of its repository, or one of links where it is composed of
    /// several, or its files are elsewhere than in the repository.
    fn model_folder(&self, model: &Model) -> Option<PathBuf> {
        let own = model.parts().first()?;
        if model.is_plain() {
            Some(self.snapshot(own, &self.commit(own)?))
        } else {
            Some(self.repo(own).join(OWN).join(model.name()))
        }
    }

    /// Lays out a composed checkpoint's folder and gives the one to load, for a checkpoint whose files are all here.
    pub(crate) fn lay_out(&self, model: &Model) -> Result<PathBuf> {
        let unknown = || HubError::invalid(model.name(), "its revision is not in the cache");
        let folder = self.model_folder(model).ok_or_else(unknown)?;
        if !model.is_plain() {
            for (part, file) in model.files() {
                let content = self.snapshot_file(part, file).ok_or_else(unknown)?;
                link(&content, &folder.join(&file.place))?;
            }
        }
        Ok(folder)
    }

    /// Where a checkpoint's sizes and hashes are written down.
    pub fn pins_path(&self, model: &Model) -> Option<PathBuf> {
        let own = model.parts().first()?;
        Some(
            self.repo(own)
                .join(OWN)
                .join(format!("{}.lock.toml", model.name())),
        )
    }

    /// The sizes and hashes that the last download wrote down, if there was one.
    ///
    /// # Errors
    /// If the file is there but cannot be read.
    pub fn pins(&self, model: &Model) -> Result<Option<Pins>> {
        match self.pins_path(model) {
            Some(path) => Pins::read(&path),
            None => Ok(None),
        }
    }
}

fn repo(part: &Part) -> Repo {
    Repo::with_revision(part.repo.clone(), RepoType::Model, part.revision.clone())
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}
