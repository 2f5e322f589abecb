//! What is written: pictures, progress, and a line for each picture.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::receipt::Receipt;

/// One line of `--json`.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub path: &'a Path,
    /// From the start of its batch to the finished file.
    pub seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latents: Option<&'a Path>,
    #[serde(flatten)]
    pub receipt: &'a Receipt,
}

/// Shows progress to a person; a pipe or a log gets none.
pub(super) fn progress_bar(steps: u64) -> anyhow::Result<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let bar = ProgressBar::new(steps);
    bar.set_style(ProgressStyle::with_template(
        "{bar:32} step {pos} of {len}, {eta} left",
    )?);
    bar.enable_steady_tick(Duration::from_millis(250));
    Ok(bar)
}

/// Writes a file under a name that is not taken: `stem.png`, `stem-2.png` and so on.
pub(super) fn write_new(folder: &Path, stem: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
    for n in 1..10_000 {
        let name = if n == 1 {
            format!("{stem}.png")
        } else {
            format!("{stem}-{n}.png")
        };
        let path = folder.join(name);
        match std::fs::File::create_new(&path) {
            Ok(mut file) => {
                file.write_all(content)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }
    bail!("{} holds thousands of pictures of this seed", folder.display())
}

pub(super) fn report(line: &Line<'_>, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = if json {
        writeln!(out, "{}", serde_json::to_string(line)?)
    } else {
        let receipt = line.receipt;
        let path = line.path.display();
        writeln!(
            out,
            "{path}  seed {}, β {}, {:.1} s",
            receipt.seed, receipt.beta, line.seconds
        )
    };
    match written {
        // Whoever read the output has seen enough; the pictures are written all the same.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_never_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let first = write_new(folder.path(), "seed-1", b"a").unwrap();
        let second = write_new(folder.path(), "seed-1", b"b").unwrap();
        assert_eq!(second, folder.path().join("seed-1-2.png"));
        assert_eq!(std::fs::read(first).unwrap(), b"a");
    }
}
