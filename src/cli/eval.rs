//! `tastemaker eval extract`: how well each extractor reads labelled comments, as a table and as JSON.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use tastemaker_preference::LlmMode;
use tastemaker_preference::evaluation::{HELD_OUT, Labelled, Report, Score, TUNE, evaluate, read};

use crate::config::{Config, ExtractorKind, Preference};
use crate::extractors;

/// What `tastemaker eval` is asked to measure.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Precision, recall, sides, inventions and time of extractors on labelled comments
    Extract(ExtractArgs),
}

#[derive(Debug, Args)]
struct ExtractArgs {
    /// An extractor, as in `extract`; "llm:complete", "llm:judge" or "llm:generate" names a mode too. May be given several
    /// times (default: preference.extractor of the configuration)
    #[arg(long, value_name = "NAME")]
    extractor: Vec<Candidate>,

    /// Labelled comments: "heldout", "tune", or a file of the same form as src/preference/eval/tune.jsonl
    #[arg(long, value_name = "heldout|tune|FILE", default_value = "heldout")]
    set: String,

    /// Write the figures, also by kind of comment, to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Print a table by kind of comment for each extractor
    #[arg(long)]
    kinds: bool,
}

/// Is an extractor to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    kind: ExtractorKind,
    mode: Option<LlmMode>,
}

impl FromStr for Candidate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, mode) = match text.split_once(':') {
            Some((name, mode)) => (name, Some(mode.parse()?)),
            None => (text, None),
        };
        let kind = <ExtractorKind as clap::ValueEnum>::from_str(name, false)?;
        if mode.is_some() && kind != ExtractorKind::Llm {
            return Err(format!("only llm has modes, not {name}"));
        }
        Ok(Self { kind, mode })
    }
}

/// What one extractor reached.
#[derive(Debug, Serialize)]
struct Measured {
    extractor: String,
    precision: f64,
    recall: f64,
    /// Share of the found labelled attributes that are on the wrong side.
    polarity_errors: f64,
    /// Attributes found that are labelled nowhere.
    inventions: usize,
    seconds_per_comment: f64,
    total: Score,
    kinds: std::collections::BTreeMap<String, Score>,
}

#[derive(Debug, Serialize)]
struct Figures {
    set: String,
    comments: usize,
    extractors: Vec<Measured>,
}

/// Measures the extractors one after the other and prints the table to standard output.
///
/// # Errors
///
/// An extractor that cannot be opened or fails, a set that cannot be read, a file that cannot be written.
pub fn run(args: EvalArgs, config: &Config) -> anyhow::Result<()> {
    let What::Extract(args) = args.what;
    let comments = labelled(&args.set)?;
    let mut candidates = args.extractor;
    if candidates.is_empty() {
        candidates.push(Candidate {
            kind: config.preference.extractor,
            mode: None,
        });
    }
    let mut extractors = Vec::new();
    for candidate in candidates {
        extractors.push(measure(candidate, &config.preference, &comments)?);
    }
    let figures = Figures {
        set: args.set,
        comments: comments.len(),
        extractors,
    };
    print(&mut io::stdout().lock(), &figures, args.kinds)?;
    if let Some(path) = args.json {
        let json = serde_json::to_vec_pretty(&figures)?;
        fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn labelled(set: &str) -> anyhow::Result<Vec<Labelled>> {
    let text = match set {
        "heldout" => HELD_OUT.to_owned(),
        "tune" => TUNE.to_owned(),
        file => fs::read_to_string(file).with_context(|| {
            format!("{file} is neither \"heldout\" nor \"tune\" nor a file that can be read")
        })?,
    };
    read(&text).with_context(|| format!("{set} holds something that is no labelled comment"))
}

fn measure(candidate: Candidate, settings: &Preference, comments: &[Labelled]) -> anyhow::Result<Measured> {
    let mut settings = settings.clone();
    if let Some(mode) = candidate.mode {
        settings.llm.mode = mode;
    }
    let extractor = extractors::open(candidate.kind, &settings)?;
    let name = match candidate.kind {
        ExtractorKind::Llm => format!("{}:{}", extractor.name(), settings.llm.mode.name()),
        _ => extractor.name().to_owned(),
    };
    let start = Instant::now();
    let report = evaluate(extractor.as_ref(), comments).with_context(|| format!("{name} failed"))?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(figures(name, report, seconds))
}

fn figures(extractor: String, report: Report, seconds: f64) -> Measured {
    let Report { total, kinds, .. } = report;
    Measured {
        extractor,
        precision: total.precision(),
        recall: total.recall(),
        polarity_errors: total.polarity_errors(),
        inventions: total.invented,
        seconds_per_comment: seconds / total.comments.max(1) as f64,
        total,
        kinds,
    }
}

fn print(output: &mut impl Write, figures: &Figures, kinds: bool) -> io::Result<()> {
    writeln!(
        output,
        "| extractor | comments | exact | precision | recall | wrong side | inventions | s per comment |"
    )?;
    writeln!(output, "|---|---|---|---|---|---|---|---|")?;
    for it in &figures.extractors {
        print_row(output, &it.extractor, &it.total)?;
        writeln!(output, " {:.4} |", it.seconds_per_comment)?;
    }
    for it in figures.extractors.iter().filter(|_| kinds) {
        writeln!(
            output,
            "\n{}\n\n| kind | comments | exact | precision | recall | wrong side | inventions |\n|---|---|---|---|---|---|---|",
            it.extractor
        )?;
        for (kind, score) in &it.kinds {
            print_row(output, kind, score)?;
            writeln!(output)?;
        }
    }
    output.flush()
}

fn print_row(output: &mut impl Write, name: &str, score: &Score) -> io::Result<()> {
    write!(
        output,
        "| {name} | {} | {} | {:.3} | {:.3} | {} ({:.1} %) | {} |",
        score.comments,
        score.exact,
        score.precision(),
        score.recall(),
        score.wrong_side,
        score.polarity_errors() * 100.0,
        score.invented,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extractors_are_named_with_and_without_a_mode() {
        let candidate = |text: &str| text.parse::<Candidate>();
        assert_eq!(
            candidate("lexicon").unwrap(),
            Candidate {
                kind: ExtractorKind::Lexicon,
                mode: None
            }
        );
        assert_eq!(candidate("llm:judge").unwrap().mode, Some(LlmMode::Judge));
        for wrong in ["lexicon:judge", "llm:think", "gpt"] {
            assert!(candidate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_lexicon_is_measured_and_written_as_table_and_json() {
        let folder = tempfile::tempdir().unwrap();
        let set = folder.path().join("set.jsonl");
        let lines = [
            r#"{"kind": "terse", "text": "love the fog", "liked": ["foggy atmosphere"], "disliked": []}"#,
            r#"{"kind": "terse", "text": "hate neon", "liked": ["neon colours"], "disliked": []}"#,
        ];
        fs::write(&set, lines.join("\n")).unwrap();
        let comments = labelled(set.to_str().unwrap()).unwrap();
        let lexicon = Candidate {
            kind: ExtractorKind::Lexicon,
            mode: None,
        };
        let settings = Config::defaults().unwrap().preference;
        let measured = measure(lexicon, &settings, &comments).unwrap();
        assert_eq!((measured.precision, measured.inventions), (0.5, 0));
        let figures = Figures {
            set: "set".into(),
            comments: 2,
            extractors: vec![measured],
        };
        let mut table = Vec::new();
        print(&mut table, &figures, true).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert!(
            table.contains("| lexicon | 2 | 1 | 0.500 | 0.500 | 1 (50.0 %) | 0 |"),
            "{table}"
        );
        assert!(table.contains("| terse | 2 |"), "{table}");
        let json = serde_json::to_value(&figures).unwrap();
        assert_eq!(json["extractors"][0]["polarity_errors"], 0.5);
        assert!(labelled("no/such/set").is_err());
    }
}
