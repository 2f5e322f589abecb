//! Each network on its own, and the tokenizer.

use candle_core::DType;
use serde::Deserialize;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::config::{TextEncoderConfig, UNetConfig, VaeConfig};
use crate::models::{AddedInputs, AutoencoderKl, UNet2DConditionModel};
use crate::text::{Reading, TextEncoders};
use crate::weights::Weights;

const READING: Reading = Reading {
    clip_skip: 0,
    weights: true,
};

fn weights(model: &str, part: &str) -> Weights {
    Weights::open(
        &folder().join(model).join(part),
        "diffusion_pytorch_model",
        DType::F32,
        &Device::Cpu,
    )
    .unwrap()
}

#[test]
fn tokens_agree() {
    #[derive(Deserialize)]
    struct Tokens {
        texts: Vec<String>,
        sd: Vec<Vec<u32>>,
        xl: Vec<Vec<u32>>,
    }
    let text = std::fs::read_to_string(folder().join("tokens.json")).unwrap();
    let tokens: Tokens = serde_json::from_str(&text).unwrap();
    for (encoder, tokenizer, expected) in [
        ("sd/text_encoder", "sd/tokenizer", &tokens.sd),
        ("xl/text_encoder_2", "xl/tokenizer_2", &tokens.xl),
    ] {
        let config = TextEncoderConfig::read(&folder().join(encoder).join("config.json")).unwrap();
        let tokenizer = crate::text::ClipTokenizer::read(&folder().join(tokenizer), None, &config).unwrap();
        for (text, expected) in tokens.texts.iter().zip(expected) {
            let found = tokenizer.sequence(&tokenizer.content(text).unwrap());
            assert_eq!(&found, expected, "{tokenizer} of {text:?}", tokenizer = encoder);
        }
    }
}

#[test]
fn text_encoders_agree() {
    for model in MODELS {
        let checkpoint = Checkpoint::open(&folder().join(model)).unwrap();
        let encoders =
            TextEncoders::load(&checkpoint, &Default::default(), DType::F32, &Device::Cpu).unwrap();
        for (key, text) in [
            ("prompt", PROMPT),
            ("negative", NEGATIVE),
            ("plus", PLUS),
            ("minus", MINUS),
        ] {
            let encoded = encoders.prompt(text, READING).unwrap();
            assert_close(model, &encoded.states, &golden(&format!("{model}/text/{key}")));
            if model == "xl" {
                assert_close(
                    model,
                    encoded.pooled.as_ref().unwrap(),
                    &golden(&format!("{model}/pooled/{key}")),
                );
            }
        }
    }
}

#[test]
fn unets_agree_on_even_and_odd_sizes() {
    for model in MODELS {
        let config = UNetConfig::read(&folder().join(model).join("unet/config.json")).unwrap();
        let unet = UNet2DConditionModel::new(config, &weights(model, "unet")).unwrap();
        let get = |key: &str| golden(&format!("{model}/unet/{key}"));
        let added = (model == "xl").then(|| AddedInputs {
            text_embeds: get("text_embeds"),
            time_ids: get("time_ids"),
        });
        let y = unet
            .forward(
                &get("x"),
                &[999.0, 500.5, 1.0],
                &get("text"),
                added.as_ref(),
                None,
            )
            .unwrap();
        assert_close(model, &y, &get("y"));
        let first = |x: &Tensor| x.narrow(0, 0, 1).unwrap();
        let added = added.map(|a| AddedInputs {
            text_embeds: first(&a.text_embeds),
            time_ids: first(&a.time_ids),
        });
        let y = unet
            .forward(
                &get("odd_x"),
                &[300.0],
                &first(&get("text")),
                added.as_ref(),
                None,
            )
            .unwrap();
        assert_close(model, &y, &get("odd_y"));
    }
}

#[test]
fn autoencoders_agree() {
    for model in MODELS {
        let config = VaeConfig::read(&folder().join(model).join("vae/config.json")).unwrap();
        let vae = AutoencoderKl::new(config, &weights(model, "vae"), u64::MAX).unwrap();
        let get = |key: &str| golden(&format!("{model}/vae/{key}"));
        assert_close(model, &vae.decode(&get("z")).unwrap(), &get("decoded"));
        let encoded = vae.encode(&get("image")).unwrap();
        assert_close(model, &encoded.mode().unwrap(), &get("mean"));
    }
}
