//! Texture, lines, regularity and composition.

use super::{Lab, Plane, SIDE, mean, moments, share};

/// Scales of texture, each half as fine as the one before.
const SCALES: usize = 5;
/// Directions of lines.
const DIRECTIONS: usize = 8;
/// Distances in pixels at which a raster repeats.
const PERIODS: [usize; 5] = [2, 3, 4, 6, 8];
/// Fields of the composition along each side.
const FIELDS: usize = 3;

pub(super) fn measure(lab: &Lab, all: &mut Vec<f32>) {
    texture(&lab.light, SCALES, true, all);
    texture(&lab.a, 3, false, all);
    texture(&lab.b, 3, false, all);
    lines(&lab.light, all);
    raster(&lab.light, all);
    composition(lab, all);
}

/// Differences between a picture and itself out of focus (P. J. Burt and E. H. Adelson, "The Laplacian Pyramid as a
/// Compact Image Code", 1983): how strong each scale is, how sparse, and the slope over all, which tells painted
/// from photographed from flat.
fn texture(plane: &Plane, scales: usize, slope: bool, all: &mut Vec<f32>) {
    let (mut current, mut side) = (plane.clone(), SIDE);
    let mut strengths = Vec::new();
    for _ in 0..scales {
        let soft = blur(&current, side);
        let detail: Vec<f32> = current
            .iter()
            .zip(&soft)
            .map(|(sharp, soft)| sharp - soft)
            .collect();
        let [_, spread, skewness, sparse] = moments(&detail);
        strengths.push((spread + 1e-4).ln());
        all.extend([(spread + 1e-4).ln(), sparse]);
        if slope {
            all.push(skewness);
        }
        (current, side) = halve(&soft, side);
    }
    if slope {
        let middle = (scales - 1) as f32 / 2.0;
        let over: f32 = (0..scales).map(|at| (at as f32 - middle).powi(2)).sum();
        let along: f32 = strengths
            .iter()
            .enumerate()
            .map(|(at, it)| (at as f32 - middle) * it)
            .sum();
        all.push(along / over);
    }
}

/// Gradients at two scales: how many, how strong, in which directions, and how flat the rest is.
fn lines(light: &Plane, all: &mut Vec<f32>) {
    let (half, half_side) = halve(&blur(light, SIDE), SIDE);
    for (plane, side) in [(light, SIDE), (&half, half_side)] {
        let mut strengths = Vec::with_capacity(side * side);
        let mut directions = [0.0f32; DIRECTIONS];
        let mut tensor = [0.0f32; 3];
        for y in 1..side - 1 {
            for x in 1..side - 1 {
                let at = |dx: usize, dy: usize| plane[(y + dy - 1) * side + x + dx - 1];
                let right =
                    (at(2, 0) + 2.0 * at(2, 1) + at(2, 2) - at(0, 0) - 2.0 * at(0, 1) - at(0, 2)) / 4.0;
                let down =
                    (at(0, 2) + 2.0 * at(1, 2) + at(2, 2) - at(0, 0) - 2.0 * at(1, 0) - at(2, 0)) / 4.0;
                let strength = right.hypot(down);
                strengths.push(strength);
                let turn = down.atan2(right).rem_euclid(std::f32::consts::PI) / std::f32::consts::PI;
                directions[((turn * DIRECTIONS as f32) as usize).min(DIRECTIONS - 1)] += strength;
                tensor[0] += right * right;
                tensor[1] += down * down;
                tensor[2] += right * down;
            }
        }
        let [centre, spread, ..] = moments(&strengths);
        all.extend([(centre + 1e-3).ln(), (spread + 1e-3).ln()]);
        all.extend([0.005, 0.02, 0.1, 0.3].map(|limit| share(&strengths, |it| it < limit)));
        let total = directions.iter().sum::<f32>().max(1e-3);
        all.extend(directions.map(|it| it / total));
        let sum = (tensor[0] + tensor[1]).max(1e-4);
        all.push((tensor[0] - tensor[1]).hypot(2.0 * tensor[2]) / sum);
    }
}

/// Regular rasters: how much of all change between neighbours falls on every `period`-th column or row, as in pixel art,
/// mosaics and halftone; and how alike the picture is to itself that far away.
fn raster(light: &Plane, all: &mut Vec<f32>) {
    for along_x in [true, false] {
        let at = |along: usize, across: usize| {
            if along_x {
                light[across * SIDE + along]
            } else {
                light[along * SIDE + across]
            }
        };
        let changes: Vec<f32> = (1..SIDE)
            .map(|along| {
                (0..SIDE)
                    .map(|across| (at(along, across) - at(along - 1, across)).abs())
                    .sum()
            })
            .collect();
        let total = changes.iter().sum::<f32>().max(1e-3);
        for period in PERIODS {
            let most = (0..period).map(|phase| changes.iter().skip(phase).step_by(period).sum::<f32>());
            let most = most.fold(0.0, f32::max);
            all.push(most / total - 1.0 / period as f32);
        }
    }
    let detail: Vec<f32> = light
        .iter()
        .zip(blur(&blur(light, SIDE), SIDE))
        .map(|(sharp, soft)| sharp - soft)
        .collect();
    let power = detail.iter().map(|it| it * it).sum::<f32>().max(1e-4);
    for period in PERIODS {
        let mut alike = [0.0f32; 2];
        for y in 0..SIDE - period {
            for x in 0..SIDE - period {
                let here = detail[y * SIDE + x];
                alike[0] += here * detail[y * SIDE + x + period];
                alike[1] += here * detail[(y + period) * SIDE + x];
            }
        }
        all.extend(alike.map(|it| it / power));
    }
}

/// Where light, colour and detail are: fields of a 3 × 3 grid against the whole, the edge against the middle, symmetry.
fn composition(lab: &Lab, all: &mut Vec<f32>) {
    let chroma = lab.chroma();
    let soft = blur(&lab.light, SIDE);
    let detail: Vec<f32> = lab
        .light
        .iter()
        .zip(&soft)
        .map(|(sharp, soft)| (sharp - soft).abs())
        .collect();
    for plane in [&lab.light, &chroma, &detail] {
        let whole = mean(plane);
        for row in 0..FIELDS {
            for column in 0..FIELDS {
                all.push(mean(&field(plane, row, column)) - whole);
            }
        }
        let (rim, heart): (Vec<f32>, Vec<f32>) = (rim(plane, true), rim(plane, false));
        all.push(mean(&rim) - mean(&heart));
        all.push(moments(&rim)[1]);
    }
    let centre = mean(&lab.light);
    let power = lab
        .light
        .iter()
        .map(|it| (it - centre).powi(2))
        .sum::<f32>()
        .max(1e-3);
    let mut mirrored = [0.0f32; 2];
    for y in 0..SIDE {
        for x in 0..SIDE {
            let here = lab.light[y * SIDE + x] - centre;
            mirrored[0] += here * (lab.light[y * SIDE + SIDE - 1 - x] - centre);
            mirrored[1] += here * (lab.light[(SIDE - 1 - y) * SIDE + x] - centre);
        }
    }
    all.extend(mirrored.map(|it| it / power));
}

fn field(plane: &Plane, row: usize, column: usize) -> Vec<f32> {
    let span = |at: usize| at * SIDE / FIELDS..(at + 1) * SIDE / FIELDS;
    span(row)
        .flat_map(|y| span(column).map(move |x| plane[y * SIDE + x]))
        .collect()
}

/// Pixels within an eighth of the side from the rim, or all the others.
fn rim(plane: &Plane, wanted: bool) -> Vec<f32> {
    let margin = SIDE / 8;
    let outer = |at: usize| at < margin || at >= SIDE - margin;
    (0..SIDE * SIDE)
        .filter(|at| (outer(at / SIDE) || outer(at % SIDE)) == wanted)
        .map(|at| plane[at])
        .collect()
}

/// Binomial blur with the weights 1 4 6 4 1 in both directions; the rim is repeated outwards.
fn blur(plane: &Plane, side: usize) -> Plane {
    let pass = |from: &Plane, step: usize, along: fn(usize, usize) -> usize| -> Plane {
        (0..side * side)
            .map(|at| {
                let place = along(at, side);
                let start = at - place * step;
                let get = |offset: isize| {
                    let place = (place as isize + offset).clamp(0, side as isize - 1) as usize;
                    from[start + place * step]
                };
                (get(-2) + get(2) + 4.0 * (get(-1) + get(1)) + 6.0 * get(0)) / 16.0
            })
            .collect()
    };
    let across = pass(plane, 1, |at, side| at % side);
    pass(&across, side, |at, side| at / side)
}

/// Every second pixel of every second row.
fn halve(plane: &Plane, side: usize) -> (Plane, usize) {
    let half = side / 2;
    let small = (0..half * half)
        .map(|at| plane[(at / half) * 2 * side + (at % half) * 2])
        .collect();
    (small, half)
}
