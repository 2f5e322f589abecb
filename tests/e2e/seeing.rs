//! The extractor and the metric that see pictures, with a tiny checkpoint.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tastemaker::config::{Config, ExtractorKind, MetricKind};
use tastemaker_preference::idefics2::Precision;
use tastemaker_sandbox::model::Message;
use tastemaker_sandbox::{ChannelId, SandboxEvent, User};
use tempfile::TempDir;

use crate::onboarding::{begin, offers, open_round, profile, says, shows};
use crate::support::{Acts, World};

/// The tiny checkpoint of the fixtures, with a table of positions that the instruction fits into.
fn checkpoint() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixtures()).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["text_config"]["max_position_embeddings"] = json!(4096);
    fs::write(path, config.to_string()).unwrap();
    folder
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/preference/idefics2")
}

/// Lets the bot read with the adapter that was taught an answer, and rate with another, both on one model.
fn sees(config: &mut Config, checkpoint: &TempDir) {
    let preference = &mut config.preference;
    preference.extractor = ExtractorKind::Vpe;
    preference.metric = MetricKind::Viper;
    preference.vpe.model = Some(checkpoint.path().to_owned());
    preference.vpe.adapter = Some(fixtures().join("adapters/answering"));
    preference.vpe.device = "cpu".to_owned();
    preference.vpe.precision = Precision::F32;
    preference.viper.adapter = Some(fixtures().join("adapters/list"));
    preference.rating_timeout = Duration::from_secs(600);
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_read_one_by_one_and_at_the_end_together() {
    let checkpoint = checkpoint();
    let mut world = World::with(|config| sees(config, &checkpoint)).await;
    let ada = world.sandbox.user("Ada");
    let (dm, _) = begin(&world, &ada).await;
    let second = says(&ada, dm, "I love how calm this feels", shows(2)).await;
    assert!(
        second.content.contains("Liked: watercolour") && second.content.contains("Not for you: neon colours"),
        "{}",
        second.content
    );
    let third = says(&ada, dm, "watercolour, lovely, and no neon colours", shows(3)).await;
    ada.click(&third, "Done").unwrap();
    ada.sees(dm, |message| {
        message.content == "Reading all your comments together…"
    })
    .await;
    let review = ada.sees(dm, offers("Keep")).await;
    assert!(
        review.content.contains("read all your comments together"),
        "{}",
        review.content
    );
    let record = open_round(&world, &ada).unwrap();
    let found: Vec<usize> = record
        .answers
        .iter()
        .map(|it| it.extraction.liked.len())
        .collect();
    assert_eq!(
        found,
        [0, 1],
        "each keyword stands where it most likely came from"
    );
    assert!(record.answers.iter().all(|it| it.together));

    world.restart_bot().await;
    ada.click(&review, "Keep").unwrap();
    ada.sees(dm, |message| message.content.starts_with("Kept.")).await;
    let kept = profile(&world, &ada).unwrap().profile;
    assert_eq!(
        (kept.vp_plus(), kept.vp_minus()),
        ("watercolour".into(), "neon colours".into())
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_read_in_time_is_kept_and_single_readings_count_at_the_end() {
    let checkpoint = checkpoint();
    let mut world = World::with(|config| sees(config, &checkpoint)).await;
    let ada = world.sandbox.user("Ada");
    let (dm, _) = begin(&world, &ada).await;
    says(&ada, dm, "I love watercolour", shows(2)).await;
    says(&ada, dm, "I love the wet paint", shows(3)).await;
    world.configure(|config| {
        config.preference.reading_timeout = Some(Duration::ZERO);
        config.preference.together_timeout = Some(Duration::ZERO);
    });
    world.restart_bot().await;
    says(&ada, dm, "and no neon", |message| {
        message.content.contains("kept your words")
    })
    .await;
    let review = says(&ada, dm, "done", offers("Keep")).await;
    assert!(
        review
            .content
            .contains("could not read all your comments together")
            && review.text().contains("watercolour"),
        "{}",
        review.text()
    );
    let record = open_round(&world, &ada).unwrap();
    assert!(record.answers.iter().all(|it| !it.together));
    assert_eq!(record.answers.iter().filter(|it| it.unread).count(), 1);
    world.finish().await;
}

/// What *Why this image?* says.
async fn why(user: &User, picture: &Message) -> String {
    let told = |message: &Message| !message.embeds.is_empty() && message.text().contains("Made with");
    user.click_until(picture, "Why this image?", told).await.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_ranked_by_the_proxy_metric_and_come_unranked_when_it_takes_too_long() {
    let checkpoint = checkpoint();
    let mut world = World::with(|config| {
        sees(config, &checkpoint);
        config.generation.best_of = 2;
    })
    .await;
    let ada = world.with_taste("Ada", &["watercolour"], &[]).await;
    let dm = ada.dm();
    for (seed, emoji) in [(1, "❤️"), (2, "❤️"), (3, "❌"), (4, "❌")] {
        let picture = ada
            .imagine(dm, json!({"prompt": "a lighthouse", "seed": seed}))
            .await;
        ada.react(&picture, emoji).unwrap();
    }
    let store = world.bot().app().store.clone();
    let marked = || (store.context_size(ada.id().get()).unwrap() == (2, 2)).then_some(());
    world
        .sandbox
        .wait_until(crate::support::PATIENCE, marked)
        .await
        .unwrap();
    drop(store);

    let best = ada
        .imagine(dm, json!({"prompt": "a lighthouse", "seed": 10}))
        .await;
    assert!(best.content.contains("The best 1 of 2"), "{}", best.content);
    let text = why(&ada, &best).await;
    assert!(
        text.contains("metric `viper`") && text.contains("Used to choose"),
        "{text}"
    );

    world.configure(|config| config.preference.rating_timeout = Duration::ZERO);
    world.restart_bot().await;
    let plain = ada
        .imagine(dm, json!({"prompt": "a lighthouse", "seed": 10}))
        .await;
    assert!(!plain.content.contains("The best"), "{}", plain.content);
    let text = why(&ada, &plain).await;
    assert!(
        text.contains("Not ranked") && text.contains("took longer than 0 s"),
        "{text}"
    );
    world.finish().await;
}

/// Lets the bot read with the random checkpoint itself, which writes until it is cut off: that takes its time.
fn rambles(config: &mut Config, checkpoint: &TempDir) {
    sees(config, checkpoint);
    config.preference.vpe.adapter = None;
    config.preference.metric = MetricKind::Off;
}

/// Says something long, and waits until the bot is at it.
async fn keeps_it_busy(world: &World, user: &User, dm: ChannelId) {
    let mut events = world.sandbox.subscribe();
    user.say(dm, &"I love the watercolour. ".repeat(20)).unwrap();
    let bot = world.sandbox.bot_user_id();
    while !matches!(events.recv().await, Ok(SandboxEvent::Typing { user_id, .. }) if user_id == bot) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_a_reading_and_a_restart_takes_it_up() {
    let checkpoint = checkpoint();
    let mut world = World::with(|config| rambles(config, &checkpoint)).await;
    let ada = world.sandbox.user("Ada");
    let (dm, _) = begin(&world, &ada).await;
    keeps_it_busy(&world, &ada, dm).await;
    says(&ada, dm, "stop", offers("Resume")).await;
    let record = open_round(&world, &ada).unwrap();
    assert!(
        record.answers[0].unread && record.index == 0,
        "{:?}",
        record.answers
    );

    let ben = world.sandbox.user("Ben");
    let (dm, _) = begin(&world, &ben).await;
    keeps_it_busy(&world, &ben, dm).await;
    world.stop_bot().await;
    world.configure(|config| sees(config, &checkpoint));
    world.start_bot().await;
    let second = ben.sees(dm, shows(2)).await;
    assert!(
        second.content.contains("Liked: watercolour"),
        "{}",
        second.content
    );

    ben.say(dm, "stop").unwrap();
    ben.sees(dm, offers("Resume")).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_forgotten_is_not_read_any_further() {
    let checkpoint = checkpoint();
    let world = World::with(|config| rambles(config, &checkpoint)).await;
    let ada = world.sandbox.user("Ada");
    let (dm, _) = begin(&world, &ada).await;
    keeps_it_busy(&world, &ada, dm).await;
    let asked = ada.run(dm, "profile forget", json!({})).await;
    let button = asked.part("Delete everything").is_some();
    assert!(button, "{}", asked.text());
    ada.click_until(&asked, "Delete everything", |message| {
        message.content.starts_with("Deleted")
    })
    .await;
    assert!(open_round(&world, &ada).is_none());
    world.finish().await;
}
