//! Pictures as files: previews, results, and smaller ones where a channel takes no large files.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageFormat, ImageResult, RgbImage, load_from_memory_with_format};
use serenity::all::CreateAttachment;
use tastemaker_pool::{ImageRequest, Safety};

use super::text;

/// Shorter side of a preview, in pixels: latents are an eighth of the picture, too small to look at.
const PREVIEW_SIDE: u32 = 256;
/// Quality of the JPEG that replaces a PNG which is too large, of 100.
const JPEG_QUALITY: u8 = 90;
/// Longest description of a picture for people who cannot see it, in characters.
const DESCRIPTION_LIMIT: usize = 400;

/// Is a picture as it is kept, and shown in the end.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// Its place in the request, which its seed follows from.
    pub index: u8,
    /// The file.
    pub png: Vec<u8>,
    /// What a safety check made of it.
    pub safety: Safety,
}

/// Makes the file of a preview, enlarged smoothly, since it is a blur by nature.
pub(super) fn preview(picture: &RgbImage) -> ImageResult<CreateAttachment> {
    let (width, height) = picture.dimensions();
    let factor = PREVIEW_SIDE.div_ceil(width.min(height).max(1));
    let large = resize(picture, width * factor, height * factor, FilterType::Triangle);
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode_image(&large)?;
    Ok(CreateAttachment::bytes(file, "preview.jpg").description("The picture on its way"))
}

/// Makes the files of a result, named by their seeds.
pub(super) fn results(request: &ImageRequest, pictures: &[Kept]) -> Vec<CreateAttachment> {
    let files = pictures.iter().map(|kept| kept.png.clone());
    named(request, pictures, files.collect(), "png")
}

/// Makes smaller files of a result: JPEG in place of PNG, at half the size for every further `attempt`.
pub(super) fn smaller(
    request: &ImageRequest,
    pictures: &[Kept],
    attempt: u32,
) -> ImageResult<Vec<CreateAttachment>> {
    let jpegs = pictures.iter().map(|kept| {
        let mut picture = load_from_memory_with_format(&kept.png, ImageFormat::Png)?.into_rgb8();
        if attempt > 0 {
            let (width, height) = picture.dimensions();
            let scale = |side: u32| (side >> attempt).max(1);
            picture = resize(&picture, scale(width), scale(height), FilterType::Lanczos3);
        }
        let mut file = Cursor::new(Vec::new());
        JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode_image(&picture)?;
        Ok(file.into_inner())
    });
    let jpegs = jpegs.collect::<ImageResult<Vec<_>>>()?;
    Ok(named(request, pictures, jpegs, "jpg"))
}

fn named(
    request: &ImageRequest,
    pictures: &[Kept],
    files: Vec<Vec<u8>>,
    extension: &str,
) -> Vec<CreateAttachment> {
    let description = text::cut(&request.prompt, DESCRIPTION_LIMIT);
    let file = |(kept, bytes): (&Kept, Vec<u8>)| {
        // Discord hides a file of such a name until somebody clicks on it.
        let spoiler = if kept.safety == Safety::Spoiler {
            "SPOILER_"
        } else {
            ""
        };
        let seed = request.seed_of(kept.index);
        CreateAttachment::bytes(bytes, format!("{spoiler}tastemaker-{seed}.{extension}"))
            .description(&description)
    };
    pictures.iter().zip(files).map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::task;
    use super::*;

    fn kept(index: u8, width: u32, height: u32, safety: Safety) -> Kept {
        let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        Kept {
            index,
            png: file.into_inner(),
            safety,
        }
    }

    #[test]
    fn a_preview_is_large_enough_to_look_at() {
        let file = preview(&RgbImage::new(16, 24)).unwrap();
        let picture = image::load_from_memory(&file.data).unwrap();
        assert_eq!((picture.width(), picture.height()), (256, 384));
    }

    #[test]
    fn results_are_named_by_their_seeds_and_hidden_where_a_check_wants_it() {
        let mut request = task(0.6).record.job.request;
        request.count = 3;
        // The second one was withheld.
        let pictures = [kept(0, 8, 8, Safety::Clear), kept(2, 8, 8, Safety::Spoiler)];
        let names = |files: Vec<CreateAttachment>| -> Vec<String> {
            files.into_iter().map(|it| it.filename).collect()
        };
        assert_eq!(
            names(results(&request, &pictures)),
            ["tastemaker-7.png", "SPOILER_tastemaker-9.png"]
        );
        assert_eq!(
            names(smaller(&request, &pictures, 0).unwrap()),
            ["tastemaker-7.jpg", "SPOILER_tastemaker-9.jpg"]
        );
    }

    #[test]
    fn smaller_results_shrink_with_every_attempt() {
        let request = task(0.6).record.job.request;
        let sides = |attempt| {
            let files = smaller(&request, &[kept(0, 64, 32, Safety::Clear)], attempt).unwrap();
            let picture = image::load_from_memory(&files[0].data).unwrap();
            (picture.width(), picture.height())
        };
        assert_eq!([sides(0), sides(1), sides(2)], [(64, 32), (32, 16), (16, 8)]);
    }
}
