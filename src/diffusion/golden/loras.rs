//! LoRA, on the fixtures that `tests/fixtures/diffusion/make_loras.py` made.

use super::*;
use crate::ops::testing::bits;
use crate::{GenerationParams, Lora, SchedulerKind};

fn lora(file: &str, weight: f64) -> Lora {
    Lora {
        path: folder().join("loras").join(file),
        weight,
    }
}

fn sd(loras: &[Lora]) -> crate::error::Result<Pipeline> {
    let options = LoadOptions {
        device: crate::DeviceChoice::Cpu,
        loras: loras.to_vec(),
        ..Default::default()
    };
    Pipeline::load(&folder().join("sd"), &options)
}

fn expected(key: &str) -> Tensor {
    static GOLDEN: LazyLock<HashMap<String, Tensor>> = LazyLock::new(|| {
        candle_core::safetensors::load(folder().join("loras/golden.safetensors"), &Device::Cpu).unwrap()
    });
    GOLDEN[key].clone()
}

fn end(pipeline: &Pipeline) -> Tensor {
    let params = GenerationParams {
        steps: 4,
        scheduler: SchedulerKind::Ddim,
        guidance: 4.0,
        negative: NEGATIVE.to_owned(),
        width: 16,
        height: 16,
        init_latents: Some(expected("latents")),
        ..GenerationParams::for_model(pipeline.info(), PROMPT)
    };
    let mut slot = pipeline.start(&params).unwrap();
    while !slot.is_finished() {
        pipeline.step(&mut [&mut slot]).unwrap();
    }
    slot.latents().clone()
}

#[test]
fn every_format_agrees_with_diffusers() {
    let mut comparison = Comparison::default();
    comparison.add("plain", &end(&sd(&[]).unwrap()), &expected("plain"));
    for (key, loras) in [
        ("peft", vec![lora("peft.safetensors", 1.0)]),
        ("rslora", vec![lora("rslora.safetensors", 0.7)]),
        ("kohya", vec![lora("kohya.safetensors", 0.8)]),
        ("legacy", vec![lora("legacy.safetensors", 1.0)]),
        (
            "two",
            vec![lora("peft.safetensors", 0.6), lora("kohya.safetensors", -0.5)],
        ),
    ] {
        comparison.add(key, &end(&sd(&loras).unwrap()), &expected(key));
    }
    // Layers named by their places in the code that SDXL was trained with, on a file that is named so too.
    let options = LoadOptions {
        loras: vec![lora("sgm.safetensors", 0.9)],
        ..single_files::options()
    };
    let sdxl = Pipeline::of(single_files::checkpoint("sdxl"), &options).unwrap();
    comparison.add("sgm", &end(&sdxl), &expected("sgm"));
    comparison.finish(7);
}

#[test]
fn adapters_can_be_changed_and_taken_out_again() {
    let mut pipeline = sd(&[]).unwrap();
    let (plain, hash) = (bits(&end(&pipeline)), pipeline.info().hash.get());
    pipeline.set_loras(&[lora("peft.safetensors", 1.0)]).unwrap();
    assert_eq!(
        bits(&end(&pipeline)),
        bits(&end(&sd(&[lora("peft.safetensors", 1.0)]).unwrap()))
    );
    let with_one = pipeline.info().hash.get();
    assert_ne!(with_one, hash);
    pipeline.set_loras(&[lora("peft.safetensors", 0.5)]).unwrap();
    assert_ne!(pipeline.info().hash.get(), with_one);
    assert_eq!(pipeline.loras(), [lora("peft.safetensors", 0.5)]);
    pipeline.set_loras(&[]).unwrap();
    assert_eq!(bits(&end(&pipeline)), plain);
    assert_eq!(pipeline.info().hash.get(), hash);
}

#[test]
fn an_adapter_that_does_not_fit_changes_nothing() {
    let mut pipeline = sd(&[]).unwrap();
    let plain = bits(&end(&pipeline));
    // Made for the tiny SDXL.
    let error = pipeline
        .set_loras(&[lora("sgm.safetensors", 1.0)])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("sgm.safetensors") && error.contains("another kind of model"),
        "{error}"
    );
    assert_eq!(bits(&end(&pipeline)), plain);
    assert!(pipeline.loras().is_empty());
    // Under a weight of nothing at all, the bits are the checkpoint's.
    pipeline.set_loras(&[lora("peft.safetensors", 0.0)]).unwrap();
    assert_eq!(bits(&end(&pipeline)), plain);
}

#[test]
fn what_is_not_plain_lora_is_refused_by_name() {
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("odd.safetensors");
    let one = Tensor::zeros((1, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
    let down = "lora_unet_mid_block_resnets_0_conv1.lora_down.weight";
    for (names, expected) in [
        (vec!["lora_unet_mid_block_resnets_0_conv1.hada_w1_a"], "LoHa"),
        (vec!["lora_unet_mid_block_resnets_0_conv1.lokr_w1"], "LoKr"),
        (
            vec![down, "lora_unet_mid_block_resnets_0_conv1.dora_scale"],
            "DoRA",
        ),
        (vec![down], "other half"),
        (
            vec!["lora_unet_mid_block_resnets_0_conv1.what"],
            "none that a LoRA has",
        ),
        (
            vec!["transformer.blocks.0.attn.to_q.lora_A.weight"],
            "another family",
        ),
    ] {
        let tensors: HashMap<_, _> = names.iter().map(|name| (*name, one.clone())).collect();
        candle_core::safetensors::save(&tensors, &path).unwrap();
        let error = sd(&[Lora::new(&path)]).err().unwrap().to_string();
        assert!(
            error.contains(expected) && error.contains("odd.safetensors"),
            "{error}"
        );
    }
    let error = sd(&[Lora::new("/nowhere")]).err().unwrap().to_string();
    assert!(error.contains("/nowhere"), "{error}");
}
