//! `/imagine` and everything under its pictures, as people meet it.

mod buttons;
mod from_pictures;
mod pictures;
mod queue;
mod ranking;
mod reactions;
mod recovery;
mod safety;

use std::time::Duration;

use serde_json::{Value, json};
use tastemaker::config::Config;
use tastemaker_preference::{Polarity, Profile};
use tastemaker_sandbox::model::Message;
use tastemaker_sandbox::{ChannelId, InteractionId, MessageId, User};
use tastemaker_storage::ProfileRecord;

use crate::support::{PATIENCE, World};

/// Somebody with a kept profile and a default β, without the conversation that makes one.
async fn person(world: &World, name: &str, likes: &[&str], dislikes: &[&str]) -> User {
    let user = world.sandbox.user(name);
    let mut profile = Profile::default();
    for (polarity, attributes) in [(Polarity::Liked, likes), (Polarity::Disliked, dislikes)] {
        for attribute in attributes {
            profile.set(polarity, attribute, 0.9).unwrap();
        }
    }
    world
        .bot()
        .app()
        .store
        .put_profile(user.id().get(), &ProfileRecord::new(profile, 0.6))
        .unwrap();
    user
}

/// Settings under which a picture takes long enough to be met on its way.
fn slow(config: &mut Config) {
    config.generation.steps = Some(150);
    config.generation.conditioning = Some("reference".to_owned());
    config.pool.max_slots = 1;
}

/// Options of a request that takes long under [`slow`].
fn long() -> Value {
    json!({"prompt": "a lighthouse", "seed": 7, "count": 2})
}

/// Asks for a picture, and does not wait for it.
fn ask(user: &User, channel: ChannelId, options: Value) -> InteractionId {
    user.command(channel, "imagine", options).unwrap()
}

/// Options of a request that takes long under [`slow`], and that leaves the queue as soon as it is begun.
fn long_single() -> Value {
    json!({"prompt": "a lighthouse", "seed": 7})
}

/// Waits for something that nobody in a channel sees.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

/// Tells whether a message shows a job being drawn.
fn is_drawing(message: &Message) -> bool {
    message.content.contains("step ")
}

/// Tells whether a message replies to another one and says something.
fn replies(message: &Message, to: &Message, words: &str) -> bool {
    message.reference == Some(to.id) && message.content.contains(words)
}

/// Messages in a channel that show finished pictures.
fn finished(world: &World, channel: ChannelId) -> Vec<MessageId> {
    let all = world.sandbox.messages(channel);
    all.iter()
        .filter(|message| crate::support::is_finished(message))
        .map(|message| message.id)
        .collect()
}
