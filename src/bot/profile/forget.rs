//! Deletes everything about a person, and says what it was.

use tastemaker_storage::ForgetReport;

use super::buttons;
use super::panel::Panel;
use crate::bot::context::App;
use crate::bot::errors::BotError;
use crate::bot::imagine;

/// Asks whether to delete everything.
///
/// # Errors
/// With the store's.
pub(super) async fn ask(app: &App, user: u64) -> Result<Panel, BotError> {
    let (profile, jobs) = app
        .with_store(move |store| Ok((store.profile(user)?.is_some(), store.jobs_of(user)?.len())))
        .await?;
    let what = if profile {
        "your taste profile with its earlier versions, "
    } else {
        ""
    };
    Ok(Panel::text(format!(
        "Delete everything I keep about you? That is {what}any onboarding you are in, {} with their pictures, your ❤️ and ❌ on them and the words you gave \
         them, and whatever is waiting or being drawn. It can't be undone; `/profile export` saves your profile first. \
         Messages that are in Discord already stay there until you delete them.",
        count(jobs, "request")
    ))
    .row(buttons::forget()))
}

/// Deletes everything.
///
/// # Errors
/// With the store's; nothing is deleted then.
pub(super) async fn forget(app: &App, user: u64) -> Result<Panel, BotError> {
    app.reader.interrupt(user);
    // No comment that is being read now may write its record after the deletion.
    let _turn = app.conversations.turn(user).await;
    let cancelled = imagine::stop_all(app, user);
    let report = app.with_store(move |store| store.forget(user)).await?;
    tracing::info!(
        jobs = report.jobs,
        images = report.images,
        cancelled,
        "a person was forgotten"
    );
    Ok(Panel::text(told(&report, cancelled)))
}

fn told(report: &ForgetReport, cancelled: usize) -> String {
    let mut deleted = Vec::new();
    if report.profiles > 0 {
        deleted.push("your taste profile with all its versions".to_owned());
    }
    if report.onboarding > 0 {
        deleted.push("your onboarding conversation".to_owned());
    }
    if report.jobs > 0 {
        deleted.push(count(report.jobs, "request"));
    }
    if report.images > 0 {
        deleted.push(format!(
            "{} ({})",
            count(report.images, "picture"),
            size(report.bytes)
        ));
    }
    if report.marked > 0 {
        deleted.push(format!(
            "{} of pictures you marked with ❤️ or ❌",
            copies(report.marked)
        ));
    }
    if cancelled > 0 {
        deleted.push(format!(
            "{} that waited or was being drawn",
            count(cancelled, "request")
        ));
    }
    match deleted.is_empty() {
        true => "There was nothing to delete: I keep nothing about you.".to_owned(),
        false => format!(
            "Deleted:\n• {}\nNothing about you is left with me. /onboard begins anew at any time.",
            deleted.join("\n• ")
        ),
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

fn copies(number: usize) -> String {
    match number {
        1 => "1 copy".to_owned(),
        _ => format!("{number} copies"),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_lists_what_there_was_and_nothing_else() {
        let report = ForgetReport {
            profiles: 1,
            jobs: 2,
            images: 1,
            marked: 3,
            bytes: 3_000_000,
            ..ForgetReport::default()
        };
        let text = told(&report, 1);
        assert!(
            text.contains("2 requests")
                && text.contains("1 picture (2.9 MiB)")
                && text.contains("3 copies of pictures you marked")
                && text.contains("1 request that"),
            "{text}"
        );
        assert!(!text.contains("onboarding conversation"));
        assert!(told(&ForgetReport::default(), 0).contains("nothing to delete"));
    }
}
