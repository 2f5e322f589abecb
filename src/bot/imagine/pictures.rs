//! Pictures as files: previews, results, and smaller ones where a channel takes no large files.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageFormat, ImageResult, RgbImage, load_from_memory_with_format};
use serenity::all::CreateAttachment;
use tastemaker_pool::ImageRequest;

use super::text;

/// Shorter side of a preview, in pixels: latents are an eighth of the picture, too small to look at.
const PREVIEW_SIDE: u32 = 256;
/// Quality of the JPEG that replaces a PNG which is too large, of 100.
const JPEG_QUALITY: u8 = 90;
/// Longest description of a picture for people who cannot see it, in characters.
const DESCRIPTION_LIMIT: usize = 400;

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
pub(super) fn results(request: &ImageRequest, pngs: &[Vec<u8>]) -> Vec<CreateAttachment> {
    named(request, pngs, "png")
}

/// Makes smaller files of a result: JPEG in place of PNG, at half the size for every further `attempt`.
pub(super) fn smaller(
    request: &ImageRequest,
    pngs: &[Vec<u8>],
    attempt: u32,
) -> ImageResult<Vec<CreateAttachment>> {
    let jpegs = pngs.iter().map(|png| {
        let mut picture = load_from_memory_with_format(png, ImageFormat::Png)?.into_rgb8();
        if attempt > 0 {
            let (width, height) = picture.dimensions();
            let scale = |side: u32| (side >> attempt).max(1);
            picture = resize(&picture, scale(width), scale(height), FilterType::Lanczos3);
        }
        let mut file = Cursor::new(Vec::new());
        JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).encode_image(&picture)?;
        Ok(file.into_inner())
    });
    Ok(named(request, &jpegs.collect::<ImageResult<Vec<_>>>()?, "jpg"))
}

fn named(request: &ImageRequest, files: &[Vec<u8>], extension: &str) -> Vec<CreateAttachment> {
    let description = text::cut(&request.prompt, DESCRIPTION_LIMIT);
    let file = |(index, bytes): (usize, &Vec<u8>)| {
        let seed = request.seed_of(u8::try_from(index).unwrap_or(u8::MAX));
        CreateAttachment::bytes(bytes.clone(), format!("tastemaker-{seed}.{extension}"))
            .description(&description)
    };
    files.iter().enumerate().map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::task;
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    #[test]
    fn a_preview_is_large_enough_to_look_at() {
        let file = preview(&RgbImage::new(16, 24)).unwrap();
        let picture = image::load_from_memory(&file.data).unwrap();
        assert_eq!((picture.width(), picture.height()), (256, 384));
    }

    #[test]
    fn results_are_named_by_their_seeds() {
        let mut request = task(0.6).record.job.request;
        request.count = 2;
        let names: Vec<String> = results(&request, &[png(8, 8), png(8, 8)])
            .into_iter()
            .map(|it| it.filename)
            .collect();
        assert_eq!(names, ["tastemaker-7.png", "tastemaker-8.png"]);
    }

    #[test]
    fn smaller_results_shrink_with_every_attempt() {
        let request = task(0.6).record.job.request;
        let sides = |attempt| {
            let files = smaller(&request, &[png(64, 32)], attempt).unwrap();
            let picture = image::load_from_memory(&files[0].data).unwrap();
            (picture.width(), picture.height())
        };
        assert_eq!([sides(0), sides(1), sides(2)], [(64, 32), (32, 16), (16, 8)]);
    }
}
