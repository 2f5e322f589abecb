//! ➕, ➖ and 0️⃣ under a picture.

use serde_json::json;

use super::{finished, person, replies};
use crate::support::{Acts, PATIENCE, World, is_finished, pixels};

#[tokio::test(flavor = "multi_thread")]
async fn in_a_guild_the_owners_reactions_move_beta() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
    let ben = person(&world, "Ben", &["neon colours"], &[]).await;
    let picture = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7}))
        .await;
    let offered = |message: &tastemaker_sandbox::model::Message| {
        message
            .reactions
            .iter()
            .map(|reaction| reaction.emoji.clone())
            .collect::<Vec<_>>()
            == ["➕", "➖", "0️⃣", "❤️", "❌"]
    };
    ada.sees(channel, |message| message.id == picture.id && offered(message))
        .await;

    // Somebody else's does nothing, which shows when the owner's, after it, leads to the only new picture.
    ben.react(&picture, "➖").unwrap();
    ada.react(&picture, "➕").unwrap();
    let more = ada
        .sees(channel, |message| {
            is_finished(message) && replies(message, &picture, "β 0.8 (was 0.6)")
        })
        .await;
    assert!(more.content.contains("seed 7 "), "{}", more.content);
    let asked = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 7, "beta": 0.8}))
        .await;
    assert_eq!(pixels(&more), pixels(&asked));

    // The new picture carries its own β, and so on from it.
    ada.react(&more, "0️⃣").unwrap();
    let plain = ada
        .sees(channel, |message| {
            is_finished(message) && replies(message, &more, "β 0.0 (was 0.8)")
        })
        .await;
    let asked = ada
        .imagine(
            channel,
            json!({"prompt": "a lighthouse", "seed": 7, "plain": true}),
        )
        .await;
    assert_eq!(pixels(&plain), pixels(&asked));
    assert_eq!(finished(&world, channel).len(), 5);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_direct_message_adding_and_removing_both_count() {
    let world = World::start().await;
    let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
    let dm = ada.dm();
    let picture = ada
        .imagine(dm, json!({"prompt": "a lighthouse", "seed": 7, "beta": 0.4}))
        .await;
    ada.react(&picture, "➕").unwrap();
    let more = ada
        .sees(dm, |message| {
            is_finished(message) && replies(message, &picture, "β 0.6 (was 0.4)")
        })
        .await;
    ada.react(&more, "➕").unwrap();
    ada.sees(dm, |message| {
        is_finished(message) && replies(message, &more, "β 0.8 (was 0.6)")
    })
    .await;
    // Taking one away is another press: from this picture's own β again, to one that is there already.
    let drawn = world.bot().app().pool.status().counters.pictures;
    ada.unreact(&more, "➕").unwrap();
    let again = world.sandbox.wait_until(PATIENCE, || {
        let shown = world.sandbox.messages(dm);
        let all = shown
            .iter()
            .filter(|message| is_finished(message) && replies(message, &more, "β 0.8 (was 0.6)"));
        (all.count() == 2).then_some(())
    });
    again.await.unwrap();
    assert_eq!(
        world.bot().app().pool.status().counters.pictures,
        drawn,
        "shown from the store"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quick_reactions_end_in_one_picture() {
    let world = World::start().await;
    let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
    let dm = ada.dm();
    let picture = ada
        .imagine(dm, json!({"prompt": "a lighthouse", "seed": 7, "beta": 0.2}))
        .await;
    ada.react(&picture, "➕").unwrap();
    ada.unreact(&picture, "➕").unwrap();
    ada.react(&picture, "➕").unwrap();
    ada.sees(dm, |message| {
        is_finished(message) && replies(message, &picture, "β 0.8 (was 0.2)")
    })
    .await;
    assert_eq!(finished(&world, dm).len(), 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beta_ends_at_one_and_says_so() {
    let world = World::start().await;
    let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
    let dm = ada.dm();
    let picture = ada
        .imagine(dm, json!({"prompt": "a lighthouse", "seed": 7, "beta": 1.0}))
        .await;
    ada.react(&picture, "➕").unwrap();
    ada.sees(dm, |message| replies(message, &picture, "β is already 1.0"))
        .await;
    ada.react(&picture, "➖").unwrap();
    ada.sees(dm, |message| {
        is_finished(message) && replies(message, &picture, "β 0.8 (was 1.0)")
    })
    .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_profile_there_is_nothing_to_turn_up() {
    let world = World::start().await;
    let stranger = world.sandbox.user("Stranger");
    let dm = stranger.dm();
    let picture = stranger
        .imagine(dm, json!({"prompt": "a lighthouse", "seed": 7}))
        .await;
    stranger.react(&picture, "➕").unwrap();
    stranger
        .sees(dm, |message| replies(message, &picture, "/onboard"))
        .await;
    world.finish().await;
}
