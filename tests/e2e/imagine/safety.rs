//! What people see when the safety checker finds something.

use std::path::Path;

use serde_json::{Value, json};
use tastemaker::config::{Config, OnHit};
use tastemaker_sandbox::model::Message;
use tastemaker_storage::JobState;

use super::person;
use crate::support::{Acts, World, is_finished, pixels};

/// A model whose checker finds something in every picture.
struct Cautious {
    folder: tempfile::TempDir,
}

impl Cautious {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion");
        let checker = folder.path().join("checker");
        std::fs::create_dir(&checker).unwrap();
        for name in ["config.json", "preprocessor_config.json"] {
            std::fs::copy(fixtures.join("safety_checker").join(name), checker.join(name)).unwrap();
        }
        let mut weights = std::fs::read(fixtures.join("safety_checker/model.safetensors")).unwrap();
        lower_first_threshold(&mut weights);
        std::fs::write(checker.join("model.safetensors"), weights).unwrap();
        let manifest = format!(
            "name = 'cautious'\npath = '{}'\nlicence = 'test'\n[safety_checker]\npath = 'checker'\n[defaults]\nsteps = 4\n\
             scheduler = 'ddim'\nguidance = 5.0\nwidth = 16\nheight = 16\nbeta = 0.6\n",
            fixtures.join("sd").display()
        );
        std::fs::write(folder.path().join("cautious.toml"), manifest).unwrap();
        Self { folder }
    }

    async fn world(&self, on_hit: OnHit) -> World {
        World::with(|config: &mut Config| {
            config.paths.models = self.folder.path().to_owned();
            config.model.name = "cautious".to_owned();
            config.on_hit = on_hit;
        })
        .await
    }
}

/// Writes a threshold into a safetensors file that every picture is above.
fn lower_first_threshold(file: &mut [u8]) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    let start = header["concept_embeds_weights"]["data_offsets"][0]
        .as_u64()
        .unwrap() as usize;
    file[8 + length + start..][..4].copy_from_slice(&(-1.5_f32).to_le_bytes());
}

fn is_told(message: &Message) -> bool {
    message.content.contains("might not be for everyone")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_waits_behind_a_spoiler() {
    let cautious = Cautious::new();
    let world = cautious.world(OnHit::Spoiler).await;
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let shown = ada
        .imagine(
            world.sandbox.channel_id(),
            json!({"prompt": "a lighthouse", "seed": 7}),
        )
        .await;
    assert!(
        is_told(&shown) && shown.content.contains("behind a spoiler"),
        "{}",
        shown.content
    );
    assert_eq!(shown.attachments[0].filename, "SPOILER_tastemaker-7.png");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_blurred() {
    let cautious = Cautious::new();
    let world = cautious.world(OnHit::Blur).await;
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let request = json!({"prompt": "a lighthouse", "seed": 7});
    let shown = ada.imagine(world.sandbox.channel_id(), request.clone()).await;
    assert!(
        is_told(&shown) && shown.content.contains("is blurred"),
        "{}",
        shown.content
    );
    assert_eq!(shown.attachments[0].filename, "tastemaker-7.png");
    // The same picture, seen by nobody but the test.
    let open = cautious.world(OnHit::Spoiler).await;
    let ben = person(&open, "Ben", &["watercolour"], &[]).await;
    let clear = ben.imagine(open.sandbox.channel_id(), request).await;
    assert_ne!(pixels(&shown), pixels(&clear));
    // A blurred picture is no picture to start from.
    let varied = ada.click_until(&shown, "Vary", is_finished).await;
    assert!(varied.content.contains("varies its noise"), "{}", varied.content);
    assert!(shown.part("Upscale").is_none());
    open.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_kept_back_and_nothing_of_it_is_left() {
    let cautious = Cautious::new();
    let world = cautious.world(OnHit::Refuse).await;
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let request = json!({"prompt": "a lighthouse", "seed": 7, "count": 2});
    let told = ada
        .run_until(world.sandbox.channel_id(), "imagine", request, |message| {
            is_told(message) && message.part("Why this image?").is_some()
        })
        .await;
    assert!(told.content.contains("keep that to myself"), "{}", told.content);
    assert!(told.attachments.is_empty());
    let store = &world.bot().app().store;
    assert_eq!(store.image_bytes(), 0);
    let job = store.jobs_of(ada.id().get()).unwrap().remove(0);
    assert_eq!(
        (job.state, job.receipt.unwrap().safety.len()),
        (JobState::Done, 2)
    );
    world.finish().await;
}
