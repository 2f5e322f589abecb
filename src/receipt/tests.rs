use super::*;

fn receipt() -> Receipt {
    Receipt {
        prompt: "灯台 \"at\" dusk\nwith a 🦊".into(),
        negative: String::new(),
        vp_plus: "watercolor, soft light".into(),
        vp_minus: "neon".into(),
        beta: 0.4,
        conditioning: "embedding".into(),
        seed: u64::MAX,
        noise: "torch".into(),
        variations: vec![Variation {
            seed: 3,
            strength: 0.35,
        }],
        source: Some(SourceReceipt {
            hash: "00ff".into(),
            strength: 0.6,
        }),
        hires: Some(Hires {
            width: 6,
            height: 4,
            strength: 0.4,
            steps: 12,
            upscale: tastemaker_diffusion::Upscale::Image,
        }),
        safety: Safety::Spoiler,
        steps: 20,
        guidance: 2.5,
        guidance_rescale: 0.7,
        clip_skip: Some(1),
        plain_brackets: true,
        scheduler: "dpmpp_2m".into(),
        width: 3,
        height: 2,
        model: "embedded".into(),
        model_hash: "0123456789ab".into(),
        software: software(),
    }
}

#[test]
fn a_receipt_survives_the_file_and_the_picture_too() {
    let picture = RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8, y as u8, 7]));
    let file = encode_png(&picture, &receipt()).unwrap();
    assert_eq!(read_receipt(&file).unwrap(), Some(receipt()));
    assert_eq!(image::load_from_memory(&file).unwrap().to_rgb8(), picture);
    let text = String::from_utf8_lossy(&file).into_owned();
    assert!(text.contains("VP+: watercolor, soft light") && !text.contains("Negative prompt"));
    assert!(text.contains("Noise: torch") && text.contains("Clip skip: 2"));
    assert!(text.contains("Denoising strength: 0.6") && text.contains("Hires size: 6x4"));
}

/// Receipts of pictures from before there were a choice of noise, sources, second passes and checks.
#[test]
fn an_older_receipt_is_still_read() {
    let mut old = serde_json::to_value(receipt()).unwrap();
    for key in ["noise", "source", "hires", "safety"] {
        old.as_object_mut().unwrap().remove(key);
    }
    let read: Receipt = serde_json::from_value(old).unwrap();
    assert_eq!(
        read,
        Receipt {
            noise: "portable".into(),
            source: None,
            hires: None,
            safety: Safety::Clear,
            ..receipt()
        }
    );
}

#[test]
fn other_pictures_have_no_receipt_and_other_files_are_errors() {
    let mut file = Vec::new();
    let picture = RgbImage::new(1, 1);
    picture
        .write_to(&mut std::io::Cursor::new(&mut file), image::ImageFormat::Png)
        .unwrap();
    assert_eq!(read_receipt(&file).unwrap(), None);
    assert!(read_receipt(b"GIF89a").is_err());
}

#[test]
fn the_parameters_it_describes_come_back() {
    let mut plain = GenerationParams {
        clip_skip: 2,
        ..crate::engine::manifest(&crate::config::Config::defaults().unwrap())
            .unwrap()
            .defaults("something else")
    };
    let params = receipt().params(&plain).unwrap();
    let (width, height) = (receipt().width as usize, receipt().height as usize);
    plain = GenerationParams {
        prompt: receipt().prompt,
        negative: String::new(),
        vp_plus: "watercolor, soft light".into(),
        vp_minus: "neon".into(),
        beta: 0.4,
        conditioning: tastemaker_diffusion::Conditioning::Embedding,
        seed: u64::MAX,
        noise: NoiseKind::Torch,
        variations: receipt().variations,
        steps: 20,
        guidance: 2.5,
        guidance_rescale: 0.7,
        clip_skip: 1,
        prompt_weights: false,
        scheduler: tastemaker_diffusion::SchedulerKind::Dpmpp2m,
        width,
        height,
        source: None,
        hires: receipt().hires,
        init_latents: None,
    };
    assert_eq!(format!("{params:?}"), format!("{plain:?}"));
    // One that leaves a setting to the model.
    let left = Receipt {
        clip_skip: None,
        ..receipt()
    };
    plain.clip_skip = 2;
    assert_eq!(left.params(&plain).unwrap().clip_skip, 2);
    let unknown = Receipt {
        scheduler: "plms".into(),
        ..receipt()
    };
    assert!(unknown.params(&plain).unwrap_err().to_string().contains("plms"));
}
