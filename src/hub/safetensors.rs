//! The header of a weights file: enough to see that the file is whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Longest header that the format allows, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Tensor { data_offsets: (u64, u64) },
    Metadata(IgnoredAny),
}

/// Checks that a safetensors file is as long as its header says.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("cannot be read ({error})");
    let mut file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|_| format!("is no safetensors file: it has only {size} bytes"))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Err("is no safetensors file: its first bytes are no header's length".to_owned());
    }
    if length > size - 8 {
        return Err(format!(
            "is truncated: its header alone has {length} bytes, the file {size}"
        ));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(unreadable)?;
    let entries: BTreeMap<String, Entry> =
        serde_json::from_slice(&header).map_err(|error| format!("has a damaged header ({error})"))?;
    let end = entries.values().filter_map(|entry| match entry {
        Entry::Tensor { data_offsets } => Some(data_offsets.1),
        Entry::Metadata(_) => None,
    });
    let whole = end.max().unwrap_or(0).saturating_add(8 + length);
    match size.cmp(&whole) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(format!("is truncated: {size} bytes of {whole}")),
        std::cmp::Ordering::Greater => Err(format!("has {} bytes more than its header says", size - whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    }

    fn check_bytes(bytes: &[u8]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        std::fs::write(&path, bytes).unwrap();
        check(&path)
    }

    #[test]
    fn a_file_is_as_long_as_its_header_says() {
        let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}"#;
        assert_eq!(check_bytes(&file(header, 12)), Ok(()));
        let error = |bytes: &[u8]| check_bytes(bytes).unwrap_err();
        assert!(error(&file(header, 11)).contains("truncated"));
        assert!(error(&file(header, 13)).contains("1 bytes more"));
        assert!(error(&file(header, 12)[..40]).contains("truncated"));
        assert!(error(&file("not json", 12)).contains("damaged header"));
        assert!(error(b"\x01").contains("only 1 bytes"));
        assert!(error(b"<!doctype html><html>").contains("no safetensors"));
    }
}
