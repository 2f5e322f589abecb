//! Agreement with diffusers and transformers, on the fixtures that `tests/fixtures/diffusion/make_fixtures.py` made.

mod around;
mod batching;
mod dual;
mod families;
mod from_pictures;
mod loras;
mod noise;
#[cfg(feature = "cuda")]
mod on_cuda;
mod parts;
mod pictures;
mod precisions;
mod refined;
mod samplers;
mod single_files;
mod texts;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use candle_core::{Device, Tensor};

use crate::{LoadOptions, Mixing, Pipeline, VpNorm};

/// The bound on every comparison: the difference's Euclidean norm, relative to the expected values'.
const TOLERANCE: f32 = 1e-4;

const MODELS: [&str; 2] = ["sd", "xl"];
const PROMPT: &str = "A lighthouse at dusk, it's storm-lit";
const NEGATIVE: &str = "blurry photo";
const PLUS: &str = "watercolor, soft light, muted colours";
const MINUS: &str = "neon, hard edges";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/diffusion")
}

fn load(model: &str, vp_norm: VpNorm) -> Pipeline {
    let options = LoadOptions {
        device: crate::DeviceChoice::Cpu,
        mixing: Mixing {
            norm: vp_norm,
            ..Mixing::default()
        },
        ..Default::default()
    };
    Pipeline::load(&folder().join(model), &options).unwrap()
}

fn golden(key: &str) -> Tensor {
    static GOLDEN: LazyLock<HashMap<String, Tensor>> = LazyLock::new(|| {
        candle_core::safetensors::load(folder().join("golden.safetensors"), &Device::Cpu).unwrap()
    });
    GOLDEN
        .get(key)
        .unwrap_or_else(|| panic!("no golden tensor `{key}`"))
        .clone()
}

fn relative_error(found: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(found.dims(), expected.dims());
    let norm = |x: Tensor| {
        x.sqr()
            .unwrap()
            .sum_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap()
            .sqrt()
    };
    norm((found - expected).unwrap()) / norm(expected.clone()).max(f32::MIN_POSITIVE)
}

fn assert_close(what: &str, found: &Tensor, expected: &Tensor) {
    let error = relative_error(found, expected);
    assert!(error < TOLERANCE, "{what}: relative error {error}");
}

/// Compares many results and reports all that differ, not only the first.
#[derive(Default)]
struct Comparison {
    count: usize,
    differing: Vec<String>,
}

impl Comparison {
    fn add(&mut self, what: &str, found: &Tensor, expected: &Tensor) {
        self.add_within(TOLERANCE, what, found, expected);
    }

    fn add_within(&mut self, tolerance: f32, what: &str, found: &Tensor, expected: &Tensor) {
        let error = relative_error(found, expected);
        self.count += 1;
        if error.is_nan() || error >= tolerance {
            self.differing.push(format!("{what}: relative error {error}"));
        }
    }

    fn finish(self, at_least: usize) {
        assert!(self.count >= at_least, "only {} compared", self.count);
        assert!(
            self.differing.is_empty(),
            "{} of {}:\n{}",
            self.differing.len(),
            self.count,
            self.differing.join("\n")
        );
    }
}
