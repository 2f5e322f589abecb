//! What people can and cannot do, as their client would have it.

use std::time::Duration;

use serde_json::json;

use super::{Api, Result, assert_clean, sandbox};
use crate::{ActionError, WaitError};

#[tokio::test]
async fn commands_are_offered_and_checked_as_a_client_does() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let path = format!("/applications/{}/commands", sandbox.application_id());
    let prompt = json!({"type": 3, "name": "prompt", "description": "d", "required": true, "max_length": 5});
    let beta = json!({"type": 10, "name": "beta", "description": "d", "min_value": 0, "max_value": 1});
    let aspect = json!({"type": 3, "name": "aspect", "description": "d", "choices": [{"name": "Square", "value": "1:1"}]});
    let count = json!({"type": 4, "name": "count", "description": "d", "min_value": 1, "max_value": 4});
    let show = json!({"type": 1, "name": "show", "description": "d"});
    let all = json!([
        {"name": "imagine", "description": "d", "options": [prompt, beta, aspect, count]},
        {"name": "profile", "description": "d", "options": [show]},
        {"name": "here", "description": "d", "contexts": [0]},
        {"name": "boss", "description": "d", "default_member_permissions": "0"},
        {"name": "adult", "description": "d", "nsfw": true},
    ]);
    let (status, made) = api.send(reqwest::Method::PUT, &path, Some(all)).await?;
    assert!(status.is_success(), "{made}");

    let ada = sandbox.user("Ada");
    let (guild, dm) = (sandbox.channel_id(), ada.dm());
    let names = |channel| -> Vec<String> {
        ada.commands(channel)
            .into_iter()
            .map(|command| command.name)
            .collect()
    };
    assert_eq!(names(guild), ["imagine", "profile", "here"]);
    assert_eq!(names(dm), ["imagine", "profile", "boss"]);
    ada.set_admin(true);
    sandbox.set_age_restricted(guild, true);
    assert_eq!(names(guild).len(), 5);

    for (name, options, option) in [
        ("imagine", json!({}), "prompt"),
        ("imagine", json!({"prompt": "too long"}), "prompt"),
        ("imagine", json!({"prompt": "a", "beta": 1.5}), "beta"),
        ("imagine", json!({"prompt": "a", "beta": "much"}), "beta"),
        ("imagine", json!({"prompt": "a", "aspect": "Round"}), "aspect"),
        ("imagine", json!({"prompt": "a", "count": 1.5}), "count"),
        ("imagine", json!({"prompt": "a", "seed": 1}), "seed"),
    ] {
        match ada.command(dm, name, options.clone()) {
            Err(ActionError::BadOption { option: found, .. }) => assert_eq!(found, option, "{options}"),
            other => return Err(format!("{options} should fail, got {other:?}").into()),
        }
    }
    assert!(matches!(
        ada.command(dm, "profile", json!({})),
        Err(ActionError::UnknownCommand { .. })
    ));
    assert!(matches!(
        ada.command(dm, "here", json!({})),
        Err(ActionError::UnknownCommand { .. })
    ));
    ada.command(dm, "/profile show", json!({}))?;
    ada.command(
        dm,
        "imagine",
        json!({"prompt": "a", "aspect": "Square", "beta": "0.5", "count": 2}),
    )?;
    let bob = sandbox.user("Bob");
    assert_eq!(
        bob.command(dm, "imagine", json!({"prompt": "a"})),
        Err(ActionError::UnknownChannel(dm))
    );
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn parts_are_found_by_id_or_label_and_respect_their_state() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let ada = sandbox.user("Ada");
    let row = json!({"type": 1, "components": [
        {"type": 2, "style": 1, "label": "Keep", "custom_id": "v1:keep"},
        {"type": 2, "style": 2, "label": "Redo", "custom_id": "v1:redo", "disabled": true},
        {"type": 2, "style": 2, "emoji": {"name": "🗑️"}, "custom_id": "v1:drop"},
        {"type": 2, "style": 5, "label": "More", "url": "https://example.com"},
    ]});
    let body = json!({"content": "Keep it?", "components": [row]});
    api.post(&format!("/channels/{}/messages", ada.dm()), body)
        .await?;
    let message = &ada.messages(ada.dm())[0];
    ada.click(message, "v1:keep")?;
    ada.click(message, "Keep")?;
    ada.click(message, "🗑️")?;
    for name in ["Redo", "More"] {
        assert!(
            matches!(
                ada.click(message, name),
                Err(ActionError::UnusableComponent { .. })
            ),
            "{name}"
        );
    }
    assert!(matches!(
        ada.click(message, "Nope"),
        Err(ActionError::UnknownComponent { .. })
    ));
    assert!(matches!(
        ada.select(message, "Keep", &["x"]),
        Err(ActionError::UnusableComponent { .. })
    ));
    let bob = sandbox.user("Bob");
    assert_eq!(
        bob.click(message, "Keep"),
        Err(ActionError::UnknownMessage(message.id))
    );
    assert_eq!(
        ada.react(message, "plus"),
        Err(ActionError::UnknownEmoji("plus".to_owned()))
    );
    Ok(())
}

#[tokio::test]
async fn a_wait_that_fails_shows_what_happened() -> Result {
    let sandbox = sandbox().await?;
    let ada = sandbox.user("Ada");
    ada.say(ada.dm(), "is anybody there?")?;
    let waited = sandbox
        .wait_for(ada.dm(), |message| message.author.bot, Duration::ZERO)
        .await;
    let Err(WaitError::TimedOut { transcript, .. }) = waited else {
        return Err("it should time out".into());
    };
    assert!(transcript.contains("Ada: is anybody there?"), "{transcript}");
    Ok(())
}

#[tokio::test]
async fn live_views_hear_of_everything_in_order() -> Result {
    let sandbox = sandbox().await?;
    let mut events = sandbox.subscribe();
    let ada = sandbox.user("Ada");
    let dm = ada.dm();
    let said = ada.say(dm, "one")?;
    ada.edit(said, "two")?;
    ada.react(said, "➕")?;
    ada.react(said, "➕")?;
    ada.unreact(said, "➕")?;
    ada.delete(said)?;
    let mut names = Vec::new();
    while let Ok(event) = events.try_recv() {
        let event = serde_json::to_value(&event)?;
        names.push(event["event"].as_str().unwrap_or_default().to_owned());
    }
    let expected = [
        "user_changed",
        "channel_opened",
        "message_created",
        "message_updated",
        "reactions_changed",
        "reactions_changed",
        "message_deleted",
    ];
    assert_eq!(names, expected);
    Ok(())
}

#[tokio::test]
async fn a_sandbox_stops_when_told() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    assert!(api.get("/gateway").await?.0.is_success());
    sandbox.shutdown().await;
    let waited = sandbox.wait_for_bot(Duration::from_secs(5)).await;
    assert!(matches!(waited, Err(WaitError::ShutDown)), "{waited:?}");
    assert!(
        std::net::TcpStream::connect(sandbox.api_addr()).is_err(),
        "nobody listens any more"
    );
    Ok(())
}
