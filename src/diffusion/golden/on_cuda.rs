//! Whole pictures on the first CUDA device, against the same on the processor; without a device there is nothing to test.

use candle_core::DType;

use super::*;
use crate::{DeviceChoice, GenerationParams, Precision, Slot};

fn on_device(model: &str, dtype: Precision) -> Option<Pipeline> {
    if !crate::ops::cuda::has_device() {
        return None;
    }
    let options = LoadOptions {
        device: DeviceChoice::Cuda(0),
        dtype: Some(dtype),
        ..Default::default()
    };
    Some(Pipeline::load(&folder().join(model), &options).unwrap())
}

fn params(pipeline: &Pipeline, seed: u64) -> GenerationParams {
    GenerationParams {
        seed,
        steps: 4,
        vp_plus: PLUS.to_owned(),
        vp_minus: MINUS.to_owned(),
        ..GenerationParams::for_model(pipeline.info(), PROMPT)
    }
}

/// Steps all pictures together to their ends; their latents on the processor.
fn run(pipeline: &Pipeline, all: &[GenerationParams]) -> Vec<Tensor> {
    let mut slots: Vec<Slot> = all.iter().map(|params| pipeline.start(params).unwrap()).collect();
    while slots.iter().any(|slot| !slot.is_finished()) {
        pipeline.step(&mut slots.iter_mut().collect::<Vec<_>>()).unwrap();
    }
    slots
        .iter()
        .map(|slot| {
            let latents = slot.latents();
            assert_eq!(latents.dtype(), DType::F32);
            latents.to_device(&Device::Cpu).unwrap()
        })
        .collect()
}

#[test]
fn pictures_are_those_of_the_processor_within_each_precision() {
    for model in MODELS {
        for (dtype, bound) in [
            (Precision::F32, 1e-3),
            (Precision::F16, 2e-2),
            (Precision::Bf16, 1e-1),
        ] {
            let Some(pipeline) = on_device(model, dtype) else {
                return;
            };
            let reference = load(model, VpNorm::default());
            let found = run(&pipeline, &[params(&pipeline, 1)]);
            let expected = run(&reference, &[params(&reference, 1)]);
            let error = relative_error(&found[0], &expected[0]);
            assert!(error < bound, "{model} in {dtype:?}: relative error {error}");
        }
    }
}

#[test]
fn a_picture_among_others_is_nearly_the_one_alone() {
    for model in MODELS {
        let Some(pipeline) = on_device(model, Precision::F32) else {
            return;
        };
        let all: Vec<_> = (1..=5).map(|seed| params(&pipeline, seed)).collect();
        let together = run(&pipeline, &all);
        for (params, among) in all.iter().zip(&together) {
            let alone = run(&pipeline, std::slice::from_ref(params));
            let error = relative_error(among, &alone[0]);
            assert!(
                error < 1e-3,
                "{model}, seed {}: relative error {error}",
                params.seed
            );
        }
    }
}

#[test]
fn finished_pictures_decode_as_on_the_processor() {
    for model in MODELS {
        let Some(pipeline) = on_device(model, Precision::F32) else {
            return;
        };
        let reference = load(model, VpNorm::default());
        let picture = |pipeline: &Pipeline| {
            pipeline
                .generate(&params(pipeline, 3), |_| std::ops::ControlFlow::Continue(()))
                .unwrap()
                .unwrap()
        };
        let (found, expected) = (picture(&pipeline), picture(&reference));
        let apart = found
            .iter()
            .zip(expected.iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(apart <= Some(3), "{model}: colours differ by {apart:?}");
    }
}
