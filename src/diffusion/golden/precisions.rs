//! Computing in 16 bits, and weights in 16 bits.

use std::path::Path;

use super::families::{MODES, assemble, latents, load, load_as, open, personalised};
use super::*;
use crate::ops::multiplies_bf16;
use crate::{GenerationParams, Precision};

/// What 16 bits change in the final latents, relative to f32: the bounds that `docs/diffusion.md` states.
///
/// f16 is computed in throughout. bf16 is what weights are stored in and, where the processor can, what layers multiply in.
#[test]
fn half_precisions_stay_within_their_bounds() {
    let mut worst = [0f32; 3];
    for family in ["sd21", "sdxl", "refiner", "lcm"] {
        let exact = load(family);
        let f16 = load_as(family, VpNorm::Raw, Precision::F16);
        let bf16 = tempfile::tempdir().unwrap();
        assemble(family, bf16.path());
        round_weights(&bf16.path().join("unet"));
        let bf16 = open(bf16.path(), VpNorm::Raw, Precision::F32);
        let products = multiplies_bf16().then(|| load_as(family, VpNorm::Raw, Precision::Bf16));
        for conditioning in MODES {
            let params = GenerationParams {
                steps: 3,
                ..personalised(&exact, "ddim", 4.0, conditioning)
            };
            let expected = latents(&exact, &params);
            for (i, half) in [&f16, &bf16].into_iter().chain(&products).enumerate() {
                let error = relative_error(&latents(half, &params), &expected);
                assert!(
                    error > 0.0 && error.is_finite(),
                    "{family}, {conditioning}: {error}"
                );
                worst[i] = worst[i].max(error);
            }
        }
    }
    println!(
        "f16 {}, bf16 weights {}, bf16 products {}",
        worst[0], worst[1], worst[2]
    );
    assert!(
        worst[0] < F16_BOUND && worst[1] < BF16_BOUND && worst[2] < BF16_BOUND,
        "{worst:?}"
    );
}

const F16_BOUND: f32 = 0.005;
const BF16_BOUND: f32 = 0.02;

/// Rewrites a folder's weights in bf16.
fn round_weights(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "safetensors")
        {
            let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
            let rounded: HashMap<_, _> = tensors
                .into_iter()
                .map(|(name, tensor)| (name, tensor.to_dtype(candle_core::DType::BF16).unwrap()))
                .collect();
            candle_core::safetensors::save(&rounded, &path).unwrap();
        }
    }
}

#[test]
fn bf16_is_refused_on_a_processor_that_cannot_before_anything_is_drawn() {
    if multiplies_bf16() {
        return;
    }
    let target = tempfile::tempdir().unwrap();
    assemble("sdxl", target.path());
    let options = LoadOptions {
        device: crate::DeviceChoice::Cpu,
        dtype: Some(Precision::Bf16),
        ..Default::default()
    };
    let error = Pipeline::load(target.path(), &options).err().unwrap().to_string();
    assert!(error.starts_with("dtype") && error.contains("f32"), "{error}");
}
