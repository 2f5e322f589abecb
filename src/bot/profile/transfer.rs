//! The profile as a file: given out whole, taken in strictly.

use std::time::Duration;

use serenity::all::{Attachment, CreateAttachment};
use tastemaker_preference::Profile;

use super::change::{self, Changed};
use super::panel::Panel;
use crate::bot::context::App;
use crate::bot::errors::BotError;

/// Name of the exported file.
const FILE: &str = "taste-profile.json";
/// Most bytes fetched of a file: what the profile's reader takes.
const MOST_BYTES: u32 = 1 << 20;
/// Longest time that fetching a file may take.
const FETCH_TIME: Duration = Duration::from_secs(20);

/// Gives the profile as a file.
///
/// # Errors
/// With words for the person where there is none, or the store's.
pub(super) async fn export(app: &App, user: u64) -> Result<Panel, BotError> {
    let record = app
        .with_store(move |store| store.profile(user))
        .await?
        .filter(|record| !record.profile.is_empty());
    let Some(record) = record else {
        return Err(BotError::say(
            "There is nothing to export: I don't know your taste yet. /onboard changes that.",
        ));
    };
    let file =
        CreateAttachment::bytes(record.profile.to_json(), FILE).description("Your taste profile as JSON");
    let (liked, disliked) = app.with_store(move |store| store.context_size(user)).await?;
    let text = format!(
        "Your profile, yours to keep, edit and take elsewhere. `/profile import` reads it again.{}",
        beside(liked, disliked)
    );
    Ok(Panel::text(text).file(file))
}

/// What is kept of a person's taste that is not in the file.
fn beside(liked: usize, disliked: usize) -> String {
    match liked + disliked {
        0 => String::new(),
        _ => format!(
            "\nNot in it: copies of {liked} pictures of yours with ❤️ and {disliked} with ❌, by which I rate others for you. Take the reaction away, and the copy goes."
        ),
    }
}

/// Takes the profile of a file instead of the one that is there.
///
/// # Errors
/// With words for the person where the file is no profile, or Discord's or the store's.
pub(super) async fn import(app: &App, user: u64, file: &Attachment) -> Result<Changed, BotError> {
    if file.size > MOST_BYTES {
        return Err(BotError::say(format!(
            "That file has {} bytes, and a profile has at most {MOST_BYTES}.",
            file.size
        )));
    }
    let fetched = tokio::time::timeout(FETCH_TIME, file.download()).await;
    let bytes =
        fetched.map_err(|_| BotError::say("That file takes too long to load. Please try again."))??;
    let imported = read(bytes)?;
    let mut changed = change::apply(app, user, move |profile| {
        *profile = imported.following(profile);
        Ok(())
    })
    .await?;
    changed.text = format!("Imported. {}", changed.text);
    Ok(changed)
}

fn read(bytes: Vec<u8>) -> Result<Profile, BotError> {
    let text = String::from_utf8(bytes)
        .map_err(|_| BotError::say("That file is not text, so it is no profile of mine."))?;
    Ok(Profile::from_json(text.trim_start_matches('\u{feff}'))?)
}

#[cfg(test)]
mod tests {
    use tastemaker_preference::Polarity;

    use super::*;

    #[test]
    fn what_was_exported_can_be_read_also_after_an_editor_had_it() {
        let mut profile = Profile::default();
        profile.set(Polarity::Liked, "soft lighting", 0.8).unwrap();
        let json = profile.to_json();
        assert_eq!(
            read(json.clone().into_bytes()).unwrap().vp_plus(),
            "soft lighting"
        );
        assert!(read(format!("\u{feff}{json}\n").into_bytes()).is_ok());
    }

    #[test]
    fn what_is_kept_beside_the_file_is_counted() {
        assert_eq!(beside(0, 0), "");
        let text = beside(3, 1);
        assert!(
            text.contains("3 pictures of yours with ❤️ and 1 with ❌"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        assert!(read(vec![0xff, 0xfe, 0x00]).is_err());
        assert!(read(b"[]".to_vec()).is_err());
    }
}
