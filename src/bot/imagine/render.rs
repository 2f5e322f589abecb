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
pub(super) mod tests {
    use tastemaker_pool::{Job, Variation};
    use tastemaker_storage::{AppliedAttribute, Ranking};

    use super::*;

    /// A personal job of the given β.
    pub(in crate::bot::imagine) fn task(beta: f64) -> Task {
        let request = ImageRequest {
            prompt: "a *lighthouse*".into(),
            negative: String::new(),
            vp_plus: "watercolour, soft light".into(),
            vp_minus: "neon colours".into(),
            beta,
            conditioning: "embedding".into(),
            seed: 7,
            picks: Vec::new(),
            noise: "portable".into(),
            steps: 20,
            guidance: 5.0,
            guidance_rescale: 0.0,
            scheduler: "ddim".into(),
            width: 128,
            height: 128,
            count: 1,
            variations: Vec::new(),
            source: None,
            hires: None,
        };
        let mut record = JobRecord::accepted(
            Job {
                id: 3,
                user: 11,
                guild: None,
                request,
            },
            5,
            JobOrigin::Imagine,
            0,
        );
        let applied = |attribute: &str, liked, weight| AppliedAttribute {
            attribute: attribute.into(),
            liked,
            weight,
        };
        record.applied = vec![
            applied("watercolour", true, 0.9),
            applied("soft light", true, 0.5),
            applied("neon colours", false, 0.7),
        ];
        record.profile_version = Some(4);
        record.receipt = Some(Receipt {
            model: "embedded".into(),
            model_hash: "0123456789ab".into(),
            elapsed_ms: 8300,
            finished_at: 0,
            safety: Vec::new(),
            long_texts: Vec::new(),
        });
        Task { record, parent: None }
    }

    #[test]
    fn a_result_says_how_it_was_made() {
        let post = finished(&task(0.6));
        assert_eq!(
            post.content,
            "**a \\*lighthouse\\*** · β 0.6\nseed 7 · 8.3 s · embedded"
        );
    }

    #[test]
    fn a_reaction_says_where_beta_came_from() {
        let mut task = task(0.8);
        task.record.origin = JobOrigin::Beta;
        task.parent = Some(Parent { beta: 0.6, user: 11 });
        assert!(finished(&task).content.contains("β 0.8 (was 0.6)"));
        task.record.job.request.beta = 0.0;
        assert!(finished(&task).content.contains("β 0.0 (was 0.6)"));
    }

    #[test]
    fn someone_without_a_profile_is_told_how_to_get_one() {
        let mut task = task(0.0);
        assert!(!finished(&task).content.contains("/onboard"), "plain by choice");
        task.record.job.request.vp_plus.clear();
        task.record.job.request.vp_minus.clear();
        assert!(finished(&task).content.contains("/onboard"));
    }

    #[test]
    fn several_pictures_show_their_seeds_and_a_variation_what_changed() {
        let mut task = task(0.6);
        task.record.job.request.count = 4;
        task.record.job.request.variations = vec![Variation {
            seed: 99,
            strength: 0.35,
        }];
        let content = finished(&task).content;
        assert!(content.contains("seed 7–10"), "{content}");
        assert!(
            content.contains("35 % of the way towards that of seed 99."),
            "{content}"
        );
    }

    #[test]
    fn what_a_picture_starts_from_and_grew_from_is_said() {
        let mut task = task(0.6);
        let request = &mut task.record.job.request;
        request.source = Some(tastemaker_pool::Source {
            of: SourceOf::File(3),
            strength: 0.4,
            hashes: Vec::new(),
            pixels: Default::default(),
        });
        request.hires = Some(tastemaker_pool::Hires {
            width: 256,
            height: 256,
            strength: 0.4,
            steps: 20,
            upscale: "image".into(),
        });
        let content = finished(&task).content;
        assert!(
            content.contains("your picture; 40 % of it") && content.contains("256×256: the same picture"),
            "{content}"
        );
        let varied = Variation {
            seed: 99,
            strength: 0.35,
        };
        (task.record.job.request.variations, task.record.origin) = (vec![varied], JobOrigin::Vary);
        assert!(finished(&task).content.contains("not at hand any more"));
    }

    #[test]
    fn a_choice_among_more_is_said_before_and_after() {
        let mut task = task(0.6);
        let mut ranking = Ranking {
            shown: 2,
            drawn: 6,
            metric: "embedded".into(),
            scores: Vec::new(),
            liked: 3,
            disliked: 3,
            over_time_s: None,
        };
        task.record.ranking = Some(ranking.clone());
        let content = drawing(&task, 1, 20).content;
        assert!(
            content.ends_with("I draw 6 and show 2, chosen by your ❤️ and ❌."),
            "{content}"
        );
        assert!(
            !finished(&task).content.contains("best"),
            "it could not be ranked"
        );
        ranking.scores = vec![0.9, 0.8];
        task.record.ranking = Some(ranking);
        let request = &mut task.record.job.request;
        request.count = 6;
        request.pick(&[4, 1]);
        let content = finished(&task).content;
        assert!(
            content.contains("seed 11 and 8 ·") && content.contains("The best 2 of 6"),
            "{content}"
        );
    }

    #[test]
    fn what_a_check_hid_cannot_grow() {
        let mut task = task(0.6);
        assert!(can_grow(&task.record));
        let receipt = task.record.receipt.as_mut().unwrap();
        receipt.safety = vec![Safety::Withheld];
        assert!(!can_grow(&task.record));
        assert!(finished(&task).content.contains("keep that to myself"));
    }

    #[test]
    fn someone_elses_picture_made_again_says_for_whom() {
        let mut task = task(0.6);
        task.record.origin = JobOrigin::Again;
        task.parent = Some(Parent { beta: 0.6, user: 12 });
        assert!(
            finished(&task)
                .content
                .contains("· again, for <@11> and in their taste")
        );
        task.parent = Some(Parent { beta: 0.6, user: 11 });
        assert!(!finished(&task).content.contains("<@"));
    }

    #[test]
    fn the_queue_is_told_as_a_place_and_a_time() {
        assert!(queued(&task(0.6), 1, None).content.ends_with("\nNext in line."));
        let content = queued(&task(0.6), 3, Some(Duration::from_secs(42))).content;
        assert!(
            content.ends_with("\nNumber 3 in line, ready in about 45 s."),
            "{content}"
        );
        assert!(drawing(&task(0.6), 5, 20).content.contains("step 5 of 20"));
    }

    #[test]
    fn the_longest_message_fits() {
        let mut task = task(0.6);
        task.record.origin = JobOrigin::Beta;
        task.parent = Some(Parent {
            beta: 0.4,
            user: u64::MAX,
        });
        task.record.job.request.prompt = "*".repeat(1000);
        task.record.job.request.variations = vec![
            Variation {
                seed: u64::MAX,
                strength: 0.35
            };
            16
        ];
        task.record.receipt.as_mut().unwrap().long_texts = vec![tastemaker_pool::LongText {
            text: tastemaker_pool::RequestText::Prompt,
            beyond: "*".repeat(900),
            unused: "*".repeat(800),
        }];
        let worst = failed(&task, &"x".repeat(400)).content.chars().count();
        assert!(worst.max(finished(&task).content.chars().count()) < 1900);
    }
}
