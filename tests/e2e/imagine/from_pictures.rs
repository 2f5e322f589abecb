//! Pictures made from pictures: vary, upscale, and a person's own file.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::json;
use tastemaker::receipt::read_receipt;
use tastemaker_sandbox::model::Message;
use tastemaker_sandbox::{AttachmentId, User};

use super::person;
use crate::support::{Acts, World, is_finished, pixels};

/// Width and height of a message's first picture.
fn size(message: &Message) -> (u32, u32) {
    let picture = image::load_from_memory(&message.attachments[0].bytes).unwrap();
    (picture.width(), picture.height())
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 5) as u8, (y * 9) as u8, 128])
    });
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(picture)
        .write_to(&mut file, ImageFormat::Png)
        .unwrap();
    file.into_inner()
}

fn hand_over(user: &User, world: &World, name: &str, bytes: Vec<u8>) -> AttachmentId {
    let file = tastemaker_sandbox::Upload {
        filename: name.into(),
        bytes: bytes.into(),
        description: None,
    };
    user.stage(world.sandbox.channel_id(), file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_varied_from_what_it_shows_and_from_its_noise_when_it_is_gone() {
    let mut world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let first = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7}))
        .await;
    // Room for one picture from here on.
    let room = world.bot().app().store.image_bytes() * 3 / 2;
    world.configure(|config| config.image_cap_bytes = room);
    world.restart_bot().await;
    let varied = ada.click_until(&first, "Vary", is_finished).await;
    assert!(
        varied.content.contains("of it is drawn anew"),
        "{}",
        varied.content
    );
    assert_ne!(pixels(&varied), pixels(&first));
    let receipt = read_receipt(&varied.attachments[0].bytes).unwrap().unwrap();
    assert_eq!(receipt.source.unwrap().hash.len(), 16);

    // The first one has made room for the second.
    let turned = ada.click_until(&first, "Vary", is_finished).await;
    assert!(
        turned.content.contains("not at hand any more") && turned.content.contains("seed 7 "),
        "{}",
        turned.content
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_grows_once_also_after_a_restart_and_for_its_owner_only() {
    let mut world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let small = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7}))
        .await;
    assert_eq!(size(&small), (16, 16));
    world.restart_bot().await;
    let large = ada.click_until(&small, "Upscale", is_finished).await;
    assert_eq!(size(&large), (32, 32));
    assert!(
        large.content.contains("· larger") && large.content.contains("32×32: the same picture"),
        "{}",
        large.content
    );
    assert!(large.part("Upscale").is_none(), "{:?}", large.components);
    let receipt = read_receipt(&large.attachments[0].bytes).unwrap().unwrap();
    assert_eq!(
        receipt.hires.map(|hires| (hires.width, hires.height)),
        Some((32, 32))
    );
    // What it grew from is the same picture.
    assert_eq!((receipt.seed, receipt.width), (7, 16));

    let refused = world
        .sandbox
        .user("Ben")
        .click_until(&small, "Upscale", |message| {
            message.content.contains("Only the person")
        })
        .await;
    assert!(refused.content.contains("made larger"));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_own_picture_is_drawn_from_and_kept_for_again() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let file = hand_over(&ada, &world, "holiday.png", png(48, 30));
    let options = json!({"prompt": "a lighthouse", "seed": 7, "image": file, "strength": 0.5});
    let picture = ada.imagine(channel, options).await;
    assert!(
        picture.content.contains("Starts from your picture; 50 % of it"),
        "{}",
        picture.content
    );
    // Of the nearest shape.
    let (width, height) = size(&picture);
    assert!(width > height, "{width}×{height}");
    let plain = ada
        .imagine(
            channel,
            json!({"prompt": "a lighthouse", "seed": 7, "aspect": "landscape"}),
        )
        .await;
    assert_ne!(pixels(&picture), pixels(&plain));
    let again = ada.click_until(&picture, "Again", is_finished).await;
    assert!(
        again.content.contains("Starts from your picture"),
        "{}",
        again.content
    );

    let hash = |message: &Message| {
        let receipt = read_receipt(&message.attachments[0].bytes).unwrap().unwrap();
        receipt.source.map(|source| source.hash)
    };
    assert!(hash(&picture).is_some());
    assert_eq!(hash(&picture), hash(&again));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_refused_in_words() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let told = |bytes: Vec<u8>, words: &'static str| {
        let file = hand_over(&ada, &world, "holiday.png", bytes);
        let options = json!({"prompt": "a lighthouse", "image": file});
        let ada = &ada;
        async move {
            ada.run_until(channel, "imagine", options, |message| {
                message.content.contains(words)
            })
            .await
        }
    };
    told(b"not a picture".to_vec(), "can't read that file as a picture").await;
    told(png(9_000, 1), "too large").await;
    assert!(
        world
            .bot()
            .app()
            .store
            .jobs_of(ada.id().get())
            .unwrap()
            .is_empty()
    );
    world.finish().await;
}
