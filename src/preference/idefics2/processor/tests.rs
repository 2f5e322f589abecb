use std::collections::HashMap;
use std::path::PathBuf;

use image::Rgba;
use serde_json::Value;

use super::*;
use crate::idefics2::fixtures::picture;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/preference")
}

fn digest(values: &[f32]) -> String {
    let state = values.iter().fold(0xcbf2_9ce4_8422_2325_u64, |state, value| {
        (state ^ u64::from(value.to_bits())).wrapping_mul(0x100_0000_01b3)
    });
    format!("{state:016x}")
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn every_pixel_is_what_the_reference_makes_of_it() {
    let text = fs::read_to_string(fixtures().join("processing/images.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let processor = ImageProcessor::from_json(&case["settings"].to_string()).unwrap();
        let sizes: Vec<[u32; 2]> = serde_json::from_value(case["sizes"].clone()).unwrap();
        let pictures: Vec<RgbImage> = (0..)
            .zip(&sizes)
            .map(|(seed, [width, height])| picture(*width, *height, seed))
            .collect();
        let prepared = processor.prepare(&pictures).unwrap();
        let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
        assert_eq!(prepared.pixel_values.dims(), shape, "{name}");
        assert_eq!(shape[0], sizes.len() * processor.images_per_picture());
        assert_eq!(
            digest(&flat(&prepared.pixel_values)),
            case["pixels"].as_str().unwrap(),
            "{name}"
        );
        let masks: Vec<Vec<Vec<u8>>> = prepared.pixel_attention_mask.to_vec3().unwrap();
        let sizes: Vec<[usize; 2]> = serde_json::from_value(case["mask"].clone()).unwrap();
        for (mask, [height, width]) in masks.iter().zip(sizes) {
            for (y, row) in mask.iter().enumerate() {
                for (x, value) in row.iter().enumerate() {
                    assert_eq!(*value == 1, y < height && x < width, "{name} {x} {y}");
                }
            }
        }
    }
}

fn whole() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixtures().join("processing/images.safetensors"), &Device::Cpu).unwrap()
}

#[test]
fn a_small_picture_is_the_references_value_by_value() {
    let golden = &whole()["small.pixel_values"];
    let processor = ImageProcessor::from_folder(&fixtures().join("idefics2")).unwrap();
    let prepared = processor.prepare(&[picture(40, 60, 0)]).unwrap();
    assert_eq!(flat(&prepared.pixel_values), flat(golden));
}

#[test]
fn what_is_transparent_lies_over_white() {
    let golden = whole();
    let bytes: Vec<u8> = golden["alpha.rgba"].flatten_all().unwrap().to_vec1().unwrap();
    let rgba = image::ImageBuffer::<Rgba<u8>, _>::from_raw(24, 16, bytes).unwrap();
    let rgb = over_white(&DynamicImage::ImageRgba8(rgba));
    // The reference's channels come first.
    let expected: Vec<u8> = golden["alpha.rgb"]
        .permute((1, 2, 0))
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap();
    assert_eq!(rgb.into_raw(), expected);
    let grey = over_white(&DynamicImage::ImageLuma8(image::GrayImage::from_pixel(
        2,
        1,
        image::Luma([7]),
    )));
    assert_eq!(grey.into_raw(), [7; 6]);
}

#[test]
fn vipers_sizes_keep_both_edges_in_their_bounds() {
    let processor = ImageProcessor::from_json("{}")
        .unwrap()
        .with_size(448, 378)
        .unwrap();
    let size = |width, height| processor.resized(RgbImage::new(width, height)).dimensions();
    assert_eq!(size(1_000, 1_000), (448, 448));
    assert_eq!(size(2_000, 500), (448, 378));
    assert_eq!(size(10, 300), (378, 378));
    assert_eq!(size(400, 410), (400, 410));
}

#[test]
fn unusable_files_are_refused_by_file_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let error = ImageProcessor::from_folder(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("preprocessor_config.json"), "{error}");
    for (text, key) in [
        ("{", "EOF"),
        ("{\"size\": {\"longest_edge\": 9}}", "size"),
        ("{\"size\": {\"longest_edge\": 0, \"shortest_edge\": 3}}", "4096"),
        (
            "{\"size\": {\"longest_edge\": 50000, \"shortest_edge\": 3}}",
            "50000",
        ),
        ("{\"resample\": 0}", "resample"),
        ("{\"image_std\": [0.5, 0.0, 0.5]}", "image_std"),
        ("{\"image_mean\": 7}", "line 1"),
    ] {
        fs::write(folder.path().join("preprocessor_config.json"), text).unwrap();
        let error = ImageProcessor::from_folder(folder.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(key) && error.contains("preprocessor_config"),
            "{text}: {error}"
        );
    }
}

#[test]
fn pictures_that_cannot_be_prepared_are_named() {
    let processor = ImageProcessor::from_json("{}").unwrap();
    assert!(matches!(
        processor.prepare::<RgbImage>(&[]),
        Err(ProcessorError::NoImages)
    ));
    let pictures = [picture(3, 3, 0), RgbImage::new(0, 5)];
    assert!(matches!(
        processor.prepare(&pictures),
        Err(ProcessorError::EmptyImage { place: 1 })
    ));
    let splitting = processor.clone().with_image_splitting(true);
    assert!(matches!(
        splitting.prepare(&[picture(1, 9, 0)]),
        Err(ProcessorError::EmptyImage { place: 0 })
    ));
    let bare = ImageProcessor::from_json("{\"do_resize\": false, \"do_pad\": false}").unwrap();
    assert!(matches!(
        bare.prepare(&[picture(3, 3, 0), picture(4, 3, 0)]),
        Err(ProcessorError::Uneven)
    ));
    assert_eq!(
        bare.prepare(&[picture(3, 3, 0)]).unwrap().pixel_values.dims(),
        [1, 3, 3, 3]
    );
}
