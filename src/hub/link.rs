//! Links from a checkpoint's folder to the content in the cache.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::{HubError, Result};

/// Makes `link` stand for `target`, relative so that the cache can be moved, in place of whatever was at `link`.
///
/// Where symbolic links need privileges, a hard link takes their place.
pub(crate) fn link(target: &Path, link: &Path) -> Result<()> {
    let error = |error| HubError::io(link, error);
    let folder = link.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| HubError::io(folder, error))?;
    let pointer = relative(target, folder);
    if fs::read_link(link).is_ok_and(|present| present == pointer) {
        return Ok(());
    }
    // Made under another name and moved, so that the link is never missing in between.
    let fresh = folder.join(format!(".{}.link", std::process::id()));
    match fs::remove_file(&fresh) {
        Err(gone) if gone.kind() != io::ErrorKind::NotFound => return Err(HubError::io(&fresh, gone)),
        _ => {}
    }
    make(&pointer, target, &fresh).map_err(error)?;
    fs::rename(&fresh, link).map_err(error)
}

#[cfg(unix)]
fn make(pointer: &Path, _target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(pointer, link)
}

#[cfg(not(unix))]
fn make(_pointer: &Path, target: &Path, link: &Path) -> io::Result<()> {
    fs::hard_link(target, link)
}

/// The way from `folder` to `target`, both absolute or both relative to the same folder.
fn relative(target: &Path, folder: &Path) -> PathBuf {
    let (to, from): (Vec<_>, Vec<_>) = (target.components().collect(), folder.components().collect());
    let shared = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| Component::ParentDir);
    up.chain(to[shared..].iter().copied()).collect()
}

/// Writes a file so that a reader finds the old content or the new one, never a part.
pub(crate) fn write_whole(path: &Path, content: &str) -> Result<()> {
    let error = |error| HubError::io(path, error);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| HubError::io(folder, error))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let fresh = path.with_file_name(name);
    fs::write(&fresh, content).map_err(error)?;
    fs::rename(&fresh, path).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_climb_to_the_shared_folder() {
        let way = |target: &str, folder: &str| relative(Path::new(target), Path::new(folder));
        assert_eq!(
            way("/c/r/blobs/x", "/c/r/snapshots/1/unet"),
            Path::new("../../../blobs/x")
        );
        assert_eq!(way("/c/r/x", "/c/r"), Path::new("x"));
    }

    #[test]
    fn a_link_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "old").unwrap();
        fs::write(at("new"), "new").unwrap();
        for target in ["old", "new", "new"] {
            link(&at(target), &at("deep/er/link")).unwrap();
            assert_eq!(fs::read_to_string(at("deep/er/link")).unwrap(), target);
        }
    }
}
