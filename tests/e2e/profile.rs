//! `/profile`, `/strength` and `/help`.

use serde_json::{Value, json};
use tastemaker_sandbox::User;
use tastemaker_sandbox::model::Message;
use tastemaker_storage::ProfileRecord;

use crate::support::{Acts, PATIENCE, World};

fn profile(world: &World, user: &User) -> Option<ProfileRecord> {
    world.bot().app().store.profile(user.id().get()).unwrap()
}

fn says(words: &str) -> impl Fn(&Message) -> bool {
    move |message| message.text().contains(words)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_shows_what_is_known_to_the_person_alone() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = world
        .with_taste("Ada", &["watercolour", "soft light"], &["neon"])
        .await;
    let card = ada.run(channel, "profile show", json!({})).await;
    assert!(card.is_ephemeral());
    for shown in [
        "watercolour",
        "soft lighting",
        "neon colours",
        "▰▰▰▰▱",
        "Default β 0.4",
        "set by you",
    ] {
        assert!(card.text().contains(shown), "{shown} in {}", card.text());
    }
    let ben = world.sandbox.user("Ben");
    let none = ben.run(channel, "profile show", json!({})).await;
    assert!(none.content.contains("don't know your taste yet") && none.part("Show me pictures").is_some());
    ben.click_until(&none, "Show me pictures", says("Check your direct messages"))
        .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_says_what_it_changed_and_is_undone_by_a_button() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = world.with_taste("Ada", &["watercolour"], &[]).await;
    let changed = ada
        .run(
            channel,
            "profile edit",
            json!({"remove": "watercolour", "dislike": "neon", "weight": 0.5}),
        )
        .await;
    assert!(
        changed.content.contains("no longer liked: watercolour")
            && changed.content.contains("now disliked: neon colours"),
        "{}",
        changed.content
    );
    let undone = ada.click_until(&changed, "Undo", says("Undone.")).await;
    assert!(
        undone.content.contains("now liked: watercolour"),
        "{}",
        undone.content
    );
    assert_eq!(profile(&world, &ada).unwrap().profile.vp_plus(), "watercolour");
    assert_eq!(profile(&world, &ada).unwrap().profile.vp_minus(), "");

    let refused = ada
        .run(channel, "profile edit", json!({"remove": "oil paint"}))
        .await;
    assert!(
        refused.is_ephemeral() && refused.content.contains("not in your profile"),
        "{}",
        refused.content
    );
    let nothing = ada.run(channel, "profile edit", json!({})).await;
    assert!(nothing.content.contains("`remove`"), "{}", nothing.content);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_is_edited_with_a_menu_and_a_form() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = world.with_taste("Ada", &["watercolour", "ink wash"], &[]).await;
    let card = ada.run(channel, "profile show", json!({})).await;
    let editing = ada
        .click_until(&card, "Edit", |message| {
            message.part("Choose what to remove").is_some()
        })
        .await;
    let removal = ada
        .select(&editing, "Choose what to remove", &["watercolour"])
        .unwrap();
    let editing = ada.answer(removal, says("no longer liked: watercolour")).await;
    ada.click(&editing, "Add").unwrap();
    let modal = ada.wait_for_modal(PATIENCE).await.unwrap();
    let added = ada
        .submit_modal(
            modal.interaction_id,
            [("liked", "soft light, gold"), ("disliked", "")],
        )
        .unwrap();
    let editing = ada.answer(added, says("now liked: soft lighting")).await;
    ada.click_until(&editing, "Finished editing", |message| {
        message.part("Export").is_some()
    })
    .await;
    assert!(
        profile(&world, &ada)
            .unwrap()
            .profile
            .vp_plus()
            .contains("soft lighting")
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_and_own_entries_are_completed() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = world.with_taste("Ada", &["watercolour"], &["neon"]).await;
    let completed = |option: &'static str, typed: &'static str| {
        let ada = ada.clone();
        async move {
            let choices = ada
                .autocomplete(channel, "profile edit", json!({ option: typed }), option)
                .await
                .unwrap();
            choices
                .into_iter()
                .map(|choice| choice.value)
                .collect::<Vec<Value>>()
        }
    };
    assert_eq!(completed("like", "pastel").await[0], "pastel colours");
    assert_eq!(completed("remove", "").await, ["watercolour", "neon colours"]);
    assert!(completed("dislike", "zzzzzz").await.is_empty());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_goes_out_as_a_file_and_comes_in_again() {
    let world = World::start().await;
    let dm = world.sandbox.user("Ada").dm();
    let ada = world.with_taste("Ada", &["watercolour"], &["neon"]).await;
    let exported = ada.run(dm, "profile export", json!({})).await;
    assert_eq!(exported.attachments[0].filename, "taste-profile.json");
    let bytes = exported.attachments[0].bytes.to_vec();

    let ben = world.sandbox.user("Ben");
    let import = |name: &str, bytes: Vec<u8>| {
        let file = tastemaker_sandbox::Upload {
            filename: name.into(),
            bytes: bytes.into(),
            description: None,
        };
        ben.stage(ben.dm(), file).unwrap()
    };
    let file = import("taste.json", bytes);
    let imported = ben.run(ben.dm(), "profile import", json!({"file": file})).await;
    assert!(
        imported.content.starts_with("Imported.") && imported.content.contains("watercolour"),
        "{}",
        imported.content
    );
    assert_eq!(profile(&world, &ben).unwrap().profile.vp_plus(), "watercolour");

    let file = import("holiday.json", b"{\"schema\": 1, \"colour\": 3}".to_vec());
    let refused = ben.run(ben.dm(), "profile import", json!({"file": file})).await;
    assert!(
        refused.content.contains("can't read that profile"),
        "{}",
        refused.content
    );
    assert_eq!(profile(&world, &ben).unwrap().profile.vp_plus(), "watercolour");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forget_deletes_everything_and_says_so() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = world.with_taste("Ada", &["watercolour"], &[]).await;
    ada.imagine(channel, json!({"prompt": "a lighthouse", "seed": 1}))
        .await;
    ada.run(channel, "onboard", json!({})).await;

    let question = ada.run(channel, "profile forget", json!({})).await;
    let spared = ada
        .click_until(&question, "Keep it", says("Nothing was deleted"))
        .await;
    assert!(spared.components.is_empty() && profile(&world, &ada).is_some());

    let question = ada.run(channel, "profile forget", json!({})).await;
    let done = ada
        .click_until(&question, "Delete everything", says("Deleted:"))
        .await;
    for deleted in [
        "taste profile",
        "onboarding conversation",
        "1 request",
        "1 picture",
    ] {
        assert!(done.content.contains(deleted), "{deleted} in {}", done.content);
    }
    let store = &world.bot().app().store;
    assert!(profile(&world, &ada).is_none() && store.onboarding(ada.id().get()).unwrap().is_none());
    assert!(store.jobs_of(ada.id().get()).unwrap().is_empty());
    assert_eq!(store.image_bytes(), 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strength_is_the_default_of_the_next_picture() {
    let world = World::start().await;
    let channel = world.sandbox.channel_id();
    let ada = world.with_taste("Ada", &["watercolour"], &[]).await;
    let set = ada.run(channel, "strength", json!({"value": 0.8})).await;
    assert!(
        set.is_ephemeral() && set.content.contains("now 0.8 (it was 0.4)"),
        "{}",
        set.content
    );
    let picture = ada
        .imagine(channel, json!({"prompt": "a lighthouse", "seed": 1}))
        .await;
    assert!(picture.content.contains("β 0.8"), "{}", picture.content);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_says_what_there_is_and_leads_on() {
    let world = World::start().await;
    let ada = world.sandbox.user("Ada");
    let help = ada.run(world.sandbox.channel_id(), "help", json!({})).await;
    assert!(help.is_ephemeral());
    for named in ["/onboard", "/imagine", "/strength", "/profile forget", "/cancel"] {
        assert!(help.text().contains(named), "{named}");
    }
    ada.click_until(&help, "Show me pictures", says("Check your direct messages"))
        .await;
    world.finish().await;
}
