//! The two hashes that the hub names its files by.

use std::fmt;
use std::io::{self, Read};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// How a file's content is known before it has arrived: the hub's entity tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Digest {
    /// SHA-256 of a large file.
    Sha256(String),
    /// Git's blob hash (SHA-1 over a header and the content) of a small file.
    GitBlob(String),
}

impl Digest {
    /// Reads an entity tag: with or without quotes, possibly marked as weak.
    pub fn of_etag(etag: &str) -> Option<Self> {
        let hex = etag
            .trim()
            .trim_start_matches("W/")
            .trim_matches('"')
            .to_ascii_lowercase();
        let all_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        match hex.len() {
            64 if all_hex => Some(Self::Sha256(hex)),
            40 if all_hex => Some(Self::GitBlob(hex)),
            _ => None,
        }
    }

    /// The hexadecimal digits, which are also the name of the blob in the cache.
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::GitBlob(hex) => hex,
        }
    }

    /// The hash's name for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitBlob(_) => "Git hash",
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex())
    }
}

/// Hashes of one content, as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub size: u64,
    pub sha256: String,
    /// Only where the whole size was known in advance, which Git hashes first.
    pub git: Option<String>,
}

impl Found {
    /// Whether the content is what a digest says.
    pub fn is(&self, digest: &Digest) -> bool {
        match digest {
            Digest::Sha256(hex) => *hex == self.sha256,
            Digest::GitBlob(hex) => Some(hex) == self.git.as_ref(),
        }
    }

    /// The hash of the digest's kind.
    pub fn like(&self, digest: &Digest) -> &str {
        match digest {
            Digest::Sha256(_) => &self.sha256,
            Digest::GitBlob(_) => self.git.as_deref().unwrap_or("unknown"),
        }
    }
}

/// Hashes a content of known size as it comes.
#[derive(Clone)]
pub(crate) struct Hasher {
    size: u64,
    sha256: Sha256,
    git: Option<Sha1>,
}

impl Hasher {
    /// Begins a content of `size` bytes; Git's hash is taken along only where it is wanted.
    pub fn new(size: u64, git: bool) -> Self {
        let git = git.then(|| Sha1::new_with_prefix(format!("blob {size}\0")));
        Self {
            size: 0,
            sha256: Sha256::new(),
            git,
        }
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        if let Some(git) = &mut self.git {
            git.update(bytes);
        }
    }

    /// Takes everything that a reader gives; `each` hears of every portion's length and may stop it with an error.
    pub fn read(
        &mut self,
        mut reader: impl Read,
        mut each: impl FnMut(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.update(&buffer[..read]);
            each(read as u64)?;
        }
    }

    /// The hashes of all that came.
    pub fn finish(self) -> Found {
        Found {
            size: self.size,
            sha256: hex(&self.sha256.finalize()),
            git: self.git.map(|git| hex(&git.finalize())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_sha256sum_and_git() {
        let mut hasher = Hasher::new(6, true);
        hasher.read(&b"hello\n"[..], |_| Ok(())).unwrap();
        let found = hasher.finish();
        assert_eq!(found.size, 6);
        assert_eq!(
            found.sha256,
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
        );
        // printf 'hello\n' | git hash-object --stdin
        assert_eq!(
            found.git.as_deref(),
            Some("ce013625030ba8dba906f756967f9e9ca394464a")
        );
    }

    #[test]
    fn entity_tags_are_hashes_or_nothing() {
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let quoted = format!("W/\"{git}\"");
        assert_eq!(Digest::of_etag(&quoted), Some(Digest::GitBlob(git.to_owned())));
        let sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(Digest::of_etag(sha), Some(Digest::Sha256(sha.to_owned())));
        for wrong in [
            "",
            "\"abc\"",
            "../../etc/passwd",
            &"z".repeat(64),
            &"a".repeat(41),
        ] {
            assert_eq!(Digest::of_etag(wrong), None, "{wrong}");
        }
    }
}
