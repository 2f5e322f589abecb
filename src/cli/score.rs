//! `tastemaker score`: how much a person would like pictures, told from pictures they liked and disliked.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use image::RgbImage;
use serde::Serialize;
use tastemaker_preference::Metric;
use tastemaker_preference::idefics2::Precision;
use tastemaker_preference::metric::embedded::EmbeddedMetric;
use tastemaker_preference::metric::viper::ViperMetric;
use tastemaker_preference::vpe::read_picture;

use crate::seeing::{self, Seeing};

/// What `tastemaker score` is asked to do.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// Pictures the person liked (PNG or JPEG); viper uses as many as of the disliked ones, 8 at most
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    liked: Vec<PathBuf>,

    /// Pictures the person disliked
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    disliked: Vec<PathBuf>,

    /// Pictures to score
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    query: Vec<PathBuf>,

    /// Which metric scores
    #[arg(long, value_enum, default_value_t = MetricChoice::Embedded)]
    metric: MetricChoice,

    /// viper: the IDEFICS2 checkpoint, a folder or a GGUF file with its tokenizer beside it
    #[arg(long, value_name = "PATH", required_if_eq("metric", "viper"))]
    model: Option<PathBuf>,

    /// viper: folder of the adapter Metric-ViPer; leave it out where the model has it merged in
    #[arg(long, value_name = "FOLDER")]
    adapter: Option<PathBuf>,

    /// viper: what the weights are kept in: f32, f16, bf16, q8_0 or q4_0
    #[arg(long, value_name = "KIND", default_value_t = Precision::Bf16)]
    precision: Precision,

    /// viper: cpu, cuda:N, metal:N, or auto for a GPU that this build supports, else the processor
    #[arg(long, value_name = "NAME", default_value = "auto")]
    device: String,

    /// Print one JSON object a line, one for each picture to score, in their order
    #[arg(long)]
    json: bool,
}

/// The metrics there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MetricChoice {
    /// Colour, light, texture and composition, with learned probes; needs no model
    Embedded,
    /// ViPer's proxy metric: IDEFICS2 with an adapter, see docs/extraction.md
    Viper,
}

/// A picture's score.
#[derive(Debug, Serialize)]
struct Scored<'a> {
    file: &'a Path,
    /// 0 to 1.
    score: f32,
}

/// Scores pictures and prints a number in 0..1 for each, in their order, to standard output.
///
/// # Errors
///
/// A model or a picture that cannot be read, by its file; what was scored before it has been printed. A closed pipe ends the
/// output and is no error.
pub fn run(args: &ScoreArgs) -> anyhow::Result<()> {
    let metric = open(args)?;
    match score(metric.as_ref(), args, io::stdout().lock()) {
        Err(error) if is_closed_pipe(&error) => Ok(()),
        other => other,
    }
}

fn open(args: &ScoreArgs) -> anyhow::Result<Box<dyn Metric>> {
    Ok(match args.metric {
        MetricChoice::Embedded => Box::new(EmbeddedMetric::embedded()?),
        MetricChoice::Viper => {
            let model = args
                .model
                .clone()
                .context("the metric viper needs a model: --model PATH")?;
            let seeing = Seeing {
                model,
                adapter: args.adapter.clone(),
                device: args.device.clone(),
                precision: args.precision,
            };
            Box::new(ViperMetric::new(seeing::open(&seeing)?, &seeing.model)?)
        }
    })
}

fn score(metric: &dyn Metric, args: &ScoreArgs, mut output: impl Write) -> anyhow::Result<()> {
    let mut scorer = metric.context(&pictures(&args.liked)?, &pictures(&args.disliked)?)?;
    for query in &args.query {
        let score = scorer
            .score(&read_picture(query)?)
            .with_context(|| format!("{} cannot be scored", query.display()))?;
        if args.json {
            serde_json::to_writer(&mut output, &Scored { file: query, score }).map_err(io::Error::from)?;
            writeln!(output)?;
        } else {
            writeln!(output, "{score:.3}  {}", query.display())?;
        }
    }
    output.flush()?;
    Ok(())
}

fn pictures(paths: &[PathBuf]) -> anyhow::Result<Vec<RgbImage>> {
    Ok(paths
        .iter()
        .map(|path| read_picture(path))
        .collect::<Result<_, _>>()?)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use image::Rgb;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: ScoreArgs,
    }

    /// Four pictures in a folder, light or dark, and the arguments that name them.
    fn arguments(folder: &Path, more: &[&str]) -> Vec<String> {
        let mut arguments = vec!["score".to_owned()];
        for (flag, value) in [("--liked", 230), ("--disliked", 20), ("--query", 200)] {
            let path = folder.join(format!("{value}.png"));
            let picture = RgbImage::from_fn(60, 50, |x, y| Rgb([value, (x * 3) as u8, (y * 2) as u8]));
            picture.save(&path).unwrap();
            arguments.extend([flag.to_owned(), path.display().to_string()]);
        }
        arguments.extend(more.iter().map(|it| (*it).to_owned()));
        arguments
    }

    /// The folder of the tiny checkpoint.
    fn tiny() -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/preference/idefics2");
        folder.display().to_string()
    }

    fn scored(arguments: &[String]) -> anyhow::Result<Vec<serde_json::Value>> {
        let args = Command::try_parse_from(arguments)?.args;
        let mut output = Vec::new();
        score(open(&args)?.as_ref(), &args, &mut output)?;
        Ok(String::from_utf8(output)?
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect())
    }

    #[test]
    fn viper_scores_each_picture_with_the_tiny_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let model = tiny();
        let adapter = format!("{model}/adapters/list");
        let more = [
            "--metric",
            "viper",
            "--model",
            &model,
            "--adapter",
            &adapter,
            "--precision",
            "f32",
            "--json",
        ];
        let mut arguments = arguments(folder.path(), &more);
        let liked = arguments[2].clone();
        arguments.extend(["--query".to_owned(), liked]);
        let lines = scored(&arguments).unwrap();
        assert_eq!(lines.len(), 2);
        for line in &lines {
            let score = line["score"].as_f64().unwrap();
            assert!(score > 0.0 && score < 1.0, "{line}");
        }
        assert!(lines[0]["file"].as_str().unwrap().ends_with("200.png"));
    }

    #[test]
    fn the_embedded_metric_tells_warm_from_cold() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = |name: &str, colour: [u8; 3]| {
            let path = folder.path().join(name);
            RgbImage::from_pixel(64, 64, Rgb(colour)).save(&path).unwrap();
            path.display().to_string()
        };
        let mut arguments = vec!["score".to_owned(), "--json".to_owned()];
        for (flag, name, colour) in [
            ("--liked", "liked.png", [240, 150, 60]),
            ("--disliked", "disliked.png", [60, 120, 240]),
            ("--query", "warm.png", [230, 120, 40]),
            ("--query", "cold.png", [40, 90, 220]),
        ] {
            arguments.extend([flag.to_owned(), drawn(name, colour)]);
        }
        let lines = scored(&arguments).unwrap();
        let scores: Vec<f64> = lines.iter().map(|line| line["score"].as_f64().unwrap()).collect();
        assert!(
            scores.len() == 2 && scores[0] > 0.5 && scores[1] < 0.5,
            "{scores:?}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = |arguments: &[String]| format!("{:#}", scored(arguments).unwrap_err());
        assert!(message(&arguments(folder.path(), &["--metric", "viper"])).contains("--model"));
        let none = ["--metric", "viper", "--model", "no/such/model"];
        assert!(message(&arguments(folder.path(), &none)).contains("no/such/model"));
        let tiny = tiny();
        let mut gone = arguments(
            folder.path(),
            &["--metric", "viper", "--model", &tiny, "--precision", "f32"],
        );
        gone[6] = "no/such/picture.png".to_owned();
        assert!(message(&gone).contains("no/such/picture.png"));
    }
}
