//! What the tests of several parts share: the tiny checkpoint and generated pictures.

use std::path::{Path, PathBuf};

use candle_core::Device;
use image::{Rgb, RgbImage};

use super::{Idefics2, LoadOptions, Precision};

/// The folder of the tiny checkpoint.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/preference/idefics2")
}

/// The tiny checkpoint in f32.
pub(crate) fn tiny() -> Idefics2 {
    Idefics2::load(&folder(), &LoadOptions::new(Device::Cpu, Precision::F32)).unwrap()
}

/// The picture that `make_processing.py` generates.
pub(crate) fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|channel| value(x, y, channel, seed)))
    })
}

fn value(x: u32, y: u32, channel: u32, seed: u32) -> u8 {
    let smooth = 5 * x + 3 * y + 40 * channel;
    let rough = (x * x * 7 + x * y * 13 + y * y * 11 + (channel + seed) * 97) % 61;
    let block = ((x / 9 + y / 7 + seed) % 2) * 90;
    ((smooth + rough + block) % 256) as u8
}
