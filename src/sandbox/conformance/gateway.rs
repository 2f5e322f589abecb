//! The gateway as a bare WebSocket client meets it.

use flate2::{Decompress, FlushDecompress};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{PATIENCE, Result, sandbox, sandbox_with};
use crate::{Sandbox, SandboxOptions};

/// Non-privileged intents of a bot that talks in guilds and direct messages.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13;

struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    inflate: Decompress,
}

impl Connection {
    async fn open(sandbox: &Sandbox, query: &str) -> Result<Self> {
        let (socket, _) = connect_async(format!("{}/?v=10&{query}", sandbox.gateway_url())).await?;
        Ok(Connection {
            socket,
            inflate: Decompress::new(true),
        })
    }

    async fn greeted(sandbox: &Sandbox) -> Result<Self> {
        let mut connection = Self::open(sandbox, "encoding=json").await?;
        assert_eq!(connection.next().await?["op"], 10);
        Ok(connection)
    }

    async fn identified(sandbox: &Sandbox) -> Result<(Self, String)> {
        let mut connection = Self::greeted(sandbox).await?;
        connection.send(&identify(sandbox, INTENTS)).await?;
        let ready = connection.next().await?;
        assert_eq!(ready["t"], "READY", "{ready}");
        let session = ready["d"]["session_id"].as_str().unwrap_or_default().to_owned();
        assert_eq!(connection.next().await?["t"], "GUILD_CREATE");
        Ok((connection, session))
    }

    async fn send(&mut self, payload: &Value) -> Result {
        Ok(self.socket.send(Message::text(payload.to_string())).await?)
    }

    async fn receive(&mut self) -> Result<Message> {
        Ok(tokio::time::timeout(PATIENCE, self.socket.next())
            .await?
            .ok_or("the connection ended")??)
    }

    async fn next(&mut self) -> Result<Value> {
        match self.receive().await? {
            Message::Text(text) => Ok(serde_json::from_str(&text)?),
            other => Err(format!("expected text, got {other:?}").into()),
        }
    }

    async fn close_code(&mut self) -> Result<u16> {
        loop {
            if let Message::Close(Some(frame)) = self.receive().await? {
                return Ok(frame.code.into());
            }
        }
    }

    /// Reads one payload of a zlib stream.
    async fn next_of_stream(&mut self) -> Result<Value> {
        let Message::Binary(bytes) = self.receive().await? else {
            return Err("expected a compressed payload".into());
        };
        assert!(
            bytes.ends_with(&[0, 0, 0xFF, 0xFF]),
            "each payload ends with a flush"
        );
        let mut text = Vec::with_capacity(64 * 1024);
        self.inflate
            .decompress_vec(&bytes, &mut text, FlushDecompress::Sync)?;
        Ok(serde_json::from_slice(&text)?)
    }
}

fn identify(sandbox: &Sandbox, intents: u64) -> Value {
    let properties = json!({"os": "test", "browser": "test", "device": "test"});
    json!({"op": 2, "d": {"token": sandbox.token(), "intents": intents, "properties": properties}})
}

#[tokio::test]
async fn wrong_conduct_has_its_close_code() -> Result {
    let sandbox = sandbox().await?;
    let mut bad_token = identify(&sandbox, INTENTS);
    bad_token["d"]["token"] = "wrong".into();
    let mut bad_shard = identify(&sandbox, INTENTS);
    bad_shard["d"]["shard"] = json!([2, 2]);
    let cases = [
        (bad_token, 4004),
        (identify(&sandbox, 1 << 40), 4013),
        (identify(&sandbox, INTENTS | 1 << 15), 4014),
        (bad_shard, 4010),
        (json!({"op": 3, "d": {"status": "online"}}), 4003),
        (json!({"nothing": true}), 4002),
        (json!({"op": 2, "d": {"token": "x".repeat(5000)}}), 4002),
    ];
    for (payload, code) in cases {
        let mut connection = Connection::greeted(&sandbox).await?;
        connection.send(&payload).await?;
        assert_eq!(connection.close_code().await?, code, "{payload}");
    }
    let (mut connection, _) = Connection::identified(&sandbox).await?;
    connection.send(&identify(&sandbox, INTENTS)).await?;
    assert_eq!(connection.close_code().await?, 4005);
    let (mut connection, _) = Connection::identified(&sandbox).await?;
    connection.send(&json!({"op": 77})).await?;
    assert_eq!(connection.close_code().await?, 4001);
    let (mut old, _) = connect_async(format!("{}/?v=6", sandbox.gateway_url())).await?;
    let closed = old.next().await.ok_or("the connection ended")??;
    assert!(
        matches!(&closed, Message::Close(Some(frame)) if u16::from(frame.code) == 4012),
        "{closed:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_resumes_where_it_was() -> Result {
    let sandbox = sandbox().await?;
    let (connection, session) = Connection::identified(&sandbox).await?;
    let ada = sandbox.user("Ada");
    let dm = ada.dm();
    drop(connection);
    ada.say(dm, "one")?;
    ada.say(dm, "two")?;
    let resume =
        |seq: u64| json!({"op": 6, "d": {"token": sandbox.token(), "session_id": session, "seq": seq}});
    let mut again = Connection::greeted(&sandbox).await?;
    again.send(&resume(3)).await?;
    let replayed = again.next().await?;
    assert_eq!(
        (&replayed["s"], &replayed["d"]["content"]),
        (&json!(4), &json!("two"))
    );
    assert_eq!(again.next().await?["t"], "RESUMED");
    again.send(&json!({"op": 1, "d": 5})).await?;
    assert_eq!(again.next().await?["op"], 11);

    let mut ahead = Connection::greeted(&sandbox).await?;
    ahead.send(&resume(99)).await?;
    assert_eq!(ahead.close_code().await?, 4007);

    sandbox.request_reconnect();
    assert_eq!(again.next().await?["op"], 7);
    sandbox.invalidate_sessions();
    assert_eq!(again.next().await?, json!({"op": 9, "d": false}));
    let mut late = Connection::greeted(&sandbox).await?;
    late.send(&resume(5)).await?;
    assert_eq!(late.next().await?, json!({"op": 9, "d": false}));
    assert_eq!(sandbox.invalid_sessions(), 2);
    Ok(())
}

#[tokio::test]
async fn a_session_closed_with_1000_is_gone() -> Result {
    let sandbox = sandbox().await?;
    let (mut connection, session) = Connection::identified(&sandbox).await?;
    connection.socket.close(None).await?;
    sandbox
        .wait_until(PATIENCE, || (!sandbox.is_bot_online()).then_some(()))
        .await?;
    let mut again = Connection::greeted(&sandbox).await?;
    // An empty close frame has no code: the session stays. One with 1000 ends it.
    let resume = json!({"op": 6, "d": {"token": sandbox.token(), "session_id": session, "seq": 2}});
    again.send(&resume).await?;
    assert_eq!(again.next().await?["t"], "RESUMED");
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: 1000.into(),
        reason: "".into(),
    };
    again.socket.close(Some(frame)).await?;
    sandbox
        .wait_until(PATIENCE, || (!sandbox.is_bot_online()).then_some(()))
        .await?;
    let mut late = Connection::greeted(&sandbox).await?;
    late.send(&resume).await?;
    assert_eq!(late.next().await?["op"], 9);
    Ok(())
}

#[tokio::test]
async fn compression_is_as_asked() -> Result {
    let sandbox = sandbox().await?;
    let mut stream = Connection::open(&sandbox, "encoding=json&compress=zlib-stream").await?;
    assert_eq!(stream.next_of_stream().await?["op"], 10);
    stream.send(&identify(&sandbox, INTENTS)).await?;
    assert_eq!(stream.next_of_stream().await?["t"], "READY");
    assert_eq!(stream.next_of_stream().await?["t"], "GUILD_CREATE");

    let mut single = Connection::greeted(&sandbox).await?;
    let mut asked = identify(&sandbox, INTENTS);
    asked["d"]["compress"] = true.into();
    single.send(&asked).await?;
    let mut guild = Value::Null;
    while guild["t"] != "GUILD_CREATE" {
        guild = match single.receive().await? {
            Message::Text(text) => serde_json::from_str(&text)?,
            Message::Binary(bytes) => serde_json::from_reader(flate2::read::ZlibDecoder::new(&bytes[..]))?,
            other => return Err(format!("unexpected {other:?}").into()),
        };
    }
    Ok(())
}

#[tokio::test]
async fn a_client_without_heartbeats_is_dropped() -> Result {
    let heartbeat_interval = Some(std::time::Duration::from_millis(50));
    let sandbox = sandbox_with(SandboxOptions {
        heartbeat_interval,
        ..SandboxOptions::default()
    })
    .await?;
    let mut connection = Connection::greeted(&sandbox).await?;
    assert_eq!(connection.close_code().await?, 4009);
    Ok(())
}

#[tokio::test]
async fn too_many_payloads_close_with_4008() -> Result {
    let sandbox = sandbox().await?;
    let (mut connection, _) = Connection::identified(&sandbox).await?;
    for _ in 0..120 {
        connection.send(&json!({"op": 1, "d": null})).await?;
    }
    assert_eq!(connection.close_code().await?, 4008);
    Ok(())
}

#[tokio::test]
async fn shards_hear_of_their_places_only() -> Result {
    let sandbox = sandbox().await?;
    let home = (sandbox.guild_id().get() >> 22) % 2;
    for shard in [home, 1 - home] {
        let mut connection = Connection::greeted(&sandbox).await?;
        let mut asked = identify(&sandbox, INTENTS);
        asked["d"]["shard"] = json!([shard, 2]);
        connection.send(&asked).await?;
        let ready = connection.next().await?;
        assert_eq!(ready["d"]["shard"], json!([shard, 2]));
        assert_eq!(
            ready["d"]["guilds"].as_array().map(Vec::len),
            Some(usize::from(shard == home))
        );
        if shard == home {
            assert_eq!(connection.next().await?["t"], "GUILD_CREATE");
        }
        let ada = sandbox.user("Ada");
        ada.say(sandbox.channel_id(), "to the guild")?;
        ada.say(ada.dm(), "to the bot")?;
        let mut heard = Vec::new();
        connection.send(&json!({"op": 1, "d": null})).await?;
        loop {
            let payload = connection.next().await?;
            if payload["op"] == 11 {
                break;
            }
            heard.push(payload["d"].get("guild_id").is_some());
        }
        let mut expected = Vec::new();
        expected.extend((shard == home).then_some(true));
        expected.extend((shard == 0).then_some(false));
        assert_eq!(heard, expected, "shard {shard}, the guild's is {home}");
    }
    Ok(())
}

#[tokio::test]
async fn members_are_listed_on_request() -> Result {
    let sandbox = sandbox().await?;
    let ada = sandbox.user("Ada");
    let (mut connection, _) = Connection::identified(&sandbox).await?;
    let guild = sandbox.guild_id();
    let wanted = [ada.id().to_string(), "1".to_owned()];
    connection
        .send(&json!({"op": 8, "d": {"guild_id": guild, "user_ids": wanted, "limit": 0, "nonce": "n"}}))
        .await?;
    let chunk = connection.next().await?;
    assert_eq!(chunk["d"]["members"][0]["user"]["id"], json!(ada.id()));
    assert_eq!(
        (&chunk["d"]["not_found"], &chunk["d"]["nonce"]),
        (&json!(["1"]), &json!("n"))
    );
    connection
        .send(&json!({"op": 8, "d": {"guild_id": guild, "query": "", "limit": 0}}))
        .await?;
    assert_eq!(
        connection.close_code().await?,
        4014,
        "the whole list needs the members intent"
    );
    Ok(())
}
