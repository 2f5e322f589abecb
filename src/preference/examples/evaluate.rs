//! Prints how well the lexicon reads the labelled comments: `cargo run -p tastemaker-preference --example evaluate`.
//!
//! `-- --misses` also lists every comment of the tuned half that is not read as labelled; those of the held-out half are
//! listed only with `-- --held-out-misses`, because looking at them to change rules would spoil the measure.

use std::error::Error;

use tastemaker_preference::LexiconExtractor;
use tastemaker_preference::evaluation::{HELD_OUT, Report, Score, TUNE, evaluate, read};

fn main() -> Result<(), Box<dyn Error>> {
    let extractor = LexiconExtractor::embedded();
    for (name, jsonl, flag) in [
        ("tuned", TUNE, "--misses"),
        ("held out", HELD_OUT, "--held-out-misses"),
    ] {
        let report = evaluate(&extractor, &read(jsonl)?)?;
        print_table(name, &report);
        if std::env::args().any(|argument| argument == flag) {
            print_misses(&report);
        }
    }
    Ok(())
}

fn print_table(name: &str, report: &Report) {
    println!("\n## {name}\n");
    println!("| kind | comments | exact | precision | recall | wrong side |");
    println!("|---|---|---|---|---|---|");
    for (kind, score) in &report.kinds {
        print_row(kind, score);
    }
    print_row("**all**", &report.total);
}

fn print_row(kind: &str, score: &Score) {
    println!(
        "| {kind} | {} | {} | {:.3} | {:.3} | {} ({:.1} %) |",
        score.comments,
        score.exact,
        score.precision(),
        score.recall(),
        score.wrong_side,
        score.polarity_errors() * 100.0,
    );
}

fn print_misses(report: &Report) {
    for miss in &report.misses {
        println!("\n[{}] {}", miss.labelled.kind, miss.labelled.text);
        println!(
            "  labelled + {:?}  − {:?}",
            miss.labelled.liked, miss.labelled.disliked
        );
        println!("  found    + {:?}  − {:?}", miss.liked, miss.disliked);
    }
}
