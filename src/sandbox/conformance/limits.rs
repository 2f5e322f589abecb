//! Limits of messages, each with the error that Discord gives.

use reqwest::{Method, StatusCode, multipart};
use serde_json::{Value, json};

use super::{Api, Result, assert_clean, read, sandbox};

fn button(id: &str) -> Value {
    json!({"type": 2, "style": 1, "label": "x", "custom_id": id})
}

fn row(parts: Vec<Value>) -> Value {
    json!({"type": 1, "components": parts})
}

fn options(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"label": "x", "value": n.to_string()}))
        .collect()
}

#[tokio::test]
async fn bodies_over_a_limit_are_refused_where_the_fault_is() -> Result {
    let sandbox = sandbox().await?;
    let text = |length: usize| "x".repeat(length);
    let fields =
        |count: usize| -> Vec<Value> { (0..count).map(|_| json!({"name": "n", "value": "v"})).collect() };
    let embeds = |count: usize, length: usize| -> Vec<Value> {
        (0..count).map(|_| json!({"description": text(length)})).collect()
    };
    let select = |options: Vec<Value>| json!({"type": 3, "custom_id": "s", "options": options});
    let api = Api::new(&sandbox)?;
    let path = format!("/channels/{}/messages", sandbox.channel_id());
    let cases = [
        (json!({"content": text(2001)}), "/content"),
        (json!({"embeds": embeds(11, 1)}), "/embeds"),
        (json!({"embeds": embeds(2, 3001)}), "/embeds/1"),
        (json!({"embeds": [{"title": text(257)}]}), "/embeds/0/title"),
        (
            json!({"embeds": [{"description": text(4097)}]}),
            "/embeds/0/description",
        ),
        (
            json!({"embeds": [{"title": "t", "fields": fields(26)}]}),
            "/embeds/0/fields",
        ),
        (
            json!({"embeds": [{"fields": [{"name": text(257), "value": "v"}]}]}),
            "/embeds/0/fields/0/name",
        ),
        (
            json!({"embeds": [{"fields": [{"name": "n", "value": text(1025)}]}]}),
            "/embeds/0/fields/0/value",
        ),
        (
            json!({"embeds": [{"fields": [{"name": "n"}]}]}),
            "/embeds/0/fields/0/value",
        ),
        (
            json!({"embeds": [{"footer": {"text": text(2049)}}]}),
            "/embeds/0/footer/text",
        ),
        (
            json!({"embeds": [{"author": {"name": text(257)}}]}),
            "/embeds/0/author/name",
        ),
        (
            json!({"embeds": [{"title": "t", "color": 0x100_0000}]}),
            "/embeds/0/color",
        ),
        (
            json!({"embeds": [{"title": "t", "url": "ftp://x"}]}),
            "/embeds/0/url",
        ),
        (
            json!({"embeds": [{"title": "t", "timestamp": "yesterday"}]}),
            "/embeds/0/timestamp",
        ),
        (json!({"embeds": [{}]}), "/embeds/0/description"),
        (
            json!({"content": "c", "components": vec![row(vec![button("a")]); 6]}),
            "/components",
        ),
        (
            json!({"content": "c", "components": [row(vec![])]}),
            "/components/0/components",
        ),
        (
            json!({"content": "c", "components": [row((0..6).map(|n| button(&n.to_string())).collect())]}),
            "/components/0/components",
        ),
        (
            json!({"content": "c", "components": [button("a")]}),
            "/components/0/type",
        ),
        (
            json!({"content": "c", "components": [row(vec![button(&text(101))])]}),
            "/components/0/components/0/custom_id",
        ),
        (
            json!({"content": "c", "components": [row(vec![button("a"), button("a")])]}),
            "/components/0/components/1/custom_id",
        ),
        (
            json!({"content": "c", "components": [row(vec![json!({"type": 2, "style": 1, "custom_id": "a"})])]}),
            "/components/0/components/0",
        ),
        (
            json!({"content": "c", "components": [row(vec![json!({"type": 2, "style": 5, "label": "l"})])]}),
            "/components/0/components/0/url",
        ),
        (
            json!({"content": "c", "components": [row(vec![button("a"), select(options(1))])]}),
            "/components/0/components/1",
        ),
        (
            json!({"content": "c", "components": [row(vec![select(options(26))])]}),
            "/components/0/components/0/options",
        ),
        (
            json!({"content": "c", "components": [row(vec![select(vec![json!({"label": "l", "value": "v"}); 2])])]}),
            "/components/0/components/0/options/1/value",
        ),
        (
            json!({"content": "c", "message_reference": {"message_id": "1"}}),
            "/message_reference",
        ),
        (
            json!({"content": "c", "attachments": [{"id": "0"}]}),
            "/attachments/0/id",
        ),
    ];
    for (body, place) in cases {
        sandbox.advance(std::time::Duration::from_secs(5));
        let (status, refused) = api.post(&path, body.clone()).await?;
        assert_eq!(
            (status.as_u16(), &refused["code"]),
            (400, &json!(50035)),
            "{place}: {refused}"
        );
        let fault = refused.pointer(&format!("/errors{place}/_errors/0/code"));
        assert!(fault.is_some_and(Value::is_string), "{place}: {refused}");
    }
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn what_is_just_allowed_passes() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let path = format!("/channels/{}/messages", sandbox.channel_id());
    let rows: Vec<Value> = (0..5)
        .map(|r| {
            row((0..5)
                .map(|b| button(&format!("{r}{b}{}", "x".repeat(98))))
                .collect())
        })
        .collect();
    let embeds: Vec<Value> = (0..2).map(|_| json!({"description": "x".repeat(3000)})).collect();
    let body = json!({"content": "🎨".repeat(2000), "embeds": embeds, "components": rows});
    let (status, sent) = api.post(&path, body).await?;
    assert_eq!(status, StatusCode::OK, "{sent}");
    let emoji =
        json!({"type": 3, "custom_id": "s", "options": options(25), "min_values": 0, "max_values": 25});
    let (status, sent) = api.post(&path, json!({"components": [row(vec![emoji])]})).await?;
    assert_eq!(status, StatusCode::OK, "{sent}");
    let (_, refused) = api.post(&path, json!({"content": "  \n "})).await?;
    assert_eq!(refused["code"], 50006);
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn files_have_limits_of_count_and_size() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let path = format!("/channels/{}/messages", sandbox.channel_id());
    let form = |files: usize, size: usize| {
        let part = || multipart::Part::bytes(vec![0; size]).file_name("f.bin");
        (0..files).fold(multipart::Form::new(), |form, n| {
            form.part(format!("files[{n}]"), part())
        })
    };
    let post = async |files, size| read(api.request(Method::POST, &path).multipart(form(files, size))).await;
    assert_eq!(post(10, 1).await?.0, StatusCode::OK);
    assert_eq!(post(11, 1).await?.1["code"], 30015);
    assert_eq!(post(1, 10 << 20).await?.0, StatusCode::OK);
    let (status, refused) = post(1, (10 << 20) + 1).await?;
    assert_eq!((status.as_u16(), &refused["code"]), (413, &json!(40005)));
    Ok(())
}

#[tokio::test]
async fn buckets_tell_of_themselves_and_refuse_when_empty() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let path = format!("/channels/{}/messages", sandbox.channel_id());
    for left in (0..5).rev() {
        let response = api
            .request(Method::POST, &path)
            .json(&json!({"content": "x"}))
            .send()
            .await?;
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers();
        assert_eq!(headers["x-ratelimit-limit"], "5");
        assert_eq!(headers["x-ratelimit-remaining"], left.to_string());
        assert!(
            headers.contains_key("x-ratelimit-reset-after") && headers.contains_key("x-ratelimit-bucket")
        );
    }
    let response = api
        .request(Method::POST, &path)
        .json(&json!({"content": "x"}))
        .send()
        .await?;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["x-ratelimit-scope"], "user");
    let body: Value = serde_json::from_str(&response.text().await?)?;
    assert_eq!(body["global"], false);
    assert!(
        body["retry_after"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0 && seconds <= 5.0),
        "{body}"
    );
    assert_eq!(sandbox.messages(sandbox.channel_id()).len(), 5);
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn reactions_and_old_messages_have_limits() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let ada = sandbox.user("Ada");
    let said = ada.say(sandbox.channel_id(), "react to this")?;
    let reactions = format!("/channels/{}/messages/{said}/reactions", sandbox.channel_id());
    let (status, refused) = api.send(Method::PUT, &format!("{reactions}/+/@me"), None).await?;
    assert_eq!((status.as_u16(), &refused["code"]), (400, &json!(10014)));
    for emoji in ["😀", "😁", "😂", "😃", "😄", "😅", "😆", "😉", "😊", "😋"] {
        ada.react(said, emoji)?;
    }
    for emoji in ["🐶", "🐱", "🐭", "🐹", "🐰", "🦊", "🐻", "🐼", "🐨", "🐯"] {
        ada.react(said, emoji)?;
    }
    sandbox.advance(std::time::Duration::from_secs(1));
    let (status, refused) = api
        .send(Method::PUT, &format!("{reactions}/%E2%9E%95/@me"), None)
        .await?;
    assert_eq!((status.as_u16(), &refused["code"]), (400, &json!(30010)));
    let (_, users) = api.get(&format!("{reactions}/%F0%9F%90%B6")).await?;
    assert_eq!(users[0]["id"], json!(ada.id()));
    sandbox.advance(std::time::Duration::from_secs(1));
    let (status, _) = api.send(Method::DELETE, &reactions, None).await?;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(
        sandbox
            .message(said)
            .is_some_and(|message| message.reactions.is_empty())
    );
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn messages_older_than_an_hour_take_few_edits() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let path = format!("/channels/{}/messages", sandbox.channel_id());
    let (_, sent) = api.post(&path, json!({"content": "x"})).await?;
    sandbox.advance(std::time::Duration::from_secs(3601));
    let message = format!("{path}/{}", sent["id"].as_str().unwrap_or_default());
    let mut codes = Vec::new();
    for n in 0..11 {
        // Past the edits' own rate limit, far from the next hour.
        sandbox.advance(std::time::Duration::from_secs(5));
        let (status, refused) = api
            .send(Method::PATCH, &message, Some(json!({"content": n.to_string()})))
            .await?;
        codes.push((status.as_u16(), refused["code"].as_u64()));
    }
    assert_eq!(codes[9], (200, None));
    assert_eq!(codes[10], (429, Some(30046)));
    Ok(())
}
