//! The buttons under a picture.

use serde_json::json;

use super::{person, replies};
use crate::support::{Acts, PATIENCE, World, is_finished, pixels};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_deletes() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let ben = world.sandbox.user("Ben");
    let picture = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7}))
        .await;

    let refusal = ben
        .click_until(&picture, "Delete", |message| {
            message.content.contains("Only the person")
        })
        .await;
    assert!(refusal.is_ephemeral());
    assert!(world.sandbox.message(picture.id).is_some());

    let done = ada
        .click_until(&picture, "Delete", |message| message.content.contains("Deleted"))
        .await;
    assert!(done.is_ephemeral());
    assert!(world.sandbox.message(picture.id).is_none());
    assert!(
        world
            .bot()
            .app()
            .store
            .jobs_of(ada.id().get())
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.bot().app().store.image_bytes(), 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn again_takes_a_new_seed_and_vary_starts_from_the_picture() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
    let first = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7, "beta": 0.8}))
        .await;
    let again = ada.click_until(&first, "Again", is_finished).await;
    assert!(
        again.content.contains("β 0.8") && !again.content.contains("seed 7 "),
        "{}",
        again.content
    );
    assert_ne!(pixels(&first), pixels(&again));

    let varied = ada.click_until(&first, "Vary", is_finished).await;
    assert!(
        varied.content.contains("the picture it varies"),
        "{}",
        varied.content
    );
    assert_ne!(pixels(&varied), pixels(&first));
    assert_ne!(pixels(&varied), pixels(&again));
    let further = ada.click_until(&varied, "Vary", is_finished).await;
    assert_ne!(pixels(&further), pixels(&varied));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_gets_the_same_words_in_their_own_taste() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
    let ben = person(&world, "Ben", &["neon colours"], &["watercolour"]).await;
    let hers = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7, "beta": 1.0}))
        .await;
    let his = ben.click_until(&hers, "Again", is_finished).await;
    let for_him = format!("for <@{}> and in their taste", ben.id());
    assert!(
        his.content.contains(&for_him) && his.content.contains("β 0.6"),
        "{}",
        his.content
    );
    // It is his: she cannot delete it.
    ada.click_until(&his, "Delete", |message| {
        message.content.contains("Only the person")
    })
    .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_names_what_took_part() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["pastel colours"], &["high contrast"]).await;
    let picture = ada
        .imagine(
            channel,
            json!({"prompt": "a lighthouse in black and white", "seed": 7}),
        )
        .await;
    let why = world
        .sandbox
        .user("Ben")
        .click_until(&picture, "Why this image?", |message| !message.embeds.is_empty())
        .await;
    assert!(why.is_ephemeral());
    let text = why.text();
    for part in [
        "pastel colours",
        "high contrast",
        "β 0.6",
        "outweighs your *pastel colours*",
        "--seed 7",
        "--like 'pastel colours'",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_and_reactions_outlive_a_restart() {
    let mut world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let picture = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7}))
        .await;
    world.restart_bot().await;
    ada.click_until(&picture, "Again", is_finished).await;
    ada.click_until(&picture, "Why this image?", |message| {
        message.text().contains("watercolour")
    })
    .await;
    ada.react(&picture, "➕").unwrap();
    ada.sees(channel, |message| {
        is_finished(message) && replies(message, &picture, "β 0.8 (was 0.6)")
    })
    .await;
    ada.click(&picture, "Delete").unwrap();
    let gone = world
        .sandbox
        .wait_until(PATIENCE, || {
            world.sandbox.message(picture.id).is_none().then_some(())
        })
        .await;
    gone.unwrap();
    world.finish().await;
}
