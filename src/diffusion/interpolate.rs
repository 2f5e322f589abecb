//! Latents at another size, as `torch.nn.functional.interpolate` does it (`align_corners=False`).

use candle_core::{DType, Device, Result, Tensor};

/// How values between the known ones are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interpolation {
    /// The nearest one (torch's `nearest-exact`).
    Nearest,
    /// A mixture of the nearest four, by distance.
    Bilinear,
}

/// Brings (1, channels, height, width) to another height and width; the result is f32, where `x` is.
pub(crate) fn interpolate(x: &Tensor, height: usize, width: usize, method: Interpolation) -> Result<Tensor> {
    let (pictures, channels, old_height, old_width) = x.dims4()?;
    let values: Vec<f32> = x
        .to_dtype(DType::F32)?
        .to_device(&Device::Cpu)?
        .flatten_all()?
        .to_vec1()?;
    let (rows, columns) = (axis(old_height, height, method), axis(old_width, width, method));
    let mut result = Vec::with_capacity(pictures * channels * height * width);
    for plane in values.chunks(old_height * old_width) {
        for &(top, bottom, down) in &rows {
            for &(left, right, across) in &columns {
                let at = |y: usize, x: usize| plane[y * old_width + x];
                let line = |y: usize| (1.0 - across) * at(y, left) + across * at(y, right);
                result.push((1.0 - down) * line(top) + down * line(bottom));
            }
        }
    }
    Tensor::from_vec(result, (pictures, channels, height, width), x.device())
}

/// For each new place along an axis: the two old ones it lies between, and the share of the second.
fn axis(from: usize, to: usize, method: Interpolation) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|place| {
            let center = (place as f32 + 0.5) * scale;
            match method {
                Interpolation::Nearest => {
                    let nearest = (center as usize).min(from - 1);
                    (nearest, nearest, 0.0)
                }
                Interpolation::Bilinear => {
                    let at = (center - 0.5).max(0.0);
                    let first = (at as usize).min(from - 1);
                    (first, (first + 1).min(from - 1), at - first as f32)
                }
            }
        })
        .collect()
}
