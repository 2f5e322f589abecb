//! What pictures come, for whom.

use serde_json::json;

use super::{ask, is_drawing, person, slow};
use crate::support::{Acts, PATIENCE, World, is_finished, pixels};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_words_and_seed_give_two_people_two_pictures() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(
        &world,
        "Ada",
        &["watercolour", "soft lighting"],
        &["neon colours"],
    )
    .await;
    let ben = person(
        &world,
        "Ben",
        &["neon colours", "high contrast"],
        &["watercolour"],
    )
    .await;
    let options = json!({"prompt": "a lighthouse", "seed": 7});
    let (hers, his) = tokio::join!(
        ada.imagine(channel, options.clone()),
        ben.imagine(channel, options.clone())
    );
    assert_ne!(pixels(&hers), pixels(&his));
    assert!(
        hers.content.contains("β 0.6") && hers.content.contains("seed 7"),
        "{}",
        hers.content
    );
    // And the same person gets the same picture again.
    assert_eq!(pixels(&hers), pixels(&ada.imagine(channel, options).await));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beta_zero_is_the_plain_picture_bit_for_bit() {
    for mode in ["embedding", "guidance", "reference"] {
        let world = World::with(|config| config.generation.conditioning = Some(mode.to_owned())).await;
        let channel = world.sandbox.channel_id();
        let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
        let stranger = world.sandbox.user("Stranger");
        let options = json!({"prompt": "a lighthouse", "seed": 7});
        let zero = ada
            .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7, "beta": 0.0}))
            .await;
        let plain = ada
            .imagine(
                channel,
                json!({"prompt": "a lighthouse", "seed": 7, "plain": true}),
            )
            .await;
        let theirs = stranger.imagine(channel, options.clone()).await;
        let personal = ada.imagine(channel, options).await;
        assert_eq!(pixels(&zero), pixels(&plain), "{mode}");
        assert_eq!(pixels(&zero), pixels(&theirs), "{mode}");
        assert_ne!(pixels(&zero), pixels(&personal), "{mode}");
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_a_profile_gets_a_picture_and_a_hint() {
    let world = World::start().await;
    let stranger = world.sandbox.user("Stranger");
    let shown = stranger
        .imagine(
            stranger.dm(),
            json!({"prompt": "a *lighthouse* @everyone", "seed": 7}),
        )
        .await;
    assert!(shown.content.contains("/onboard"), "{}", shown.content);
    assert!(
        shown.content.contains("a \\*lighthouse\\* \\@everyone"),
        "{}",
        shown.content
    );
    // There is nothing to turn up, so no reactions are offered.
    assert!(shown.reactions.is_empty());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_beyond_what_the_model_reads_at_once_are_named() {
    let world = World::start().await;
    let stranger = world.sandbox.user("Stranger");
    let asked = |prompt: String| stranger.imagine(stranger.dm(), json!({"prompt": prompt, "seed": 7}));
    let short = asked("a lighthouse".to_owned()).await;
    assert!(!short.content.contains("reads in one go"), "{}", short.content);
    // The checkpoint's encoder takes 18 tokens, and the commas are tokens too.
    let long = asked(format!("{}a *tree* @everyone", "the cat, ".repeat(6))).await;
    assert!(
        long.content
            .contains("from “a \\*tree\\* \\@everyone” on it is read as a further part"),
        "{}",
        long.content
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_drawn_as_asked() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = world.sandbox.user("Ada");
    let options =
        json!({"prompt": "a lighthouse", "seed": 7, "count": 3, "aspect": "portrait", "negative": "people"});
    let shown = ada.imagine(channel, options).await;
    assert_eq!(shown.attachments.len(), 3);
    assert!(shown.content.contains("seed 7–9"), "{}", shown.content);
    for attachment in &shown.attachments {
        assert!(attachment.height > attachment.width, "{attachment:?}");
        assert_eq!(attachment.content_type, "image/png");
    }
    // The middle one is the picture of its own seed.
    let second = ada
        .imagine(
            channel,
            json!({"prompt": "a lighthouse", "seed": 8, "aspect": "portrait", "negative": "people"}),
        )
        .await;
    let middle = image::load_from_memory(&shown.attachments[1].bytes)
        .unwrap()
        .to_rgb8()
        .into_raw();
    assert_eq!(middle, pixels(&second));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_shown_on_the_way_with_a_preview() {
    let world = World::with(slow).await;
    let channel = world.sandbox.channel_id();
    let ada = world.sandbox.user("Ada");
    let interaction = ask(&ada, channel, json!({"prompt": "a lighthouse", "count": 2}));
    let shown = ada
        .answer(interaction, |message| {
            is_drawing(message) && !message.attachments.is_empty()
        })
        .await;
    assert!(shown.attachments[0].filename.starts_with("preview"));
    assert!(shown.part("Cancel").is_some());
    let done = ada.answer(interaction, is_finished).await;
    assert_eq!(done.attachments.len(), 2);
    assert!(done.edits > 1 && done.part("Cancel").is_none());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_after_fifteen_minutes_comes_as_a_message() {
    let world = World::with(slow).await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &[]).await;
    let interaction = ask(&ada, channel, super::long());
    let progress = ada.answer(interaction, is_drawing).await;
    world.sandbox.advance(std::time::Duration::from_secs(16 * 60));
    let late = ada.sees(channel, is_finished).await;
    assert!(late.interaction.is_none() && late.id != progress.id);
    assert_eq!(late.mentions, [ada.id()]);
    // The message that showed the progress goes, and the buttons of the new one work.
    let gone = world
        .sandbox
        .wait_until(PATIENCE, || {
            world.sandbox.message(progress.id).is_none().then_some(())
        })
        .await;
    gone.unwrap();
    let why = ada
        .click_until(&late, "Why this image?", |message| {
            message.text().contains("β 0.6")
        })
        .await;
    assert!(why.is_ephemeral());
    world.finish().await;
}
