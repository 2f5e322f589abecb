//! Scripts played among people alone: no bot is needed to say, react and wait.

use std::io::Cursor;

use serde_json::Value;

use crate::play::{PlayError, Player, Script};
use crate::{Sandbox, SandboxOptions, Upload};

async fn play(text: &str) -> (Value, Vec<String>, Result<(), PlayError>) {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let (recording, outcome) = Player::new(sandbox.clone(), Script::parse("talk.toml", text).unwrap())
        .play()
        .await;
    let folder = tempfile::tempdir().unwrap();
    recording.write(folder.path()).unwrap();
    let transcript = std::fs::read(folder.path().join("transcript.json")).unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap();
    let mut files: Vec<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    sandbox.shutdown().await;
    (serde_json::from_slice(&transcript).unwrap(), files, outcome)
}

#[tokio::test]
async fn a_conversation_is_written_down_in_order() {
    let text = r#"
        title = "Two people"
        [[step]]
        in = "channel"
        say = "look at the light"
        [[step]]
        as = "a friend"
        wait = { from = "you", contains = "LIGHT" }
        name = "remark"
        [[step]]
        react = "❤️"
        on = "remark"
        [[step]]
        expect = { from = "you", reaction = "❤" }
        on = "remark"
    "#;
    let (transcript, _, outcome) = play(text).await;
    outcome.unwrap();
    assert_eq!(
        (&transcript["ok"], &transcript["failure"]),
        (&true.into(), &Value::Null)
    );
    let timeline = transcript["timeline"].as_array().unwrap();
    let kinds: Vec<_> = timeline
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["step", "message", "step", "step", "step"]);
    assert_eq!(timeline[1]["captured_as"][0], "remark");
    assert_eq!(timeline[1]["reactions"][0]["users"][0], "a friend");
}

#[tokio::test]
async fn a_failed_step_says_where_what_and_how_it_looked() {
    let text = "[[step]]\nin = 'channel'\nsay = 'look'\n\n[[step]]\nwait = { from = 'anyone', contains = 'nothing' }\ntimeout = 0.05\n\n[[step]]\nsay = 'never'\n";
    let (transcript, _, outcome) = play(text).await;
    let error = outcome.unwrap_err().to_string();
    for part in [
        "talk.toml:5: step 2",
        "no fitting message within 0.05 s",
        "the channel looked like this",
        "you: look",
    ] {
        assert!(error.contains(part), "{part:?} in {error}");
    }
    assert_eq!(transcript["ok"], false);
    assert!(!transcript.to_string().contains("never"));
}

#[tokio::test]
async fn pictures_are_compared_and_written_once() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let png = |grey: u8| {
        let mut bytes = Cursor::new(Vec::new());
        let picture = image::RgbImage::from_pixel(4, 4, image::Rgb([grey; 3]));
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        Upload {
            filename: "grey.png".into(),
            description: None,
            bytes: bytes.into_inner().into(),
        }
    };
    let text = r#"
        [[step]]
        wait = { from = "you", images = 1, contains = "one" }
        name = "one"
        [[step]]
        wait = { from = "you", images = 2, contains = "two" }
        name = "two"
        [[step]]
        expect = { from = "you" }
        on = "one"
        differs_from = "two"
        by = 0.1
        [[step]]
        expect = { from = "you" }
        on = "one"
        same_as = "two"
    "#;
    let user = sandbox.user("you");
    let player = Player::new(sandbox.clone(), Script::parse("talk.toml", text).unwrap());
    // Polled first, the player listens before the pictures come.
    let ((recording, outcome), ()) = tokio::join!(player.play(), async {
        user.upload(user.dm(), "one", vec![png(0)]).unwrap();
        user.upload(user.dm(), "two", vec![png(255), png(0)]).unwrap();
    });
    let error = outcome.unwrap_err().to_string();
    assert!(
        error.contains("step 4") && error.contains("differs from \"two\" by 1.0000"),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    recording.write(folder.path()).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["01-one.png", "02-two.png", "transcript.json"]);
    sandbox.shutdown().await;
}
