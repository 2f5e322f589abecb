//! Limits, a full queue, and cancelling.

use serde_json::json;

use super::{ask, eventually, is_drawing, long, long_single, slow};
use crate::support::{Acts, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_an_answer() {
    let world = World::with(|config| {
        slow(config);
        config.pool.queue_capacity = 1;
    })
    .await;
    let channel = world.sandbox.channel_id();
    let (ada, ben, eve) = (
        world.sandbox.user("Ada"),
        world.sandbox.user("Ben"),
        world.sandbox.user("Eve"),
    );
    let running = ask(&ada, channel, long_single());
    ada.answer(running, is_drawing).await;
    let waiting = ask(&ben, channel, long_single());
    ben.answer(waiting, |message| message.content.contains("Next in line"))
        .await;
    let refused = eve.run(channel, "imagine", long_single()).await;
    assert!(
        refused.content.contains("The queue is full"),
        "{}",
        refused.content
    );
    // What was refused leaves no trace.
    assert!(
        world
            .bot()
            .app()
            .store
            .jobs_of(eve.id().get())
            .unwrap()
            .is_empty()
    );
    ada.run(channel, "cancel", json!({})).await;
    ben.run(channel, "cancel", json!({})).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_says_when_to_try_again_and_to_nobody_else() {
    let world = World::with(|config| {
        config.limits.user_per_minute = 1;
        config.limits.user_burst = 1;
    })
    .await;
    let channel = world.sandbox.channel_id();
    let ada = world.sandbox.user("Ada");
    ada.imagine(channel, json!({"prompt": "a lighthouse"})).await;
    let refused = ada
        .run(channel, "imagine", json!({"prompt": "a lighthouse"}))
        .await;
    assert!(refused.content.contains("try again in"), "{}", refused.content);
    assert!(refused.is_ephemeral());
    // Somebody else's limit is their own.
    world
        .sandbox
        .user("Ben")
        .imagine(channel, json!({"prompt": "a lighthouse"}))
        .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_stops_what_runs_and_what_waits() {
    let world = World::with(slow).await;
    let channel = world.sandbox.channel_id();
    let ada = world.sandbox.user("Ada");
    let running = ask(&ada, channel, long());
    ada.answer(running, is_drawing).await;
    let waiting = ask(&ada, channel, long());
    ada.answer(waiting, |message| message.content.contains("Next in line"))
        .await;
    let told = ada.run(channel, "cancel", json!({})).await;
    assert!(
        told.is_ephemeral() && told.content.contains("Cancelled 2 requests"),
        "{}",
        told.content
    );
    for interaction in [running, waiting] {
        let shown = ada
            .answer(interaction, |message| message.content.contains("Cancelled."))
            .await;
        assert!(shown.attachments.is_empty());
    }
    let told = ada.run(channel, "cancel", json!({})).await;
    assert!(told.content.contains("nothing waiting"), "{}", told.content);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cancel_button_is_the_owners() {
    let world = World::with(slow).await;
    let channel = world.sandbox.channel_id();
    let (ada, ben) = (world.sandbox.user("Ada"), world.sandbox.user("Ben"));
    let interaction = ask(&ada, channel, long());
    let progress = ada.answer(interaction, is_drawing).await;
    let refusal = ben
        .click_until(&progress, "Cancel", |message| {
            message.content.contains("Only the person")
        })
        .await;
    assert!(refusal.is_ephemeral());
    ada.click(&progress, "Cancel").unwrap();
    ada.answer(interaction, |message| message.content.contains("Cancelled."))
        .await;
    eventually("the worker is idle", || {
        world.bot().app().pool.status().running == 0
    })
    .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_drawn_is_said_to_the_person_alone() {
    let world = World::with(|config| config.generation.max_count = 2).await;
    let channel = world.sandbox.channel_id();
    let ada = world.sandbox.user("Ada");
    let refused = ada
        .run(channel, "imagine", json!({"prompt": "a lighthouse", "count": 4}))
        .await;
    assert!(
        refused.is_ephemeral() && refused.content.contains("at most 2"),
        "{}",
        refused.content
    );
    world.finish().await;
}
