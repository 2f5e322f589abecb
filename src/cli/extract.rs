//! `tastemaker extract`: reads comments and prints the liked and disliked attributes in them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use tastemaker_preference::idefics2::Precision;
use tastemaker_preference::vpe::load_picture;
use tastemaker_preference::{CommentedImage, Extraction, Extractor, Preference};

use crate::config::{Config, ExtractorKind, Preference as Settings};
use crate::extractors;

/// The longest input line, in bytes: a comment of 4,000 characters with its image attributes fits many times over.
const MAX_LINE_BYTES: u64 = 256 * 1024;

/// What `tastemaker extract` is asked to do.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// Comments, one JSON object a line: {"text": "...", "image_attributes": ["..."], "image": "file.jpg"}; "-" reads
    /// standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,

    /// Print one JSON object a line, in the order of the input, instead of text for people
    #[arg(long)]
    json: bool,

    /// Which extractor reads the comments (default: preference.extractor of the configuration)
    #[arg(long, value_enum)]
    extractor: Option<ExtractorKind>,

    /// Folder of the images that "image" names, for extractors that look at them
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// vpe: the IDEFICS2 checkpoint, a folder or a GGUF file (default: preference.vpe.model)
    #[arg(long, value_name = "PATH")]
    model: Option<PathBuf>,

    /// vpe: folder of the adapter VPE-ViPer (default: preference.vpe.adapter)
    #[arg(long, value_name = "FOLDER")]
    adapter: Option<PathBuf>,

    /// vpe: what the weights are kept in: f32, f16, bf16, q8_0 or q4_0 (default: preference.vpe.precision)
    #[arg(long, value_name = "KIND")]
    precision: Option<Precision>,
}

impl ExtractArgs {
    /// Returns the configuration with what the command line says instead.
    fn settings(&self, configured: &Settings) -> Settings {
        let mut settings = configured.clone();
        let vpe = &mut settings.vpe;
        vpe.model = self.model.clone().or(vpe.model.take());
        vpe.adapter = self.adapter.clone().or(vpe.adapter.take());
        vpe.precision = self.precision.unwrap_or(vpe.precision);
        settings
    }
}

/// Extracts the preferences from every comment of the input and prints them to standard output.
///
/// An extractor that sees images reads all comments of the input together, as those of one person; any other prints each
/// as soon as it is read.
///
/// # Errors
///
/// An extractor that cannot be opened, an input or image that cannot be read, and the first line that is not a comment, by
/// its number; what was read before it has been printed. A closed pipe ends the output and is no error.
pub fn run(args: ExtractArgs, config: &Config) -> anyhow::Result<()> {
    let kind = args.extractor.unwrap_or(config.preference.extractor);
    let extractor = extractors::open(kind, &args.settings(&config.preference))?;
    let input = open(&args.input)?;
    let output = io::stdout().lock();
    match extract(
        extractor.as_ref(),
        args.images.as_deref(),
        input,
        output,
        args.json,
    ) {
        Err(error) if is_closed_pipe(&error) => Ok(()),
        other => other,
    }
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn extract(
    extractor: &dyn Extractor,
    images: Option<&Path>,
    mut input: impl BufRead,
    mut output: impl Write,
    json: bool,
) -> anyhow::Result<()> {
    let mut together = Vec::new();
    for number in 1.. {
        let Some(line) = next_line(&mut input, number)? else {
            break;
        };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let mut comment: CommentedImage = serde_json::from_str(line).with_context(|| {
            format!(
                "line {number} is not a comment; expected {{\"text\": \"...\", \"image_attributes\": [\"...\"]}} on one line"
            )
        })?;
        if extractor.sees_images() {
            if let Some(name) = &comment.image {
                let picture = picture(images, name).with_context(|| format!("image of line {number}"))?;
                comment.picture = Some(picture);
            }
            together.push(comment);
            continue;
        }
        let extraction = extractor
            .extract(&comment)
            .with_context(|| format!("line {number} cannot be read"))?;
        write(&mut output, &comment, &extraction, json)?;
    }
    let extractions = extractor
        .extract_all(&together)
        .context("the comments cannot be read")?;
    for (comment, extraction) in together.iter().zip(&extractions) {
        write(&mut output, comment, extraction, json)?;
    }
    output.flush()?;
    Ok(())
}

/// Reads an image of the folder. The name comes with the comments, so it may not lead out of there.
fn picture(folder: Option<&Path>, name: &str) -> anyhow::Result<Arc<image::RgbImage>> {
    let folder = folder.context("say where the images are with --images DIR")?;
    Ok(Arc::new(load_picture(folder, name)?))
}

fn write(
    output: &mut impl Write,
    comment: &CommentedImage,
    extraction: &Extraction,
    json: bool,
) -> anyhow::Result<()> {
    if json {
        serde_json::to_writer(&mut *output, extraction).map_err(io::Error::from)?;
        writeln!(output)?;
    } else {
        print(output, comment, extraction)?;
    }
    Ok(())
}

/// Reads one line of bounded length; `None` at the end of the input.
fn next_line(input: &mut impl BufRead, number: usize) -> anyhow::Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = input
        .by_ref()
        .take(MAX_LINE_BYTES + 1)
        .read_until(b'\n', &mut bytes)
        .with_context(|| format!("cannot read line {number}"))?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.len() as u64 > MAX_LINE_BYTES {
        bail!("line {number} is longer than {MAX_LINE_BYTES} bytes; put each comment on a line of its own");
    }
    let line = String::from_utf8(bytes)
        .with_context(|| format!("line {number} is not UTF-8; save the file as UTF-8"))?;
    Ok(Some(line.trim_start_matches('\u{feff}').to_owned()))
}

fn print(output: &mut impl Write, comment: &CommentedImage, extraction: &Extraction) -> io::Result<()> {
    writeln!(output, "“{}”", on_one_line(&comment.text))?;
    if extraction.is_empty() {
        writeln!(output, "  nothing about taste")?;
    }
    for (sign, list) in [('+', &extraction.liked), ('-', &extraction.disliked)] {
        for preference in list {
            print_preference(output, sign, preference)?;
        }
    }
    writeln!(output)
}

fn print_preference(output: &mut impl Write, sign: char, preference: &Preference) -> io::Result<()> {
    let Preference {
        attribute,
        category,
        weight,
        evidence,
    } = preference;
    writeln!(
        output,
        "  {sign} {attribute:<28} {category:<18} {weight:.2}  “{}”",
        on_one_line(evidence)
    )
}

/// Shows control characters as spaces, so that a comment cannot move the cursor or colour the terminal.
fn on_one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use tastemaker_preference::{Cancel, ExtractError, LexiconExtractor};

    use super::*;

    fn run_on(input: &[u8], json: bool) -> (anyhow::Result<()>, String) {
        let mut output = Vec::new();
        let result = extract(&LexiconExtractor::embedded(), None, input, &mut output, json);
        (result, String::from_utf8_lossy(&output).into_owned())
    }

    #[test]
    fn prints_one_object_a_line_in_the_order_of_the_input() {
        let input =
            "{\"text\": \"love these colours\", \"image_attributes\": [\"sepia\"]}\n\n{\"text\": \"brb\"}";
        let (result, output) = run_on(input.as_bytes(), true);
        assert!(result.is_ok());
        let lines: Vec<serde_json::Value> = output
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect();
        assert_eq!(lines[0]["liked"][0]["attribute"], "sepia");
        assert_eq!(lines[0]["liked"][0]["category"], "colour palette");
        assert_eq!(lines[0]["liked"][0]["evidence"], "love these colours");
        assert!(
            lines[0]["liked"][0]["weight"]
                .as_f64()
                .is_some_and(|w| w > 0.0 && w <= 1.0)
        );
        assert_eq!(lines[1], serde_json::json!({ "liked": [], "disliked": [] }));
    }

    #[test]
    fn names_the_line_that_is_no_comment() {
        for bad in ["{\"txt\": 1}", "[]", "not json", "{\"text\": 7}"] {
            let (result, output) = run_on(format!("{{\"text\": \"hm\"}}\n{bad}\n").as_bytes(), true);
            let message = result.err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(
                message.contains("line 2") && message.contains("expected"),
                "{message}"
            );
            assert_eq!(output.lines().count(), 1);
        }
    }

    #[test]
    fn refuses_what_is_too_long_or_not_text() {
        let long = format!("{{\"text\": \"{}\"}}", "a".repeat(4_001));
        assert!(
            run_on(long.as_bytes(), true)
                .0
                .is_err_and(|e| format!("{e:#}").contains("4000"))
        );
        let huge = vec![b'a'; MAX_LINE_BYTES as usize + 10];
        assert!(
            run_on(&huge, true)
                .0
                .is_err_and(|e| e.to_string().contains("line 1 is longer"))
        );
        assert!(
            run_on(b"{\"text\": \"\xff\"}", true)
                .0
                .is_err_and(|e| format!("{e:#}").contains("UTF-8"))
        );
    }

    #[test]
    fn shows_people_a_table_without_control_characters() {
        let (result, output) = run_on(b"{\"text\": \"love the\\u001b[31m fog\"}", false);
        assert!(result.is_ok());
        assert!(
            output.contains("foggy atmosphere") && !output.contains('\u{1b}'),
            "{output}"
        );
    }

    /// Finds the number of pictures that came with a comment, and how many comments came together.
    struct Eyes;

    impl Extractor for Eyes {
        fn name(&self) -> &'static str {
            "eyes"
        }

        fn sees_images(&self) -> bool {
            true
        }

        fn extract(&self, _: &CommentedImage) -> Result<Extraction, ExtractError> {
            unreachable!("comments are read together")
        }

        fn extract_until(
            &self,
            comments: &[CommentedImage],
            _: &Cancel,
        ) -> Result<Vec<Extraction>, ExtractError> {
            let seen = |comment: &CommentedImage| Preference {
                attribute: format!("{:?}", comment.picture.as_ref().map(|it| it.dimensions())),
                category: comments.len().to_string(),
                weight: 0.5,
                evidence: String::new(),
            };
            Ok(comments
                .iter()
                .map(|comment| Extraction {
                    liked: vec![seen(comment)],
                    disliked: Vec::new(),
                })
                .collect())
        }
    }

    #[test]
    fn an_extractor_with_eyes_gets_all_comments_at_once_with_their_images() {
        let folder = tempfile::tempdir().unwrap();
        image::RgbImage::new(3, 2)
            .save(folder.path().join("a.png"))
            .unwrap();
        let input = b"{\"text\": \"a\", \"image\": \"a.png\"}\n{\"text\": \"b\"}";
        let mut output = Vec::new();
        extract(&Eyes, Some(folder.path()), &input[..], &mut output, true).unwrap();
        let output = String::from_utf8(output).unwrap();
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].contains("Some((3, 2))") && lines[0].contains("\"category\":\"2\""),
            "{output}"
        );
        assert!(lines[1].contains("None"), "{output}");
    }

    #[test]
    fn images_are_looked_for_in_their_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        for (images, name, said) in [
            (None, "a.png", "--images"),
            (Some(folder.path()), "../a.png", "not a path"),
            (Some(folder.path()), "/etc/passwd", "not a path"),
            (Some(folder.path()), "a.png", "cannot be opened"),
        ] {
            let input = format!("{{\"text\": \"a\", \"image\": \"{name}\"}}");
            let result = extract(&Eyes, images, input.as_bytes(), Vec::new(), true);
            let message = format!("{:#}", result.unwrap_err());
            assert!(message.contains(said) && message.contains("line 1"), "{message}");
        }
    }

    #[test]
    fn what_the_command_line_says_of_the_model_goes_before_the_configuration() {
        use clap::Parser;

        #[derive(Parser)]
        struct Command {
            #[command(flatten)]
            args: ExtractArgs,
        }
        let configured = Config::defaults().unwrap().preference;
        let settings = |more: &[&str]| {
            let line = ["extract"].iter().chain(more);
            Command::try_parse_from(line)
                .unwrap()
                .args
                .settings(&configured)
                .vpe
        };
        assert_eq!(settings(&[]).precision, configured.vpe.precision);
        let said = settings(&["--model", "m", "--adapter", "a", "--precision", "q4_0"]);
        assert_eq!((said.model, said.adapter), (Some("m".into()), Some("a".into())));
        assert_eq!(said.precision, Precision::Q4_0);
        assert!(Command::try_parse_from(["extract", "--precision", "q5"]).is_err());
    }
}
