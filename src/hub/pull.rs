//! From a checkpoint's list of files to a folder that can be loaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::cache::{Cache, State};
use crate::client::Client;
use crate::digest::{Digest, Found, Hasher};
use crate::disk::{Disk, SystemDisk};
use crate::error::{HubError, Result};
use crate::link::link;
use crate::model::{Model, Part, RepoFile};
use crate::options::HubOptions;
use crate::pin::{Pin, Pins};
use crate::progress::{Event, Progress};
use crate::remote::{Content, Listing};
use crate::transfer::{Transfer, partial_path};

/// Downloads checkpoints.
pub struct Hub {
    client: Client,
    cache: Cache,
    disk: Arc<dyn Disk>,
    offline: bool,
    parallel: usize,
}

/// What a download led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The folder to load.
    pub folder: PathBuf,
    /// Bytes that had to come over the network; 0 if everything was here.
    pub downloaded: u64,
}

/// A blob that one or more of the checkpoint's files are.
struct Wanted<'m> {
    part: &'m Part,
    commit: &'m str,
    content: Content,
    files: Vec<&'m RepoFile>,
    /// Bytes that are here already, of the blob or of a broken transfer. A broken transfer may have them all.
    present: u64,
    /// Whether the blob itself is here, and has its size.
    here: bool,
    /// Whether it is known to be damaged.
    damaged: bool,
    /// Hashes, once it has been read.
    found: Option<Found>,
}

impl Wanted<'_> {
    fn whole(&self) -> bool {
        self.here && !self.damaged
    }

    /// The file that it is named by in messages.
    fn place(&self) -> &str {
        self.files.first().map_or("", |file| &file.place)
    }
}

impl Hub {
    /// Prepares to download with these options; connects to nothing yet.
    ///
    /// # Errors
    /// If the endpoint or the token is malformed.
    pub fn new(options: &HubOptions) -> Result<Self> {
        Ok(Self {
            client: Client::new(options)?,
            cache: Cache::new(&options.cache),
            disk: Arc::new(SystemDisk),
            offline: options.offline,
            parallel: options.parallel.max(1),
        })
    }

    /// Writes to another disk.
    #[must_use]
    pub fn with_disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// Where files go.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Brings a checkpoint here: downloads what is missing and gives the folder to load.
    ///
    /// What is here already is believed by its name and size; `repair` reads it and fetches what is damaged again. May be
    /// dropped at any time: the next call goes on from what has arrived.
    ///
    /// # Errors
    /// If the hub refuses, cannot be reached or gives something else than announced, if the disk cannot hold the files, or
    /// if files are missing and the hub may not be asked. Files that have arrived stay.
    pub async fn pull(&self, model: &Model, repair: bool, progress: &dyn Progress) -> Result<Pulled> {
        if self.offline {
            return self.without_network(model);
        }
        let listings = self.listings(model, progress).await?;
        let mut wanted = self.wanted(model, &listings, progress).await?;
        for wanted in &mut wanted {
            self.take_stock(wanted, repair).await?;
        }
        self.check_space(&wanted)?;
        progress.on(Event::Planned {
            files: model.files().count(),
            total: wanted.iter().map(|it| it.content.size).sum(),
            present: wanted.iter().map(|it| it.present).sum(),
        });
        for (part, listing) in model.parts().iter().zip(&listings) {
            // A first download shows in lists from its start. Later ones keep the old commit until the new one is whole.
            if self.cache.commit(part).is_none() {
                self.cache.set_commit(part, &listing.commit)?;
            }
        }
        let downloaded = wanted
            .iter()
            .filter(|it| !it.whole())
            .map(|it| it.content.size - it.present)
            .sum();
        let done: Vec<_> = stream::iter(wanted)
            .map(|wanted| self.bring(wanted, progress))
            .buffer_unordered(self.parallel)
            .try_collect()
            .await?;
        for (part, listing) in model.parts().iter().zip(&listings) {
            self.cache.set_commit(part, &listing.commit)?;
        }
        let folder = self.cache.lay_out(model)?;
        if let Some(path) = self.cache.pins_path(model) {
            pins(model, &done).write(&path)?;
        }
        Ok(Pulled { folder, downloaded })
    }

    fn without_network(&self, model: &Model) -> Result<Pulled> {
        let missing = match self.cache.state(model) {
            State::Here(folder) => {
                return Ok(Pulled {
                    folder,
                    downloaded: 0,
                });
            }
            State::Incomplete(missing) => missing,
            State::Absent => model.files().map(|(_, file)| file.place.clone()).collect(),
        };
        if missing.is_empty() {
            let folder = self.cache.lay_out(model)?;
            return Ok(Pulled {
                folder,
                downloaded: 0,
            });
        }
        Err(HubError::Offline {
            model: model.name().to_owned(),
            missing,
        })
    }

    /// Each part's commit, with every file of the checkpoint seen to be there.
    async fn listings(&self, model: &Model, progress: &dyn Progress) -> Result<Vec<Listing>> {
        let mut listings = Vec::new();
        for part in model.parts() {
            let listing = self.client.listing(part, progress).await?;
            for file in &part.files {
                listing.check(part, file)?;
            }
            listings.push(listing);
        }
        Ok(listings)
    }

    /// The blobs that the checkpoint consists of.
    async fn wanted<'m>(
        &self,
        model: &'m Model,
        listings: &'m [Listing],
        progress: &dyn Progress,
    ) -> Result<Vec<Wanted<'m>>> {
        let parts = model.parts().iter().zip(listings);
        let files = parts.flat_map(|(part, listing)| {
            part.files
                .iter()
                .map(move |file| (part, listing.commit.as_str(), file))
        });
        let contents: Vec<_> = stream::iter(files)
            .map(|(part, commit, file)| async move {
                let content = self.client.content(part, commit, file, progress).await?;
                check_pins(file, &content)?;
                Ok::<_, HubError>((part, commit, file, content))
            })
            .buffered(self.parallel * 2)
            .try_collect()
            .await?;
        // Files of the same content are one blob, as the vocabularies of a checkpoint's tokenizers often are.
        let mut blobs: BTreeMap<(&str, Digest), Wanted<'m>> = BTreeMap::new();
        for (part, commit, file, content) in contents {
            let wanted = blobs
                .entry((&part.repo, content.digest.clone()))
                .or_insert_with(|| Wanted {
                    part,
                    commit,
                    content,
                    files: Vec::new(),
                    present: 0,
                    here: false,
                    damaged: false,
                    found: None,
                });
            wanted.files.push(file);
        }
        let mut wanted: Vec<_> = blobs.into_values().collect();
        // The longest first: it decides when all are here.
        wanted.sort_by_key(|it| std::cmp::Reverse(it.content.size));
        Ok(wanted)
    }

    /// Sees how much of a blob is here.
    async fn take_stock(&self, wanted: &mut Wanted<'_>, repair: bool) -> Result<()> {
        let blob = self.cache.blob(wanted.part, &wanted.content.digest);
        let length = |path: &Path| fs::metadata(path).map_or(0, |it| it.len());
        let size = wanted.content.size;
        if blob.is_file() && length(&blob) == size {
            (wanted.here, wanted.present) = (true, size);
            let git = matches!(wanted.content.digest, Digest::GitBlob(_));
            // Small files are read in any case, for the lock file.
            if repair || git {
                let found = read(blob, size, git).await?;
                wanted.damaged = !found.is(&wanted.content.digest);
                wanted.found = Some(found);
            }
            if !wanted.damaged {
                return Ok(());
            }
        }
        wanted.present = match length(&partial_path(
            &self.cache.blob(wanted.part, &wanted.content.digest),
        )) {
            partial if partial <= size => partial,
            _ => 0,
        };
        Ok(())
    }

    fn check_space(&self, wanted: &[Wanted<'_>]) -> Result<()> {
        let needed = wanted.iter().map(|it| it.content.size - it.present).sum();
        if needed == 0 {
            return Ok(());
        }
        let folder = self.cache.folder();
        fs::create_dir_all(folder).map_err(|error| HubError::io(folder, error))?;
        let free = self
            .disk
            .free(folder)
            .map_err(|error| HubError::io(folder, error))?;
        if free < needed {
            return Err(HubError::DiskFull {
                folder: folder.to_owned(),
                needed,
                free,
            });
        }
        Ok(())
    }

    /// Downloads a blob unless it is here, and puts its files into the snapshot.
    async fn bring<'m>(&self, mut wanted: Wanted<'m>, progress: &dyn Progress) -> Result<Wanted<'m>> {
        let part = wanted.part;
        let blob = self.cache.blob(part, &wanted.content.digest);
        if !wanted.whole()
            && let Some(file) = wanted.files.first()
        {
            let transfer = Transfer {
                client: &self.client,
                disk: &self.disk,
                progress,
                part,
                url: self.client.file_url(part, wanted.commit, file),
                source: &file.path,
                place: wanted.place(),
                digest: &wanted.content.digest,
                size: wanted.content.size,
                lock: self.cache.blob_lock(part, &wanted.content.digest),
                blob: blob.clone(),
                replace: wanted.damaged,
            };
            wanted.found = transfer.run().await?;
        }
        let git = matches!(wanted.content.digest, Digest::GitBlob(_));
        if wanted.found.is_none() && git {
            // Another process brought it.
            wanted.found = Some(read(blob.clone(), wanted.content.size, git).await?);
        }
        for file in &wanted.files {
            if let (Some(pinned), Some(found)) = (&file.sha256, &wanted.found)
                && *pinned != found.sha256
            {
                return Err(HubError::Mismatch {
                    path: file.path.clone(),
                    what: "SHA-256",
                    expected: pinned.clone(),
                    found: found.sha256.clone(),
                    pinned: true,
                });
            }
            link(&blob, &self.cache.snapshot(part, wanted.commit).join(&file.path))?;
        }
        Ok(wanted)
    }
}

/// Compares what the hub announces with what the manifest says.
fn check_pins(file: &RepoFile, content: &Content) -> Result<()> {
    let mismatch = |what, expected, found| HubError::Mismatch {
        path: file.path.clone(),
        what,
        expected,
        found,
        pinned: true,
    };
    match (&file.sha256, &content.digest) {
        (Some(pinned), Digest::Sha256(announced)) if pinned != announced => {
            return Err(mismatch("SHA-256", pinned.clone(), announced.clone()));
        }
        _ => {}
    }
    match file.size {
        Some(pinned) if pinned != content.size => {
            let bytes = |count: u64| format!("{count} bytes");
            Err(mismatch("size", bytes(pinned), bytes(content.size)))
        }
        _ => Ok(()),
    }
}

/// Hashes a file of the cache on a thread of its own.
async fn read(path: PathBuf, size: u64, git: bool) -> Result<Found> {
    let job = move || {
        let mut hasher = Hasher::new(size, git);
        let file = fs::File::open(&path).map_err(|error| HubError::io(&path, error))?;
        hasher
            .read(file, |_| Ok(()))
            .map_err(|error| HubError::io(&path, error))?;
        Ok(hasher.finish())
    };
    match tokio::task::spawn_blocking(job).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(HubError::io(Path::new("cache"), std::io::Error::other(error))),
    }
}

/// What there is to write down of a checkpoint that is here.
fn pins(model: &Model, done: &[Wanted<'_>]) -> Pins {
    let sha256 = |wanted: &Wanted<'_>| match (&wanted.found, &wanted.content.digest) {
        (Some(found), _) => found.sha256.clone(),
        (None, digest) => digest.hex().to_owned(),
    };
    let mut files: Vec<_> = done
        .iter()
        .flat_map(|wanted| wanted.files.iter().map(move |file| (wanted, file)))
        .map(|(wanted, file)| Pin {
            path: file.place.clone(),
            size: wanted.content.size,
            sha256: sha256(wanted),
            source: Some(format!("{}@{}", wanted.part.repo, wanted.commit)),
        })
        .collect();
    // As the manifest lists them.
    let order: BTreeMap<_, _> = model
        .files()
        .enumerate()
        .map(|(n, (_, file))| (file.place.as_str(), n))
        .collect();
    files.sort_by_key(|pin| order.get(pin.path.as_str()).copied());
    Pins { files }
}
