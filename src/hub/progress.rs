//! What a download tells whoever watches.

use std::time::Duration;

/// Something that happened on the way. Paths are those in the checkpoint's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// All sizes are known; nothing has been transferred yet.
    Planned {
        /// Files of the checkpoint.
        files: usize,
        /// Bytes of all of them.
        total: u64,
        /// Bytes that are here already, parts of broken transfers included.
        present: u64,
    },
    /// Another process is downloading this file; this one waits for it.
    Waiting {
        /// The file.
        path: &'a str,
    },
    /// A file's transfer begins.
    Started {
        /// The file.
        path: &'a str,
        /// Its bytes.
        size: u64,
        /// Bytes of it that a broken transfer left.
        present: u64,
    },
    /// Bytes have arrived.
    Advanced {
        /// The file.
        path: &'a str,
        /// How many.
        bytes: u64,
    },
    /// A transfer was not usable and starts over.
    Restarted {
        /// The file.
        path: &'a str,
        /// Bytes that no longer count.
        bytes: u64,
    },
    /// A request failed and is repeated after a wait.
    Retrying {
        /// The file, or the repository.
        path: &'a str,
        /// What went wrong.
        reason: &'a str,
        /// How long it waits.
        wait: Duration,
    },
    /// A file is here, whole and checked.
    Finished {
        /// The file.
        path: &'a str,
        /// Its bytes.
        size: u64,
    },
}

/// Receives events, from several tasks at once.
pub trait Progress: Send + Sync {
    /// Takes note of one.
    fn on(&self, event: Event<'_>);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn on(&self, _: Event<'_>) {}
}

/// Bytes for people: `3.2 GiB`, `840 KiB`, `17 bytes`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} byte{}", if count == 1 { "" } else { "s" });
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    // 1023.96 KiB would round to 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 100.0 {
        format!("{value:.1} {}", UNITS[unit])
    } else {
        format!("{value:.0} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_read_well() {
        let shown: Vec<_> = [0, 1, 1023, 1024, 860_000, 3_438_167_540, 1024 * 1024 - 1]
            .into_iter()
            .map(bytes)
            .collect();
        assert_eq!(
            shown,
            [
                "0 bytes",
                "1 byte",
                "1023 bytes",
                "1.0 KiB",
                "840 KiB",
                "3.2 GiB",
                "1.0 MiB"
            ]
        );
    }
}
