//! Finds the folders that come with the program.

use std::path::{Path, PathBuf};

/// Looks a relative path up from the working directory, then beside the binary, then in the source tree that it was built from.
///
/// Returns the path unchanged when none of these exists, so that the error of whoever opens it names what was asked for.
pub fn find(path: &Path) -> PathBuf {
    if path.is_absolute() || path.exists() {
        return path.to_owned();
    }
    let beside_binary = std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(|folder| folder.join(path)));
    let in_sources = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    [beside_binary, Some(in_sources)]
        .into_iter()
        .flatten()
        .find(|candidate| candidate.exists())
        .unwrap_or_else(|| path.to_owned())
}
