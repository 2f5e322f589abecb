//! The live connection: a snapshot of everything, then each event as it happens.

use axum::extract::State;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::events::SandboxEvent;
use crate::sandbox::Sandbox;

pub(super) async fn upgrade(State(sandbox): State<Sandbox>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| async move {
        // The page reconnects by itself; how a connection ended tells nothing.
        let _ = stream(socket, sandbox).await;
    })
}

async fn stream(mut socket: WebSocket, sandbox: Sandbox) -> Result<(), axum::Error> {
    // Listening before looking: an event may then come twice, which the page takes well, but never be missed.
    let mut events = sandbox.subscribe();
    send(&mut socket, &snapshot(&sandbox)).await?;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => send(&mut socket, &frame(&sandbox, &event)).await?,
                Err(RecvError::Lagged(_)) => send(&mut socket, &snapshot(&sandbox)).await?,
                Err(RecvError::Closed) => return Ok(()),
            },
            received = socket.recv() => match received {
                Some(Ok(Frame::Close(_))) | None => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
            },
        }
    }
}

async fn send(socket: &mut WebSocket, frame: &Value) -> Result<(), axum::Error> {
    socket.send(Frame::Text(frame.to_string().into())).await
}

/// Turns an event into a frame. Changes of people, channels and commands are rare: the page gets all of them anew.
fn frame(sandbox: &Sandbox, event: &SandboxEvent) -> Value {
    match event {
        SandboxEvent::ChannelOpened { .. }
        | SandboxEvent::UserChanged { .. }
        | SandboxEvent::CommandsChanged
        | SandboxEvent::BotPresence { .. } => world(sandbox),
        event => {
            let mut frame = json!(event);
            frame["type"] = "event".into();
            frame
        }
    }
}

/// People, channels and commands, without messages.
fn world(sandbox: &Sandbox) -> Value {
    let people = sandbox.users();
    let mut channels: Vec<_> = people
        .iter()
        .flat_map(|user| sandbox.channels(user.id()))
        .collect();
    channels.sort_by_key(|channel| channel.id);
    channels.dedup_by_key(|channel| channel.id);
    let described =
        |user: &crate::User| json!({"id": user.id(), "name": user.name(), "dms_open": user.dms_open()});
    json!({
        "type": "world",
        "now_ms": sandbox.now().0,
        "bot": {"id": sandbox.bot_user_id(), "name": sandbox.bot_name(), "online": sandbox.is_bot_online()},
        "users": people.iter().map(described).collect::<Vec<_>>(),
        "channels": channels,
        "commands": sandbox.commands(),
    })
}

/// Everything there is.
fn snapshot(sandbox: &Sandbox) -> Value {
    let mut all = world(sandbox);
    let ids = all["channels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|channel| channel["id"].as_str()?.parse().ok());
    let messages: Map<String, Value> = ids
        .map(|id: crate::ChannelId| (id.to_string(), json!(sandbox.messages(id))))
        .collect();
    all["type"] = "snapshot".into();
    all["messages"] = messages.into();
    all["modals"] = json!(
        sandbox
            .users()
            .iter()
            .flat_map(crate::User::modals)
            .collect::<Vec<_>>()
    );
    all
}
