//! Going on after a restart: people, channels and messages in a folder, written shortly after every change.
//!
//! `world.json` holds everything but the files' bytes, which lie in `files/` under their ids. Interactions are not kept: as
//! far as a bot can see, their tokens have expired.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::SandboxError;
use crate::id::{ApplicationId, GuildId, UserId};
use crate::model::{Attachment, Message};
use crate::shared::Shared;
use crate::state::World;
use crate::state::channels::ChannelRecord;
use crate::state::users::UserRecord;

/// Number of the format; an archive of another one is refused.
const VERSION: u32 = 1;
/// How long after a change it is written, so that changes in a row are written together.
const PAUSE: Duration = Duration::from_millis(400);

/// What is written.
#[derive(Serialize, Deserialize)]
struct Archive {
    version: u32,
    present: Timestamp,
    application: ApplicationId,
    guild: GuildId,
    files_base: String,
    users: Vec<UserRecord>,
    channels: Vec<ChannelRecord>,
    messages: Vec<Message>,
}

impl Archive {
    fn of(world: &World) -> Self {
        Archive {
            version: VERSION,
            present: world.now(),
            application: world.application,
            guild: world.guild,
            files_base: world.files_base.clone(),
            users: world.users.values().cloned().collect(),
            channels: world.channels.values().cloned().collect(),
            messages: world.messages.values().cloned().collect(),
        }
    }

    fn newest_id(&self) -> u64 {
        let messages = self.messages.iter().map(|message| message.id.0);
        let files = self
            .messages
            .iter()
            .flat_map(|message| &message.attachments)
            .map(|file| file.id.0);
        let people = self.users.iter().map(|user| user.id.0);
        let channels = self.channels.iter().map(|channel| channel.id.0);
        messages
            .chain(files)
            .chain(people)
            .chain(channels)
            .max()
            .unwrap_or(0)
    }
}

/// A folder that this sandbox alone writes to.
pub(crate) struct Kept {
    folder: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// Takes the folder and fills a new world with what an earlier sandbox kept there, if it kept something.
pub(crate) fn open(world: &mut World, folder: &Path) -> Result<Kept, SandboxError> {
    let fault = |reason: String| SandboxError::Keep {
        path: folder.to_owned(),
        reason,
    };
    fs::create_dir_all(folder).map_err(|error| fault(error.to_string()))?;
    let lock = File::create(folder.join("lock")).map_err(|error| fault(error.to_string()))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => fault("another one uses it now".to_owned()),
        TryLockError::Error(error) => fault(error.to_string()),
    })?;
    restore(world, folder)?;
    Ok(Kept {
        folder: folder.to_owned(),
        _lock: lock,
    })
}

fn restore(world: &mut World, folder: &Path) -> Result<(), SandboxError> {
    let path = folder.join("world.json");
    let fault = |reason: String| {
        let reason = format!("{reason}; remove the folder to begin anew");
        SandboxError::Keep {
            path: path.clone(),
            reason,
        }
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fault(error.to_string())),
    };
    let archive: Archive = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    if archive.version != VERSION {
        return Err(fault(format!(
            "it is of version {}, this program writes {VERSION}",
            archive.version
        )));
    }
    world.clock.resume(archive.present, archive.newest_id());
    (world.application, world.bot, world.guild) =
        (archive.application, UserId(archive.application.0), archive.guild);
    world.users = archive.users.into_iter().map(|user| (user.id, user)).collect();
    world.channels = archive
        .channels
        .into_iter()
        .map(|channel| (channel.id, channel))
        .collect();
    // Nobody will fill in a deferred answer any more.
    for mut message in archive
        .messages
        .into_iter()
        .filter(|message| !message.is_thinking())
    {
        let old = &archive.files_base;
        for file in &mut message.attachments {
            file.bytes = fs::read(file_path(folder, file))
                .map(Arc::from)
                .unwrap_or_default();
            move_address(&mut file.url, old, &world.files_base);
        }
        for address in message.embeds.iter_mut().flat_map(|embed| embed.media_mut()) {
            move_address(address, old, &world.files_base);
        }
        world.messages.insert(message.id, message);
    }
    let messages = &world.messages;
    for channel in world.channels.values_mut() {
        channel.messages.retain(|id| messages.contains_key(id));
    }
    Ok(())
}

/// The sandbox serves its files on another port each time.
fn move_address(address: &mut String, old: &str, new: &str) {
    if let Some(path) = address.strip_prefix(old) {
        *address = format!("{new}{path}");
    }
}

fn file_path(folder: &Path, file: &Attachment) -> PathBuf {
    folder.join("files").join(file.id.to_string())
}

/// Writes the world after every change, and a last time when the sandbox shuts down.
pub(crate) async fn keep(shared: Arc<Shared>, kept: Kept) {
    let folder = &kept.folder;
    let mut changes = shared.world().changes();
    let mut written = HashSet::new();
    loop {
        let last = tokio::select! {
            () = shared.shutdown.cancelled() => true,
            changed = changes.changed() => changed.is_err(),
        };
        if !last {
            tokio::select! {
                () = shared.shutdown.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        changes.borrow_and_update();
        let archive = Archive::of(&shared.world());
        let (target, known) = (folder.clone(), std::mem::take(&mut written));
        match tokio::task::spawn_blocking(move || write(&target, &archive, known)).await {
            Ok(Ok(files)) => written = files,
            Ok(Err(error)) => {
                tracing::warn!(folder = %folder.display(), %error, "the conversation was not kept")
            }
            Err(error) => tracing::error!(%error, "keeping the conversation failed"),
        }
        if last {
            return;
        }
    }
}

/// Writes files that are new (not in `known`), then the world under its name at once, then removes files no longer used.
fn write(folder: &Path, archive: &Archive, known: HashSet<u64>) -> io::Result<HashSet<u64>> {
    let files = folder.join("files");
    fs::create_dir_all(&files)?;
    let mut used = HashSet::new();
    for file in archive.messages.iter().flat_map(|message| &message.attachments) {
        used.insert(file.id.0);
        let path = file_path(folder, file);
        if !known.contains(&file.id.0) && !path.exists() {
            fs::write(path, &file.bytes)?;
        }
    }
    let new = folder.join("world.json.new");
    fs::write(&new, serde_json::to_vec(archive)?)?;
    fs::rename(new, folder.join("world.json"))?;
    for entry in fs::read_dir(files)? {
        let path = entry?.path();
        let id = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.parse().ok());
        if id.is_some_and(|id| !used.contains(&id)) {
            fs::remove_file(path)?;
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use crate::{Sandbox, SandboxOptions, Upload};

    #[tokio::test]
    async fn the_next_sandbox_goes_on_with_the_same_people_and_messages() {
        let folder = tempfile::tempdir().unwrap();
        let options = || SandboxOptions {
            keep: Some(folder.path().join("sandbox")),
            ..SandboxOptions::default()
        };
        let first = Sandbox::start(options()).await.unwrap();
        let user = first.user("you");
        let (dm, picture) = (user.dm(), vec![1, 2, 3]);
        let file = Upload {
            filename: "a.png".into(),
            description: None,
            bytes: picture.as_slice().into(),
        };
        user.upload(dm, "look", vec![file]).unwrap();
        user.set_dms_open(false);
        let ids = (first.bot_user_id(), first.guild_id(), first.channel_id());
        first.shutdown().await;

        let second = Sandbox::start(options()).await.unwrap();
        assert_eq!(
            (second.bot_user_id(), second.guild_id(), second.channel_id()),
            ids
        );
        let again = second.user("you");
        assert_eq!((again.id(), again.dm(), again.dms_open()), (user.id(), dm, false));
        let messages = again.messages(dm);
        assert_eq!(messages[0].content, "look");
        assert_eq!(*messages[0].attachments[0].bytes, *picture);
        assert!(again.say(dm, "more").unwrap() > messages[0].id);
        second.shutdown().await;
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world.json");
        std::fs::write(&path, "{\"version\": 99}").unwrap();
        let options = SandboxOptions {
            keep: Some(folder.path().to_owned()),
            ..SandboxOptions::default()
        };
        let refused = Sandbox::start(options).await.unwrap_err();
        assert!(refused.to_string().contains("remove the folder"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\": 99}");
    }
}
