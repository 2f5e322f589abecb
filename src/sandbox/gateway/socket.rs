//! One WebSocket connection: greeting, heartbeats, the send limit, closing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use crate::events::SandboxEvent;
use crate::gateway::codec::Codec;
use crate::gateway::hub::Outgoing;
use crate::gateway::opcode::{Close, close, op};
use crate::gateway::session::{Next, Peer};
use crate::shared::Shared;

/// Payloads a client may send within [`SEND_WINDOW`].
const SEND_LIMIT: usize = 120;
const SEND_WINDOW: Duration = Duration::from_secs(60);
/// The API versions whose payloads are those of v10.
const VERSIONS: [&str; 2] = ["9", "10"];

/// What a client asks for in the address.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    v: Option<String>,
    encoding: Option<String>,
    compress: Option<String>,
}

impl Parameters {
    fn codec(&self) -> Result<Codec, Close> {
        if self
            .v
            .as_deref()
            .is_some_and(|version| !VERSIONS.contains(&version))
        {
            return Err(close::INVALID_VERSION);
        }
        match (self.encoding.as_deref(), self.compress.as_deref()) {
            (None | Some("json"), None | Some("")) => Ok(Codec::Plain),
            (None | Some("json"), Some("zlib-stream")) => Ok(Codec::stream()),
            // Discord also speaks ETF and zstd, which no client may expect of this server.
            _ => Err(close::DECODE_ERROR),
        }
    }
}

/// Accepts a gateway connection.
pub(crate) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Query<Parameters>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |socket| async move {
        let number = shared.next_socket();
        serve(socket, &shared, number, &parameters).await;
    })
}

async fn serve(mut socket: WebSocket, shared: &Shared, number: u64, parameters: &Parameters) {
    let for_good = match parameters.codec() {
        Ok(codec) => match converse(&mut socket, shared, number, codec).await {
            Ended::ByServer((code, reason)) => {
                hang_up(&mut socket, code, reason).await;
                // After these the session cannot be resumed, whatever the client tries.
                matches!(code, 4004 | 4010..=4014) || code == close::SESSION_TIMED_OUT.0
            }
            Ended::ByClient(code) => matches!(code, Some(1000 | 1001)),
            Ended::Lost => false,
        },
        Err((code, reason)) => return hang_up(&mut socket, code, reason).await,
    };
    let mut world = shared.world();
    world.hub.detach(number, for_good);
    let online = world.hub.is_online();
    world.emit(SandboxEvent::BotPresence { online });
}

async fn hang_up(socket: &mut WebSocket, code: u16, reason: &'static str) {
    tracing::debug!(code, reason, "closing a gateway connection");
    // The client may be gone already.
    let _ = socket
        .send(Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        })))
        .await;
}

/// How a connection ended.
enum Ended {
    ByServer(Close),
    ByClient(Option<u16>),
    Lost,
}

async fn converse(socket: &mut WebSocket, shared: &Shared, number: u64, mut codec: Codec) -> Ended {
    let (link, mut outgoing) = mpsc::unbounded_channel();
    let peer = Peer {
        shared,
        socket: number,
        link,
    };
    let interval = shared.heartbeat_interval;
    let hello =
        json!({"op": op::HELLO, "d": {"heartbeat_interval": interval.as_millis() as u64, "_trace": []}});
    if transmit(socket, &mut codec, &hello.to_string()).await.is_err() {
        return Ended::Lost;
    }
    let mut sent: VecDeque<Instant> = VecDeque::new();
    // A client that misses one heartbeat and half of the next is a zombie.
    let patience = interval + interval / 2;
    let mut zombie_at = tokio::time::Instant::now() + patience;
    loop {
        tokio::select! {
            // In this order, so that an answer never overtakes events that happened before it.
            biased;
            () = shared.shutdown.cancelled() => return Ended::ByServer((1001, "The sandbox is shutting down.")),
            () = tokio::time::sleep_until(zombie_at) => return Ended::ByServer(close::SESSION_TIMED_OUT),
            command = outgoing.recv() => match command {
                Some(Outgoing::Payload(payload)) => {
                    if transmit(socket, &mut codec, &payload).await.is_err() {
                        return Ended::Lost;
                    }
                }
                Some(Outgoing::Close(code, reason)) => return Ended::ByServer((code, reason)),
                Some(Outgoing::Sever) | None => return Ended::Lost,
            },
            received = socket.recv() => {
                let text = match received {
                    Some(Ok(Message::Text(text))) => text.to_string(),
                    Some(Ok(Message::Binary(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(frame))) => return Ended::ByClient(frame.map(|frame| frame.code)),
                    Some(Err(_)) | None => return Ended::Lost,
                };
                if exceeds_limit(&mut sent) {
                    return Ended::ByServer(close::RATE_LIMITED);
                }
                match peer.receive(&text) {
                    Ok(Next::Listen) => {}
                    Ok(Next::Compress) => codec.compress_payloads(),
                    Ok(Next::HeartbeatAck) => {
                        zombie_at = tokio::time::Instant::now() + patience;
                        let ack = json!({"op": op::HEARTBEAT_ACK}).to_string();
                        if transmit(socket, &mut codec, &ack).await.is_err() {
                            return Ended::Lost;
                        }
                    }
                    Err(close) => return Ended::ByServer(close),
                }
            }
        }
    }
}

/// Counts a payload the client sent; true if it is one too many.
fn exceeds_limit(sent: &mut VecDeque<Instant>) -> bool {
    let now = Instant::now();
    sent.retain(|at| now.duration_since(*at) < SEND_WINDOW);
    sent.push_back(now);
    sent.len() > SEND_LIMIT
}

async fn transmit(socket: &mut WebSocket, codec: &mut Codec, payload: &str) -> Result<(), ()> {
    let message = codec.encode(payload).map_err(|_| ())?;
    socket.send(message).await.map_err(|_| ())
}
