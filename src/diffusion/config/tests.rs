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
        (r#"{"time_cond_proj_dim": 256}"#, "time_cond_proj_dim"),
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
fn a_flow_scheduler_is_refused() {
    let (_folder, path) = write(r#"{"use_flow_sigmas": true}"#);
    assert!(SchedulerConfig::read(&path, PipelineFamily::StableDiffusion).is_err());
}
