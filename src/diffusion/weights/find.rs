//! Which files in a folder hold a model's weights.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{DiffusionError, Result};

/// The files of one model.
#[derive(Debug)]
pub(crate) struct Found {
    pub paths: Vec<PathBuf>,
    /// In a sharded set, the index and the place in `paths` of the shard that should hold each tensor.
    pub index: Option<(PathBuf, HashMap<String, usize>)>,
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// Finds the files of one model: plain before `fp16`, whole before sharded.
///
/// Of a sharded set, the index may be called `STEM.safetensors.index.json`, `STEM.safetensors.index.fp16.json` or
/// `STEM.fp16.safetensors.index.json`; it names its shards itself.
pub(crate) fn find(folder: &Path, stem: &str) -> Result<Found> {
    for variant in ["", ".fp16"] {
        let whole = folder.join(format!("{stem}{variant}.safetensors"));
        if whole.is_file() {
            return Ok(Found {
                paths: vec![whole],
                index: None,
            });
        }
        for name in [
            format!("{stem}.safetensors.index{variant}.json"),
            format!("{stem}{variant}.safetensors.index.json"),
        ] {
            let index = folder.join(name);
            if index.is_file() {
                return shards(folder, &index);
            }
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

/// Reads a sharded set's index.
fn shards(folder: &Path, index: &Path) -> Result<Found> {
    let text = fs::read_to_string(index).map_err(|e| DiffusionError::io(index, e))?;
    let parsed: ShardIndex = serde_json::from_str(&text).map_err(|e| DiffusionError::malformed(index, e))?;
    let mut names: Vec<_> = parsed.weight_map.values().cloned().collect();
    names.sort();
    names.dedup();
    if let Some(bad) = names.iter().find(|name| name.contains(['/', '\\'])) {
        return Err(DiffusionError::malformed(
            index,
            format!("shard `{bad}` is outside the folder"),
        ));
    }
    if names.is_empty() {
        return Err(DiffusionError::malformed(index, "names no files"));
    }
    let holders = parsed
        .weight_map
        .into_iter()
        .filter_map(|(tensor, file)| Some((tensor, names.binary_search(&file).ok()?)))
        .collect();
    let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    if let Some(absent) = paths.iter().find(|path| !path.is_file()) {
        return Err(DiffusionError::MissingFile {
            path: absent.clone(),
            hint: format!("a shard of the weights, listed in {}", index.display()),
        });
    }
    Ok(Found {
        paths,
        index: Some((index.to_owned(), holders)),
    })
}
