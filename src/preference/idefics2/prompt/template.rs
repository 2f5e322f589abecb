//! The chat template: the one in the checkpoint's folder, else IDEFICS2's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aho_corasick::{AhoCorasick, MatchKind};
use minijinja::{Environment, ErrorKind, Value as Jinja, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde_json::Value;

use super::{END_OF_UTTERANCE, Part, Role, Segment, Special, Turn};
use crate::ProcessorError;

/// Enclose a number that stands for somebody's words while a template is rendered: characters for private use.
const MARKS: [char; 2] = ['\u{f0000}', '\u{f0001}'];
/// Files that may hold a template, in transformers' order, with the key in those that are JSON.
const FILES: [&str; 4] = [
    "chat_template.jinja",
    "chat_template.json",
    "processor_config.json",
    "tokenizer_config.json",
];

/// Lays out a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// Speaker, colon, a space unless an image comes first; then texts and images; the token that ends a turn, a line break.
    Idefics2,
    /// A Jinja template, and the file it is from.
    Jinja { source: String, file: &'static str },
}

impl Template {
    /// Finds the template of a folder.
    pub(super) fn from_folder(folder: &Path) -> Result<Template, ProcessorError> {
        for file in FILES {
            let path = folder.join(file);
            if !path.exists() {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|source| ProcessorError::Read {
                path: path.clone(),
                source,
            })?;
            if file.ends_with(".jinja") {
                return Ok(Template::Jinja { source: text, file });
            }
            let value: Value = serde_json::from_str(&text).map_err(|error| ProcessorError::File {
                path,
                message: error.to_string(),
            })?;
            if let Some(source) = template_in(&value["chat_template"]) {
                return Ok(Template::Jinja { source, file });
            }
        }
        Ok(Template::Idefics2)
    }

    /// Lays out turns, with the beginning of the model's turn at the end.
    pub(super) fn render(
        &self,
        turns: &[Turn],
        specials: &BTreeMap<u32, Special>,
        image: u32,
    ) -> Result<Vec<Segment>, ProcessorError> {
        match self {
            Template::Idefics2 => Ok(idefics2(turns, specials)),
            Template::Jinja { source, file } => {
                let texts: Vec<&str> = turns.iter().flat_map(texts).collect();
                let rendered = render(source, turns).map_err(|error| ProcessorError::Template {
                    file,
                    message: error.to_string(),
                })?;
                segments(&rendered, &texts, specials, image)
            }
        }
    }
}

/// Returns the template of a configuration: a text, or the default among several.
fn template_in(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let named = value
        .as_array()?
        .iter()
        .find(|entry| entry["name"] == "default")?;
    named["template"].as_str().map(str::to_owned)
}

fn texts(turn: &Turn) -> impl Iterator<Item = &str> {
    turn.content.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Image => None,
    })
}

fn idefics2(turns: &[Turn], specials: &BTreeMap<u32, Special>) -> Vec<Segment> {
    let end = specials.values().find(|token| token.content == END_OF_UTTERANCE);
    let mut segments = Vec::new();
    for turn in turns {
        let speaker = match turn.role {
            Role::User => "User:",
            Role::Assistant => "Assistant:",
        };
        let space = if turn.content.first() == Some(&Part::Image) {
            ""
        } else {
            " "
        };
        segments.push(Segment::Text(format!("{speaker}{space}")));
        segments.extend(turn.content.iter().map(|part| match part {
            Part::Text(text) => Segment::Text(text.clone()),
            Part::Image => Segment::Image,
        }));
        segments.extend(end.map(|token| Segment::Special(token.id)));
        segments.push(Segment::Text("\n".to_owned()));
    }
    segments.push(Segment::Text("Assistant:".to_owned()));
    segments
}

/// Renders with a mark in the place of each text.
fn render(source: &str, turns: &[Turn]) -> Result<String, minijinja::Error> {
    let mut number = 0;
    let mut part = |part: &Part| match part {
        Part::Image => Jinja::from_pairs([("type", "image".to_owned())]),
        Part::Text(_) => {
            number += 1;
            Jinja::from_pairs([
                ("type", "text".to_owned()),
                ("text", format!("{}{}{}", MARKS[0], number - 1, MARKS[1])),
            ])
        }
    };
    let messages: Vec<Jinja> = turns
        .iter()
        .map(|turn| {
            let content: Vec<Jinja> = turn.content.iter().map(&mut part).collect();
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            Jinja::from_pairs([("role", Jinja::from(role)), ("content", Jinja::from(content))])
        })
        .collect();
    let mut environment = Environment::new();
    let mut syntax = environment.syntax().to_builder();
    environment.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_function(
        "raise_exception",
        |message: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        },
    );
    environment.render_str(
        source,
        context! { messages => messages, add_generation_prompt => true, bos_token => "<s>", eos_token => "</s>" },
    )
}

/// Cuts what was rendered at special tokens and marks.
fn segments(
    rendered: &str,
    texts: &[&str],
    specials: &BTreeMap<u32, Special>,
    image: u32,
) -> Result<Vec<Segment>, ProcessorError> {
    let marks: Vec<String> = (0..texts.len())
        .map(|number| format!("{}{number}{}", MARKS[0], MARKS[1]))
        .collect();
    let patterns = specials
        .values()
        .map(|token| token.content.as_str())
        .chain(marks.iter().map(String::as_str));
    let search = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(patterns)
        .map_err(|error| ProcessorError::Tokenizer {
            message: format!("the special tokens cannot be searched: {error}"),
        })?;
    let ids: Vec<u32> = specials.keys().copied().collect();
    let mut segments = Vec::new();
    let mut done = 0;
    let plain = |range: std::ops::Range<usize>| Segment::Text(rendered[range].to_owned());
    for found in search.find_iter(rendered) {
        if found.start() > done {
            segments.push(plain(done..found.start()));
        }
        done = found.end();
        let at = found.pattern().as_usize();
        segments.push(match ids.get(at) {
            Some(id) if *id == image => Segment::Image,
            Some(id) => Segment::Special(*id),
            None => Segment::Text(texts[at - ids.len()].to_owned()),
        });
    }
    if done < rendered.len() {
        segments.push(plain(done..rendered.len()));
    }
    Ok(segments)
}
