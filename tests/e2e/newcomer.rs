//! The newcomer's path as the README promises it: the command that a reader runs, with the embedded model.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn the_demo_plays_the_newcomers_path() {
    let out = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let played = Command::new(env!("CARGO_BIN_EXE_tastemaker"))
        .current_dir(root)
        .args(["demo", "--play", "tests/newcomer.toml", "--out"])
        .arg(out.path())
        .output()
        .unwrap();
    assert!(
        played.status.success(),
        "{}",
        String::from_utf8_lossy(&played.stderr)
    );
    let transcript = std::fs::read(out.path().join("transcript.json")).unwrap();
    let transcript: Value = serde_json::from_slice(&transcript).unwrap();
    assert_eq!(transcript["ok"], true);
}
