//! The page over real sockets: who is let in, what a snapshot holds, what an act does.

use std::net::SocketAddr;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::{Sandbox, SandboxOptions};

async fn with_page() -> (Sandbox, String) {
    let page = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let sandbox = Sandbox::start(SandboxOptions {
        page,
        ..SandboxOptions::default()
    })
    .await
    .unwrap();
    let url = sandbox.page_url().unwrap();
    (sandbox, url.trim_end_matches('/').to_owned())
}

async fn act(url: &str, body: Value) -> (u16, Value) {
    let request = reqwest::Client::new()
        .post(format!("{url}/act"))
        .header("origin", url)
        .json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Connects as the page does and returns the first frame, or the status of a refusal.
async fn first_frame(url: &str, origin: &str) -> Result<Value, u16> {
    let mut request = format!("{}/live", url.replace("http", "ws"))
        .into_client_request()
        .unwrap();
    request.headers_mut().insert("origin", origin.parse().unwrap());
    match connect_async(request).await {
        Ok((mut socket, _)) => {
            Ok(serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap())
        }
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_page_comes_with_a_policy_and_only_under_loopback_names() {
    let (sandbox, url) = with_page().await;
    let client = reqwest::Client::new();
    let page = client.get(&url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
    let rebound = client
        .get(&url)
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(rebound.status(), 403);
    assert_eq!(
        client
            .get(format!("{url}/js/nothing.js"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    sandbox.shutdown().await;
}

#[tokio::test]
async fn other_pages_can_neither_act_nor_listen() {
    let (sandbox, url) = with_page().await;
    let user = sandbox.user("you");
    let body = json!({"user": user.id(), "action": "say", "channel": sandbox.channel_id(), "text": "hello"});
    for origin in [None, Some("http://evil.example"), Some("null")] {
        let mut request = reqwest::Client::new().post(format!("{url}/act")).json(&body);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        assert_eq!(request.send().await.unwrap().status(), 403, "{origin:?}");
    }
    assert!(sandbox.messages(sandbox.channel_id()).is_empty());
    assert_eq!(first_frame(&url, "http://evil.example").await, Err(403));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_is_done_on_the_page_happens_in_the_sandbox() {
    let (sandbox, url) = with_page().await;
    let user = sandbox.user("you");
    let (status, made) = act(
        &url,
        json!({"user": user.id(), "action": "say", "channel": user.dm(), "text": "hello"}),
    )
    .await;
    assert_eq!(status, 200, "{made}");
    let message = sandbox.messages(user.dm()).remove(0);
    assert_eq!(
        (message.id.to_string(), message.content.as_str()),
        (made["message"].as_str().unwrap().to_owned(), "hello")
    );
    let (status, refused) = act(
        &url,
        json!({"user": user.id(), "action": "click", "message": message.id, "custom_id": "x"}),
    )
    .await;
    assert_eq!(status, 400);
    assert!(
        refused["error"].as_str().unwrap().contains("no part named"),
        "{refused}"
    );

    let snapshot = first_frame(&url, &url).await.unwrap();
    assert_eq!(snapshot["type"], "snapshot");
    let names: Vec<_> = snapshot["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["you", "a friend"]);
    assert_eq!(snapshot["messages"][user.dm().to_string()][0]["content"], "hello");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_uploaded_file_is_sent_with_a_message_and_served_without_its_powers() {
    let (sandbox, url) = with_page().await;
    let user = sandbox.user("you");
    let client = reqwest::Client::new();
    let request = client
        .post(format!("{url}/upload?filename=a.html"))
        .header("origin", &url)
        .body("<script>alert(1)</script>");
    let upload: Value = request.send().await.unwrap().json().await.unwrap();
    let body = json!({"user": user.id(), "action": "say", "channel": user.dm(), "text": "", "uploads": [upload["upload"]]});
    assert_eq!(act(&url, body).await.0, 200);
    let file = sandbox.messages(user.dm()).remove(0).attachments.remove(0);
    let served = client
        .get(format!("{url}/files/{}/a.html", file.id))
        .send()
        .await
        .unwrap();
    assert_eq!(
        served.headers()["content-security-policy"],
        "default-src 'none'; sandbox"
    );
    assert_eq!(served.text().await.unwrap(), "<script>alert(1)</script>");
    sandbox.shutdown().await;
}
