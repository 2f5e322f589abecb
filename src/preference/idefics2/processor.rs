//! Pictures for the model: sizes, resampling, normalisation, padding.
//!
//! Equal, bit for bit, to transformers' slow processor (`Idefics2ImageProcessorPil`), the one the published weights were
//! trained behind. The fast one (torchvision), which transformers 5 takes by default, differs from it by a step of 1/255
//! here and there.

use std::borrow::Borrow;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use image::{DynamicImage, RgbImage};
use rayon::prelude::*;
use serde::Deserialize;

use super::PreparedImages;
use super::resample::{Filter, resize};
use crate::ProcessorError;

/// The longest side that a configuration may ask for, in pixels.
const MAX_SIDE: u32 = 4_096;

/// The sizes that pictures are resized to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// The longer side becomes at most `longest`, in proportion; then both become at least `shortest`, out of it.
    Edges { longest: u32, shortest: u32 },
    /// Exactly this, whatever the proportion.
    Fixed { width: u32, height: u32 },
}

impl Size {
    /// Returns width and height of a resized picture.
    fn of(self, width: u32, height: u32) -> (u32, u32) {
        let (longest, shortest) = match self {
            Size::Edges { longest, shortest } => (longest, shortest),
            Size::Fixed { width, height } => return (width, height),
        };
        let ratio = f64::from(width) / f64::from(height);
        let (width, height) = if width >= height && width > longest {
            (longest, (f64::from(longest) / ratio) as u32)
        } else if height > width && height > longest {
            ((f64::from(longest) * ratio) as u32, longest)
        } else {
            (width, height)
        };
        (width.max(shortest), height.max(shortest))
    }
}

/// Makes pictures into what the model takes.
#[derive(Debug, Clone)]
pub struct ImageProcessor {
    resize: Option<(Size, Filter)>,
    /// For each channel the number that each of the 256 values becomes.
    values: [Vec<f32>; 3],
    split: bool,
    pad: bool,
}

#[derive(Deserialize)]
#[serde(default)]
struct File {
    do_resize: bool,
    size: FileSize,
    resample: u64,
    do_rescale: bool,
    rescale_factor: f64,
    do_normalize: bool,
    image_mean: [f32; 3],
    image_std: [f32; 3],
    do_pad: bool,
    do_image_splitting: bool,
    /// The newer `processor_config.json` holds all these under a key of their own.
    image_processor: Option<Box<File>>,
}

#[derive(Deserialize)]
struct FileSize {
    longest_edge: Option<u32>,
    shortest_edge: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
}

impl Default for File {
    fn default() -> Self {
        File {
            do_resize: true,
            size: FileSize {
                longest_edge: Some(980),
                shortest_edge: Some(378),
                width: None,
                height: None,
            },
            resample: 2,
            do_rescale: true,
            rescale_factor: 1.0 / 255.0,
            do_normalize: true,
            image_mean: [0.5; 3],
            image_std: [0.5; 3],
            do_pad: true,
            do_image_splitting: false,
            image_processor: None,
        }
    }
}

impl ImageProcessor {
    /// Reads `preprocessor_config.json`, or where there is none `processor_config.json`, as newer transformers writes it.
    ///
    /// # Errors
    ///
    /// [`ProcessorError`] for a missing or unusable file; it names the file and the key.
    pub fn from_folder(folder: &Path) -> Result<ImageProcessor, ProcessorError> {
        let older = folder.join("preprocessor_config.json");
        let newer = folder.join("processor_config.json");
        let path = if older.exists() || !newer.exists() {
            older
        } else {
            newer
        };
        let text = fs::read_to_string(&path).map_err(|source| ProcessorError::Read {
            path: path.clone(),
            source,
        })?;
        ImageProcessor::from_json(&text).map_err(|message| ProcessorError::File { path, message })
    }

    /// Reads the text of such a file; an error is a sentence about it.
    fn from_json(text: &str) -> Result<ImageProcessor, String> {
        let mut file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(inner) = file.image_processor.take() {
            file = *inner;
        }
        let size = &file.size;
        let size = match (size.longest_edge, size.shortest_edge, size.width, size.height) {
            (Some(longest), Some(shortest), ..) => Size::Edges { longest, shortest },
            (_, _, Some(width), Some(height)) => Size::Fixed { width, height },
            _ => {
                return Err(
                    "\"size\" must have longest_edge and shortest_edge, or width and height".to_owned(),
                );
            }
        };
        check(size)?;
        let filter = Filter::of_number(file.resample).ok_or_else(|| {
            format!(
                "\"resample\" is {}; 1 (Lanczos), 2 (bilinear), 3 (bicubic), 4 (box) and 5 (Hamming) are known",
                file.resample
            )
        })?;
        if file.do_normalize && file.image_std.contains(&0.0) {
            return Err("\"image_std\" must not be 0".to_owned());
        }
        let value = |channel: usize, value: u8| {
            // In the reference's precision: the factor in f64, the rest in f32.
            let mut number = f64::from(value) as f32;
            if file.do_rescale {
                number = (f64::from(value) * file.rescale_factor) as f32;
            }
            if file.do_normalize {
                number = (number - file.image_mean[channel]) / file.image_std[channel];
            }
            number
        };
        let values = [0, 1, 2].map(|channel| (0..=255).map(|byte| value(channel, byte)).collect());
        Ok(ImageProcessor {
            resize: file.do_resize.then_some((size, filter)),
            values,
            split: file.do_image_splitting,
            pad: file.do_pad,
        })
    }

    /// Returns the processor with other sizes: the longer side becomes at most `longest` pixels, then both at least
    /// `shortest`. ViPer's adapters were trained at 448 and 378.
    ///
    /// # Errors
    ///
    /// [`ProcessorError::Size`] for 0 and for more than 4,096 pixels.
    pub fn with_size(mut self, longest: u32, shortest: u32) -> Result<ImageProcessor, ProcessorError> {
        let size = Size::Edges { longest, shortest };
        check(size).map_err(|message| ProcessorError::Size { message })?;
        let filter = self.resize.map_or(Filter::Bilinear, |(_, filter)| filter);
        self.resize = Some((size, filter));
        Ok(self)
    }

    /// Returns the processor with or without splitting, by which a picture is shown as its four quarters and as a whole.
    pub fn with_image_splitting(mut self, split: bool) -> ImageProcessor {
        self.split = split;
        self
    }

    /// Returns how many images the model sees of one picture: 5 with splitting, else 1.
    pub fn images_per_picture(&self) -> usize {
        if self.split { 5 } else { 1 }
    }

    /// Prepares pictures, in their order, on the CPU; each lies in the upper left corner of the common size.
    ///
    /// # Errors
    ///
    /// [`ProcessorError::NoImages`], [`ProcessorError::EmptyImage`]; [`ProcessorError::Uneven`] where the configuration
    /// does not pad and sizes differ.
    pub fn prepare<P: Borrow<RgbImage> + Sync>(
        &self,
        pictures: &[P],
    ) -> Result<PreparedImages, ProcessorError> {
        if let Some(place) = pictures
            .iter()
            .map(Borrow::borrow)
            .position(|it: &RgbImage| it.width() < self.least() || it.height() < self.least())
        {
            return Err(ProcessorError::EmptyImage { place });
        }
        let resized: Vec<RgbImage> = pictures
            .par_iter()
            .flat_map_iter(|picture| self.split(picture.borrow()))
            .map(|picture| self.resized(picture))
            .collect();
        let (Some(width), Some(height)) = (
            resized.iter().map(RgbImage::width).max(),
            resized.iter().map(RgbImage::height).max(),
        ) else {
            return Err(ProcessorError::NoImages);
        };
        if !self.pad && resized.iter().any(|it| it.dimensions() != (width, height)) {
            return Err(ProcessorError::Uneven);
        }
        let (width, height) = (width as usize, height as usize);
        let mut pixels = vec![0.0_f32; resized.len() * 3 * height * width];
        let mut mask = vec![0_u8; resized.len() * height * width];
        pixels
            .par_chunks_mut(3 * height * width)
            .zip(mask.par_chunks_mut(height * width))
            .zip(&resized)
            .for_each(|((pixels, mask), picture)| {
                for (x, y, pixel) in picture.enumerate_pixels() {
                    let at = y as usize * width + x as usize;
                    mask[at] = 1;
                    for (channel, byte) in pixel.0.into_iter().enumerate() {
                        pixels[channel * height * width + at] = self.values[channel][usize::from(byte)];
                    }
                }
            });
        let images = resized.len();
        Ok(PreparedImages {
            pixel_values: Tensor::from_vec(pixels, (images, 3, height, width), &Device::Cpu)?,
            pixel_attention_mask: Tensor::from_vec(mask, (images, height, width), &Device::Cpu)?,
        })
    }

    /// The shortest side a picture may have: halves must have pixels, too.
    fn least(&self) -> u32 {
        if self.split { 2 } else { 1 }
    }

    fn split(&self, picture: &RgbImage) -> Vec<RgbImage> {
        let mut all = Vec::new();
        if self.split {
            let (width, height) = picture.dimensions();
            let (middle, centre) = (width / 2, height / 2);
            for (y, tall) in [(0, centre), (centre, height - centre)] {
                for (x, wide) in [(0, middle), (middle, width - middle)] {
                    all.push(image::imageops::crop_imm(picture, x, y, wide, tall).to_image());
                }
            }
        }
        all.push(picture.clone());
        all
    }

    fn resized(&self, picture: RgbImage) -> RgbImage {
        let Some((size, filter)) = self.resize else {
            return picture;
        };
        let (width, height) = size.of(picture.width(), picture.height());
        resize(&picture, width, height, filter)
    }
}

fn check(size: Size) -> Result<(), String> {
    let (long, short) = match size {
        Size::Edges { longest, shortest } => (longest, shortest),
        Size::Fixed { width, height } => (width, height),
    };
    for side in [long, short] {
        if !(1..=MAX_SIDE).contains(&side) {
            return Err(format!(
                "a picture's side must have 1 to {MAX_SIDE} pixels, not {side}"
            ));
        }
    }
    Ok(())
}

/// Makes any picture RGB as transformers does: what is transparent lies over white, grey becomes three equal channels.
/// The arithmetic is Pillow's; pictures of 16 bits are brought to 8 before.
pub fn over_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [red, green, blue, alpha] = rgba.get_pixel(x, y).0;
        image::Rgb([red, green, blue].map(|value| blended(value, alpha)))
    })
}

/// A value over white, in Pillow's fixed point of 7 bits.
fn blended(value: u8, alpha: u8) -> u8 {
    if alpha == 0 {
        return 255;
    }
    const BITS: u32 = 7;
    let share = u32::from(alpha) * 255 * 255 * (1 << BITS) / (255 * 255);
    let rest = 255 * (1 << BITS) - share;
    let sum = u32::from(value) * share + 255 * rest + (0x80 << BITS);
    ((((sum >> 8) + sum) >> 8) >> BITS).min(255) as u8
}

#[cfg(test)]
mod tests;
