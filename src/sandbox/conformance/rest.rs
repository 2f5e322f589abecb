//! The REST API as a bare HTTP client meets it.

use reqwest::{Method, StatusCode, multipart};
use serde_json::{Value, json};

use super::serenity_client::tiny_png;
use super::{Api, Result, assert_clean, read, sandbox, sandbox_with};
use crate::SandboxOptions;

#[tokio::test]
async fn errors_have_discords_shape() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let (status, body) = api.get("/nonsense").await?;
    assert_eq!(
        (status, body),
        (
            StatusCode::NOT_FOUND,
            json!({"message": "404: Not Found", "code": 0})
        )
    );
    assert_eq!(sandbox.unknown_routes(), ["GET /nonsense"]);
    let (status, body) = api.send(Method::DELETE, "/gateway", None).await?;
    assert_eq!(
        (status.as_u16(), &body["message"]),
        (405, &json!("405: Method Not Allowed"))
    );
    let stranger = Api {
        client: api.client.clone(),
        token: "wrong".to_owned(),
    };
    let (status, body) = stranger.get("/users/@me").await?;
    assert_eq!(
        (status, body),
        (
            StatusCode::UNAUTHORIZED,
            json!({"message": "401: Unauthorized", "code": 0})
        )
    );
    assert_eq!(sandbox.invalid_requests(), 1);
    let (status, body) = api.get("/channels/x").await?;
    assert_eq!((status.as_u16(), &body["code"]), (400, &json!(50035)));
    let (status, body) = api.get("/channels/1").await?;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!(10003)));
    let broken = api.request(
        Method::POST,
        &format!("/channels/{}/messages", sandbox.channel_id()),
    );
    let (status, body) = read(broken.header("Content-Type", "application/json").body("{")).await?;
    assert_eq!((status.as_u16(), &body["code"]), (400, &json!(50109)));
    Ok(())
}

#[tokio::test]
async fn the_bot_the_guild_and_the_gateway_describe_themselves() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let guild = sandbox.guild_id();
    let ada = sandbox.user("Ada");
    let paths = [
        "/users/@me".to_owned(),
        "/users/@me/guilds".to_owned(),
        format!("/users/{}", ada.id()),
        "/applications/@me".to_owned(),
        "/oauth2/applications/@me".to_owned(),
        format!("/guilds/{guild}?with_counts=true"),
        format!("/guilds/{guild}/channels"),
        format!("/guilds/{guild}/members/{}", ada.id()),
        format!("/channels/{}", sandbox.channel_id()),
        format!("/channels/{}", ada.dm()),
        "/gateway".to_owned(),
        "/gateway/bot".to_owned(),
    ];
    for path in paths {
        let (status, body) = api.get(&path).await?;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
    }
    assert_eq!(api.get("/gateway").await?.1["url"], json!(sandbox.gateway_url()));
    let (status, body) = api.get("/users/1").await?;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!(10013)));
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn files_come_back_and_edits_keep_what_they_list() -> Result {
    let record = tempfile::NamedTempFile::new()?;
    let options = SandboxOptions {
        record: Some(record.path().to_owned()),
        ..SandboxOptions::default()
    };
    let sandbox = sandbox_with(options).await?;
    let api = Api::new(&sandbox)?;
    let path = format!("/channels/{}/messages", sandbox.channel_id());
    let part = |name: &str| {
        multipart::Part::bytes(tiny_png())
            .file_name(name.to_owned())
            .mime_str("image/png")
    };
    let about =
        json!({"content": "two", "attachments": [{"id": "0", "description": "the first"}, {"id": "1"}]});
    let form = multipart::Form::new()
        .text("payload_json", about.to_string())
        .part("files[0]", part("one.png")?)
        .part("files[1]", part("two.png")?);
    let (status, sent) = read(api.request(Method::POST, &path).multipart(form)).await?;
    assert_eq!(status, StatusCode::OK, "{sent}");
    assert_eq!(
        (
            &sent["attachments"][0]["description"],
            &sent["attachments"][0]["width"]
        ),
        (&json!("the first"), &json!(2))
    );
    let url = sent["attachments"][1]["url"].as_str().unwrap_or_default();
    assert!(url.contains("?ex="), "{url}");
    let file = reqwest::get(url).await?;
    assert_eq!(file.headers()["content-type"], "image/png");
    assert_eq!(file.bytes().await?, tiny_png());
    sandbox.advance(std::time::Duration::from_secs(25 * 3600));
    assert_eq!(
        reqwest::get(url).await?.status(),
        StatusCode::NOT_FOUND,
        "signed addresses expire"
    );

    let message = format!("{path}/{}", sent["id"].as_str().unwrap_or_default());
    let kept = json!({"attachments": [{"id": sent["attachments"][1]["id"]}]});
    let (_, edited) = api.send(Method::PATCH, &message, Some(kept)).await?;
    let names = |message: &Value| -> Vec<String> {
        let files = message["attachments"].as_array().cloned().unwrap_or_default();
        files
            .iter()
            .filter_map(|file| file["filename"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(names(&edited), ["two.png"]);
    let form = multipart::Form::new()
        .text("payload_json", "{}")
        .part("files[0]", part("three.png")?);
    let (_, edited) = read(api.request(Method::PATCH, &message).multipart(form)).await?;
    assert_eq!(names(&edited), ["two.png", "three.png"]);
    let (status, _) = api
        .send(
            Method::PATCH,
            &message,
            Some(json!({"attachments": [{"id": "7"}]})),
        )
        .await?;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let lines = std::fs::read_to_string(record.path())?;
    let first: Value = serde_json::from_str(lines.lines().next().unwrap_or_default())?;
    assert_eq!(
        (&first["method"], &first["status"]),
        (&json!("POST"), &json!(200))
    );
    assert_eq!(first["path"], format!("/api/v10{path}"));
    assert_eq!(first["body"], about);
    let size = tiny_png().len();
    assert_eq!(
        first["files"][1],
        json!({"name": "two.png", "size": size, "content_type": "image/png"})
    );
    assert_eq!(lines.lines().count(), sandbox.requests());
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn messages_are_listed_newest_first_and_paged() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let ada = sandbox.user("Ada");
    let dm = ada.dm();
    let ids = (0..5)
        .map(|n| ada.say(dm, &n.to_string()))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let contents = async |query: &str| -> Result<Vec<String>> {
        let (_, body) = api.get(&format!("/channels/{dm}/messages?{query}")).await?;
        let list = body.as_array().cloned().unwrap_or_default();
        Ok(list
            .iter()
            .filter_map(|message| message["content"].as_str().map(str::to_owned))
            .collect())
    };
    assert_eq!(contents("limit=2").await?, ["4", "3"]);
    assert_eq!(contents(&format!("limit=2&before={}", ids[3])).await?, ["2", "1"]);
    assert_eq!(contents(&format!("limit=2&after={}", ids[1])).await?, ["3", "2"]);
    assert_eq!(
        contents(&format!("limit=3&around={}", ids[2])).await?,
        ["3", "2", "1"]
    );
    ada.say(sandbox.channel_id(), "private words")?;
    let (_, body) = api
        .get(&format!("/channels/{}/messages", sandbox.channel_id()))
        .await?;
    assert_eq!(
        body[0]["content"], "",
        "content of guild messages is privileged over REST as well"
    );
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn commands_are_registered_replaced_and_removed() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let path = format!("/applications/{}/commands", sandbox.application_id());
    let help = json!({"name": "help", "description": "Helps", "contexts": [0, 1], "nsfw": false});
    let (status, made) = api.post(&path, help.clone()).await?;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (status, again) = api.post(&path, help.clone()).await?;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &made["id"]));
    let guild = format!(
        "/applications/{}/guilds/{}/commands",
        sandbox.application_id(),
        sandbox.guild_id()
    );
    assert_eq!(
        api.post(&guild, json!({"name": "only-here", "description": "d"}))
            .await?
            .0,
        StatusCode::CREATED
    );
    let options = json!([{"type": 3, "name": "topic", "description": "About what", "autocomplete": true}]);
    let both = json!([help, {"name": "imagine", "description": "Draws", "options": options}]);
    let (status, all) = api.send(Method::PUT, &path, Some(both)).await?;
    assert_eq!((status, &all[0]["id"]), (StatusCode::OK, &made["id"]), "{all}");
    assert_eq!(sandbox.commands().len(), 3);
    let one = format!("{path}/{}", made["id"].as_str().unwrap_or_default());
    let (_, edited) = api
        .send(Method::PATCH, &one, Some(json!({"description": "Helps more"})))
        .await?;
    assert_eq!(
        (&edited["description"], &edited["name"]),
        (&json!("Helps more"), &json!("help"))
    );
    assert_eq!(
        api.send(Method::DELETE, &one, None).await?.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(api.get(&one).await?.1["code"], 10063);
    let twins = json!([{"name": "a", "description": "d"}, {"name": "a", "description": "d"}]);
    let (status, refused) = api.send(Method::PUT, &path, Some(twins)).await?;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused["errors"]["1"]["name"]["_errors"][0]["code"],
        "APPLICATION_COMMANDS_DUPLICATE_NAME"
    );
    let (status, refused) = api.get("/applications/1/commands").await?;
    assert_eq!((status.as_u16(), &refused["code"]), (404, &json!(10002)));
    assert!(
        sandbox
            .wait_for_command("imagine", std::time::Duration::ZERO)
            .await
            .is_err(),
        "no gateway session is up"
    );
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn people_who_want_no_messages_get_none() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let ada = sandbox.user("Ada");
    let (status, channel) = api
        .post("/users/@me/channels", json!({"recipient_id": ada.id()}))
        .await?;
    assert_eq!((status, &channel["id"]), (StatusCode::OK, &json!(ada.dm())));
    let path = format!("/channels/{}/messages", ada.dm());
    let hello = json!({"content": "hello"});
    assert_eq!(api.post(&path, hello.clone()).await?.0, StatusCode::OK);
    ada.set_dms_open(false);
    let (status, refused) = api.post(&path, hello.clone()).await?;
    assert_eq!((status.as_u16(), &refused["code"]), (403, &json!(50007)));
    ada.leave_guild();
    assert_eq!(api.post(&path, hello.clone()).await?.1["code"], 50278);
    ada.join_guild();
    ada.set_dms_open(true);
    assert_eq!(api.post(&path, hello).await?.0, StatusCode::OK);
    let bot = sandbox.bot_user_id();
    assert_eq!(
        api.post("/users/@me/channels", json!({"recipient_id": bot}))
            .await?
            .1["code"],
        50033
    );
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn permissions_of_the_guild_are_honoured() -> Result {
    let sandbox = sandbox().await?;
    let api = Api::new(&sandbox)?;
    let ada = sandbox.user("Ada");
    let theirs = ada.say(sandbox.channel_id(), "hers")?;
    let path = format!("/channels/{}/messages", sandbox.channel_id());
    let (_, refused) = api
        .send(
            Method::PATCH,
            &format!("{path}/{theirs}"),
            Some(json!({"content": "mine"})),
        )
        .await?;
    assert_eq!(refused["code"], 50005);
    sandbox.set_bot_permissions(1 << 10);
    assert_eq!(
        api.post(&path, json!({"content": "hello"})).await?.1["code"],
        50013
    );
    assert_eq!(
        api.send(Method::DELETE, &format!("{path}/{theirs}"), None)
            .await?
            .1["code"],
        50013
    );
    sandbox.set_bot_permissions(0);
    assert_eq!(api.get(&path).await?.1["code"], 50001);
    assert_clean(&sandbox);
    Ok(())
}
