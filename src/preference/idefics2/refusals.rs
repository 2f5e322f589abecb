//! What is refused, and what the messages say.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::{Idefics2, Idefics2Config, LoadOptions, Precision};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/preference/idefics2")
}

fn options() -> LoadOptions {
    LoadOptions::new(Device::Cpu, Precision::F32)
}

fn weights() -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixtures().join("model.safetensors"), &Device::Cpu).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixtures().join("config.json"), folder.path().join("config.json")).unwrap();
    folder
}

fn refusal(path: &Path) -> String {
    Idefics2::load(path, &options()).err().unwrap().to_string()
}

#[test]
fn shards_load_like_one_file_and_a_missing_one_is_named() {
    let folder = folder();
    let (mut map, mut shards) = (HashMap::new(), [HashMap::new(), HashMap::new()]);
    for (i, (name, tensor)) in weights().into_iter().enumerate() {
        map.insert(name.clone(), format!("model-{}.safetensors", i % 2));
        shards[i % 2].insert(name, tensor);
    }
    for (i, shard) in shards.iter().enumerate() {
        let file = folder.path().join(format!("model-{i}.safetensors"));
        candle_core::safetensors::save(shard, file).unwrap();
    }
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, json!({ "weight_map": map }).to_string()).unwrap();
    let logits = |path: &Path| -> Vec<f32> {
        let model = Idefics2::load(path, &options()).unwrap();
        let logits = model.forward(&[1, 5, 9], None, &mut model.new_cache());
        logits.unwrap().to_vec1().unwrap()
    };
    assert_eq!(logits(folder.path()), logits(&fixtures()));
    std::fs::remove_file(folder.path().join("model-1.safetensors")).unwrap();
    let message = refusal(folder.path());
    assert!(message.contains("model-1.safetensors: not found"), "{message}");
}

#[test]
fn a_missing_or_misshapen_tensor_is_named_with_both_shapes() {
    let folder = folder();
    let file = folder.path().join("model.safetensors");
    let name = "model.text_model.layers.1.mlp.down_proj.weight";
    let mut tensors = weights();
    let whole = tensors.remove(name).unwrap();
    candle_core::safetensors::save(&tensors, &file).unwrap();
    let message = refusal(folder.path());
    assert!(
        message.ends_with(&format!(
            "model.safetensors: tensor `{name}` is missing (expected shape [32, 64])"
        )),
        "{message}"
    );
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(fixtures().join("config.json"), other.join("config.json")).unwrap();
    tensors.insert(name.into(), whole.t().unwrap().contiguous().unwrap());
    candle_core::safetensors::save(&tensors, other.join("model.safetensors")).unwrap();
    let message = refusal(&other);
    assert!(
        message.ends_with(&format!(
            "tensor `{name}` has shape [64, 32], the configuration needs [32, 64]"
        )),
        "{message}"
    );
}

#[test]
fn a_folder_without_weights_or_with_a_cut_file_says_so() {
    let folder = folder();
    let message = refusal(folder.path());
    assert!(message.contains("model.safetensors: not found"), "{message}");
    let bytes = std::fs::read(fixtures().join("model.safetensors")).unwrap();
    std::fs::write(
        folder.path().join("model.safetensors"),
        &bytes[..bytes.len() - 10],
    )
    .unwrap();
    let message = refusal(folder.path());
    assert!(message.contains("get the file again"), "{message}");
}

#[test]
fn a_configuration_takes_transformers_defaults() {
    let config = |text: &str| Idefics2Config::from_json(text, Path::new("config.json"));
    let absent = config("{}");
    // 32,000 tokens and an image token of 32,001 do not go together.
    assert!(absent.unwrap_err().to_string().contains("image_token_id"));
    let read = config(
        r#"{"text_config": {"vocab_size": 32003, "sliding_window": null, "num_key_value_heads": null}}"#,
    )
    .unwrap();
    assert_eq!(
        (read.text.sliding_window, read.text.num_key_value_heads),
        (None, 32)
    );
    assert_eq!((read.text.head_dim, read.text.rope_theta), (128, 10_000.0));
    assert_eq!(
        (read.text.rms_norm_eps, read.perceiver.rms_norm_eps),
        (1e-6, 1e-6)
    );
    assert_eq!((read.vision.hidden_size, read.perceiver.n_latents), (768, 64));
    let read = config(r#"{"image_token_id": 5, "text_config": {"hidden_size": 64, "rms_norm_eps": 0.1, "rope_theta": 5.0}}"#).unwrap();
    assert_eq!(
        (read.perceiver.hidden_size, read.perceiver.rms_norm_eps),
        (64, 0.1)
    );
    assert_eq!(
        (read.text.sliding_window, read.text.rope_theta),
        (Some(4096), 5.0)
    );
}

#[test]
fn an_unsupported_setting_is_refused_by_name() {
    for (text, key) in [
        (r#"{"model_type": "idefics3"}"#, "`model_type` = idefics3"),
        (
            r#"{"text_config": {"model_type": "llama"}}"#,
            "`text_config.model_type` = llama",
        ),
        (
            r#"{"text_config": {"hidden_act": "mish"}}"#,
            "`text_config.hidden_act` = mish",
        ),
        (
            r#"{"text_config": {"rope_scaling": {"type": "yarn"}}}"#,
            "`text_config.rope_parameters.rope_type` = yarn",
        ),
        (
            r#"{"quantization_config": {"load_in_4bit": true}}"#,
            "`quantization_config`",
        ),
        (
            r#"{"text_config": {"num_key_value_heads": 7}}"#,
            "no multiple of num_key_value_heads, 7",
        ),
        (
            r#"{"vision_config": {"patch_size": 0}}"#,
            "`vision_config.patch_size` must be at least 1",
        ),
    ] {
        let error = Idefics2Config::from_json(text, Path::new("config.json")).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}

/// The message for the adapter `regex` after `change` was applied to its settings and its tensors.
fn adapter_refusal(change: impl Fn(&mut Value, &mut HashMap<String, Tensor>)) -> String {
    let source = fixtures().join("adapters/regex");
    let text = std::fs::read_to_string(source.join("adapter_config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    let mut tensors =
        candle_core::safetensors::load(source.join("adapter_model.safetensors"), &Device::Cpu).unwrap();
    change(&mut config, &mut tensors);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("adapter_config.json"), config.to_string()).unwrap();
    candle_core::safetensors::save(&tensors, folder.path().join("adapter_model.safetensors")).unwrap();
    let base = Idefics2::load(&fixtures(), &options()).unwrap();
    match base.with_adapter(folder.path()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_adapter_that_does_more_than_lora_is_refused_by_name() {
    for (key, value) in [
        ("use_dora", json!(true)),
        ("modules_to_save", json!(["lm_head"])),
        ("bias", json!("all")),
        ("init_lora_weights", json!("pissa")),
        ("peft_type", json!("LOHA")),
        ("target_modules", json!("all-linear")),
    ] {
        let message = adapter_refusal(|config, _| config[key] = value.clone());
        assert!(message.contains(&format!("`{key}` = ")), "{key}: {message}");
    }
    let unchanged = adapter_refusal(|config, _| config["modules_to_save"] = json!([]));
    assert_eq!(unchanged, "");
}

#[test]
fn adapter_tensors_without_a_layer_and_layers_without_tensors_are_named() {
    let q = "base_model.model.model.text_model.layers.0.self_attn.q_proj";
    let message = adapter_refusal(|_, tensors| {
        tensors.remove(&format!("{q}.lora_B.weight"));
    });
    assert!(
        message.contains("`model.text_model.layers.0.self_attn.q_proj`"),
        "{message}"
    );
    let message = adapter_refusal(|_, tensors| {
        let moved = tensors[&format!("{q}.lora_A.weight")].clone();
        tensors.insert(q.replace("layers.0", "layers.7") + ".lora_A.weight", moved);
    });
    assert!(
        message.contains("layers.7.self_attn.q_proj.lora_A.weight` belongs to no layer"),
        "{message}"
    );
    let message = adapter_refusal(|_, tensors| {
        let norm = tensors[&format!("{q}.lora_A.weight")].clone();
        tensors.insert(format!("{q}.lora_magnitude_vector.weight"), norm);
    });
    assert!(message.contains("lora_magnitude_vector"), "{message}");
    let message = adapter_refusal(|config, _| config["r"] = json!(3));
    assert!(message.contains("has shape [4, "), "{message}");
}

#[test]
fn an_adapter_of_the_model_without_its_head_and_one_with_a_named_adapter_fit_as_well() {
    let renamed = |from: &str, to: &str| {
        adapter_refusal(|_, tensors| {
            *tensors = tensors
                .drain()
                .map(|(name, tensor)| (name.replace(from, to), tensor))
                .collect();
        })
    };
    assert_eq!(renamed("base_model.model.model.", "base_model.model."), "");
    assert_eq!(renamed("base_model.model.", ""), "");
    assert_eq!(renamed(".weight", ".default.weight"), "");
}
