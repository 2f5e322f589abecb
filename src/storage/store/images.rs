//! Images, within a number of bytes.

use tastemaker_pool::JobId;

use super::{Store, Writer};
use crate::StoreError;
use crate::envelope::{self, IMAGE_SCHEMA};
use crate::tree::{self, Changes, Tree};

/// Counts images.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ImageCount {
    pub(super) images: usize,
    pub(super) bytes: u64,
}

/// Is an entry of the index by age.
struct Aged {
    age: [u8; 8],
    job: JobId,
    index: u8,
    bytes: u64,
}

impl Store {
    /// Keeps the bytes of a job's image, in place of the one it had, and lets the oldest images go if there are too
    /// many bytes. Not flushed: the record of the job, written after its images, is, and takes them along.
    ///
    /// # Errors
    /// [`StoreError::NoSuchJob`], [`StoreError::ImageTooLarge`] or [`StoreError::Database`].
    pub fn put_image(&self, job: JobId, index: u8, bytes: &[u8]) -> Result<(), StoreError> {
        let cap = self.inner.options.image_cap_bytes;
        let size = bytes.len() as u64;
        if size > cap {
            return Err(StoreError::ImageTooLarge { bytes: size, cap });
        }
        let mut writer = self.writer();
        // Images belong to a job so that they go when it goes.
        if !self.tree(Tree::Jobs).contains_key(tree::id(job))? {
            return Err(StoreError::NoSuchJob { id: job });
        }
        let key = tree::image(job, index);
        let mut changes = Changes::default();
        let replaced = self.aged(&key)?;
        let mut left = writer.image_bytes;
        if let Some(old) = &replaced {
            changes.remove(Tree::ImageAges, old.age);
            left = left.saturating_sub(old.bytes);
        }
        let replaced = replaced.map(|old| old.age);
        left = self.plan_eviction(&mut changes, left, cap - size, replaced)?;
        let age = tree::id(self.inner.db.generate_id()?);
        changes.insert(Tree::Images, key, envelope::wrap(IMAGE_SCHEMA, &[&age, bytes]));
        changes.insert(Tree::ImageAges, age, [&key[..], &tree::id(size)].concat());
        self.commit(&changes)?;
        writer.image_bytes = left + size;
        Ok(())
    }

    /// Returns the bytes of a job's image; `None` if there was none or it had to go.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::NewerRecord`] or [`StoreError::Database`].
    pub fn image(&self, job: JobId, index: u8) -> Result<Option<Vec<u8>>, StoreError> {
        let key = tree::image(job, index);
        let Some(value) = self.tree(Tree::Images).get(key)? else {
            return Ok(None);
        };
        split(&key, &value).map(|(_, bytes)| Some(bytes.to_vec()))
    }

    /// Returns the bytes of all images.
    pub fn image_bytes(&self) -> u64 {
        self.writer().image_bytes
    }

    /// Adds up the bytes of all images from the index, and makes the index anew if it cannot be read.
    pub(super) fn count_image_bytes(&self) -> Result<u64, StoreError> {
        let mut total: u64 = 0;
        for entry in self.tree(Tree::ImageAges).iter() {
            let (age, value) = entry?;
            match read_aged(&age, &value) {
                Ok(aged) => total = total.saturating_add(aged.bytes),
                Err(error) => {
                    tracing::error!(%error, "making the index of images anew");
                    return self.rebuild_ages();
                }
            }
        }
        Ok(total)
    }

    /// Makes the index by age anew from the images, and returns their bytes. An image that cannot be read has no age,
    /// and is of no use either: it goes.
    fn rebuild_ages(&self) -> Result<u64, StoreError> {
        let mut changes = Changes::default();
        for age in self.tree(Tree::ImageAges).iter().keys() {
            changes.remove(Tree::ImageAges, age?);
        }
        let mut total: u64 = 0;
        for entry in self.tree(Tree::Images).iter() {
            let (key, value) = entry?;
            match split(&key, &value) {
                Ok((age, bytes)) => {
                    let size = bytes.len() as u64;
                    changes.insert(Tree::ImageAges, age, [&key[..], &tree::id(size)].concat());
                    total = total.saturating_add(size);
                }
                Err(_) => changes.remove(Tree::Images, &key),
            }
        }
        self.commit(&changes)?;
        Ok(total)
    }

    /// Lets the oldest images go until at most `limit` bytes are left.
    pub(super) fn evict_to(&self, writer: &mut Writer, limit: u64) -> Result<(), StoreError> {
        let mut changes = Changes::default();
        let left = self.plan_eviction(&mut changes, writer.image_bytes, limit, None)?;
        self.commit(&changes)?;
        writer.image_bytes = left;
        Ok(())
    }

    /// Collects what letting the oldest images go changes, until at most `limit` of `left` bytes are left, and returns
    /// those. The image of age `gone` is not counted in `left` any more.
    fn plan_eviction(
        &self,
        changes: &mut Changes,
        mut left: u64,
        limit: u64,
        gone: Option<[u8; 8]>,
    ) -> Result<u64, StoreError> {
        let mut entries = self.tree(Tree::ImageAges).iter();
        while left > limit {
            let Some(entry) = entries.next() else { break };
            let (age, value) = entry?;
            let oldest = read_aged(&age, &value)?;
            if gone != Some(oldest.age) {
                changes.remove(Tree::Images, tree::image(oldest.job, oldest.index));
                changes.remove(Tree::ImageAges, oldest.age);
                left = left.saturating_sub(oldest.bytes);
            }
        }
        Ok(left)
    }

    /// Collects what removing a job's images changes.
    pub(super) fn remove_images(&self, changes: &mut Changes, job: JobId) -> Result<ImageCount, StoreError> {
        let mut count = ImageCount::default();
        for key in self.tree(Tree::Images).scan_prefix(tree::id(job)).keys() {
            let key = key?;
            changes.remove(Tree::Images, &key);
            count.images += 1;
            if let Some(aged) = self.aged(&key)? {
                changes.remove(Tree::ImageAges, aged.age);
                count.bytes += aged.bytes;
            }
        }
        Ok(count)
    }

    /// Finds an image's entry in the index by age.
    fn aged(&self, key: &[u8]) -> Result<Option<Aged>, StoreError> {
        let Some(value) = self.tree(Tree::Images).get(key)? else {
            return Ok(None);
        };
        let by_age = split(key, &value).ok().and_then(|(age, _)| {
            self.tree(Tree::ImageAges)
                .get(age)
                .transpose()
                .map(|entry| entry.map(|entry| (age, entry)))
        });
        if let Some(entry) = by_age {
            let (age, entry) = entry?;
            return read_aged(&age, &entry).map(Some);
        }
        // The image's own head is damaged: look for it from the other side.
        for entry in self.tree(Tree::ImageAges).iter() {
            let (age, entry) = entry?;
            if entry.starts_with(key) {
                return read_aged(&age, &entry).map(Some);
            }
        }
        Ok(None)
    }
}

/// Splits an image's value into its age and its bytes.
fn split<'a>(key: &[u8], value: &'a [u8]) -> Result<([u8; 8], &'a [u8]), StoreError> {
    let (_, content) = envelope::unwrap(Tree::Images, key, value, IMAGE_SCHEMA)?;
    let (age, bytes) = content
        .split_first_chunk()
        .ok_or_else(|| envelope::corrupt(Tree::Images, key, "no age"))?;
    Ok((*age, bytes))
}

fn read_aged(age: &[u8], value: &[u8]) -> Result<Aged, StoreError> {
    let read = || {
        Some(Aged {
            age: age.try_into().ok()?,
            job: tree::read_id(value, 0)?,
            index: *value.get(8)?,
            bytes: tree::read_id(value, 9)?,
        })
    };
    read().ok_or_else(|| envelope::corrupt(Tree::ImageAges, age, "not an image's entry"))
}
