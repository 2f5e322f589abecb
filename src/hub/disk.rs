//! Free space and growing files: the two things that a full disk stands in the way of.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A disk to download to.
pub trait Disk: Send + Sync {
    /// Bytes that an ordinary user may still write to the file system of `folder`, which exists.
    ///
    /// # Errors
    /// What the system says.
    fn free(&self, folder: &Path) -> io::Result<u64>;

    /// Opens a file to append to, made if it is not there.
    ///
    /// # Errors
    /// What the system says.
    fn append(&self, path: &Path) -> io::Result<Box<dyn Appender>>;
}

/// A file that grows.
pub trait Appender: Write + Send {
    /// Brings everything to the disk for good.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;

    /// Empties the file.
    ///
    /// # Errors
    /// What the system says.
    fn clear(&mut self) -> io::Result<()>;
}

/// The machine's own disk.
#[derive(Debug, Clone, Copy)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn free(&self, folder: &Path) -> io::Result<u64> {
        fs4::available_space(folder)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Box::new(file))
    }
}

impl Appender for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    fn clear(&mut self) -> io::Result<()> {
        self.set_len(0)
    }
}
