//! One safetensors file, mapped into memory.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata, SafeTensorError};

use super::Section;
use crate::error::{DiffusionError, Result};

/// Bytes before the header: its length as a little-endian number.
const LENGTH: usize = 8;

/// A mapped file and the table of its tensors. The system reads a page when it is first touched, not before.
#[derive(Debug)]
pub(crate) struct TensorFile {
    path: PathBuf,
    map: Mmap,
    tensors: HashMap<String, Entry>,
    metadata: HashMap<String, String>,
}

/// Where one tensor lies in its file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Bytes in the file.
    pub range: Range<usize>,
}

impl Entry {
    /// The entry of a part of the tensor.
    pub(super) fn section(&self, section: Section) -> Self {
        let Self {
            dtype,
            mut shape,
            mut range,
        } = self.clone();
        match section {
            Section::Whole | Section::Transposed => {}
            Section::Matrix => {
                while shape.len() > 2 && shape.last() == Some(&1) {
                    shape.pop();
                }
            }
            Section::Third(third) => {
                // Rows that do not come in threes are left to be found misshapen.
                if let Some(rows) = shape.first_mut().filter(|rows| rows.is_multiple_of(3)) {
                    *rows /= 3;
                    let size = range.len() / 3;
                    range = range.start + third * size..range.start + (third + 1) * size;
                }
            }
        }
        Self { dtype, shape, range }
    }
}

impl TensorFile {
    /// Maps a file and reads its header.
    ///
    /// # Errors
    /// If it is absent, a pickle under another name, or damaged. A file that ends early is reported with the first tensor
    /// that is not whole.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |error| DiffusionError::io(path, error);
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(DiffusionError::malformed(path, "the file is empty"));
        }
        let map = map(&file).map_err(io)?;
        if is_pickle(&map) {
            return Err(DiffusionError::Pickle {
                path: path.to_owned(),
            });
        }
        let (header, metadata) = match SafeTensors::read_metadata(&map) {
            Ok(read) => read,
            Err(SafeTensorError::MetadataIncompleteBuffer) => {
                return Err(DiffusionError::malformed(path, truncation(&map)));
            }
            Err(error) => return Err(DiffusionError::malformed(path, error)),
        };
        let start = LENGTH + header;
        let tensors = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| {
                let (from, to) = info.data_offsets;
                let entry = Entry {
                    dtype: info.dtype,
                    shape: info.shape.clone(),
                    range: start + from..start + to,
                };
                (name, entry)
            })
            .collect();
        Ok(Self {
            path: path.to_owned(),
            tensors,
            metadata: metadata.metadata().clone().unwrap_or_default(),
            map,
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The table's entry of a tensor.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.tensors.get(name)
    }

    /// The names of all tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The header's free text entries.
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// Bytes of the file.
    pub fn bytes(&self, range: &Range<usize>) -> &[u8] {
        // Ranges come from the header, which was checked against the file's length.
        &self.map[range.clone()]
    }

    /// Copies a tensor to a device, in the type it is stored in.
    ///
    /// # Errors
    /// If its type is none that can be computed with.
    pub fn tensor(&self, name: &str, entry: &Entry, device: &Device) -> Result<Tensor> {
        let dtype = DType::try_from(entry.dtype).map_err(|_| {
            let reason = format!(
                "tensor `{name}` is stored as {:?}, which is not supported",
                entry.dtype
            );
            DiffusionError::malformed(&self.path, reason)
        })?;
        let bytes = self.bytes(&entry.range);
        Ok(Tensor::from_raw_buffer(bytes, dtype, &entry.shape, device)?)
    }
}

/// Maps a file that must not change while it is in use.
#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: mapping is sound as long as nobody truncates or rewrites the file while it is mapped. A checkpoint is
    // replaced by writing a new file, not by rewriting weights in place.
    unsafe { Mmap::map(file) }
}

/// Whether these are the first bytes of what Python's `torch.save` writes: a zip archive, or a bare pickle.
fn is_pickle(bytes: &[u8]) -> bool {
    let zip = bytes.starts_with(b"PK\x03\x04");
    // PROTO opcode and a protocol number; as a header's length this would be followed by a `{` at the ninth byte.
    let bare = bytes.len() > 2
        && bytes[0] == 0x80
        && (2..=5).contains(&bytes[1])
        && bytes.get(LENGTH) != Some(&b'{');
    zip || bare
}

/// Says what a file lacks whose header promises more, or less, than there is.
fn truncation(bytes: &[u8]) -> String {
    let found = bytes.len();
    let header = u64::from_le_bytes(std::array::from_fn(|i| bytes[i])) as usize;
    let Ok(table) = serde_json::from_slice::<Metadata>(&bytes[LENGTH..LENGTH + header]) else {
        return "the header does not fit the file".to_owned();
    };
    let start = LENGTH + header;
    let whole = start + table.data_len();
    let lost = table.offset_keys().into_iter().find_map(|name| {
        Some((table.info(&name)?.clone(), name)).filter(|(info, _)| start + info.data_offsets.1 > found)
    });
    match lost {
        Some((info, name)) => format!(
            "the file ends after {found} of {whole} bytes: tensor `{name}` of shape {:?} is not whole; get the file again",
            info.shape
        ),
        None => format!("the file has {found} bytes, its header describes {whole}; get the file again"),
    }
}
