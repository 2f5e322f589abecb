//! `tastemaker extract`: reads comments and prints the liked and disliked attributes in them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use tastemaker_preference::{CommentedImage, Extraction, Extractor, LexiconExtractor, Preference};

/// The longest input line, in bytes: a comment of 4,000 characters with its image attributes fits many times over.
const MAX_LINE_BYTES: u64 = 256 * 1024;

/// What `tastemaker extract` is asked to do.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// Comments, one JSON object a line: {"text": "...", "image_attributes": ["..."]}; "-" reads standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,

    /// Print one JSON object a line, in the order of the input, instead of text for people
    #[arg(long)]
    json: bool,

    /// Which extractor reads the comments
    #[arg(long, value_enum, default_value_t = ExtractorChoice::Lexicon)]
    extractor: ExtractorChoice,
}

/// The extractors there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExtractorChoice {
    /// Vocabulary and rules; needs no model
    Lexicon,
}

/// Extracts the preferences from every comment of the input and prints them to standard output.
///
/// # Errors
///
/// An input that cannot be read, and the first line that is not a comment, by its number; what came before it has been
/// printed. A closed pipe ends the output and is no error.
pub fn run(args: ExtractArgs) -> anyhow::Result<()> {
    let extractor = match args.extractor {
        ExtractorChoice::Lexicon => LexiconExtractor::embedded(),
    };
    let input = open(&args.input)?;
    let output = io::stdout().lock();
    match extract(&extractor, input, output, args.json) {
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
    mut input: impl BufRead,
    mut output: impl Write,
    json: bool,
) -> anyhow::Result<()> {
    for number in 1.. {
        let Some(line) = next_line(&mut input, number)? else {
            break;
        };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let comment: CommentedImage = serde_json::from_str(line).with_context(|| {
            format!(
                "line {number} is not a comment; expected {{\"text\": \"...\", \"image_attributes\": [\"...\"]}} on one line"
            )
        })?;
        let extraction = extractor
            .extract(&comment)
            .with_context(|| format!("line {number} cannot be read"))?;
        if json {
            serde_json::to_writer(&mut output, &extraction).map_err(io::Error::from)?;
            writeln!(output)?;
        } else {
            print(&mut output, &comment, &extraction)?;
        }
    }
    output.flush()?;
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
    use super::*;

    fn run_on(input: &[u8], json: bool) -> (anyhow::Result<()>, String) {
        let mut output = Vec::new();
        let result = extract(&LexiconExtractor::embedded(), input, &mut output, json);
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
}
