//! `tastemaker describe`: which visual attributes pictures have, told by the small dual encoder that comes along.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;
use tastemaker_preference::vpe::read_picture;

use crate::config::Config;
use crate::eyes::{Eyes, Seen};

/// What `tastemaker describe` is asked to do.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// Pictures (PNG or JPEG)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Print one JSON object a line, one for each picture, with the chance of every attribute
    #[arg(long)]
    json: bool,

    /// Folder of the dual encoder (default: `eyes` in paths.assets)
    #[arg(long, value_name = "DIR")]
    eyes: Option<PathBuf>,
}

/// What one picture shows.
#[derive(Serialize)]
struct Described<'a> {
    file: &'a Path,
    /// The likeliest first.
    attributes: &'a [Seen<'a>],
}

/// Describes pictures, in their order, on standard output.
///
/// # Errors
///
/// When there is no dual encoder, or a picture cannot be read, by its file; what was described before it has been printed. A
/// closed pipe ends the output and is no error.
pub fn run(args: &DescribeArgs, config: &Config) -> anyhow::Result<()> {
    match describe(args, config, io::stdout().lock()) {
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        other => other,
    }
}

fn describe(args: &DescribeArgs, config: &Config, mut output: impl Write) -> anyhow::Result<()> {
    let folder = match &args.eyes {
        Some(folder) => folder.clone(),
        None => config.paths.assets.join("eyes"),
    };
    let eyes = Eyes::open(&folder, &config.paths.assets)?;
    for file in &args.files {
        let picture = read_picture(file)?;
        ensure!(
            picture.width() > 0 && picture.height() > 0,
            "{} has no pixels",
            file.display()
        );
        let seen = eyes
            .look(&picture)
            .with_context(|| format!("{} cannot be described", file.display()))?;
        if args.json {
            let attributes = &seen;
            serde_json::to_writer(&mut output, &Described { file, attributes }).map_err(io::Error::from)?;
            writeln!(output)?;
            continue;
        }
        writeln!(output, "{}", file.display())?;
        for it in seen.iter().filter(|it| it.present) {
            writeln!(output, "  {:.2}  {:<28} {}", it.chance, it.attribute, it.category)?;
        }
        if !seen.iter().any(|it| it.present) {
            writeln!(output, "  nothing that it can tell")?;
        }
    }
    output.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use image::RgbImage;

    use super::*;
    use crate::eyes::tests::{list, tiny};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: DescribeArgs,
    }

    fn described(words: &[&str]) -> anyhow::Result<String> {
        let args = Command::try_parse_from(["describe"].iter().chain(words))?.args;
        let mut output = Vec::new();
        describe(&args, &Config::defaults()?, &mut output)?;
        Ok(String::from_utf8(output)?)
    }

    #[test]
    fn pictures_are_described_for_people_and_for_programs() {
        let eyes = tiny(&list(&[("watercolour", 0.0), ("soft lighting", 1.0)]));
        let picture = eyes.path().join("a.png");
        RgbImage::from_pixel(20, 20, image::Rgb([200, 90, 30]))
            .save(&picture)
            .unwrap();
        let (eyes, picture) = (eyes.path().display().to_string(), picture.display().to_string());
        let text = described(&[&picture, "--eyes", &eyes]).unwrap();
        assert!(
            text.contains("watercolour") && !text.contains("soft lighting"),
            "{text}"
        );
        let lines = described(&[&picture, &picture, "--eyes", &eyes, "--json"]).unwrap();
        assert_eq!(lines.lines().count(), 2);
        let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(line["attributes"].as_array().unwrap().len(), 2);
        let first = &line["attributes"][0];
        assert!(
            first["chance"].as_f64().unwrap() > 0.0 && first["present"].is_boolean(),
            "{line}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |words: &[&str]| format!("{:#}", described(words).unwrap_err());
        assert!(message(&["a.png", "--eyes", "no/eyes"]).contains("no/eyes"));
        let eyes = tiny(&list(&[("watercolour", 0.5)]));
        let eyes = eyes.path().display().to_string();
        assert!(message(&["no/picture.png", "--eyes", &eyes]).contains("no/picture.png"));
    }
}
