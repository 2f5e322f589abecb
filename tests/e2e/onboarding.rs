//! The conversation that makes a taste profile, as newcomers meet it.

use serde_json::json;
use tastemaker_sandbox::model::Message;
use tastemaker_sandbox::{ChannelId, User};
use tastemaker_storage::{OnboardingRecord, ProfileRecord};

use crate::support::{Acts, PATIENCE, World};

/// Tells whether a message shows the image of a place.
pub fn shows(place: usize) -> impl Fn(&Message) -> bool {
    move |message| message.text().contains(&format!("{place} of 8")) && !message.attachments.is_empty()
}

/// Tells whether a message has a button.
pub fn offers(button: &str) -> impl Fn(&Message) -> bool {
    move |message| message.part(button).is_some()
}

pub fn profile(world: &World, user: &User) -> Option<ProfileRecord> {
    world.bot().app().store.profile(user.id().get()).unwrap()
}

/// The conversation that a person has open, as it is written down.
pub fn open_round(world: &World, user: &User) -> Option<OnboardingRecord> {
    world.bot().app().store.onboarding(user.id().get()).unwrap()
}

/// Begins in the guild; returns the direct-message channel and the first image.
pub async fn begin(world: &World, user: &User) -> (ChannelId, Message) {
    let answer = user.run(world.sandbox.channel_id(), "onboard", json!({})).await;
    assert!(
        answer.is_ephemeral() && answer.content.contains("Check your direct messages"),
        "{}",
        answer.content
    );
    let dm = user.dm();
    let first = user.sees(dm, shows(1)).await;
    (dm, first)
}

pub async fn says(user: &User, dm: ChannelId, text: &str, until: impl Fn(&Message) -> bool) -> Message {
    user.say(dm, text).unwrap();
    user.sees(dm, until).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_comments_reviews_and_keeps() {
    let world = World::start().await;
    let ada = world.sandbox.user("Ada");
    let (dm, first) = begin(&world, &ada).await;
    let description = first.attachments[0].description.clone().unwrap();
    assert!(
        description.len() > 20 && first.part("Skip").is_some() && first.part("Stop").is_some(),
        "{description}"
    );
    assert!(
        first.part("Back").unwrap().disabled(),
        "there is nothing before the first image"
    );

    let second = says(
        &ada,
        dm,
        "I love the soft light and the pastel colours, but I hate neon",
        shows(2),
    )
    .await;
    for understood in [
        "Liked: ",
        "pastel colours",
        "soft lighting",
        "Not for you: ",
        "neon colours",
    ] {
        assert!(
            second.content.contains(understood),
            "{understood} in {}",
            second.content
        );
    }
    // The buttons of a step that is over go away.
    ada.sees(dm, |message| {
        message.id == first.id && message.components.is_empty()
    })
    .await;

    ada.click(&second, "Skip").unwrap();
    ada.sees(dm, shows(3)).await;
    let fourth = says(&ada, dm, "the bus was late today", shows(4)).await;
    assert!(
        fourth.content.contains("nothing about looks"),
        "{}",
        fourth.content
    );
    says(&ada, dm, "Back!", |message| {
        shows(3)(message) && message.content.contains("the bus was late")
    })
    .await;
    says(&ada, dm, "too much clutter for me", |message| {
        shows(4)(message) && message.content.contains("clutter")
    })
    .await;

    let review = says(&ada, dm, "that's all", offers("Keep")).await;
    let text = review.text();
    for shown in ["pastel colours", "neon colours", "▰", "hate neon"] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
    assert!(
        profile(&world, &ada).is_none(),
        "nothing is stored before it is kept"
    );

    ada.click(&review, "Keep").unwrap();
    let kept = ada.sees(dm, |message| message.content.starts_with("Kept.")).await;
    assert!(kept.content.contains("/imagine") && kept.part("Undo").is_none());
    let stored = profile(&world, &ada).unwrap().profile;
    assert!(stored.vp_plus().contains("pastel colours") && stored.vp_minus().contains("neon colours"));
    assert!(open_round(&world, &ada).is_none());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_nothing_and_words_said_meanwhile_are_read() {
    let mut world = World::start().await;
    let ada = world.sandbox.user("Ada");
    let (dm, _) = begin(&world, &ada).await;
    says(&ada, dm, "I love the pastel colours", shows(2)).await;

    world.stop_bot().await;
    ada.say(dm, "I hate neon colours").unwrap();
    world.start_bot().await;
    let third = ada.sees(dm, shows(3)).await;
    assert!(third.content.contains("neon colours"), "{}", third.content);

    world.restart_bot().await;
    ada.click(&third, "Done").unwrap();
    let review = ada.sees(dm, offers("Keep")).await;

    world.restart_bot().await;
    ada.click(&review, "Edit").unwrap();
    let editing = ada.sees(dm, offers("Finished editing")).await;
    assert_eq!(editing.id, review.id, "the review turns into its editing");

    world.restart_bot().await;
    ada.click(&editing, "Finished editing").unwrap();
    let review = ada.sees(dm, offers("Keep")).await;
    assert!(review.text().contains("pastel colours") && review.text().contains("neon colours"));

    world.restart_bot().await;
    ada.click(&review, "Keep").unwrap();
    ada.sees(dm, |message| message.content.starts_with("Kept.")).await;
    assert!(
        profile(&world, &ada)
            .unwrap()
            .profile
            .vp_minus()
            .contains("neon colours")
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_lost_in_a_crash_is_sent_again() {
    let mut world = World::start().await;
    let ada = world.sandbox.user("Ada");
    let (dm, first) = begin(&world, &ada).await;
    // As a crash between storing a step and showing it leaves the record.
    let store = world.bot().app().store.clone();
    let mut record = store.onboarding(ada.id().get()).unwrap().unwrap();
    record.index = 1;
    record.current_message = None;
    store.put_onboarding(&record).unwrap();
    drop(store);
    world.restart_bot().await;
    let second = ada.sees(dm, shows(2)).await;
    ada.click(&first, "Skip").unwrap();
    let told = ada
        .sees(dm, |message| message.content.contains("behind us"))
        .await;
    assert!(told.is_ephemeral());
    ada.click(&second, "Skip").unwrap();
    ada.sees(dm, shows(3)).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_direct_messages_closed_it_happens_right_there() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = world.sandbox.user("Ada");
    ada.set_dms_open(false);
    let first = ada.run_until(channel, "onboard", json!({}), shows(1)).await;
    assert!(
        first.is_ephemeral() && first.content.contains("Privacy Settings"),
        "{}",
        first.content
    );

    ada.click(&first, "Comment").unwrap();
    let modal = ada.wait_for_modal(PATIENCE).await.unwrap();
    let submitted = ada
        .submit_modal(modal.interaction_id, [("comment", "I love the pastel colours")])
        .unwrap();
    let second = ada.answer(submitted, shows(2)).await;
    assert!(
        second.is_ephemeral() && second.content.contains("pastel colours"),
        "{}",
        second.content
    );
    assert_eq!(second.id, first.id, "one message that only she sees");

    let review = ada.click_until(&second, "Done", offers("Keep")).await;
    let kept = ada
        .click_until(&review, "Keep", |message| message.content.starts_with("Kept."))
        .await;
    assert!(kept.is_ephemeral());
    assert_eq!(profile(&world, &ada).unwrap().profile.vp_plus(), "pastel colours");
    assert!(
        world.sandbox.messages(channel).iter().all(Message::is_ephemeral),
        "nobody else has seen any of it"
    );

    // With direct messages opened, the next round is there.
    ada.set_dms_open(true);
    begin(&world, &ada).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_pauses_and_the_command_goes_on() {
    let world = World::start().await;
    let ada = world.sandbox.user("Ada");
    let (dm, _) = begin(&world, &ada).await;
    says(&ada, dm, "I love the pastel colours", shows(2)).await;
    says(&ada, dm, "stop", offers("Resume")).await;
    says(&ada, dm, "I love oil paint", |message| {
        message.content.contains("We are paused")
    })
    .await;
    let again = ada.run(dm, "onboard", json!({})).await;
    assert!(again.content.contains("Here we go"), "{}", again.content);
    let second = ada
        .sees(dm, |message| {
            shows(2)(message) && message.part("Start over").is_some()
        })
        .await;

    ada.click(&second, "Drop this round").unwrap();
    ada.sees(dm, |message| message.content.starts_with("Dropped"))
        .await;
    assert!(open_round(&world, &ada).is_none());
    assert!(profile(&world, &ada).is_none());
    says(&ada, dm, "hello there", offers("Show me pictures")).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_messages_for_one_image_go_together_and_double_clicks_count_once() {
    let world = World::start().await;
    let ada = world.sandbox.user("Ada");
    let (dm, _) = begin(&world, &ada).await;
    ada.say(dm, "I love the pastel colours").unwrap();
    ada.say(dm, "and I hate neon colours").unwrap();
    let store = world.bot().app().store.clone();
    let id = ada.id().get();
    // Both are taken, in whichever order the gateway's events are handled, and what they led to is shown.
    let record = world
        .sandbox
        .wait_until(PATIENCE, || {
            let record = store.onboarding(id).unwrap()?;
            let comments = record
                .answers
                .iter()
                .filter_map(|answer| answer.comment.as_deref());
            let said = comments.collect::<String>();
            (said.contains("pastel") && said.contains("neon") && record.current_message.is_some())
                .then_some(record)
        })
        .await
        .unwrap();

    let current = world.sandbox.message(record.current_message.unwrap()).unwrap();
    let place = record.index + 1;
    ada.click(&current, "Skip").unwrap();
    // The button may be gone before the second click: that is as good.
    let _ = ada.click(&current, "Skip");
    ada.sees(dm, shows(place + 1)).await;
    ada.say(dm, "done").unwrap();
    ada.sees(dm, offers("Keep")).await;
    let record = store.onboarding(id).unwrap().unwrap();
    assert_eq!(record.index, place, "one skip");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_can_be_changed_before_it_is_kept() {
    let world = World::start().await;
    let ada = world.sandbox.user("Ada");
    let (dm, _) = begin(&world, &ada).await;
    says(
        &ada,
        dm,
        "I love the pastel colours, and I hate neon colours",
        shows(2),
    )
    .await;
    let review = says(&ada, dm, "done", offers("Keep")).await;
    ada.click(&review, "Edit").unwrap();
    let editing = ada.sees(dm, offers("Choose what to remove")).await;
    ada.select(&editing, "Choose what to remove", &["neon colours"])
        .unwrap();
    let editing = ada
        .sees(dm, |message| {
            message.content.contains("no longer disliked: neon colours")
        })
        .await;
    ada.click(&editing, "Add").unwrap();
    let modal = ada.wait_for_modal(PATIENCE).await.unwrap();
    ada.submit_modal(modal.interaction_id, [("liked", "b&w"), ("disliked", "clutter")])
        .unwrap();
    let editing = ada
        .sees(dm, |message| {
            message.content.contains("now liked: black and white")
        })
        .await;
    ada.click(&editing, "Finished editing").unwrap();
    ada.sees(dm, offers("Keep")).await;
    says(&ada, dm, "keep", |message| message.content.starts_with("Kept.")).await;
    let profile = profile(&world, &ada).unwrap().profile;
    assert_eq!(profile.vp_plus(), "pastel colours, black and white");
    assert!(!profile.vp_minus().contains("neon"), "{}", profile.vp_minus());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_round_adds_or_replaces_and_can_be_undone() {
    let world = World::start().await;
    let ada = world.with_taste("Ada", &["watercolour"], &[]).await;
    let (dm, first) = begin(&world, &ada).await;
    assert!(
        first.content.contains("have a taste profile already"),
        "{}",
        first.content
    );
    says(&ada, dm, "I love the pastel colours", shows(2)).await;
    let review = says(&ada, dm, "done", offers("Replace my profile")).await;
    ada.click(&review, "Replace my profile").unwrap();
    let kept = ada.sees(dm, |message| message.content.starts_with("Kept.")).await;
    assert_eq!(profile(&world, &ada).unwrap().profile.vp_plus(), "pastel colours");
    ada.click_until(&kept, "Undo", |message| message.content.starts_with("Undone."))
        .await;
    assert_eq!(profile(&world, &ada).unwrap().profile.vp_plus(), "watercolour");
    // The button belongs to a change that is no longer the last one.
    let old = ada.click(&review, "Keep (add to my profile)");
    assert!(
        old.is_err()
            || ada
                .sees(dm, |message| message.content.contains("round is over"))
                .await
                .is_ephemeral()
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_drawn_for_the_onboarding_are_shown() {
    let from = tempfile::tempdir().unwrap();
    image::RgbImage::new(4, 4)
        .save(from.path().join("a.png"))
        .unwrap();
    let manifest = "[[image]]\nid = \"boat\"\nfile = \"a.png\"\ntitle = \"Regatta\"\nalt = \"A boat.\"\n\
                    attributes = [\"watercolour\"]\nprompt = \"a boat, watercolour\"\n";
    std::fs::write(from.path().join("manifest.toml"), manifest).unwrap();
    let drawn = from.path().join("drawn");
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/diffusion/sd");
    let words = [
        "tastemaker",
        "onboarding",
        "render",
        "--steps",
        "2",
        "--model",
        model,
        "--from",
    ];
    let folders = [
        from.path().display().to_string(),
        "--out".into(),
        drawn.display().to_string(),
    ];
    let words = words.into_iter().map(str::to_owned).chain(folders);
    let Command { args } = clap::Parser::try_parse_from(words.skip(1)).unwrap();
    tastemaker::cli::onboarding::run(args, &tastemaker::config::Config::defaults().unwrap()).unwrap();

    let world = World::with(|config| config.onboarding_folder = drawn.clone()).await;
    let ada = world.sandbox.user("Ada");
    ada.run(world.sandbox.channel_id(), "onboard", json!({})).await;
    let first = ada
        .sees(ada.dm(), |message| message.text().contains("1 of 1 · Regatta"))
        .await;
    let shown = &first.attachments[0].bytes[..];
    assert_eq!(shown, std::fs::read(drawn.join("boat.jpg")).unwrap());
    world.finish().await;
}

/// The subcommand by itself.
#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: tastemaker::cli::onboarding::OnboardingArgs,
}
