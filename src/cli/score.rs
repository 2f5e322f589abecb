//! `tastemaker score`: tells how much a person would like pictures, from pictures they liked and disliked.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use image::RgbImage;
use serde_json::json;
use tastemaker_preference::Metric;
use tastemaker_preference::metric::embedded::EmbeddedMetric;

/// What `tastemaker score` is asked to do.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// Pictures the person liked
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    liked: Vec<PathBuf>,

    /// Pictures the person disliked
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    disliked: Vec<PathBuf>,

    /// Pictures to score
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    query: Vec<PathBuf>,

    /// What gives the score
    #[arg(long, value_enum, default_value_t = MetricChoice::Embedded)]
    metric: MetricChoice,

    /// Print one JSON object a picture, {"file": "...", "score": 0.73}, instead of text for people
    #[arg(long)]
    json: bool,
}

/// The metrics there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MetricChoice {
    /// Colour, light, texture and composition, with learned probes; needs no model
    Embedded,
}

/// Scores every picture and prints the scores in the order of the pictures.
///
/// # Errors
///
/// A file that is no picture, by its name, or what the metric says; scores before it have been printed.
pub fn run(args: &ScoreArgs) -> anyhow::Result<()> {
    let metric = match args.metric {
        MetricChoice::Embedded => EmbeddedMetric::embedded()?,
    };
    score(&metric, args, io::stdout().lock())
}

fn score(metric: &dyn Metric, args: &ScoreArgs, mut output: impl Write) -> anyhow::Result<()> {
    let all = |files: &[PathBuf]| {
        files
            .iter()
            .map(|file| picture(file))
            .collect::<anyhow::Result<Vec<_>>>()
    };
    let mut scorer = metric.context(&all(&args.liked)?, &all(&args.disliked)?)?;
    for file in &args.query {
        let score = scorer.score(&picture(file)?)?;
        match args.json {
            true => writeln!(output, "{}", json!({"file": file, "score": score}))?,
            false => writeln!(output, "{score:.3}  {}", file.display())?,
        }
    }
    Ok(())
}

fn picture(file: &Path) -> anyhow::Result<RgbImage> {
    let read = || {
        anyhow::Ok(
            image::ImageReader::open(file)?
                .with_guessed_format()?
                .decode()?
                .into_rgb8(),
        )
    };
    read().with_context(|| format!("cannot read the picture {}", file.display()))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn each_picture_gets_its_score_in_order_and_what_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = |name: &str, colour: [u8; 3]| {
            let path = folder.path().join(name);
            RgbImage::from_pixel(64, 64, Rgb(colour)).save(&path).unwrap();
            path
        };
        let (warm, cold) = (
            drawn("warm.png", [230, 120, 40]),
            drawn("cold.png", [40, 90, 220]),
        );
        let mut args = ScoreArgs {
            liked: vec![drawn("liked.png", [240, 150, 60])],
            disliked: vec![drawn("disliked.png", [60, 120, 240])],
            query: vec![warm, cold],
            metric: MetricChoice::Embedded,
            json: true,
        };
        let metric = EmbeddedMetric::embedded().unwrap();
        let mut output = Vec::new();
        score(&metric, &args, &mut output).unwrap();
        let scores: Vec<f64> = String::from_utf8(output)
            .unwrap()
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["score"]
                    .as_f64()
                    .unwrap()
            })
            .collect();
        assert!(
            scores.len() == 2 && scores[0] > 0.5 && scores[1] < 0.5,
            "{scores:?}"
        );
        args.query = vec![folder.path().join("missing.png")];
        let error = score(&metric, &args, Vec::new()).unwrap_err().to_string();
        assert!(error.contains("missing.png"), "{error}");
    }
}
