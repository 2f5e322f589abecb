//! What an answer says at each point of a job's life; pure, so that every wording is tested.

use std::time::Duration;

use tastemaker_pool::{ImageRequest, Safety, SourceOf};
use tastemaker_storage::{JobOrigin, JobRecord, Receipt};

use super::answer::Post;
use super::{bar, beta, buttons, long_text, safety, size, text};

/// Is a job as its answer tells of it.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// Its record.
    pub record: JobRecord,
    /// The picture it came from, where that is still known.
    pub parent: Option<Parent>,
}

/// Is what an answer tells of the picture that its job came from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Parent {
    /// Its β.
    pub beta: f64,
    /// Whose it is.
    pub user: u64,
}

impl Parent {
    /// Takes what is told from a record.
    pub(super) fn of(record: &JobRecord) -> Self {
        Self {
            beta: record.job.request.beta,
            user: record.job.user,
        }
    }
}

/// Shows a job that was just taken.
pub(super) fn accepted(task: &Task) -> Post {
    under_way(task, "On its way.")
}

/// Shows a job that waits.
pub(super) fn queued(task: &Task, position: usize, eta: Option<Duration>) -> Post {
    let place = match position {
        0 | 1 => "Next in line".to_owned(),
        _ => format!("Number {position} in line"),
    };
    let ready = eta.map_or(String::new(), |eta| format!(", ready in {}", bar::about(eta)));
    under_way(task, &format!("{place}{ready}."))
}

/// Shows a job being drawn.
pub(super) fn drawing(task: &Task, done: u32, total: u32) -> Post {
    under_way(
        task,
        &format!("`{}` step {done} of {total}", bar::bar(done, total)),
    )
}

/// Shows a job that goes on after a restart.
pub(super) fn kept(task: &Task) -> Post {
    under_way(
        task,
        "I'm restarting. Your picture is safe and comes right after.",
    )
}

fn under_way(task: &Task, news: &str) -> Post {
    Post {
        content: format!("{}\n{news}{}", heading(task), more(&task.record)),
        rows: vec![buttons::under_way(task.record.job.id)],
        files: None,
    }
}

/// Shows the result, without its files.
pub(super) fn finished(task: &Task) -> Post {
    let JobRecord { job, receipt, .. } = &task.record;
    let mut content = heading(task);
    let mut facts = vec![format!("seed {}", seeds(&job.request))];
    if let Some(receipt) = receipt {
        facts.push(bar::took(Duration::from_millis(receipt.elapsed_ms)));
        facts.push(receipt.model.clone());
    }
    content.push_str(&format!("\n{}", facts.join(" · ")));
    let notes = [
        source(&task.record),
        variation(&task.record),
        hires(&job.request),
        long_text::note(receipt.as_ref()),
        chosen(&task.record),
        safety::note(receipt.as_ref()),
    ];
    for note in notes.into_iter().flatten() {
        content.push_str(&format!("\n{note}"));
    }
    if !is_personal(&task.record) {
        content.push_str("\n-# Plain, because I don't know your taste yet: comment on a few pictures with /onboard, and I draw for you.");
    }
    Post {
        content,
        rows: vec![buttons::finished(job.id, can_grow(&task.record))],
        files: None,
    }
}

/// Shows that a job failed, in words fit for the person.
pub(super) fn failed(task: &Task, message: &str) -> Post {
    Post {
        content: format!("{}\n{message}", heading(task)),
        rows: vec![buttons::again(task.record.job.id)],
        files: Some(Vec::new()),
    }
}

/// Shows that a job was cancelled.
pub(super) fn cancelled(task: &Task) -> Post {
    Post {
        content: format!("{}\nCancelled.", heading(task)),
        rows: vec![buttons::again(task.record.job.id)],
        files: Some(Vec::new()),
    }
}

/// Tells whether the person's taste can take part, so that moving β does something.
pub(super) fn is_personal(record: &JobRecord) -> bool {
    let request = &record.job.request;
    !(request.vp_plus.is_empty() && request.vp_minus.is_empty())
}

/// The prompt, the degree of personalisation, and what led here.
fn heading(task: &Task) -> String {
    let JobRecord { job, origin, .. } = &task.record;
    let beta = job.request.beta;
    let before = task
        .parent
        .filter(|_| *origin == JobOrigin::Beta)
        .map(|parent| beta::show(parent.beta));
    let degree = match before {
        _ if !is_personal(&task.record) => "plain".to_owned(),
        Some(before) => format!("β {} (was {before})", beta::show(beta)),
        None if beta == 0.0 => "plain (β 0.0)".to_owned(),
        None => format!("β {}", beta::show(beta)),
    };
    let mut heading = format!("**{}** · {degree}", text::prompt(&job.request.prompt));
    match origin {
        JobOrigin::Again => heading.push_str(" · again"),
        JobOrigin::Vary => heading.push_str(" · varied"),
        JobOrigin::Upscale => heading.push_str(" · larger"),
        JobOrigin::Imagine | JobOrigin::Beta => {}
    }
    if task.parent.is_some_and(|parent| parent.user != job.user) {
        heading.push_str(&format!(", for <@{}>", job.user));
        if is_personal(&task.record) {
            heading.push_str(" and in their taste");
        }
    }
    heading
}

/// One seed, or the first and the last of several.
fn seeds(request: &ImageRequest) -> String {
    match request.count {
        0 | 1 => request.seed_of(0).to_string(),
        count if request.picks.is_empty() => format!("{}–{}", request.seed, request.seed_of(count - 1)),
        count => text::list(
            &(0..count)
                .map(|picture| request.seed_of(picture).to_string())
                .collect::<Vec<_>>(),
        ),
    }
}

/// Tells whether a job's pictures can be made larger, and are all there to be.
fn can_grow(record: &JobRecord) -> bool {
    let hidden = |receipt: &Receipt| {
        let withheld = |safety: &Safety| matches!(safety, Safety::Withheld | Safety::Blurred);
        receipt.safety.iter().any(withheld)
    };
    size::larger(&record.job.request).is_some() && !record.receipt.as_ref().is_some_and(hidden)
}

/// What a picture started from.
fn source(record: &JobRecord) -> Option<String> {
    let source = record.job.request.source.as_ref()?;
    let share = source.strength * 100.0;
    Some(match source.of {
        SourceOf::File(_) => format!("-# Starts from your picture; {share:.0} % of it is drawn anew."),
        SourceOf::Pictures(_) => {
            format!(
                "-# Starts from the picture it varies; {share:.0} % of it is drawn anew, with another seed."
            )
        }
    })
}

/// What a second pass did.
fn hires(request: &ImageRequest) -> Option<String> {
    let hires = request.hires.as_ref()?;
    Some(format!(
        "-# {}×{}: the same picture, enlarged from {}×{} and refined.",
        hires.width, hires.height, request.width, request.height
    ))
}

/// That more is drawn than will be shown.
fn more(record: &JobRecord) -> String {
    record.ranking.as_ref().map_or_else(String::new, |ranking| {
        format!(
            "\n-# I draw {} and show {}, chosen by your ❤️ and ❌.",
            ranking.drawn, ranking.shown
        )
    })
}

/// That a result was chosen among more.
fn chosen(record: &JobRecord) -> Option<String> {
    let ranking = record.ranking.as_ref().filter(|it| !it.scores.is_empty())?;
    Some(format!(
        "-# The best {} of {} by your ❤️ and ❌; *Why this image?* has the score.",
        ranking.shown, ranking.drawn
    ))
}

/// What a variation kept and what it changed.
fn variation(record: &JobRecord) -> Option<String> {
    let request = &record.job.request;
    let last = request.variations.last()?;
    let instead = match record.origin {
        JobOrigin::Vary => "The picture itself is not at hand any more, so this varies its noise. ",
        _ => "",
    };
    let times = match request.variations.len() {
        1 => String::new(),
        more => format!(", {more} times in a row"),
    };
    Some(format!(
        "-# {instead}Same prompt, seed, taste and β; the noise it starts from is turned {:.0} % of the way towards that of seed {}{times}.",
        last.strength * 100.0,
        last.seed
    ))
}

#[cfg(test)]
pub(super) mod tests;
