//! Named tensors of one model, mapped from safetensors files or a GGUF file.
//!
//! Opening reads headers, no values. Each tensor is mapped by itself when it is asked for: the system reads a page when it is
//! first touched, and what is quantised leaves memory when its mapping is dropped.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, gguf_file};
use half::{bf16, f16};
use memmap2::{Mmap, MmapOptions};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::Deserialize;

use crate::ModelError;

/// Bytes before the header of a safetensors file: its length as a little-endian number.
const LENGTH: usize = 8;

/// How a tensor's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// Blocks of small integers with a common factor.
    Quantised(GgmlDType),
}

impl Format {
    /// Bytes of so many values.
    pub fn bytes(self, values: usize) -> usize {
        match self {
            Self::F32 => 4 * values,
            Self::F16 | Self::Bf16 => 2 * values,
            Self::Quantised(kind) => values / kind.block_size() * kind.type_size(),
        }
    }

    /// The same in candle's words.
    pub fn ggml(self) -> GgmlDType {
        match self {
            Self::F32 => GgmlDType::F32,
            Self::F16 => GgmlDType::F16,
            Self::Bf16 => GgmlDType::BF16,
            Self::Quantised(kind) => kind,
        }
    }

    fn of(kind: GgmlDType) -> Self {
        match kind {
            GgmlDType::F32 => Self::F32,
            GgmlDType::F16 => Self::F16,
            GgmlDType::BF16 => Self::Bf16,
            kind => Self::Quantised(kind),
        }
    }
}

/// Where one tensor lies.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    file: usize,
    pub format: Format,
    pub shape: Vec<usize>,
    range: Range<usize>,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    file: File,
}

/// The files of one model and the table of their tensors.
#[derive(Debug)]
pub(crate) struct Weights {
    files: Vec<Source>,
    entries: HashMap<String, Entry>,
    /// Of a sharded set: the index, and the file it names for each tensor.
    index: Option<(PathBuf, BTreeMap<String, String>)>,
    /// Of a GGUF file: its texts.
    metadata: HashMap<String, String>,
}

/// Values as they are stored, in a mapped file or in memory.
#[derive(Debug, Clone)]
pub(crate) enum Bytes {
    Mapped(Arc<Mmap>),
    Owned(Arc<[u8]>),
}

impl Bytes {
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Maps the weights at `path`: a GGUF file, or a folder with `STEM.safetensors`, a sharded set of that name, or one GGUF
    /// file.
    ///
    /// # Errors
    /// If there are none, only pickle files, or a file is damaged.
    pub fn open(path: &Path, stem: &str) -> Result<Self, ModelError> {
        if path.is_file() {
            return Self::of_gguf(path);
        }
        let whole = path.join(format!("{stem}.safetensors"));
        if whole.is_file() {
            return Self::of_safetensors(&[whole], None);
        }
        let index = path.join(format!("{stem}.safetensors.index.json"));
        if index.is_file() {
            return Self::of_shards(path, &index);
        }
        let ggufs = gguf_files(path)?;
        if let [only] = &ggufs[..] {
            return Self::of_gguf(only);
        }
        let hint = match ggufs.len() {
            0 => format!(
                "weights as {stem}.safetensors, a sharded set with {stem}.safetensors.index.json, or one .gguf file; pickle \
                 files are not read"
            ),
            n => format!("there are {n} .gguf files instead: name the one to load"),
        };
        Err(ModelError::MissingFile { path: whole, hint })
    }

    fn of_shards(folder: &Path, index: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(index).map_err(|e| ModelError::io(index, e))?;
        let parsed: ShardIndex = serde_json::from_str(&text).map_err(|e| ModelError::malformed(index, e))?;
        let mut names: Vec<_> = parsed.weight_map.values().cloned().collect();
        names.sort();
        names.dedup();
        if let Some(bad) = names.iter().find(|name| name.contains(['/', '\\'])) {
            return Err(ModelError::malformed(
                index,
                format!("shard `{bad}` is outside the folder"),
            ));
        }
        if names.is_empty() {
            return Err(ModelError::malformed(index, "names no files"));
        }
        let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
        if let Some(absent) = paths.iter().find(|path| !path.is_file()) {
            return Err(ModelError::MissingFile {
                path: absent.clone(),
                hint: format!("a shard of the weights, listed in {}", index.display()),
            });
        }
        Self::of_safetensors(&paths, Some((index.to_owned(), parsed.weight_map)))
    }

    fn of_safetensors(
        paths: &[PathBuf],
        index: Option<(PathBuf, BTreeMap<String, String>)>,
    ) -> Result<Self, ModelError> {
        let (mut files, mut entries) = (Vec::new(), HashMap::new());
        for (at, path) in paths.iter().enumerate() {
            let (source, map) = open(path)?;
            let (header, metadata) = SafeTensors::read_metadata(&map)
                .map_err(|e| ModelError::malformed(path, format!("{e}; get the file again")))?;
            let start = LENGTH + header;
            for (name, info) in metadata.tensors() {
                let format = match info.dtype {
                    Dtype::F32 => Format::F32,
                    Dtype::F16 => Format::F16,
                    Dtype::BF16 => Format::Bf16,
                    other => {
                        let reason =
                            format!("tensor `{name}` is stored as {other:?}; F32, F16 and BF16 are read");
                        return Err(ModelError::malformed(path, reason));
                    }
                };
                let (from, to) = info.data_offsets;
                let entry = Entry {
                    file: at,
                    format,
                    shape: info.shape.clone(),
                    range: start + from..start + to,
                };
                entries.insert(name, entry);
            }
            files.push(source);
        }
        let metadata = HashMap::new();
        Ok(Self {
            files,
            entries,
            index,
            metadata,
        })
    }

    fn of_gguf(path: &Path) -> Result<Self, ModelError> {
        let (source, map) = open(path)?;
        let content = gguf_file::Content::read(&mut Cursor::new(&map[..]))
            .map_err(|e| ModelError::malformed(path, e))?;
        let mut entries = HashMap::new();
        for (name, info) in content.tensor_infos {
            let format = Format::of(info.ggml_dtype);
            let shape = info.shape.dims().to_vec();
            let values: usize = shape.iter().product();
            let start = (content.tensor_data_offset + info.offset) as usize;
            let range = start..start.saturating_add(format.bytes(values));
            if range.end > map.len() || !values.is_multiple_of(info.ggml_dtype.block_size()) {
                let reason = format!(
                    "tensor `{name}` of shape {shape:?} is not whole: the file ends after {} bytes; get it again",
                    map.len()
                );
                return Err(ModelError::malformed(path, reason));
            }
            let file = 0;
            entries.insert(
                name,
                Entry {
                    file,
                    format,
                    shape,
                    range,
                },
            );
        }
        let metadata = content
            .metadata
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.to_string().ok()?.clone())))
            .collect();
        Ok(Self {
            files: vec![source],
            entries,
            index: None,
            metadata,
        })
    }

    /// A text of a GGUF file's header.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The first file, for messages that concern all.
    pub fn path(&self) -> &Path {
        match &self.index {
            Some((path, _)) => path,
            None => &self.files[0].path,
        }
    }

    /// The names of all tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The table's entries, in no order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// A tensor's entry and values.
    ///
    /// # Errors
    /// If it is missing or has another shape, naming file, tensor and shapes.
    pub fn find(&self, name: &str, expected: &[usize]) -> Result<(&Entry, Bytes), ModelError> {
        let Some(entry) = self.entries.get(name) else {
            let named = self
                .index
                .as_ref()
                .and_then(|(path, map)| Some(path.with_file_name(map.get(name)?)));
            return Err(ModelError::MissingTensor {
                path: named.unwrap_or_else(|| self.path().to_owned()),
                tensor: name.to_owned(),
                expected: expected.to_vec(),
            });
        };
        if entry.shape != expected {
            return Err(ModelError::TensorShape {
                path: self.files[entry.file].path.clone(),
                tensor: name.to_owned(),
                expected: expected.to_vec(),
                found: entry.shape.clone(),
            });
        }
        Ok((entry, self.files[entry.file].bytes(&entry.range)?))
    }
}

/// The GGUF files of a folder, sorted.
fn gguf_files(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| ModelError::io(folder, e))? {
        let path = entry.map_err(|e| ModelError::io(folder, e))?.path();
        if path.extension().is_some_and(|end| end == "gguf") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Opens a file, and maps it as a whole to read its header.
fn open(path: &Path) -> Result<(Source, Mmap), ModelError> {
    let io = |error| ModelError::io(path, error);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length == 0 {
        return Err(ModelError::malformed(path, "the file is empty"));
    }
    let map = map(&file, &(0..length as usize)).map_err(io)?;
    let path = path.to_owned();
    Ok((Source { path, file }, map))
}

impl Source {
    /// Maps a part of the file, whose ends were checked against its length when it was opened.
    fn bytes(&self, range: &Range<usize>) -> Result<Bytes, ModelError> {
        if range.is_empty() {
            return Ok(Bytes::Owned(Arc::new([])));
        }
        let map = map(&self.file, range).map_err(|e| ModelError::io(&self.path, e))?;
        Ok(Bytes::Mapped(Arc::new(map)))
    }
}

/// Maps a part of a file that must not change while it is in use.
#[allow(unsafe_code)]
fn map(file: &File, range: &Range<usize>) -> std::io::Result<Mmap> {
    let mut options = MmapOptions::new();
    options.offset(range.start as u64).len(range.len());
    // SAFETY: mapping is sound as long as nobody truncates or rewrites the file while it is mapped. A checkpoint is
    // replaced by writing a new file, not by rewriting weights in place.
    unsafe { options.map(file) }
}

/// Writes stored values as f32, one for one. Only for formats without blocks.
pub(crate) fn widen(format: Format, bytes: &[u8], out: &mut [f32]) {
    let pairs = || bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    match format {
        Format::Bf16 => out
            .iter_mut()
            .zip(pairs())
            .for_each(|(o, bits)| *o = f32::from_bits(u32::from(bits) << 16)),
        Format::F16 => out
            .iter_mut()
            .zip(pairs())
            .for_each(|(o, bits)| *o = f16::from_bits(bits).to_f32()),
        Format::F32 | Format::Quantised(_) => out
            .iter_mut()
            .zip(bytes.chunks_exact(4))
            .for_each(|(o, b)| *o = f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
    }
}

/// Writes f32 values as they would be stored. Only for formats without blocks.
pub(crate) fn narrow(format: Format, values: &[f32]) -> Vec<u8> {
    match format {
        Format::Bf16 => values
            .iter()
            .flat_map(|&v| bf16::from_f32(v).to_le_bytes())
            .collect(),
        Format::F16 => values
            .iter()
            .flat_map(|&v| f16::from_f32(v).to_le_bytes())
            .collect(),
        Format::F32 | Format::Quantised(_) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}
