use super::*;

fn write(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn pythons_infinities_are_read_as_absent() {
    let (_folder, path) = write(r#"{"lambda_min_clipped": -Infinity, "a": NaN, "note": "Infinity"}"#);
    let object = read_object(&path).unwrap();
    assert!(object["lambda_min_clipped"].is_null() && object["a"].is_null());
    assert_eq!(object["note"], "Infinity");
}

#[test]
fn an_empty_unet_config_means_stable_diffusion_1() {
    let (_folder, path) = write("{}");
    let config = UNetConfig::read(&path).unwrap();
    assert_eq!(
        config.blocks.iter().map(|b| b.channels).collect::<Vec<_>>(),
        [320, 640, 1280, 1280]
    );
    assert_eq!(
        config.blocks.iter().map(|b| b.attention).collect::<Vec<_>>(),
        [true, true, true, false]
    );
    assert_eq!(config.mid_block, MidBlock::CrossAttention);
    assert_eq!(config.time_embedding_dim, 1280);
}

#[test]
fn unsupported_settings_are_named_with_file_and_value() {
    for (text, key) in [
        (r#"{"class_embed_type": "timestep"}"#, "class_embed_type"),
        (r#"{"addition_embed_type": "image"}"#, "addition_embed_type"),
        (
            r#"{"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"}"#,
            "mid_block_type",
        ),
        (r#"{"down_block_types": ["AttnDownBlock2D"]}"#, "down_block_types"),
        (r#"{"num_attention_heads": 8}"#, "num_attention_heads"),
        (r#"{"encoder_hid_dim": 1024}"#, "encoder_hid_dim"),
    ] {
        let (_folder, path) = write(text);
        let message = UNetConfig::read(&path).unwrap_err().to_string();
        assert!(
            message.contains("config.json") && message.contains(key),
            "{message}"
        );
    }
}

#[test]
fn impossible_sizes_are_errors_not_panics() {
    for text in [
        r#"{"norm_num_groups": 0}"#,
        r#"{"norm_num_groups": 7}"#,
        r#"{"attention_head_dim": 0}"#,
        r#"{"block_out_channels": []}"#,
        r#"{"block_out_channels": [32, 64]}"#,
        r#"{"layers_per_block": [1, 2]}"#,
        r#"{"addition_embed_type": "text_time"}"#,
        r#"{"in_channels": -1}"#,
    ] {
        let (_folder, path) = write(text);
        assert!(UNetConfig::read(&path).is_err(), "{text}");
    }
}

#[test]
fn the_scheduler_corrections_of_the_sd_pipeline_apply() {
    let read = |text: &str, family| {
        let (_folder, path) = write(text);
        SchedulerConfig::read(&path, family).unwrap()
    };
    use PipelineFamily::{StableDiffusion as Sd, StableDiffusionXl as Xl};
    let pndm = r#"{"_class_name": "PNDMScheduler", "steps_offset": 0}"#;
    assert_eq!(read(pndm, Sd).steps_offset("DDIMScheduler"), 1);
    assert_eq!(read(pndm, Xl).steps_offset("DDIMScheduler"), 0);
    assert!(read(pndm, Sd).clip_sample("DDIMScheduler"));
    let ddim = r#"{"_class_name": "DDIMScheduler"}"#;
    assert_eq!(read(ddim, Sd).steps_offset("DDIMScheduler"), 1);
    assert!(!read(ddim, Sd).clip_sample("DDIMScheduler"));
    assert!(read(ddim, Xl).clip_sample("DDIMScheduler"));
    let clip = r#"{"_class_name": "PNDMScheduler", "clip_sample": true}"#;
    assert!(!read(clip, Sd).clip_sample("DDIMScheduler"));
}

#[test]
fn other_schedulers_and_settings_are_refused() {
    for (text, key) in [
        (r#"{"use_flow_sigmas": true}"#, "use_flow_sigmas"),
        (
            r#"{"_class_name": "FlowMatchEulerDiscreteScheduler"}"#,
            "_class_name",
        ),
        (r#"{"_class_name": "EDMEulerScheduler"}"#, "_class_name"),
        (
            r#"{"use_beta_sigmas": true, "use_karras_sigmas": true}"#,
            "use_beta_sigmas",
        ),
        (r#"{"solver_order": 4}"#, "solver_order"),
        (r#"{"predict_x0": false}"#, "predict_x0"),
        (r#"{"variance_type": "learned_range"}"#, "variance_type"),
        (r#"{"algorithm_type": "dpmsolver+++"}"#, "dpmsolver+++"),
        (r#"{"original_inference_steps": 0}"#, "original_inference_steps"),
        (
            r#"{"use_karras_sigmas": true, "use_exponential_sigmas": true}"#,
            "use_exponential_sigmas",
        ),
    ] {
        let (_folder, path) = write(text);
        let error = SchedulerConfig::read(&path, PipelineFamily::StableDiffusion).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn a_manifest_stands_in_for_the_schedulers_file() {
    let (_folder, path) =
        write(r#"{"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}"#);
    let mut config = SchedulerConfig::read(&path, PipelineFamily::StableDiffusionXl).unwrap();
    let overrides = SchedulerOverrides {
        timestep_spacing: Some(TimestepSpacing::Trailing),
        original_inference_steps: Some(100),
        ..Default::default()
    };
    config.override_with(&overrides, &path).unwrap();
    assert_eq!(config.timestep_spacing, Some(TimestepSpacing::Trailing));
    assert_eq!(config.original_inference_steps, 100);
    let wrong = SchedulerOverrides {
        original_inference_steps: Some(1001),
        ..overrides
    };
    assert!(config.clone().override_with(&wrong, &path).is_err());
    for (timesteps, sigmas, key) in [
        (Some(vec![]), None, "timesteps"),
        (Some(vec![999, 999]), None, "timesteps"),
        (Some(vec![1000, 5]), None, "timesteps"),
        (None, Some(vec![1.0]), "sigmas"),
        (None, Some(vec![1.0, f64::NAN]), "sigmas"),
        (None, Some(vec![1.0, -0.5]), "sigmas"),
        (Some(vec![5]), Some(vec![1.0, 0.0]), "exclude each other"),
    ] {
        let wrong = SchedulerOverrides {
            timesteps,
            sigmas,
            ..Default::default()
        };
        let error = config.clone().override_with(&wrong, &path).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
}

/// The keys that published `unet/config.json` files have, with the values that matter here.
#[test]
fn published_unet_configurations_are_read() {
    let sd21 = r#"{
        "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.10.0.dev0", "act_fn": "silu",
        "attention_head_dim": [5, 10, 20, 20], "block_out_channels": [320, 640, 1280, 1280],
        "center_input_sample": false, "cross_attention_dim": 1024,
        "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "downsample_padding": 1, "dual_cross_attention": false, "flip_sin_to_cos": true, "freq_shift": 0,
        "in_channels": 4, "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-05,
        "norm_num_groups": 32, "num_class_embeds": null, "only_cross_attention": false, "out_channels": 4,
        "sample_size": 96, "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
        "CrossAttnUpBlock2D"], "use_linear_projection": true, "upcast_attention": true
    }"#;
    let (_folder, path) = write(sd21);
    let config = UNetConfig::read(&path).unwrap();
    assert_eq!(
        config.blocks.iter().map(|b| b.heads).collect::<Vec<_>>(),
        [5, 10, 20, 20]
    );
    assert!(config.upcast_attention && config.use_linear_projection);
    assert_eq!((config.sample_size, config.time_cond_proj_dim), ((96, 96), None));

    let sdxl = r#"{
        "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.19.0.dev0", "act_fn": "silu",
        "addition_embed_type": "text_time", "addition_embed_type_num_heads": 64, "addition_time_embed_dim": 256,
        "attention_head_dim": [5, 10, 20], "block_out_channels": [320, 640, 1280], "center_input_sample": false,
        "class_embed_type": null, "class_embeddings_concat": false, "conv_in_kernel": 3, "conv_out_kernel": 3,
        "cross_attention_dim": 2048, "cross_attention_norm": null,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"], "downsample_padding": 1,
        "dual_cross_attention": false, "encoder_hid_dim": null, "encoder_hid_dim_type": null, "flip_sin_to_cos": true,
        "freq_shift": 0, "in_channels": 4, "layers_per_block": 2, "mid_block_only_cross_attention": null,
        "mid_block_scale_factor": 1, "mid_block_type": "UNetMidBlock2DCrossAttn", "norm_eps": 1e-05,
        "norm_num_groups": 32, "num_attention_heads": null, "num_class_embeds": null, "only_cross_attention": false,
        "out_channels": 4, "projection_class_embeddings_input_dim": 2816, "resnet_out_scale_factor": 1.0,
        "resnet_skip_time_act": false, "resnet_time_scale_shift": "default", "sample_size": 128,
        "time_cond_proj_dim": null, "time_embedding_act_fn": null, "time_embedding_dim": null,
        "time_embedding_type": "positional", "timestep_post_act": null, "transformer_layers_per_block": [1, 2, 10],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "upcast_attention": null,
        "use_linear_projection": true
    }"#;
    let (_folder, path) = write(sdxl);
    let config = UNetConfig::read(&path).unwrap();
    assert_eq!(config.blocks[2].transformer_layers, [10, 10]);
    assert_eq!(
        config.up_transformer_layers,
        [vec![10; 3], vec![2; 3], vec![1; 3]]
    );
    assert_eq!(config.mid_transformer_layers, 10);
    let added = config.added.unwrap();
    assert_eq!((added.input_dim, added.time_embed_dim), (2816, 256));

    // The refiner differs in these; LCM's in one more, and small fine-tunes give depths for each layer.
    let refiner = sdxl
        .replace("[5, 10, 20]", "[6, 12, 24, 24]")
        .replace("[320, 640, 1280]", "[384, 768, 1536, 1536]")
        .replace("[1, 2, 10]", "4")
        .replace(
            "[\"DownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\"]",
            "[\"DownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"DownBlock2D\"]",
        )
        .replace(
            "[\"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"UpBlock2D\"]",
            "[\"UpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"UpBlock2D\"]",
        )
        .replace("\"time_cond_proj_dim\": null", "\"time_cond_proj_dim\": 256");
    let (_folder, path) = write(&refiner);
    let config = UNetConfig::read(&path).unwrap();
    assert_eq!(
        (config.mid_block, config.mid_transformer_layers),
        (MidBlock::CrossAttention, 4)
    );
    assert_eq!(config.up_attention, [false, true, true, false]);
    assert_eq!(config.time_cond_proj_dim, Some(256));

    let small = sdxl
        .replace("[1, 2, 10]", "[0, 2, 4]")
        .replace(
            "\"sample_size\"",
            "\"reverse_transformer_layers_per_block\": [[4, 4, 10], [2, 1, 1], 1], \"sample_size\"",
        )
        .replace("\"UNetMidBlock2DCrossAttn\"", "\"UNetMidBlock2D\"");
    let (_folder, path) = write(&small);
    let config = UNetConfig::read(&path).unwrap();
    assert_eq!(
        config.up_transformer_layers,
        [vec![4, 4, 10], vec![2, 1, 1], vec![1; 3]]
    );
    assert_eq!(config.mid_block, MidBlock::Resnet);
}

#[test]
fn published_text_encoder_configurations_are_read() {
    let sd21 = r#"{
        "architectures": ["CLIPTextModel"], "attention_dropout": 0.0, "bos_token_id": 0, "dropout": 0.0,
        "eos_token_id": 2, "hidden_act": "gelu", "hidden_size": 1024, "initializer_factor": 1.0,
        "initializer_range": 0.02, "intermediate_size": 4096, "layer_norm_eps": 1e-05,
        "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 16,
        "num_hidden_layers": 23, "pad_token_id": 1, "projection_dim": 512, "torch_dtype": "float32",
        "transformers_version": "4.25.0.dev0", "vocab_size": 49408
    }"#;
    let (_folder, path) = write(sd21);
    let config = TextEncoderConfig::read(&path).unwrap();
    assert_eq!(
        (config.layers, config.hidden_size, config.projection),
        (23, 1024, None)
    );
    assert_eq!(config.activation, crate::ops::Activation::Gelu);
}

#[test]
fn the_index_of_each_family_is_read() {
    let read = |text: &str| {
        let (folder, path) = write(text);
        std::fs::rename(path, folder.path().join("model_index.json")).unwrap();
        ModelIndex::read(folder.path())
    };
    let refiner = read(
        r#"{"_class_name": "StableDiffusionXLImg2ImgPipeline", "force_zeros_for_empty_prompt": false,
        "requires_aesthetics_score": true, "text_encoder": [null, null], "tokenizer": [null, null],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer_2": ["transformers", "CLIPTokenizer"]}"#,
    )
    .unwrap();
    assert_eq!(refiner.text_encoders.len(), 1);
    assert!(!refiner.force_zeros_for_empty_prompt);
    assert_eq!(refiner.requires_aesthetics_score, Some(true));
    let lcm = read(
        r#"{"_class_name": "LatentConsistencyModelPipeline", "requires_safety_checker": true,
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"]}"#,
    )
    .unwrap();
    assert_eq!(lcm.family, PipelineFamily::StableDiffusion);
    let error = read(r#"{"_class_name": "FluxPipeline"}"#)
        .unwrap_err()
        .to_string();
    assert!(error.contains("FluxPipeline"), "{error}");
}
