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
