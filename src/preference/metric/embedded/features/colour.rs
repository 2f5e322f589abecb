//! Colour, light and palette.

use image::RgbImage;

use super::{AREA, Lab, mean, moments, share};

/// Sectors of the colour circle.
const HUES: usize = 12;
/// Steps of lightness and of colourfulness.
const STEPS: usize = 8;
/// Steps of each channel by which colours of a palette are told apart.
const PALETTE: usize = 6;

pub(super) fn measure(lab: &Lab, picture: &RgbImage, all: &mut Vec<f32>) {
    let chroma = lab.chroma();
    for plane in [&lab.light, &lab.a, &lab.b, &chroma] {
        all.extend(moments(plane));
    }
    for plane in [&lab.light, &chroma] {
        let mut sorted = plane.clone();
        sorted.sort_by(f32::total_cmp);
        all.extend(
            [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98].map(|at| sorted[(at * (AREA - 1) as f32) as usize]),
        );
    }
    all.extend(histogram(&lab.light, 1.0));
    all.extend(histogram(&chroma, 1.0));
    hues(lab, &chroma, all);
    for limit in [0.04, 0.1, 0.5] {
        all.push(share(&chroma, |it| it < limit));
    }
    // Light and colour together: a dark picture with glowing colours, a pale one without.
    let product: Vec<f32> = lab
        .light
        .iter()
        .zip(&chroma)
        .map(|(light, chroma)| light * chroma)
        .collect();
    all.push(mean(&product) - mean(&lab.light) * mean(&chroma));
    palette(picture, all);
}

/// Square roots of shares, which spread small ones out.
fn histogram(values: &[f32], top: f32) -> [f32; STEPS] {
    let mut counts = [0.0f32; STEPS];
    for value in values {
        let at = (value / top * STEPS as f32) as usize;
        counts[at.min(STEPS - 1)] += 1.0;
    }
    counts.map(|count| (count / AREA as f32).sqrt())
}

/// Hue as an angle, each pixel by its colourfulness: sectors, and the first two trigonometric moments (N. I. Fisher,
/// "Statistical Analysis of Circular Data", 1993).
fn hues(lab: &Lab, chroma: &[f32], all: &mut Vec<f32>) {
    let total = chroma.iter().sum::<f32>().max(1e-3);
    let mut sectors = [0.0f32; HUES];
    let mut circle = [0.0f32; 4];
    for ((a, b), chroma) in lab.a.iter().zip(&lab.b).zip(chroma) {
        let hue = b.atan2(*a);
        let turn = hue / std::f32::consts::TAU + 0.5;
        sectors[((turn * HUES as f32) as usize).min(HUES - 1)] += chroma;
        let parts = [hue.cos(), hue.sin(), (2.0 * hue).cos(), (2.0 * hue).sin()];
        for (sum, part) in circle.iter_mut().zip(parts) {
            *sum += part * chroma;
        }
    }
    all.extend(sectors.map(|sector| (sector / total).sqrt()));
    all.extend(circle.map(|part| part / total));
    all.push(circle[0].hypot(circle[1]) / total);
}

/// How many colours there are and how evenly: entropy, the largest ones' shares, and how many make up the most of it.
fn palette(picture: &RgbImage, all: &mut Vec<f32>) {
    let mut counts = vec![0usize; PALETTE * PALETTE * PALETTE];
    for pixel in picture.pixels() {
        let [red, green, blue] = pixel.0.map(|value| usize::from(value) * PALETTE / 256);
        counts[(red * PALETTE + green) * PALETTE + blue] += 1;
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let shares: Vec<f32> = counts.iter().map(|count| *count as f32 / AREA as f32).collect();
    all.push(
        -shares
            .iter()
            .filter(|it| **it > 0.0)
            .map(|it| it * it.ln())
            .sum::<f32>(),
    );
    all.push(shares[0]);
    all.push(shares[..4].iter().sum());
    let mut covered = 0.0;
    let most = shares.iter().position(|share| {
        covered += share;
        covered >= 0.9
    });
    all.push((most.unwrap_or(shares.len()) as f32).ln_1p());
}
