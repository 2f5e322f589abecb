//! What is around the denoiser: tiles, the tiny decoder, the safety checker, resizing. The fixtures are
//! `make_image.py`'s.

use std::collections::HashMap;
use std::sync::LazyLock;

use candle_core::DType;
use image::RgbImage;

use super::*;
use crate::config::VaeConfig;
use crate::models::{AutoencoderKl, Tiling, TinyDecoder};
use crate::ops::testing::{bits, noise};
use crate::resample::{Filter, resize};
use crate::safety::SafetyChecker;
use crate::weights::Weights;

pub(super) fn get(key: &str) -> Tensor {
    static GOLDEN: LazyLock<HashMap<String, Tensor>> = LazyLock::new(|| {
        candle_core::safetensors::load(folder().join("image.safetensors"), &Device::Cpu).unwrap()
    });
    GOLDEN
        .get(key)
        .unwrap_or_else(|| panic!("no golden tensor `{key}`"))
        .clone()
}

pub(super) fn picture(key: &str) -> RgbImage {
    let tensor = get(key);
    let (height, width, _) = tensor.dims3().unwrap();
    let values = tensor.flatten_all().unwrap().to_vec1::<u8>().unwrap();
    RgbImage::from_raw(width as u32, height as u32, values).unwrap()
}

fn vae(memory: u64) -> AutoencoderKl {
    let folder = folder().join("sd/vae");
    let config = VaeConfig::read(&folder.join("config.json")).unwrap();
    let weights = Weights::open(&folder, "diffusion_pytorch_model", DType::F32, &Device::Cpu).unwrap();
    AutoencoderKl::new(config, &weights, memory).unwrap()
}

fn tiling() -> Tiling {
    Tiling::new(
        &VaeConfig::read(&folder().join("sd/vae/config.json")).unwrap(),
        16,
    )
}

#[test]
fn tiled_decoding_and_encoding_agree() {
    let vae = vae(u64::MAX);
    let decoded = vae.decode_with(&get("tiles/z"), Some(tiling())).unwrap();
    assert_close("decoded", &decoded, &get("tiles/decoded"));
    let encoded = vae.encode_with(&get("tiles/image"), Some(tiling())).unwrap();
    assert_close("encoded", &encoded.mode().unwrap(), &get("tiles/mean"));
    // Else the comparison would say nothing about tiles.
    let whole = vae.decode(&get("tiles/z")).unwrap();
    assert!(relative_error(&whole, &decoded) > 1e-3);
}

#[test]
fn tiles_are_used_only_where_memory_is_short() {
    let z = noise(1, (1, 4, 40, 36));
    let whole = vae(u64::MAX);
    // The fixture's autoencoder has 2 × 16 + 8 values of 4 bytes a pixel at its widest.
    let need = 80 * 72 * 40 * 4;
    let fits = vae(need).decode(&z).unwrap();
    assert_eq!(bits(&fits), bits(&whole.decode(&z).unwrap()));
    let short = vae(need - 1).decode(&z).unwrap();
    assert_eq!(short.dims(), fits.dims());
    assert!(relative_error(&short, &fits) > 1e-6);
    // A tile that is the whole picture would be no tile.
    let small = z.narrow(2, 0, 8).unwrap();
    assert_eq!(
        bits(&vae(1).decode(&small.narrow(3, 0, 8).unwrap()).unwrap()),
        bits(&whole.decode(&small.narrow(3, 0, 8).unwrap()).unwrap())
    );
}

#[test]
fn pictures_coded_together_are_as_alone() {
    let vae = vae(u64::MAX);
    for tiling in [None, Some(tiling())] {
        let (z, image) = (get("tiles/z"), get("tiles/image"));
        let decoded = vae.decode_with(&z, tiling).unwrap();
        let encoded = vae.encode_with(&image, tiling).unwrap().mode().unwrap();
        for i in 0..2 {
            let one = |x: &Tensor| x.narrow(0, i, 1).unwrap();
            let alone = vae.decode_with(&one(&z), tiling).unwrap();
            assert_eq!(bits(&alone), bits(&one(&decoded)));
            let alone = vae.encode_with(&one(&image), tiling).unwrap().mode().unwrap();
            assert_eq!(bits(&alone), bits(&one(&encoded)));
        }
    }
}

#[test]
fn sampling_the_latents_agrees() {
    let latents = vae(u64::MAX)
        .encode(&get("tiles/image"))
        .unwrap()
        .sample(&get("sample/noise"))
        .unwrap();
    assert_close("sample", &latents, &get("sample/latents"));
}

fn tiny(path: &std::path::Path) -> crate::error::Result<TinyDecoder> {
    TinyDecoder::load(path, 4, DType::F32, &Device::Cpu)
}

#[test]
fn the_tiny_decoder_agrees() {
    let decoded = tiny(&folder().join("taesd"))
        .unwrap()
        .decode(&get("taesd/z"))
        .unwrap();
    assert_close("taesd", &decoded, &get("taesd/decoded"));
}

/// The original's own file has no prefix, no configuration, and counts its clamp as a layer.
#[test]
fn the_tiny_decoder_reads_the_originals_file() {
    let mut tensors = HashMap::new();
    let mut seed = 0;
    let mut put = |name: String, shape: &[usize]| {
        seed += 1;
        tensors.insert(name, (noise(seed, shape) * 0.05).unwrap());
    };
    for layer in [3, 4, 5, 8, 9, 10, 13, 14, 15, 18] {
        for conv in [0, 2, 4] {
            put(format!("{layer}.conv.{conv}.weight"), &[64, 64, 3, 3]);
            put(format!("{layer}.conv.{conv}.bias"), &[64]);
        }
    }
    for layer in [7, 12, 17] {
        put(format!("{layer}.weight"), &[64, 64, 3, 3]);
    }
    put("1.weight".into(), &[64, 4, 3, 3]);
    put("1.bias".into(), &[64]);
    put("19.weight".into(), &[3, 64, 3, 3]);
    put("19.bias".into(), &[3]);
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("taesd_decoder.safetensors");
    candle_core::safetensors::save(&tensors, &original).unwrap();
    let renamed: HashMap<_, _> = tensors
        .into_iter()
        .map(|(name, tensor)| {
            let (layer, rest) = name.split_once('.').unwrap();
            let layer = layer.parse::<usize>().unwrap() - 1;
            (format!("decoder.layers.{layer}.{rest}"), tensor)
        })
        .collect();
    candle_core::safetensors::save(
        &renamed,
        folder.path().join("diffusion_pytorch_model.safetensors"),
    )
    .unwrap();
    std::fs::write(
        folder.path().join("config.json"),
        r#"{"_class_name": "AutoencoderTiny"}"#,
    )
    .unwrap();
    let z = noise(100, (1, 4, 3, 2));
    let decoded = tiny(&original).unwrap().decode(&z).unwrap();
    assert_eq!(decoded.dims(), [1, 3, 24, 16]);
    assert_eq!(
        bits(&decoded),
        bits(&tiny(folder.path()).unwrap().decode(&z).unwrap())
    );

    let other = folder.path().join("other.safetensors");
    z.save_safetensors("x", &other).unwrap();
    let error = tiny(&other).err().unwrap().to_string();
    assert!(
        error.contains("other.safetensors") && error.contains("1.weight"),
        "{error}"
    );
    let error = TinyDecoder::load(&original, 16, DType::F32, &Device::Cpu)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("[64, 16, 3, 3]"), "{error}");
}

#[test]
fn a_pooled_vector_is_mixed_only_where_there_is_one() {
    let load = |model: &str| {
        let options = crate::LoadOptions {
            device: crate::DeviceChoice::Cpu,
            mixing: crate::Mixing {
                pooled: crate::VpPooled::Mixed,
                ..Default::default()
            },
            ..Default::default()
        };
        Pipeline::load(&folder().join(model), &options)
    };
    let error = load("sd").err().unwrap().to_string();
    assert!(error.contains("vp_pooled"), "{error}");
    let (mixed, own) = (load("xl").unwrap(), super::load("xl", VpNorm::Raw));
    let params = crate::GenerationParams {
        steps: 1,
        vp_plus: PLUS.to_owned(),
        beta: 0.7,
        ..crate::GenerationParams::for_model(own.info(), PROMPT)
    };
    let drawn = |pipeline: &Pipeline, beta| {
        let params = crate::GenerationParams {
            beta,
            ..params.clone()
        };
        let mut slot = pipeline.start(&params).unwrap();
        pipeline.step(&mut [&mut slot]).unwrap();
        pipeline.preview(&slot).unwrap()
    };
    assert_ne!(drawn(&mixed, 0.7), drawn(&own, 0.7));
    assert_eq!(drawn(&mixed, 0.0), drawn(&own, 0.0));
}

#[test]
fn previews_and_checks_come_from_what_is_loaded_beside_the_model() {
    let options = crate::LoadOptions {
        device: crate::DeviceChoice::Cpu,
        taesd: Some(folder().join("taesd")),
        safety_checker: Some(folder().join("safety_checker")),
        ..Default::default()
    };
    let pipeline = Pipeline::load(&folder().join("sd"), &options).unwrap();
    let params = crate::GenerationParams {
        steps: 2,
        ..crate::GenerationParams::for_model(pipeline.info(), PROMPT)
    };
    let mut slot = pipeline.start(&params).unwrap();
    pipeline.step(&mut [&mut slot]).unwrap();
    let preview = pipeline.preview(&slot).unwrap();
    assert_eq!(preview.dimensions(), (16, 16));
    let mapped = load("sd", VpNorm::Raw);
    assert_ne!(preview, mapped.preview(&slot).unwrap());
    assert_eq!(mapped.check(&preview).unwrap(), None);
    let report = pipeline.check(&picture("safety/0/picture")).unwrap().unwrap();
    assert!(report.is_flagged());

    // Latents of another kind.
    let error = Pipeline::load(&folder().join("xl"), &options)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("latent_channels") && error.contains("taesd"),
        "{error}"
    );
}

#[test]
fn the_safety_checker_agrees_and_decides_alike() {
    let checker = SafetyChecker::load(&folder().join("safety_checker"), &Device::Cpu).unwrap();
    let expected: Vec<Vec<f32>> = get("safety/scores").to_vec2().unwrap();
    let special: Vec<Vec<f32>> = get("safety/special_scores").to_vec2().unwrap();
    for (i, flagged) in [true, false].into_iter().enumerate() {
        let picture = picture(&format!("safety/{i}/picture"));
        let pixels = checker.pixels(&picture).unwrap();
        assert_close("pixels", &pixels, &get(&format!("safety/{i}/pixels")));
        let report = checker.check(&picture).unwrap();
        assert_eq!(report.is_flagged(), flagged);
        // Rounded to three places on both sides.
        for (found, expected) in [
            (&report.scores, &expected[i]),
            (&report.special_scores, &special[i]),
        ] {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1.1e-3, "{found} {expected}");
            }
        }
    }
}

#[test]
fn a_checker_saved_by_newer_tools_reads_alike_and_a_partial_one_is_named() {
    let from = folder().join("safety_checker");
    let to = tempfile::tempdir().unwrap();
    let tensors = candle_core::safetensors::load(from.join("model.safetensors"), &Device::Cpu).unwrap();
    let flat: HashMap<_, _> = tensors
        .into_iter()
        .map(|(name, tensor)| {
            (
                name.replace("vision_model.vision_model.", "vision_model."),
                tensor,
            )
        })
        .collect();
    candle_core::safetensors::save(&flat, to.path().join("model.safetensors")).unwrap();
    std::fs::copy(from.join("config.json"), to.path().join("config.json")).unwrap();
    let error = SafetyChecker::load(to.path(), &Device::Cpu)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("preprocessor_config.json"), "{error}");
    std::fs::copy(
        from.join("preprocessor_config.json"),
        to.path().join("preprocessor_config.json"),
    )
    .unwrap();
    let picture = picture("safety/0/picture");
    let check = |folder: &std::path::Path| {
        SafetyChecker::load(folder, &Device::Cpu)
            .unwrap()
            .check(&picture)
            .unwrap()
    };
    assert_eq!(check(to.path()), check(&from));
}

#[test]
fn pictures_are_resized_as_by_pillow() {
    let from = picture("resize/picture");
    for (name, filter) in [("bicubic", Filter::Bicubic), ("lanczos", Filter::Lanczos)] {
        for (width, height) in [(8, 8), (50, 33), (21, 40), (5, 17)] {
            let expected = picture(&format!("resize/{name}/{width}x{height}"));
            assert!(
                resize(&from, width, height, filter) == expected,
                "{name} {width}×{height}"
            );
        }
    }
}
