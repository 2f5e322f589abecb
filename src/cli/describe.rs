//! `tastemaker describe`: which visual attributes pictures have and which are nearest to a taste, told by the small dual encoder
//! that comes along.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use serde::Serialize;
use tastemaker_preference::vpe::read_picture;

use crate::config::Config;
use crate::eyes::{Eyes, Seen, Taste};

/// What `tastemaker describe` is asked to do.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// Pictures (PNG or JPEG)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Print one JSON object a line, one for each picture, with the chance of every attribute
    #[arg(long)]
    json: bool,

    /// Sort the pictures, the nearest first, by how much they have of these attributes (by comma)
    #[arg(long = "like", value_name = "ATTRIBUTES", value_delimiter = ',')]
    liked: Vec<String>,

    /// The same with how little they have of these
    #[arg(long = "dislike", value_name = "ATTRIBUTES", value_delimiter = ',')]
    disliked: Vec<String>,

    /// Folder of the dual encoder (default: `eyes` in paths.assets)
    #[arg(long, value_name = "DIR")]
    eyes: Option<PathBuf>,
}

/// What one picture shows.
#[derive(Serialize)]
struct Described<'a> {
    file: &'a Path,
    /// How near it is to the taste, if there is one: −2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearness: Option<f32>,
    /// The likeliest first.
    attributes: Vec<Seen<'a>>,
}

/// Describes pictures on standard output, in their order, or the nearest to a taste first.
///
/// # Errors
///
/// When there is no dual encoder, or a picture cannot be read, by its file; what was described before it has been printed, if
/// no taste sorts them. A closed pipe ends the output and is no error.
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
    let words = |words: &[String]| -> Vec<String> {
        let words = words.iter().map(|word| word.trim().to_owned());
        words.filter(|word| !word.is_empty()).collect()
    };
    let (liked, disliked) = (words(&args.liked), words(&args.disliked));
    let taste = match liked.is_empty() && disliked.is_empty() {
        true => None,
        false => Some(eyes.taste(&liked, &disliked)?),
    };
    let mut sorted = Vec::new();
    for file in &args.files {
        let described = describe_one(&eyes, file, taste.as_ref())?;
        match taste {
            Some(_) => sorted.push(described),
            None => print(&described, args.json, &mut output)?,
        }
    }
    sorted.sort_by(|a, b| b.nearness.unwrap_or(0.0).total_cmp(&a.nearness.unwrap_or(0.0)));
    for described in &sorted {
        print(described, args.json, &mut output)?;
    }
    output.flush()?;
    Ok(())
}

fn describe_one<'a>(eyes: &'a Eyes, file: &'a Path, taste: Option<&Taste>) -> anyhow::Result<Described<'a>> {
    let picture = read_picture(file)?;
    ensure!(
        picture.width() > 0 && picture.height() > 0,
        "{} has no pixels",
        file.display()
    );
    let picture = eyes
        .look(&picture)
        .with_context(|| format!("{} cannot be described", file.display()))?;
    Ok(Described {
        file,
        nearness: taste.map(|taste| taste.nearness(&picture)),
        attributes: eyes.attributes(&picture),
    })
}

fn print(described: &Described<'_>, json: bool, mut output: impl Write) -> anyhow::Result<()> {
    if json {
        serde_json::to_writer(&mut output, described).map_err(io::Error::from)?;
        writeln!(output)?;
        return Ok(());
    }
    match described.nearness {
        Some(nearness) => writeln!(output, "{nearness:+.2}  {}", described.file.display())?,
        None => writeln!(output, "{}", described.file.display())?,
    }
    for it in described.attributes.iter().filter(|it| it.present) {
        writeln!(output, "  {:.2}  {:<28} {}", it.chance, it.attribute, it.category)?;
    }
    if !described.attributes.iter().any(|it| it.present) {
        writeln!(output, "  nothing that it can tell")?;
    }
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
    fn a_taste_sorts_pictures_and_its_reverse_the_other_way() {
        let eyes = tiny(&list(&[("watercolour", 0.5)]));
        let file = |name: &str, colour| {
            let path = eyes.path().join(name);
            RgbImage::from_pixel(20, 20, image::Rgb(colour))
                .save(&path)
                .unwrap();
            path.display().to_string()
        };
        let (red, blue) = (file("red.png", [200, 40, 30]), file("blue.png", [20, 40, 220]));
        let folder = eyes.path().display().to_string();
        let order = |taste: &[&str]| {
            let words: Vec<_> = [&red[..], &blue, "--json", "--eyes", &folder]
                .into_iter()
                .chain(taste.iter().copied())
                .collect();
            let lines = described(&words).unwrap();
            let rows: Vec<serde_json::Value> = lines
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let nearness: Vec<_> = rows.iter().map(|row| row["nearness"].as_f64().unwrap()).collect();
            assert!(nearness[0] > nearness[1], "{nearness:?}");
            rows.iter()
                .map(|row| row["file"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let mut one = order(&["--like", "neon colours, pixel art", "--dislike", "watercolour"]);
        let other = order(&["--dislike", "neon colours, pixel art", "--like", "watercolour"]);
        one.reverse();
        assert_eq!(one, other);
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
