use super::super::render::tests::task;
use super::*;
use crate::config::Config;

fn taste() -> Taste {
    Taste {
        vp_plus: "ink".into(),
        vp_minus: "glossy".into(),
        applied: Vec::new(),
        version: 1,
        strength: 0.4,
    }
}

fn model() -> ModelDefaults {
    ModelDefaults {
        native: (128, 128),
        multiple: 16,
        steps: 20,
        guidance: 5.0,
        guidance_rescale: 0.0,
        scheduler: "ddim".into(),
        conditioning: "embedding".into(),
        noise: "portable".into(),
    }
}

fn wish() -> Wish {
    Wish {
        prompt: "a lighthouse".into(),
        negative: String::new(),
        beta: None,
        seed: 7,
        count: 1,
        aspect: Aspect::Square,
        plain: false,
        file: None,
    }
}

fn generation() -> Generation {
    Config::defaults().unwrap().generation
}

#[test]
fn beta_is_the_asked_one_or_ones_own_default() {
    let request = |wish: Wish| wish.draft(Some(&taste()), &model(), &generation()).request;
    assert_eq!(request(wish()).beta, 0.4);
    assert_eq!(
        request(Wish {
            beta: Some(0.9),
            ..wish()
        })
        .beta,
        0.9
    );
}

#[test]
fn plain_is_beta_zero_with_the_taste_at_hand() {
    let plain = Wish {
        plain: true,
        beta: Some(0.9),
        ..wish()
    }
    .draft(Some(&taste()), &model(), &generation())
    .request;
    let zero = Wish {
        beta: Some(0.0),
        ..wish()
    }
    .draft(Some(&taste()), &model(), &generation())
    .request;
    assert_eq!(plain, zero);
    assert_eq!(plain.vp_plus, "ink");
}

#[test]
fn without_a_profile_the_picture_is_plain() {
    let request = Wish {
        beta: Some(0.9),
        ..wish()
    }
    .draft(None, &model(), &generation())
    .request;
    assert_eq!(
        (request.beta, request.vp_plus.as_str(), request.vp_minus.as_str()),
        (0.0, "", "")
    );
}

#[test]
fn configured_steps_and_count_bound_the_request() {
    let generation = Generation {
        steps: Some(3),
        max_count: 2,
        ..generation()
    };
    let request = Wish { count: 4, ..wish() }
        .draft(None, &model(), &generation)
        .request;
    assert_eq!((request.steps, request.count), (3, 2));
}

#[test]
fn again_changes_the_seed_alone() {
    let source = task(0.6).record;
    let draft = again(&source, Asker::Owner(Some(&taste())), 99);
    assert_eq!(
        draft.request,
        ImageRequest {
            seed: 99,
            ..source.job.request.clone()
        }
    );
    assert_eq!(
        (draft.applied, draft.profile_version),
        (source.applied, source.profile_version)
    );
}

#[test]
fn vary_starts_from_the_finished_picture_with_another_seed() {
    let mut source = task(0.6).record;
    source.job.request = upscale(&source).unwrap().request;
    let varied = vary(&source, Asker::Owner(None), 99).request;
    assert_eq!(
        (varied.seed, varied.width, varied.hires.is_none()),
        (99, 256, true)
    );
    assert_eq!(varied.source.unwrap().of, SourceOf::Pictures(3));
    assert_eq!((varied.prompt, varied.beta), ("a *lighthouse*".into(), 0.6));
}

#[test]
fn upscale_changes_the_size_alone_and_only_once() {
    let source = task(0.6).record;
    let larger = upscale(&source).unwrap().request;
    assert_eq!(
        ImageRequest {
            hires: None,
            ..larger.clone()
        },
        source.job.request
    );
    assert_eq!(size::of(&larger), (256, 256));
    let mut again = source;
    again.job.request = larger;
    assert_eq!(upscale(&again), None);
}

#[test]
fn without_the_picture_vary_keeps_the_seed_and_turns_its_noise_on_from_where_it_is() {
    let mut source = task(0.6).record;
    source.job.request = turn(&source, Asker::Owner(None), 1).request;
    let twice = turn(&source, Asker::Owner(None), 2).request;
    assert_eq!(twice.seed, 7);
    assert_eq!(
        twice.variations.iter().map(|it| it.seed).collect::<Vec<_>>(),
        [1, 2]
    );
    for seed in 0..40 {
        source.job.request = turn(&source, Asker::Owner(None), seed).request;
    }
    assert_eq!(source.job.request.variations.len(), VARIATIONS_LIMIT);
}

#[test]
fn someone_else_gets_their_own_taste() {
    let source = task(0.6).record;
    let theirs = again(&source, Asker::Other(Some(&taste())), 99);
    assert_eq!(
        (theirs.request.vp_plus.as_str(), theirs.request.beta),
        ("ink", 0.4)
    );
    assert_eq!((theirs.applied.len(), theirs.profile_version), (0, Some(1)));
    let plain = again(&source, Asker::Other(None), 99);
    assert_eq!(
        (
            plain.request.vp_plus.as_str(),
            plain.request.beta,
            plain.profile_version
        ),
        ("", 0.0, None)
    );
    // A picture made plain on purpose stays plain.
    assert_eq!(
        again(&task(0.0).record, Asker::Other(Some(&taste())), 99)
            .request
            .beta,
        0.0
    );
}

#[test]
fn a_taste_that_came_later_serves_an_earlier_plain_picture() {
    let mut source = task(0.0).record;
    source.job.request.vp_plus.clear();
    source.job.request.vp_minus.clear();
    assert_eq!(again(&source, Asker::Owner(Some(&taste())), 99).request.beta, 0.4);
    let lifted = at_beta(&source, Some(&taste()), 0.2).request;
    assert_eq!(
        (lifted.vp_plus.as_str(), lifted.beta, lifted.seed),
        ("ink", 0.2, 7)
    );
}
