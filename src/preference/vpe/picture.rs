//! Pictures that comments name by their files.

use std::fs::File;
use std::io::BufReader;
use std::path::{Component, Path};

use image::{ImageReader, Limits, RgbImage};

use crate::ExtractError;
use crate::idefics2::processor::over_white;

/// The longest side of a picture that is read, in pixels.
const MAX_SIDE: u32 = 16_384;
/// The most memory that reading a picture may take, in bytes.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Reads a picture (PNG or JPEG) of a folder by its plain name.
///
/// # Errors
///
/// [`ExtractError::Picture`] for a name that is a path or leads out of the folder, and for what [`read_picture`] refuses.
pub fn load_picture(folder: &Path, name: &str) -> Result<RgbImage, ExtractError> {
    if !is_plain(name) {
        return Err(ExtractError::Picture {
            name: name.to_owned(),
            message: "must be the name of a file in the folder of images, not a path".to_owned(),
        });
    }
    read_picture(&folder.join(name))
}

/// Reads a picture (PNG or JPEG); what is transparent lies over white.
///
/// # Errors
///
/// [`ExtractError::Picture`] for a file that is missing or no picture, and for one of more than 16,384 pixels a side or
/// 256 MiB in memory.
pub fn read_picture(path: &Path) -> Result<RgbImage, ExtractError> {
    decoded(path).map_err(|message| ExtractError::Picture {
        name: path.display().to_string(),
        message,
    })
}

fn decoded(path: &Path) -> Result<RgbImage, String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    if !file.metadata().is_ok_and(|data| data.is_file()) {
        return Err("is not a file".to_owned());
    }
    let mut reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(|error| format!("cannot be read: {error}"))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let picture = reader
        .decode()
        .map_err(|error| format!("is no PNG or JPEG that can be read: {error}"))?;
    Ok(over_white(&picture))
}

/// Tells whether a name is one file's name on every system, whichever this is.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    let one = matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    );
    one && !name.contains(['/', '\\', ':', '\0'])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_picture_is_read_by_its_plain_name() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_pixel(3, 2, image::Rgb([1, 2, 3]));
        picture.save(folder.path().join("a b.png")).unwrap();
        assert_eq!(load_picture(folder.path(), "a b.png").unwrap(), picture);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused_before_anything_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        RgbImage::new(1, 1)
            .save(folder.path().join("secret.png"))
            .unwrap();
        RgbImage::new(1, 1).save(inner.join("mine.png")).unwrap();
        let absolute = folder.path().join("secret.png");
        for name in [
            "../secret.png",
            "..",
            ".",
            "",
            "./mine.png",
            "mine.png/",
            "a/../mine.png",
            "..\\secret.png",
            "C:secret.png",
            "mine.png\0",
            absolute.to_str().unwrap(),
        ] {
            let error = load_picture(&inner, name).unwrap_err().to_string();
            assert!(error.contains("not a path"), "{name}: {error}");
        }
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("words.png"), "no picture").unwrap();
        fs::create_dir(folder.path().join("folder.png")).unwrap();
        for (name, message) in [
            ("none.png", "cannot be opened"),
            ("words.png", "no PNG"),
            ("folder.png", "not a file"),
        ] {
            let error = load_picture(folder.path(), name).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(message), "{error}");
        }
    }
}
