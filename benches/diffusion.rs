//! Times the diffusion pipeline on the embedded model: the parts of a picture, a whole one, and several together.
//!
//! `cargo bench --bench diffusion`. Where `assets/model` is absent, the tiny random checkpoint of the tests stands in;
//! its figures say nothing about pictures.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run stops")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::LazyLock;

use divan::Bencher;
use tastemaker_diffusion::{GenerationParams, ModelManifest, Pipeline, Slot};

fn main() {
    divan::main();
}

static MODEL: LazyLock<(Pipeline, GenerationParams)> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest =
        ModelManifest::load(&root.join("config/models/embedded.toml")).expect("the manifest is valid");
    let embedded = root.join("assets/model");
    let folder = if embedded.join("model_index.json").is_file() {
        embedded
    } else {
        root.join("tests/fixtures/diffusion/xl")
    };
    let pipeline = Pipeline::load(&folder, &manifest.load_options().expect("nothing beside it"))
        .expect("the model loads");
    let mut params = manifest.defaults("a lighthouse on a cliff");
    (params.width, params.height) = (pipeline.info().width, pipeline.info().height);
    eprintln!(
        "{} at {}×{}, {} steps",
        folder.display(),
        params.width,
        params.height,
        params.steps
    );
    (pipeline, params)
});

fn personal() -> GenerationParams {
    GenerationParams {
        vp_plus: "watercolor, soft light, muted colors".to_owned(),
        vp_minus: "neon, hard edges".to_owned(),
        ..MODEL.1.clone()
    }
}

fn slots(count: usize) -> Vec<Slot> {
    (0..count as u64)
        .map(|seed| {
            MODEL
                .0
                .start(&GenerationParams { seed, ..personal() })
                .expect("the slot starts")
        })
        .collect()
}

/// One joint step of several pictures (two denoiser rows each).
#[divan::bench(args = [1, 2, 4])]
fn step(bencher: Bencher, pictures: usize) {
    bencher
        .with_inputs(|| slots(pictures))
        .bench_local_values(|mut slots| {
            MODEL
                .0
                .step(&mut slots.iter_mut().collect::<Vec<_>>())
                .expect("the step succeeds");
            slots
        });
}

/// Encoding of a prompt that is not in the cache, with drawing of noise and layout of steps.
#[divan::bench]
fn start_with_new_text(bencher: Bencher) {
    let mut n = 0;
    bencher
        .with_inputs(|| {
            n += 1;
            GenerationParams {
                prompt: format!("lighthouse number {n}"),
                ..personal()
            }
        })
        .bench_local_values(|params| MODEL.0.start(&params).expect("the slot starts"));
}

/// The same with all texts in the cache: what a change of β or seed costs before its first step.
#[divan::bench]
fn start_with_cached_text(bencher: Bencher) {
    let params = personal();
    bencher.bench_local(|| MODEL.0.start(&params).expect("the slot starts"));
}

#[divan::bench]
fn decode(bencher: Bencher) {
    let slots = slots(1);
    bencher.bench_local(|| MODEL.0.decode(&slots[0]).expect("the latents decode"));
}

#[divan::bench]
fn preview(bencher: Bencher) {
    let slots = slots(1);
    bencher.bench_local(|| MODEL.0.preview(&slots[0]).expect("the preview renders"));
}

/// A whole picture, plain and personalised.
#[divan::bench(args = [false, true], sample_count = 5, sample_size = 1)]
fn picture(bencher: Bencher, personalised: bool) {
    let params = if personalised { personal() } else { MODEL.1.clone() };
    bencher.bench_local(|| {
        MODEL
            .0
            .generate(&params, |_| ControlFlow::Continue(()))
            .expect("the picture is made")
    });
}
