//! What can be measured of a picture without knowing what it shows: colour, light, texture, lines and composition.
//!
//! The picture is scaled to [`SIDE`] × [`SIDE`] pixels first, so that one size of brush stroke means one thing. Colours
//! are CIE L\*a\*b\* (CIE 15:2004, white point D65) of sRGB (IEC 61966-2-1), in hundredths.

mod colour;
mod structure;

use image::RgbImage;
use image::imageops::{FilterType, resize};

use crate::MetricError;

/// Side of the picture that is measured, in pixels.
pub const SIDE: usize = 128;
/// How many of the features, the first ones, are about colour and light alone.
pub const COLOURS: usize = 71;
/// Pixels measured.
const AREA: usize = SIDE * SIDE;

/// Is one channel of the measured picture, row by row.
type Plane = Vec<f32>;

/// Is a picture as it is measured.
struct Lab {
    /// Lightness, `0..=1`.
    light: Plane,
    /// Green to red, about `-1..=1`.
    a: Plane,
    /// Blue to yellow, about `-1..=1`.
    b: Plane,
}

/// Measures a picture: always the same number of finite values, in the same order.
///
/// # Errors
///
/// [`MetricError::EmptyImage`] for a picture without pixels.
pub fn features(picture: &RgbImage) -> Result<Vec<f32>, MetricError> {
    let (width, height) = picture.dimensions();
    if width == 0 || height == 0 {
        return Err(MetricError::EmptyImage { width, height });
    }
    let side = SIDE as u32;
    let scaled;
    let picture = if (width, height) == (side, side) {
        picture
    } else {
        scaled = resize(picture, side, side, FilterType::Triangle);
        &scaled
    };
    let lab = Lab::of(picture);
    let mut all = Vec::with_capacity(192);
    colour::measure(&lab, picture, &mut all);
    debug_assert_eq!(all.len(), COLOURS);
    structure::measure(&lab, &mut all);
    Ok(all)
}

impl Lab {
    fn of(picture: &RgbImage) -> Lab {
        let mut lab = Lab {
            light: Vec::with_capacity(AREA),
            a: Vec::with_capacity(AREA),
            b: Vec::with_capacity(AREA),
        };
        let linear: Vec<f32> = (0..=255u8).map(linear).collect();
        for pixel in picture.pixels() {
            let [red, green, blue] = pixel.0.map(|value| linear[usize::from(value)]);
            let x = (0.412_456 * red + 0.357_576 * green + 0.180_438 * blue) / 0.950_47;
            let y = 0.212_673 * red + 0.715_152 * green + 0.072_175 * blue;
            let z = (0.019_334 * red + 0.119_192 * green + 0.950_304 * blue) / 1.088_83;
            let (x, y, z) = (root(x), root(y), root(z));
            lab.light.push(1.16 * y - 0.16);
            lab.a.push(5.0 * (x - y));
            lab.b.push(2.0 * (y - z));
        }
        lab
    }

    /// Colourfulness of each pixel.
    fn chroma(&self) -> Plane {
        self.a.iter().zip(&self.b).map(|(a, b)| a.hypot(*b)).collect()
    }
}

fn linear(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn root(value: f32) -> f32 {
    if value > 0.008_856 {
        value.cbrt()
    } else {
        7.787 * value + 16.0 / 116.0
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Mean, standard deviation, and skewness and kurtosis bounded so that one odd picture does not rule.
fn moments(values: &[f32]) -> [f32; 4] {
    let centre = mean(values);
    let power = |exponent: i32| {
        mean(
            &values
                .iter()
                .map(|it| (it - centre).powi(exponent))
                .collect::<Vec<_>>(),
        )
    };
    let spread = power(2).sqrt();
    let safe = spread.max(1e-4);
    [
        centre,
        spread,
        (power(3) / safe.powi(3)).clamp(-5.0, 5.0),
        (power(4) / safe.powi(4)).clamp(0.0, 30.0).ln_1p(),
    ]
}

/// Share of the values that fulfil a condition.
fn share(values: &[f32], condition: impl Fn(f32) -> bool) -> f32 {
    values.iter().filter(|it| condition(**it)).count() as f32 / values.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn picture(paint: impl Fn(u32, u32) -> [u8; 3]) -> RgbImage {
        RgbImage::from_fn(128, 128, |x, y| Rgb(paint(x, y)))
    }

    #[test]
    fn every_picture_has_as_many_finite_values() {
        let many = features(&picture(|x, y| [(x * 7) as u8, (y * 13) as u8, (x ^ y) as u8])).unwrap();
        for odd in [
            picture(|_, _| [0; 3]),
            picture(|_, _| [255; 3]),
            picture(|x, y| [if (x + y) % 2 == 0 { 255 } else { 0 }; 3]),
            RgbImage::new(1, 1),
            RgbImage::new(7, 300),
        ] {
            let values = features(&odd).unwrap();
            assert_eq!(values.len(), many.len());
            assert!(values.iter().all(|it| it.is_finite()));
        }
        assert!(matches!(
            features(&RgbImage::new(0, 5)),
            Err(MetricError::EmptyImage { .. })
        ));
    }

    #[test]
    fn colours_are_those_of_the_standard() {
        let lab = Lab::of(&picture(|_, _| [255, 0, 0]));
        for (value, known) in [(lab.light[0], 0.5324), (lab.a[0], 0.8009), (lab.b[0], 0.6720)] {
            assert!((value - known).abs() < 2e-3, "{value} {known}");
        }
        let white = Lab::of(&picture(|_, _| [255; 3]));
        assert!((white.light[0] - 1.0).abs() < 1e-3 && white.a[0].abs() < 1e-3);
    }
}
