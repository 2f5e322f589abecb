//! CLIP's tokenizer: byte-level BPE on lower-cased words, from either of the forms it is published in.

use std::path::Path;

use serde_json::{Map, Value};
use tokenizers::models::bpe::{BPE, BpeBuilder};
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

use crate::config::{TextEncoderConfig, read_object};
use crate::error::{DiffusionError, Result};

/// How CLIP splits a text into words, before byte-pair merges.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Turns texts into the token sequences that one text encoder takes.
pub(crate) struct ClipTokenizer {
    tokenizer: Tokenizer,
    /// Tokens before and after every text.
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    pad: u32,
    /// Tokens of a full sequence.
    context: usize,
    /// The token of a comma that stands between words, if the vocabulary has one.
    comma: Option<u32>,
}

impl ClipTokenizer {
    /// Reads a tokenizer folder: `tokenizer.json`, or `vocab.json` with `merges.txt`. `pad_token` is what fills a sequence
    /// up if the folder's settings do not say.
    pub fn read(folder: &Path, pad_token: Option<&str>, encoder: &TextEncoderConfig) -> Result<Self> {
        let json = folder.join("tokenizer.json");
        let (vocab, merges) = (folder.join("vocab.json"), folder.join("merges.txt"));
        let tokenizer = if json.is_file() {
            Tokenizer::from_file(&json).map_err(|e| DiffusionError::malformed(&json, e))?
        } else if vocab.is_file() && merges.is_file() {
            let (vocab_text, merges_text) = (vocab.to_string_lossy(), merges.to_string_lossy());
            from_bpe(BPE::from_file(&vocab_text, &merges_text))
                .map_err(|error| DiffusionError::malformed(&vocab, error))?
        } else {
            let hint = "a tokenizer is tokenizer.json, or vocab.json with merges.txt".to_owned();
            return Err(DiffusionError::MissingFile { path: json, hint });
        };
        let mut settings = Settings::read(folder)?;
        if let Some(pad_token) = pad_token.filter(|_| !settings.names("pad_token")) {
            settings
                .config
                .insert("pad_token".to_owned(), Value::from(pad_token));
        }
        Self::new(tokenizer, &settings, encoder, folder)
    }

    /// The tokenizer that all published text encoders of Stable Diffusion were trained with, which comes with the program.
    ///
    /// `pad_token` is what fills a sequence up: the end token, or `!` for OpenCLIP's encoders.
    pub fn built_in(pad_token: &str, encoder: &TextEncoderConfig) -> Result<Self> {
        let (vocab, merges) = super::vocabulary::clip()?;
        let tokenizer = from_bpe(BPE::builder().vocab_and_merges(vocab, merges)).map_err(|error| {
            DiffusionError::Tokenizer {
                reason: error.to_string(),
            }
        })?;
        let settings = Settings {
            config: Map::from_iter([("pad_token".to_owned(), Value::from(pad_token))]),
            map: Map::new(),
        };
        Self::new(
            tokenizer,
            &settings,
            encoder,
            Path::new("CLIP's built-in vocabulary"),
        )
    }

    fn new(
        mut tokenizer: Tokenizer,
        settings: &Settings,
        encoder: &TextEncoderConfig,
        source: &Path,
    ) -> Result<Self> {
        // Texts are cut and padded here, whatever the file says.
        let _ = tokenizer.with_truncation(None);
        tokenizer.with_padding(None);

        let names = ["bos_token", "eos_token", "unk_token", "pad_token"].map(|key| settings.token(key));
        let special: Vec<_> = names
            .iter()
            .filter(|name| tokenizer.token_to_id(name).is_some())
            .map(|name| AddedToken::from(name.clone(), true))
            .collect();
        tokenizer
            .add_special_tokens(special)
            .map_err(|error| DiffusionError::Tokenizer {
                reason: error.to_string(),
            })?;
        let id = |name: &str| {
            tokenizer
                .token_to_id(name)
                .filter(|&id| (id as usize) < encoder.vocab_size)
                .ok_or_else(|| {
                    let reason = format!("special token `{name}` is not in the encoder's vocabulary");
                    DiffusionError::malformed(source, reason)
                })
        };
        // What the file itself puts around an empty text; CLIP's start and end where it does not say.
        let around = encode(&tokenizer, "", true)?;
        let (prefix, suffix) = match around.as_slice() {
            [] => (vec![id(&names[0])?], vec![id(&names[1])?]),
            [end] => (vec![], vec![*end]),
            [start, rest @ ..] => (vec![*start], rest.to_vec()),
        };
        let context = settings
            .max_length()
            .map_or(encoder.positions, |max| max.min(encoder.positions));
        if context <= prefix.len() + suffix.len() {
            let reason = format!("a context of {context} tokens leaves no room for words");
            return Err(DiffusionError::malformed(source, reason));
        }
        let comma = match encode(&tokenizer, ",", false)?.as_slice() {
            [comma] => Some(*comma),
            _ => None,
        };
        Ok(Self {
            comma,
            pad: id(&names[3])?,
            prefix,
            suffix,
            context,
            tokenizer,
        })
    }

    /// A text's own tokens: no start, end or padding, and not cut.
    pub fn content(&self, text: &str) -> Result<Vec<u32>> {
        encode(&self.tokenizer, text, false)
    }

    /// Where in a text (in bytes) each of its own tokens begins.
    pub fn places(&self, text: &str) -> Result<Vec<usize>> {
        let encoding = self.tokenizer.encode(text, false).map_err(failed)?;
        Ok(encoding.get_offsets().iter().map(|(start, _)| *start).collect())
    }

    /// The token of a comma that stands between words.
    pub fn comma(&self) -> Option<u32> {
        self.comma
    }

    /// How many tokens come before a text's own in a sequence.
    pub fn start(&self) -> usize {
        self.prefix.len()
    }

    /// Tokens of a full sequence.
    pub fn context(&self) -> usize {
        self.context
    }

    /// How many of a text's own tokens fit the context.
    pub fn room(&self) -> usize {
        self.context - self.prefix.len() - self.suffix.len()
    }

    /// Makes a full sequence of a text's own tokens: cut to fit, with start and end, padded.
    pub fn sequence(&self, content: &[u32]) -> Vec<u32> {
        let content = &content[..content.len().min(self.room())];
        let mut tokens: Vec<_> = self
            .prefix
            .iter()
            .chain(content)
            .chain(&self.suffix)
            .copied()
            .collect();
        tokens.resize(self.context, self.pad);
        tokens
    }
}

fn encode(tokenizer: &Tokenizer, text: &str, add_special: bool) -> Result<Vec<u32>> {
    let encoding = tokenizer.encode_fast(text, add_special).map_err(failed)?;
    Ok(encoding.get_ids().to_vec())
}

fn failed(error: tokenizers::Error) -> DiffusionError {
    DiffusionError::Tokenizer {
        reason: error.to_string(),
    }
}

/// Builds the tokenizer that transformers' CLIPTokenizer builds from a vocabulary and merges.
fn from_bpe(builder: BpeBuilder) -> tokenizers::Result<Tokenizer> {
    let bpe = builder
        .end_of_word_suffix("</w>".to_owned())
        .unk_token("<|endoftext|>".to_owned())
        .build()?;
    let mut tokenizer = Tokenizer::new(bpe);
    tokenizer.with_normalizer(Some(Normalizers::new(vec![
        NormalizerWrapper::NFC(NFC),
        NormalizerWrapper::Replace(Replace::new(
            tokenizers::normalizers::replace::ReplacePattern::Regex(r"\s+".into()),
            " ",
        )?),
        NormalizerWrapper::Lowercase(Lowercase),
    ])))?;
    let split = Split::new(
        SplitPattern::Regex(WORDS.to_owned()),
        SplitDelimiterBehavior::Removed,
        true,
    )?;
    tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(vec![
        PreTokenizerWrapper::Split(split),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true)),
    ])));
    Ok(tokenizer)
}

/// `tokenizer_config.json` and `special_tokens_map.json`, either of which may be absent.
struct Settings {
    config: Map<String, Value>,
    map: Map<String, Value>,
}

impl Settings {
    fn read(folder: &Path) -> Result<Self> {
        let optional = |name: &str| {
            let path = folder.join(name);
            if path.is_file() {
                read_object(&path)
            } else {
                Ok(Map::new())
            }
        };
        Ok(Self {
            config: optional("tokenizer_config.json")?,
            map: optional("special_tokens_map.json")?,
        })
    }

    /// Whether one of the files names a special token.
    fn names(&self, key: &str) -> bool {
        [&self.config, &self.map]
            .iter()
            .any(|settings| settings.get(key).is_some_and(|value| !value.is_null()))
    }

    /// A special token's text; both files write it as a string or as an object.
    fn token(&self, key: &str) -> String {
        let text = |value: &Value| {
            value
                .as_str()
                .or_else(|| value.get("content").and_then(Value::as_str))
                .map(str::to_owned)
        };
        let default = if key == "bos_token" {
            "<|startoftext|>"
        } else {
            "<|endoftext|>"
        };
        let found = self
            .config
            .get(key)
            .and_then(text)
            .or_else(|| self.map.get(key).and_then(text));
        found.unwrap_or_else(|| default.to_owned())
    }

    /// The longest sequence, unless the file holds transformers' "no limit" (a huge number).
    fn max_length(&self) -> Option<usize> {
        let length = self.config.get("model_max_length")?.as_f64()?;
        (1.0..1e6).contains(&length).then_some(length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vocabulary of single bytes with and without word end, two merges, and CLIP's special tokens.
    pub(super) fn write_vocabulary(folder: &Path) -> usize {
        let mut tokens: Vec<String> = Vec::new();
        for letter in ('a'..='z').chain(['!', ',', '.']) {
            tokens.push(letter.to_string());
            tokens.push(format!("{letter}</w>"));
        }
        tokens.extend(["ca", "cat</w>", "<|startoftext|>", "<|endoftext|>"].map(str::to_owned));
        let vocab: Map<String, Value> = tokens
            .iter()
            .enumerate()
            .map(|(i, token)| (token.clone(), Value::from(i)))
            .collect();
        std::fs::write(folder.join("vocab.json"), Value::Object(vocab).to_string()).unwrap();
        std::fs::write(folder.join("merges.txt"), "#version: 0.2\nc a\nca t</w>\n").unwrap();
        tokens.len()
    }

    fn encoder(vocab_size: usize, positions: usize) -> TextEncoderConfig {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let text = format!(r#"{{"vocab_size": {vocab_size}, "max_position_embeddings": {positions}}}"#);
        std::fs::write(&path, text).unwrap();
        TextEncoderConfig::read(&path).unwrap()
    }

    #[test]
    fn words_are_lower_cased_merged_and_framed() {
        let folder = tempfile::tempdir().unwrap();
        let size = write_vocabulary(folder.path());
        let tokenizer = ClipTokenizer::read(folder.path(), None, &encoder(size, 8)).unwrap();
        let (start, end) = (size as u32 - 2, size as u32 - 1);
        let cat = size as u32 - 3;
        assert_eq!(tokenizer.content("A  CAT").unwrap(), [1, cat]);
        assert_eq!(
            tokenizer.sequence(&[1, cat]),
            [start, 1, cat, end, end, end, end, end]
        );
        // Cut so that the end token stays.
        assert_eq!(tokenizer.sequence(&[1; 20]), [start, 1, 1, 1, 1, 1, 1, end]);
    }

    #[test]
    fn the_pad_token_and_length_come_from_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let size = write_vocabulary(folder.path());
        let settings = r#"{"pad_token": {"content": "!"}, "model_max_length": 5}"#;
        std::fs::write(folder.path().join("tokenizer_config.json"), settings).unwrap();
        let tokenizer = ClipTokenizer::read(folder.path(), None, &encoder(size, 77)).unwrap();
        let bang = 2 * 26;
        assert_eq!(tokenizer.sequence(&[1])[3..], [bang, bang]);
        // Being special, it stands for itself in a text too.
        assert_eq!(tokenizer.content("a!").unwrap(), [1, bang]);
    }

    #[test]
    fn a_folder_without_tokenizer_is_an_error_that_says_what_would_do() {
        let folder = tempfile::tempdir().unwrap();
        let message = ClipTokenizer::read(folder.path(), None, &encoder(10, 8))
            .err()
            .unwrap()
            .to_string();
        assert!(message.contains("merges.txt"));
    }
}
