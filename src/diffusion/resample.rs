//! Resizing 8-bit pictures exactly as Pillow does, which diffusers' and transformers' preprocessing goes through.
//!
//! Two passes, rows first, with 8-bit values between them; a filter wider than a pixel when shrinking, so that nothing is
//! skipped; weights in 22-bit fixed point (Pillow's `Resample.c`). Other resamplers differ from it in the last digits,
//! and an image encoder may notice.

use image::RgbImage;

/// Bits behind the point of a weight.
const PRECISION: u32 = 22;

/// A reconstruction filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// A triangle, one pixel to each side.
    Bilinear,
    /// Keys' cubic with a = −0.5, two pixels to each side.
    Bicubic,
    /// A sinc windowed by a sinc, three pixels to each side.
    Lanczos,
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn value(self, x: f64) -> f64 {
        match self {
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => {
                const A: f64 = -0.5;
                let x = x.abs();
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    libm::sin(x) / x
}

/// The inputs that one output is made of.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

/// The windows of every output along one axis.
fn windows(from: usize, to: usize, filter: Filter) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    (0..to)
        .map(|at| {
            let center = (at as f64 + 0.5) * scale;
            // Truncation, as a conversion to an integer does it in C.
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let weights: Vec<f64> = (first..end)
                .map(|x| filter.value((x as f64 - center + 0.5) / stretch))
                .collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: &f64| (weight / sum * f64::from(1 << PRECISION)).round() as i32;
            Window {
                first,
                weights: weights.iter().map(fixed).collect(),
            }
        })
        .collect()
}

/// Resizes a picture to `width` × `height` pixels, all of which must be at least 1.
pub(crate) fn resize(picture: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let (old_width, old_height) = picture.dimensions();
    let wide = if width == old_width {
        picture.clone()
    } else {
        let windows = windows(old_width as usize, width as usize, filter);
        RgbImage::from_fn(width, old_height, |x, y| {
            weigh(&windows[x as usize], |i| picture.get_pixel(i as u32, y).0)
        })
    };
    if height == old_height {
        return wide;
    }
    let windows = windows(old_height as usize, height as usize, filter);
    RgbImage::from_fn(width, height, |x, y| {
        weigh(&windows[y as usize], |i| wide.get_pixel(x, i as u32).0)
    })
}

fn weigh(window: &Window, pixel: impl Fn(usize) -> [u8; 3]) -> image::Rgb<u8> {
    // Half of the last digit, so that the shift rounds.
    let mut sums = [1i64 << (PRECISION - 1); 3];
    for (i, &weight) in window.weights.iter().enumerate() {
        for (sum, value) in sums.iter_mut().zip(pixel(window.first + i)) {
            *sum += i64::from(weight) * i64::from(value);
        }
    }
    image::Rgb(sums.map(|sum| (sum >> PRECISION).clamp(0, 255) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_picture_stays_even_at_any_size() {
        let grey = RgbImage::from_pixel(13, 7, image::Rgb([90, 0, 255]));
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            for (width, height) in [(1, 1), (5, 7), (13, 20), (64, 3)] {
                let resized = resize(&grey, width, height, filter);
                assert_eq!(resized.dimensions(), (width, height));
                assert!(resized.pixels().all(|pixel| pixel.0 == [90, 0, 255]));
            }
        }
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let picture = RgbImage::from_fn(9, 5, |x, y| image::Rgb([x as u8 * 20, y as u8 * 40, 7]));
        assert_eq!(resize(&picture, 9, 5, Filter::Lanczos), picture);
    }
}
