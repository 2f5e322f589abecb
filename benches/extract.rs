//! Times the reading of a comment: a short one, an ordinary one, and one as long as is taken.
//!
//! `cargo bench --bench extract`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run stops")]

use divan::Bencher;
use tastemaker_preference::{CommentedImage, Extractor, LexiconExtractor, MAX_COMMENT_CHARS};

const ORDINARY: &str = "I love how soft the light is and these colours are lovely, but the lines are way too heavy for me, \
    it would be better with less contrast";

fn main() {
    divan::main();
}

fn read(bencher: Bencher<'_, '_>, text: String) {
    let extractor = LexiconExtractor::embedded();
    let image_attributes = ["pastel colours", "soft lighting", "bold outlines"]
        .map(str::to_owned)
        .to_vec();
    let comment = CommentedImage {
        text,
        image_attributes,
        ..CommentedImage::default()
    };
    bencher.bench(|| {
        extractor
            .extract(divan::black_box(&comment))
            .expect("the comment is short enough")
    });
}

#[divan::bench]
fn short(bencher: Bencher<'_, '_>) {
    read(bencher, "love the colours".to_owned());
}

#[divan::bench]
fn ordinary(bencher: Bencher<'_, '_>) {
    read(bencher, ORDINARY.to_owned());
}

#[divan::bench]
fn longest(bencher: Bencher<'_, '_>) {
    read(
        bencher,
        format!("{ORDINARY}. ")
            .repeat(100)
            .chars()
            .take(MAX_COMMENT_CHARS)
            .collect(),
    );
}
