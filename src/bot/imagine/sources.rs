//! Pictures that other pictures start from: a person's own file, or a finished picture that is varied.
//!
//! What comes from people is not trusted: the size of the file is bounded before it is fetched, its dimensions and memory
//! before it is decoded, and nothing but the pixels is kept.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, RgbImage};
use serenity::all::Attachment;
use tastemaker_commands::imagine::Aspect;
use tastemaker_diffusion::{SourceImage, picture_hash};
use tastemaker_pool::{Pixels, Safety, Source, SourceOf};
use tastemaker_storage::JobRecord;
use tokio::task::spawn_blocking;

use super::wish::ModelDefaults;
use super::{records, size};
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Index in the store under which a job's own file is kept, beyond those of its pictures.
pub(super) const FILE_INDEX: u8 = u8::MAX;
/// Most bytes of a file: what Discord takes from people without a subscription.
const MOST_BYTES: u32 = 10 << 20;
/// Longest side of a file, in pixels.
const MOST_SIDE: u32 = 8192;
/// Most bytes that decoding a file may take: twice what 8192 × 4096 pixels need.
const MOST_MEMORY: u64 = 256 << 20;
/// Longest time that fetching a file may take.
const FETCH_TIME: Duration = Duration::from_secs(20);
/// Said where a picture to start from is no longer there.
const GONE: &str = "The picture that this one starts from is no longer here: I keep only the latest ones. /imagine with `image` \
                    starts from a file of yours.";
/// Said of a file that is no picture.
const NO_PICTURE: &str = "I can't read that file as a picture. A PNG or a JPEG works.";

/// Is a person's own picture, at the size it is drawn at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    /// The pixels.
    pub pixels: Pixels,
    /// Their hash.
    pub hash: String,
    /// The same as a file, to be kept.
    pub png: Vec<u8>,
    /// How much of it is drawn anew.
    pub strength: f64,
}

impl File {
    /// Says how the job `id`, which keeps the file, starts from it.
    pub(super) fn source(&self, id: u64) -> Source {
        Source {
            of: SourceOf::File(id),
            strength: self.strength,
            hashes: vec![self.hash.clone()],
            pixels: self.pixels.clone(),
        }
    }
}

/// Fetches a person's picture and cuts it to the size it will be drawn at: of the shape `aspect`, or else the nearest to
/// its own, which is returned with it.
///
/// # Errors
/// With words for the person where it is too large or no picture, or Discord's.
pub(super) async fn fetch(
    attachment: &Attachment,
    strength: f64,
    aspect: Option<Aspect>,
    model: ModelDefaults,
) -> Result<(Aspect, File), BotError> {
    if attachment.size > MOST_BYTES {
        return Err(BotError::say(format!(
            "That picture has {} MiB, and I take at most {}.",
            attachment.size >> 20,
            MOST_BYTES >> 20
        )));
    }
    let bytes = tokio::time::timeout(FETCH_TIME, attachment.download())
        .await
        .map_err(|_| BotError::say("That picture takes too long to load. Please try again."))??;
    spawn_blocking(move || {
        let picture = decode(&bytes)?;
        let aspect = aspect.unwrap_or_else(|| size::nearest(picture.width(), picture.height()));
        let (width, height) = size::size(aspect, model.native, model.multiple);
        let picture = SourceImage::fitting(&picture, width as usize, height as usize, strength).image;
        let mut png = Cursor::new(Vec::new());
        picture
            .write_to(&mut png, ImageFormat::Png)
            .map_err(BotError::internal)?;
        let file = File {
            hash: picture_hash(&picture),
            pixels: Pixels(vec![picture]),
            png: png.into_inner(),
            strength,
        };
        Ok((aspect, file))
    })
    .await
    .map_err(BotError::internal)?
}

/// Decodes a file of unknown origin, upright and on white where it is transparent.
fn decode(bytes: &[u8]) -> Result<RgbImage, BotError> {
    let no_picture = |error: image::ImageError| {
        tracing::debug!(%error, "a person's picture could not be read");
        match error {
            image::ImageError::Limits(_) => BotError::say(format!(
                "That picture is too large: I take at most {MOST_SIDE} pixels a side."
            )),
            _ => BotError::say(NO_PICTURE),
        }
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(BotError::internal)?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(no_picture)?;
    let orientation = decoder.orientation().map_err(no_picture)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(no_picture)?;
    picture.apply_orientation(orientation);
    if !picture.color().has_alpha() {
        return Ok(picture.into_rgb8());
    }
    let picture = picture.into_rgba8();
    Ok(RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, a] = picture.get_pixel(x, y).0;
        let on_white = |v: u8| ((u32::from(v) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255) as u8;
        image::Rgb([on_white(r), on_white(g), on_white(b)])
    }))
}

/// Tells whether the pictures of a job are still there and fit to start from: none blurred or withheld.
///
/// # Errors
/// With the store's.
pub(super) async fn are_usable(app: &App, record: &JobRecord) -> Result<bool, BotError> {
    let pictures = records::pictures(app, record).await?.unwrap_or_default();
    let usable = |safety| matches!(safety, Safety::Clear | Safety::Spoiler);
    Ok(pictures.len() == usize::from(record.job.request.count)
        && pictures.iter().all(|kept| usable(kept.safety)))
}

/// Fills in the pixels of a source from the store, for a request of `count` pictures.
///
/// # Errors
/// With words for the person where they are no longer there, or the store's.
pub(super) async fn filled(app: &App, source: &Source, count: u8) -> Result<Source, BotError> {
    let of = source.of;
    let files: Option<Vec<Vec<u8>>> = app
        .with_store(move |store| match of {
            SourceOf::Pictures(job) => (0..count).map(|index| store.image(job, index)).collect(),
            SourceOf::File(job) => Ok(store.image(job, FILE_INDEX)?.map(|file| vec![file])),
        })
        .await?;
    let files = files.ok_or_else(|| BotError::say(GONE))?;
    let read = spawn_blocking(move || {
        files
            .iter()
            .map(|file| {
                let picture = image::load_from_memory_with_format(file, ImageFormat::Png)
                    .map_err(BotError::internal)?
                    .into_rgb8();
                Ok((picture_hash(&picture), Arc::new(picture)))
            })
            .collect::<Result<(Vec<_>, Vec<_>), BotError>>()
    });
    let (hashes, pixels) = read.await.map_err(BotError::internal)??;
    Ok(Source {
        hashes,
        pixels: Pixels(pixels),
        ..source.clone()
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    #[test]
    fn transparent_parts_lie_on_white() {
        let mut picture = RgbaImage::from_pixel(2, 1, Rgba([10, 20, 30, 255]));
        picture.put_pixel(1, 0, Rgba([10, 20, 30, 0]));
        let read = decode(&encoded(&picture.into(), ImageFormat::Png)).unwrap();
        assert_eq!(
            (read.get_pixel(0, 0).0, read.get_pixel(1, 0).0),
            ([10, 20, 30], [255; 3])
        );
    }

    #[test]
    fn what_is_no_picture_is_refused_in_words() {
        let jpeg = encoded(&DynamicImage::new_rgb8(40, 30), ImageFormat::Jpeg);
        assert_eq!(decode(&jpeg).unwrap().dimensions(), (40, 30));
        for wrong in [&b"GIF89a"[..], b"", &jpeg[..20]] {
            let error = decode(wrong).unwrap_err();
            assert!(
                matches!(&error, BotError::Say(words) if words == NO_PICTURE),
                "{error}"
            );
        }
    }

    /// A PNG header can promise more pixels than there is memory; nothing is allocated for it.
    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let mut png = encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
        png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
        png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        let error = decode(&png).unwrap_err();
        assert!(
            matches!(&error, BotError::Say(words) if words.contains("too large")),
            "{error}"
        );
    }

    /// The checksum of PNG chunks, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
            })
        })
    }
}
