//! Restarts, and places that are no longer there.

use serde_json::json;

use super::{ask, eventually, finished, is_drawing, long, person, slow};
use crate::support::{Acts, World, is_finished, pixels};

#[tokio::test(flavor = "multi_thread")]
async fn jobs_survive_a_restart_and_come_once() {
    let mut world = World::with(|config| {
        slow(config);
        config.pool.drain_timeout_s = 0;
    })
    .await;
    let channel = world.sandbox.channel_id();
    let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
    let running = ask(&ada, channel, long());
    let progress = ada.answer(running, is_drawing).await;
    let waiting = ask(&ada, channel, json!({"prompt": "a boat", "seed": 8}));
    ada.answer(waiting, |message| message.content.contains("Next in line"))
        .await;

    world.stop_bot().await;
    let kept = world.sandbox.message(progress.id).unwrap();
    assert!(kept.content.contains("restarting"), "{}", kept.content);
    world.start_bot().await;
    let first = ada.answer(running, is_finished).await;
    let second = ada.answer(waiting, is_finished).await;
    assert_eq!((first.id, first.attachments.len()), (progress.id, 2));
    assert_eq!(second.attachments.len(), 1);

    // Nothing is left to do, and another restart finds nothing to do.
    let store = world.bot().app().store.clone();
    eventually("everything is delivered", || {
        store.unfinished_jobs().unwrap().is_empty()
    })
    .await;
    drop(store);
    world.restart_bot().await;
    let same = ada.imagine(channel, json!({"prompt": "a boat", "seed": 8})).await;
    assert_eq!(pixels(&second), pixels(&same));
    assert_eq!(finished(&world, channel).len(), 3);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_unfinished_jobs_than_the_queue_holds_are_all_finished() {
    let mut world = World::with(|config| {
        slow(config);
        config.pool.drain_timeout_s = 0;
    })
    .await;
    let channel = world.sandbox.channel_id();
    let ada = world.sandbox.user("Ada");
    let running = ask(&ada, channel, long());
    ada.answer(running, is_drawing).await;
    let waiting: Vec<_> = (0..3)
        .map(|seed| ask(&ada, channel, json!({"prompt": "a boat", "seed": seed})))
        .collect();
    for interaction in &waiting {
        ada.answer(*interaction, |message| message.content.contains("in line"))
            .await;
    }
    world.stop_bot().await;
    world.configure(|config| {
        config.pool.queue_capacity = 1;
        config.pool.waiting_per_user = 1;
        config.generation.steps = Some(2);
    });
    world.start_bot().await;
    for interaction in waiting {
        ada.answer(interaction, is_finished).await;
    }
    ada.answer(running, is_finished).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_for_a_closed_channel_comes_as_a_direct_message() {
    let world = World::with(slow).await;
    let channel = world.sandbox.channel_id();
    let ada = world.sandbox.user("Ada");
    let interaction = ask(&ada, channel, long());
    ada.answer(interaction, is_drawing).await;
    // The interaction's token dies, and the bot may no longer write to the channel.
    world.sandbox.set_bot_permissions(0);
    world.sandbox.advance(std::time::Duration::from_secs(16 * 60));
    let delivered = ada.sees(ada.dm(), is_finished).await;
    assert_eq!(delivered.attachments.len(), 2);
    world.finish().await;
}
