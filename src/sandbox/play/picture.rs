//! Comparing pictures by what they show, not by their bytes: every PNG of the bot carries its own receipt.

use crate::model::Attachment;

/// Returns how much two pictures differ: the mean absolute difference over pixels and channels, 0 to 1; pictures of
/// different sizes differ fully.
///
/// # Errors
///
/// When one cannot be decoded, in words.
pub(super) fn difference(one: &Attachment, other: &Attachment) -> Result<f64, String> {
    let (one, other) = (decode(one)?, decode(other)?);
    if one.dimensions() != other.dimensions() {
        return Ok(1.0);
    }
    let channels = one.as_raw().len().max(1);
    let pairs = one.as_raw().iter().zip(other.as_raw());
    let total: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    Ok(total as f64 / (channels as f64 * 255.0))
}

fn decode(file: &Attachment) -> Result<image::RgbImage, String> {
    let picture = image::load_from_memory(&file.bytes);
    picture
        .map(|picture| picture.to_rgb8())
        .map_err(|error| format!("{} cannot be decoded: {error}", file.filename))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use super::*;

    fn png(width: u32, grey: u8) -> Attachment {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(width, 4, image::Rgb([grey; 3]));
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        Attachment {
            id: 1.into(),
            filename: "grey.png".to_owned(),
            description: None,
            content_type: "image/png".to_owned(),
            size: 0,
            url: String::new(),
            width: None,
            height: None,
            embedded: false,
            bytes: Arc::from(bytes.into_inner()),
        }
    }

    #[test]
    fn the_difference_is_a_mean_over_channels() {
        assert_eq!(difference(&png(4, 10), &png(4, 10)), Ok(0.0));
        assert!((difference(&png(4, 0), &png(4, 51)).unwrap() - 0.2).abs() < 1e-9);
        assert_eq!(difference(&png(4, 0), &png(5, 0)), Ok(1.0));
    }

    #[test]
    fn what_is_no_picture_is_said_by_name() {
        let broken = Attachment {
            bytes: Arc::from([1, 2, 3]),
            ..png(4, 0)
        };
        assert!(
            difference(&broken, &png(4, 0))
                .unwrap_err()
                .starts_with("grey.png cannot be decoded")
        );
    }
}
