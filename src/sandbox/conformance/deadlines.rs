//! The three seconds of an answer and the fifteen minutes of a token, on a clock that tests move.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::TryRecvError;

use super::{Api, PATIENCE, Result, assert_clean, sandbox};
use crate::{InteractionId, InteractionStatus, Sandbox, SandboxEvent, User, WaitError};

/// A bot with one command, and the person who uses it.
struct Scene {
    sandbox: Sandbox,
    api: Api,
    ada: User,
}

impl Scene {
    async fn set() -> Result<Self> {
        let sandbox = sandbox().await?;
        let api = Api::new(&sandbox)?;
        let path = format!("/applications/{}/commands", sandbox.application_id());
        let (status, made) = api
            .post(&path, json!({"name": "imagine", "description": "Draws"}))
            .await?;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let ada = sandbox.user("Ada");
        Ok(Scene { sandbox, api, ada })
    }

    fn run(&self) -> Result<InteractionId> {
        Ok(self
            .ada
            .command(self.sandbox.channel_id(), "imagine", Value::Null)?)
    }

    fn token(&self, id: InteractionId) -> String {
        let world = self.sandbox.shared.world();
        world
            .interactions
            .get(&id)
            .map(|interaction| interaction.token.clone())
            .unwrap_or_default()
    }

    async fn answer(&self, id: InteractionId, body: Value) -> Result<(StatusCode, Value)> {
        self.api
            .post(&format!("/interactions/{id}/{}/callback", self.token(id)), body)
            .await
    }

    fn webhook(&self, id: InteractionId) -> String {
        format!("/webhooks/{}/{}", self.sandbox.application_id(), self.token(id))
    }
}

#[tokio::test]
async fn after_three_seconds_the_interaction_is_unknown() -> Result {
    let scene = Scene::set().await?;
    let mut events = scene.sandbox.subscribe();
    let id = scene.run()?;
    scene.sandbox.advance(Duration::from_millis(3100));
    let (status, refused) = scene.answer(id, json!({"type": 5})).await?;
    assert_eq!(
        (status.as_u16(), refused),
        (404, json!({"message": "Unknown interaction", "code": 10062}))
    );
    assert_eq!(scene.sandbox.interaction(id), Some(InteractionStatus::Failed));
    let told = std::iter::from_fn(|| match events.try_recv() {
        Err(TryRecvError::Empty) => None,
        event => event.ok(),
    });
    let failed = |event: &SandboxEvent| matches!(event, SandboxEvent::InteractionFailed { interaction_id, .. } if *interaction_id == id);
    assert_eq!(told.filter(failed).count(), 1);
    let waited = scene.ada.wait_for_answer(id, |_| true, PATIENCE).await;
    assert!(
        matches!(waited, Err(WaitError::DidNotRespond { .. })),
        "{waited:?}"
    );
    assert_clean(&scene.sandbox);
    Ok(())
}

#[tokio::test]
async fn the_token_dies_after_fifteen_minutes() -> Result {
    let scene = Scene::set().await?;
    let id = scene.run()?;
    let (_, early) = scene
        .api
        .post(&scene.webhook(id), json!({"content": "early"}))
        .await?;
    assert_eq!(
        early["code"], 10015,
        "nothing can follow an answer that was not given"
    );
    assert_eq!(
        scene.answer(id, json!({"type": 5})).await?.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(scene.answer(id, json!({"type": 5})).await?.1["code"], 40060);
    scene.sandbox.advance(Duration::from_secs(14 * 60));
    let original = format!("{}/messages/@original", scene.webhook(id));
    let (status, _) = scene
        .api
        .send(Method::PATCH, &original, Some(json!({"content": "in time"})))
        .await?;
    assert_eq!(status, StatusCode::OK);
    scene.sandbox.advance(Duration::from_secs(61));
    let (status, refused) = scene
        .api
        .send(Method::PATCH, &original, Some(json!({"content": "late"})))
        .await?;
    assert_eq!((status.as_u16(), &refused["code"]), (404, &json!(10015)));
    let (_, refused) = scene
        .api
        .post(&scene.webhook(id), json!({"content": "late"}))
        .await?;
    assert_eq!(refused["code"], 10015);
    let stranger = format!("/webhooks/{}/nonsense", scene.sandbox.application_id());
    let (status, refused) = scene.api.post(&stranger, json!({"content": "x"})).await?;
    assert_eq!((status.as_u16(), &refused["code"]), (401, &json!(50027)));
    assert_clean(&scene.sandbox);
    Ok(())
}

#[tokio::test]
async fn answers_can_be_read_followed_and_deleted() -> Result {
    let scene = Scene::set().await?;
    let id = scene.run()?;
    let callback = format!(
        "/interactions/{id}/{}/callback?with_response=true",
        scene.token(id)
    );
    let (status, made) = scene
        .api
        .post(&callback, json!({"type": 5, "data": {"flags": 64}}))
        .await?;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert_eq!(made["interaction"]["response_message_loading"], true);
    assert_eq!(made["interaction"]["response_message_ephemeral"], true);
    let webhook = scene.webhook(id);
    // The first follow-up to a deferred answer fills that answer in.
    let (_, filled) = scene.api.post(&webhook, json!({"content": "here it is"})).await?;
    assert_eq!(
        (&filled["id"], &filled["flags"]),
        (&made["interaction"]["response_message_id"], &json!(64))
    );
    let (_, followed) = scene.api.post(&webhook, json!({"content": "and more"})).await?;
    let follow_up = format!(
        "{webhook}/messages/{}",
        followed["id"].as_str().unwrap_or_default()
    );
    let (_, edited) = scene
        .api
        .send(Method::PATCH, &follow_up, Some(json!({"content": "and less"})))
        .await?;
    assert_eq!(
        (&edited["content"], edited["edited_timestamp"].is_string()),
        (&json!("and less"), true)
    );
    assert_eq!(scene.api.get(&follow_up).await?.1["content"], "and less");
    assert_eq!(
        scene.api.send(Method::DELETE, &follow_up, None).await?.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(scene.api.get(&follow_up).await?.1["code"], 10008);
    let original = format!("{webhook}/messages/@original");
    scene.sandbox.advance(Duration::from_secs(5));
    assert_eq!(scene.api.get(&original).await?.1["content"], "here it is");
    let channel = scene.sandbox.channel_id();
    let id = filled["id"].as_str().unwrap_or_default();
    let (_, hidden) = scene
        .api
        .get(&format!("/channels/{channel}/messages/{id}"))
        .await?;
    assert_eq!(
        hidden["code"], 10008,
        "ephemeral messages are no messages of the channel"
    );
    assert_eq!(scene.ada.messages(channel).len(), 1);
    assert!(scene.sandbox.user("Bob").messages(channel).is_empty());
    assert_eq!(
        scene.api.send(Method::DELETE, &original, None).await?.0,
        StatusCode::NO_CONTENT
    );
    assert!(scene.ada.messages(channel).is_empty());
    assert_clean(&scene.sandbox);
    Ok(())
}

#[tokio::test]
async fn callbacks_fit_their_interaction() -> Result {
    let scene = Scene::set().await?;
    for (body, place) in [
        (json!({"type": 6}), "/errors/type"),
        (json!({"type": 8, "data": {"choices": []}}), "/errors/type"),
        (json!({"data": {}}), "/errors/type"),
        (json!({"type": 4}), "/errors/data"),
        (
            json!({"type": 4, "data": {"content": "x".repeat(2001)}}),
            "/errors/data/content",
        ),
        (
            json!({"type": 9, "data": {"custom_id": "m", "title": "x".repeat(46), "components": []}}),
            "/errors/data/title",
        ),
        (
            json!({"type": 9, "data": {"custom_id": "m", "title": "t", "components": []}}),
            "/errors/data/components",
        ),
        (
            json!({"type": 9, "data": {"custom_id": "m", "title": "t", "components": [{"type": 1, "components": [
                {"type": 4, "custom_id": "f", "label": "x".repeat(46), "style": 1}]}]}}),
            "/errors/data/components/0/components/0/label",
        ),
    ] {
        let id = scene.run()?;
        let (status, refused) = scene.answer(id, body.clone()).await?;
        assert_eq!(
            (status.as_u16(), &refused["code"]),
            (400, &json!(50035)),
            "{body}: {refused}"
        );
        assert!(refused.pointer(place).is_some(), "{body}: {refused}");
        let (status, _) = scene
            .answer(id, json!({"type": 4, "data": {"content": "then so"}}))
            .await?;
        assert_eq!(
            status,
            StatusCode::NO_CONTENT,
            "a refused callback answers nothing yet"
        );
    }
    assert_clean(&scene.sandbox);
    Ok(())
}
