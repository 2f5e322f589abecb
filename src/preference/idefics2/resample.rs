//! Resizing 8-bit pictures exactly as Pillow does, which transformers' slow image processors go through.
//!
//! Two passes with 8-bit values between them; a filter wider than a pixel when shrinking, so that nothing is skipped; weights
//! in 22-bit fixed point (Pillow's `Resample.c`). Which axis goes first shows in the last digit. The order is Pillow 13's;
//! earlier versions always began with the rows.

use image::RgbImage;

/// Bits behind the point of a weight.
const PRECISION: u32 = 22;

/// A reconstruction filter, by its number in `preprocessor_config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// 1: a sinc windowed by a sinc, three pixels to each side.
    Lanczos,
    /// 2: a triangle, one pixel to each side.
    Bilinear,
    /// 3: Keys' cubic with a = −0.5, two pixels to each side.
    Bicubic,
    /// 4: the mean of what lies under a pixel.
    Box,
    /// 5: a sinc windowed by a raised cosine, one pixel to each side.
    Hamming,
}

impl Filter {
    /// Finds a filter by Pillow's number; `None` for 0, nearest neighbour, which is no filter.
    pub(super) fn of_number(number: u64) -> Option<Filter> {
        Some(match number {
            1 => Filter::Lanczos,
            2 => Filter::Bilinear,
            3 => Filter::Bicubic,
            4 => Filter::Box,
            5 => Filter::Hamming,
            _ => return None,
        })
    }

    fn support(self) -> f64 {
        match self {
            Filter::Box => 0.5,
            Filter::Bilinear | Filter::Hamming => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos => 3.0,
        }
    }

    fn value(self, x: f64) -> f64 {
        match self {
            Filter::Box => f64::from(x > -0.5 && x <= 0.5),
            Filter::Bilinear => (1.0 - x.abs()).max(0.0),
            Filter::Hamming => {
                let x = x.abs();
                if x == 0.0 {
                    1.0
                } else if x >= 1.0 {
                    0.0
                } else {
                    let x = x * std::f64::consts::PI;
                    x.sin() / x * (0.54 + 0.46 * x.cos())
                }
            }
            Filter::Bicubic => {
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
            Filter::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Filter::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

/// The inputs that one output is made of.
struct Window {
    first: usize,
    weights: Vec<i64>,
}

/// The windows of every output along one axis.
fn windows(from: usize, to: usize, filter: Filter) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let narrow = 1.0 / stretch;
    let support = filter.support() * stretch;
    (0..to)
        .map(|at| {
            let center = (at as f64 + 0.5) * scale;
            // Truncation, as a conversion to an integer does it in C.
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let weights: Vec<f64> = (first..end)
                .map(|x| filter.value((x as f64 - center + 0.5) * narrow))
                .collect();
            let sum: f64 = weights.iter().sum();
            let share = |weight: &f64| if sum == 0.0 { *weight } else { weight / sum };
            let fixed = |weight: &f64| (share(weight) * f64::from(1 << PRECISION)).round() as i64;
            Window {
                first,
                weights: weights.iter().map(fixed).collect(),
            }
        })
        .collect()
}

/// Resizes a picture to `width` × `height` pixels; neither it nor the result may be empty.
pub(super) fn resize(picture: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let (rows_lost, columns_lost) = (
        i64::from(picture.height()) - i64::from(height),
        i64::from(picture.width()) - i64::from(width),
    );
    if rows_lost > 0 && rows_lost > 2 * columns_lost {
        return widened(&heightened(picture, height, filter), width, filter);
    }
    heightened(&widened(picture, width, filter), height, filter)
}

/// Resizes the rows.
fn widened(picture: &RgbImage, width: u32, filter: Filter) -> RgbImage {
    if width == picture.width() {
        return picture.clone();
    }
    let old = picture.width() as usize;
    let windows = windows(old, width as usize, filter);
    let rows = picture.as_raw().chunks_exact(old * 3);
    let bytes = rows.flat_map(|row| windows.iter().flat_map(move |window| weigh(window, row, 0, 3)));
    // The bytes are as many as the size asks for, by construction.
    RgbImage::from_raw(width, picture.height(), bytes.collect()).unwrap_or_default()
}

/// Resizes the columns.
fn heightened(picture: &RgbImage, height: u32, filter: Filter) -> RgbImage {
    if height == picture.height() {
        return picture.clone();
    }
    let (width, old) = (picture.width() as usize, picture.height() as usize);
    let windows = windows(old, height as usize, filter);
    let bytes = windows
        .iter()
        .flat_map(|window| (0..width).flat_map(move |x| weigh(window, picture.as_raw(), x * 3, width * 3)));
    RgbImage::from_raw(picture.width(), height, bytes.collect()).unwrap_or_default()
}

/// Weighs pixels that lie `stride` bytes apart.
fn weigh(window: &Window, bytes: &[u8], start: usize, stride: usize) -> [u8; 3] {
    // Half of the last digit, so that the shift rounds.
    let mut sums = [1_i64 << (PRECISION - 1); 3];
    let mut at = start + window.first * stride;
    for weight in &window.weights {
        for (sum, value) in sums.iter_mut().zip(&bytes[at..at + 3]) {
            *sum += weight * i64::from(*value);
        }
        at += stride;
    }
    sums.map(|sum| (sum >> PRECISION).clamp(0, 255) as u8)
}
