//! Named tensors of one model, mapped from safetensors files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Shape, Tensor, safetensors::MmapedSafetensors};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{DiffusionError, Result};

/// A view into one model's weights below a name prefix, like a folder in a tree of tensors.
///
/// Cheap to clone. Tensors are converted to the wanted precision and copied to the device when they are asked for, and
/// only then read from disk.
#[derive(Clone)]
pub(crate) struct Weights {
    files: Arc<Files>,
    prefix: String,
    dtype: DType,
    device: Device,
}

struct Files {
    /// The first file, which error messages name.
    first: PathBuf,
    mapped: MmapedSafetensors,
}

impl Weights {
    /// Maps the weights in `folder`: `STEM.safetensors`, a sharded set, or their `fp16` variants.
    ///
    /// # Errors
    /// If there are none, only pickle files, or a file is damaged.
    pub fn open(folder: &Path, stem: &str, dtype: DType, device: &Device) -> Result<Self> {
        let paths = find(folder, stem)?;
        let first = paths[0].clone();
        // Checked one by one first: the joint call below cannot say which file is damaged.
        for path in &paths {
            map(std::slice::from_ref(path))
                .map_err(|error| DiffusionError::malformed(path, brief(&error)))?;
        }
        let mapped = map(&paths).map_err(|error| DiffusionError::malformed(&first, brief(&error)))?;
        let files = Arc::new(Files { first, mapped });
        Ok(Self {
            files,
            prefix: String::new(),
            dtype,
            device: device.clone(),
        })
    }

    /// The view one level down.
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Self {
            prefix: self.full(&name.to_string()),
            ..self.clone()
        }
    }

    /// Whether a tensor of this name exists below the prefix.
    pub fn contains(&self, name: &str) -> bool {
        self.files.mapped.get(&self.full(name)).is_ok()
    }

    /// Reads a tensor, converted to this view's precision and device.
    ///
    /// # Errors
    /// If it is missing or has another shape, naming file, tensor and shapes.
    pub fn get(&self, shape: impl Into<Shape>, name: &str) -> Result<Tensor> {
        let shape = shape.into();
        let full = self.full(name);
        let mapped = &self.files.mapped;
        let view = mapped.get(&full).map_err(|_| DiffusionError::MissingTensor {
            path: self.files.first.clone(),
            tensor: full.clone(),
            expected: shape.dims().to_vec(),
        })?;
        if view.shape() != shape.dims() {
            return Err(DiffusionError::TensorShape {
                path: self.files.first.clone(),
                tensor: full,
                expected: shape.dims().to_vec(),
                found: view.shape().to_vec(),
            });
        }
        let tensor = mapped.load(&full, &self.device)?;
        Ok(tensor.to_dtype(self.dtype)?)
    }

    fn full(&self, name: &str) -> String {
        if self.prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}

/// Maps files that must not change while the pipeline lives.
#[allow(unsafe_code)]
fn map(paths: &[PathBuf]) -> candle_core::Result<MmapedSafetensors> {
    // SAFETY: mapping is sound as long as nobody truncates the file while it is mapped; a checkpoint folder is replaced by
    // writing a new folder, not by rewriting weights in place, and candle offers no other way to read lazily.
    unsafe { MmapedSafetensors::multi(paths) }
}

/// The first line of a library error, without its backtrace.
fn brief(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// Finds the files of one model: plain before `fp16`, whole before sharded.
pub(crate) fn find(folder: &Path, stem: &str) -> Result<Vec<PathBuf>> {
    for variant in ["", ".fp16"] {
        let whole = folder.join(format!("{stem}{variant}.safetensors"));
        if whole.is_file() {
            return Ok(vec![whole]);
        }
        let index = folder.join(format!("{stem}.safetensors.index{variant}.json"));
        if index.is_file() {
            let text = fs::read_to_string(&index).map_err(|e| DiffusionError::io(&index, e))?;
            let parsed: ShardIndex =
                serde_json::from_str(&text).map_err(|e| DiffusionError::malformed(&index, e))?;
            let mut names: Vec<_> = parsed.weight_map.into_values().collect();
            names.sort();
            names.dedup();
            if let Some(bad) = names.iter().find(|name| name.contains(['/', '\\'])) {
                return Err(DiffusionError::malformed(
                    &index,
                    format!("shard `{bad}` is outside the folder"),
                ));
            }
            let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
            if let Some(absent) = paths.iter().find(|path| !path.is_file()) {
                return Err(DiffusionError::MissingFile {
                    path: absent.clone(),
                    hint: "a shard of the weights".into(),
                });
            }
            if paths.is_empty() {
                return Err(DiffusionError::malformed(&index, "names no files"));
            }
            return Ok(paths);
        }
    }
    for pickle in [
        format!("{stem}.bin"),
        "pytorch_model.bin".into(),
        format!("{stem}.fp16.bin"),
    ] {
        let path = folder.join(pickle);
        if path.is_file() {
            return Err(DiffusionError::Pickle { path });
        }
    }
    let hint = format!("weights as {stem}.safetensors, {stem}.fp16.safetensors or a sharded set");
    Err(DiffusionError::MissingFile {
        path: folder.join(format!("{stem}.safetensors")),
        hint,
    })
}

/// Names the content of a set of files: the first 12 hexadecimal digits of SHA-256 over each file's own SHA-256.
///
/// Receipts carry it, so that a picture can be traced to the exact weights. Files are read in parallel.
pub(crate) fn content_hash(paths: &[PathBuf]) -> Result<String> {
    use rayon::prelude::*;
    let digests: Vec<_> = paths
        .par_iter()
        .map(|path| {
            let mut hasher = Sha256::new();
            let mut file = fs::File::open(path).map_err(|e| DiffusionError::io(path, e))?;
            std::io::copy(&mut file, &mut hasher).map_err(|e| DiffusionError::io(path, e))?;
            Ok(hasher.finalize())
        })
        .collect::<Result<_>>()?;
    let mut all = Sha256::new();
    digests.iter().for_each(|digest| all.update(digest));
    Ok(all
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(name: &str, content: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), content).unwrap();
        folder
    }

    fn message(error: DiffusionError) -> String {
        error.to_string()
    }

    #[test]
    fn a_missing_and_a_misshapen_tensor_are_named_with_file_and_shapes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let tensor = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
        tensor.save_safetensors("a.weight", &path).unwrap();
        let weights = Weights::open(folder.path(), "model", DType::F32, &Device::Cpu).unwrap();
        assert_eq!(weights.pp("a").get((2, 3), "weight").unwrap().dims(), [2, 3]);

        let missing = message(weights.pp("a").get(4, "bias").unwrap_err());
        assert!(
            missing.contains("model.safetensors") && missing.contains("a.bias") && missing.contains("[4]")
        );
        let shape = message(weights.get((3, 2), "a.weight").unwrap_err());
        assert!(shape.contains("a.weight") && shape.contains("[2, 3]") && shape.contains("[3, 2]"));
    }

    #[test]
    fn a_truncated_file_is_named() {
        let folder = folder_with("model.safetensors", &[40, 0, 0, 0, 0, 0, 0, 0, b'{']);
        let error = Weights::open(folder.path(), "model", DType::F32, &Device::Cpu)
            .err()
            .unwrap();
        assert!(message(error).contains("model.safetensors"));
    }

    #[test]
    fn a_pickle_file_is_refused_with_advice() {
        let folder = folder_with("pytorch_model.bin", b"\x80\x02");
        let error = Weights::open(folder.path(), "model", DType::F32, &Device::Cpu)
            .err()
            .unwrap();
        assert!(message(error).contains("convert it to safetensors"));
    }

    #[test]
    fn a_shard_outside_the_folder_is_refused() {
        let folder = folder_with(
            "model.safetensors.index.json",
            br#"{"weight_map":{"a":"../other.safetensors"}}"#,
        );
        assert!(message(find(folder.path(), "model").unwrap_err()).contains("outside the folder"));
    }
}
