use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::disk::{Appender, Disk, SystemDisk};
use crate::fake::model;

/// A disk that claims to have `free` bytes and takes `room` bytes.
struct SmallDisk {
    free: u64,
    room: usize,
}

struct SmallFile {
    file: Box<dyn Appender>,
    room: usize,
}

impl Disk for SmallDisk {
    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(self.free)
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn Appender>> {
        let file = SystemDisk.append(path)?;
        Ok(Box::new(SmallFile {
            file,
            room: self.room,
        }))
    }
}

impl Write for SmallFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        let written = self.file.write(&bytes[..bytes.len().min(self.room)])?;
        self.room -= written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Appender for SmallFile {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn clear(&mut self) -> io::Result<()> {
        self.file.clear()
    }
}

#[tokio::test]
async fn a_disk_that_is_too_small_is_told_before_anything_comes() {
    let bench = Bench::new().await;
    let disk = SmallDisk {
        free: 102_400,
        room: 0,
    };
    let hub = bench.hub().with_disk(Arc::new(disk));
    let error = message(hub.pull(&model(&ALL), false, &Silent).await);
    assert!(
        error.contains("293 KiB more") && error.contains("only 100 KiB"),
        "{error}"
    );
    assert!(error.contains(&*bench.folder.path().to_string_lossy()), "{error}");
    assert!(bench.server.ranges().is_empty());
}

#[tokio::test]
async fn a_disk_that_fills_up_keeps_what_fits_and_the_next_run_goes_on() {
    let bench = Bench::new().await;
    let disk = SmallDisk {
        free: u64::MAX,
        room: 90_000,
    };
    let hub = bench.hub().with_disk(Arc::new(disk));
    let error = message(hub.pull(&model(&ALL), false, &Silent).await);
    assert!(
        error.contains("disk is full") && error.contains("87.9 KiB"),
        "{error}"
    );
    assert!(bench.partial().unwrap() == bench.unet[..90_000]);

    let pulled = bench.pull(&model(&ALL)).await.unwrap();
    assert_eq!(
        bench.server.ranges().last().unwrap().as_deref(),
        Some("bytes=90000-")
    );
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
}

#[tokio::test]
async fn what_is_here_already_needs_no_room() {
    let bench = Bench::new().await;
    bench.pull(&model(&ALL)).await.unwrap();
    let hub = bench.hub().with_disk(Arc::new(SmallDisk { free: 0, room: 0 }));
    hub.pull(&model(&ALL), false, &Silent).await.unwrap();
}
