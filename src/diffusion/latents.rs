//! Latents as files: safetensors with one tensor, `latents`, as other programs exchange them.

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use crate::error::{DiffusionError, Result};

const KEY: &str = "latents";

/// Reads latents, (pictures, channels, height, width), as f32.
///
/// # Errors
/// If the file cannot be read, is not safetensors, lacks `latents`, or holds another number of axes.
pub fn load(path: &Path) -> Result<Tensor> {
    let bytes = std::fs::read(path).map_err(|error| DiffusionError::io(path, error))?;
    let mut tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|error| {
        DiffusionError::malformed(path, error.to_string().lines().next().unwrap_or_default())
    })?;
    let latents = tensors
        .remove(KEY)
        .ok_or_else(|| DiffusionError::malformed(path, format!("has no tensor `{KEY}`")))?;
    if latents.rank() != 4 {
        let reason = format!(
            "`{KEY}` has shape {:?} instead of (pictures, channels, height, width)",
            latents.dims()
        );
        return Err(DiffusionError::malformed(path, reason));
    }
    Ok(latents.to_dtype(DType::F32)?)
}

/// Writes latents of one or more pictures of one size as one f32 tensor.
///
/// # Errors
/// If the sizes differ or the file cannot be written.
pub fn save(path: &Path, latents: &[Tensor]) -> Result<()> {
    let joined = Tensor::cat(latents, 0)?
        .to_dtype(DType::F32)?
        .to_device(&Device::Cpu)?;
    // Checked first, since the writer's error would not name the file.
    std::fs::File::create(path).map_err(|error| DiffusionError::io(path, error))?;
    Ok(joined.save_safetensors(KEY, path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_survive_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let one = crate::ops::testing::noise(1, (1, 2, 3, 4));
        save(&path, &[one.clone(), one.clone()]).unwrap();
        let read = load(&path).unwrap();
        assert_eq!(read.dims(), [2, 2, 3, 4]);
        assert_eq!(
            crate::ops::testing::bits(&read.narrow(0, 1, 1).unwrap()),
            crate::ops::testing::bits(&one)
        );
    }

    #[test]
    fn wrong_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.safetensors");
        assert!(load(&path).unwrap_err().to_string().contains("b.safetensors"));
        std::fs::write(&path, b"not safetensors").unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("b.safetensors"));
        Tensor::zeros((2, 2), DType::F32, &Device::Cpu)
            .unwrap()
            .save_safetensors("latents", &path)
            .unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("[2, 2]"));
    }
}
