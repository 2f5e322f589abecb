//! Prompts: a conversation with pictures becomes tokens.
//!
//! What a person wrote is text and nothing else. A chat template is rendered with marks in the place of their words; the
//! template's own special tokens are found in the result; only then the words come in, encoded by a tokenizer that knows no
//! special tokens. "`<image>`" or "`</s>`" in a comment therefore become the tokens of these letters.
//!
//! Ordinary words get the ids that transformers' `Idefics2Processor` gives them, because text that stands together is
//! encoded together, be it the template's or a person's.

mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use tokenizers::Tokenizer;

use self::template::Template;
use crate::ProcessorError;

/// Stands in a prompt where a picture's rows come.
pub const IMAGE_TOKEN: &str = "<image>";
/// Stands before and after the rows of a picture.
pub const FAKE_IMAGE_TOKEN: &str = "<fake_token_around_image>";
/// Ends a turn.
pub const END_OF_UTTERANCE: &str = "<end_of_utterance>";

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// What a turn is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Words, never read as anything else.
    Text(String),
    /// The next picture.
    Image,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said and shown, in order.
    pub content: Vec<Part>,
}

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text, encoded without special tokens.
    Text(String),
    /// One picture: its rows with the tokens around them.
    Image,
    /// A special token, by id.
    Special(u32),
}

/// A prompt as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Token ids, with the tokenizer's first token (`<s>`) before them.
    pub ids: Vec<u32>,
    /// Pictures in it.
    pub pictures: usize,
}

/// A special token as `tokenizer.json` describes it.
#[derive(Debug, Clone, Deserialize)]
struct Special {
    id: u32,
    content: String,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

/// Makes prompts for one checkpoint.
#[derive(Debug)]
pub struct PromptEncoder {
    tokenizer: Tokenizer,
    /// Encode text as text: at the beginning of a prompt, and after a special token.
    first: Tokenizer,
    later: Tokenizer,
    specials: BTreeMap<u32, Special>,
    unknown: Option<u32>,
    begin: Vec<u32>,
    image: u32,
    fake: u32,
    end: u32,
    rows: usize,
    images_per_picture: usize,
    /// Whether every text begins as a word does, also after a special token.
    aligned: bool,
    template: Template,
}

impl PromptEncoder {
    /// Reads `tokenizer.json` and the chat template of a checkpoint's folder. `rows` are the tokens that stand for an image
    /// (the resampler's latents), `images_per_picture` what
    /// [`ImageProcessor::images_per_picture`](super::processor::ImageProcessor::images_per_picture) tells.
    ///
    /// # Errors
    ///
    /// [`ProcessorError`] for a missing or broken file, and where the tokenizer lacks a token of IDEFICS2.
    pub fn from_folder(
        folder: &Path,
        rows: usize,
        images_per_picture: usize,
    ) -> Result<PromptEncoder, ProcessorError> {
        let path = folder.join("tokenizer.json");
        let text = fs::read_to_string(&path).map_err(|source| ProcessorError::Read {
            path: path.clone(),
            source,
        })?;
        let template = Template::from_folder(folder)?;
        PromptEncoder::new(&text, template, rows, images_per_picture)
            .map_err(|message| ProcessorError::File { path, message })
    }

    fn new(
        json: &str,
        template: Template,
        rows: usize,
        images_per_picture: usize,
    ) -> Result<PromptEncoder, String> {
        let mut value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let specials: Vec<Special> = serde_json::from_value(value["added_tokens"].clone())
            .map_err(|error| format!("added_tokens: {error}"))?;
        let find = |content: &str| {
            specials.iter().find(|token| token.content == content).map(|token| token.id).ok_or_else(|| {
                format!("there is no token \"{content}\"; the folder must hold the tokenizer of an IDEFICS2 checkpoint")
            })
        };
        let (image, fake, end) = (
            find(IMAGE_TOKEN)?,
            find(FAKE_IMAGE_TOKEN)?,
            find(END_OF_UTTERANCE)?,
        );
        let unknown = value["model"]["unk_token"]
            .as_str()
            .and_then(|unknown| find(unknown).ok());
        let load =
            |value: &Value| Tokenizer::from_bytes(value.to_string()).map_err(|error| error.to_string());
        for key in ["truncation", "padding"] {
            value[key] = Value::Null;
        }
        let tokenizer = load(&value)?;
        value["added_tokens"] = Value::Array(Vec::new());
        value["post_processor"] = Value::Null;
        let first = load(&value)?;
        only_first_to_never(&mut value["pre_tokenizer"]);
        let later = load(&value)?;
        let alone = later.encode("a", false).map_err(|error| error.to_string())?;
        let aligned = alone
            .get_tokens()
            .first()
            .is_some_and(|token| token.starts_with(['▁', 'Ġ']));
        let begin = begin(&tokenizer)?;
        Ok(PromptEncoder {
            tokenizer,
            first,
            later,
            specials: specials.into_iter().map(|token| (token.id, token)).collect(),
            unknown,
            begin,
            image,
            fake,
            end,
            rows,
            images_per_picture,
            aligned,
            template,
        })
    }

    /// Returns the tokenizer, for decoding.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Returns the token that ends a turn.
    pub fn end_of_utterance(&self) -> u32 {
        self.end
    }

    /// Returns the id of a special token.
    pub fn special(&self, content: &str) -> Option<u32> {
        self.specials
            .values()
            .find(|token| token.content == content)
            .map(|token| token.id)
    }

    /// Returns the tokens that stand for pictures: they have no meaning in an answer.
    pub fn image_tokens(&self) -> [u32; 2] {
        [self.image, self.fake]
    }

    /// Encodes a conversation, with the beginning of the model's turn at its end.
    ///
    /// # Errors
    ///
    /// [`ProcessorError::Template`] where the checkpoint's chat template fails; [`ProcessorError::Tokenizer`].
    pub fn chat(&self, turns: &[Turn]) -> Result<Prompt, ProcessorError> {
        self.encode(&self.template.render(turns, &self.specials, self.image)?)
    }

    /// Encodes a prompt.
    ///
    /// # Errors
    ///
    /// [`ProcessorError::Tokenizer`].
    pub fn encode(&self, segments: &[Segment]) -> Result<Prompt, ProcessorError> {
        let mut ids = Vec::new();
        if !matches!(segments.first(), Some(Segment::Special(id)) if self.begin.first() == Some(id)) {
            ids.extend(&self.begin);
        }
        let beginning = ids.len();
        let pictures = self.push(&mut ids, beginning, segments)?;
        Ok(Prompt { ids, pictures })
    }

    /// Encodes what follows a prompt that ends with the special token `before`: both together have the ids that they would
    /// have as one prompt.
    ///
    /// # Errors
    ///
    /// [`ProcessorError::Tokenizer`].
    pub fn encode_after(&self, before: u32, segments: &[Segment]) -> Result<Prompt, ProcessorError> {
        let mut ids = vec![before];
        let pictures = self.push(&mut ids, 0, segments)?;
        ids.remove(0);
        Ok(Prompt { ids, pictures })
    }

    /// Adds segments to a prompt that has its tokenizer's first tokens up to `beginning`; returns the pictures in them.
    fn push(
        &self,
        ids: &mut Vec<u32>,
        beginning: usize,
        segments: &[Segment],
    ) -> Result<usize, ProcessorError> {
        let mut pictures = 0;
        let mut at = 0;
        while let Some(segment) = segments.get(at) {
            at += 1;
            match segment {
                Segment::Special(id) => ids.push(*id),
                Segment::Image => {
                    pictures += 1;
                    self.push_picture(ids);
                }
                Segment::Text(text) => {
                    let mut text = text.clone();
                    while let Some(Segment::Text(more)) = segments.get(at) {
                        text += more;
                        at += 1;
                    }
                    let next = match segments.get(at) {
                        Some(Segment::Special(id)) => self.specials.get(id),
                        Some(Segment::Image) => self.specials.get(&self.fake),
                        _ => None,
                    };
                    let before = ids.get(beginning..).and_then(<[u32]>::last);
                    let text = self.fitted(&text, before.copied(), next);
                    let at_start = ids.len() == beginning;
                    self.push_text(ids, &text, at_start)?;
                }
            }
        }
        Ok(pictures)
    }

    /// Fits a text to the special tokens beside it, as the reference's processor and tokenizer do.
    fn fitted(&self, text: &str, before: Option<u32>, next: Option<&Special>) -> String {
        let mut text = text;
        if before
            .and_then(|id| self.specials.get(&id))
            .is_some_and(|token| token.rstrip)
        {
            text = text.trim_start();
        }
        if next.is_some_and(|token| token.lstrip) {
            text = text.trim_end();
        }
        let joins = text.starts_with(|c: char| !c.is_whitespace() && c != '<');
        if before == Some(self.fake) && joins && !self.aligned {
            return format!(" {text}");
        }
        text.to_owned()
    }

    /// Adds the rows of a picture; two pictures in a row share the token between them.
    fn push_picture(&self, ids: &mut Vec<u32>) {
        for _ in 0..self.images_per_picture {
            if ids.last() != Some(&self.fake) {
                ids.push(self.fake);
            }
            ids.extend(std::iter::repeat_n(self.image, self.rows));
            ids.push(self.fake);
        }
    }

    fn push_text(&self, ids: &mut Vec<u32>, text: &str, at_start: bool) -> Result<(), ProcessorError> {
        if text.is_empty() {
            return Ok(());
        }
        let tokenizer = if at_start { &self.first } else { &self.later };
        let encode = |text: &str| {
            tokenizer
                .encode_fast(text, false)
                .map_err(|error| ProcessorError::Tokenizer {
                    message: error.to_string(),
                })
        };
        let encoding = encode(text)?;
        let is_special = |id: &u32| self.specials.contains_key(id) && Some(*id) != self.unknown;
        if !encoding.get_ids().iter().any(is_special) {
            ids.extend(encoding.get_ids());
            return Ok(());
        }
        // The vocabulary of the text itself has a special token's letters in one piece: it gets them one by one.
        let mut buffer = [0; 4];
        for c in text.chars() {
            let encoding = encode(c.encode_utf8(&mut buffer))?;
            ids.extend(encoding.get_ids().iter().filter(|id| !is_special(id)));
        }
        Ok(())
    }
}

/// Finds what the tokenizer puts before every text.
fn begin(tokenizer: &Tokenizer) -> Result<Vec<u32>, String> {
    let encode = |special| {
        tokenizer
            .encode_fast("a", special)
            .map_err(|error| error.to_string())
    };
    let (with, without) = (encode(true)?, encode(false)?);
    let (with, without) = (with.get_ids(), without.get_ids());
    let at = with
        .windows(without.len().max(1))
        .position(|part| part == without);
    Ok(with[..at.unwrap_or(0)].to_vec())
}

/// A text that does not begin a prompt gets no space where the tokenizer adds one "first" only.
fn only_first_to_never(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "prepend_scheme" && value == "first" {
                    *value = "never".into();
                }
                only_first_to_never(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(only_first_to_never),
        _ => {}
    }
}
