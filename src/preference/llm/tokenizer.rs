//! The tokenizer of a chat model, from the GGUF's own metadata or from a `tokenizer.json` beside it.
//!
//! Text is encoded as text: no part of it becomes a special token, whatever it spells. Only a rendered chat template is
//! searched for special tokens ([`ChatTokenizer::template`]).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::normalizers::{NormalizerWrapper, Replace};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::{SplitDelimiterBehavior, Tokenizer};
use toktrie::{TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

use super::LlmError;
use super::gguf::Metadata;

/// What stands for a space in SentencePiece vocabularies.
const SPACE: char = '▁';
/// Names of tokens that end an answer in the families that are read.
const ENDS: [&str; 6] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<|end|>",
    "<|endoftext|>",
];
/// How Qwen 2 and 3 cut text into words.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// How Llama 3 does.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Kinds of tokens in `tokenizer.ggml.token_type`.
mod kind {
    pub(super) const UNKNOWN: usize = 2;
    pub(super) const CONTROL: usize = 3;
    pub(super) const USER_DEFINED: usize = 4;
    pub(super) const UNUSED: usize = 5;
}

/// Encodes text, and knows the bytes of every token.
pub(super) struct ChatTokenizer {
    env: Arc<Env>,
    /// Special tokens, the longest first.
    specials: Vec<(String, u32)>,
    /// The token that begins a text, where the model wants one.
    bos: Option<u32>,
    /// A space belongs before text that follows a special token.
    space_prefix: bool,
    ends: Vec<u32>,
    /// Text of the first and of the end token, which templates ask for.
    pub(super) bos_text: String,
    pub(super) eos_text: String,
}

/// The trie of all tokens, with the tokenizer that tells how text is usually cut.
struct Env {
    trie: TokTrie,
    inner: Tokenizer,
}

impl Env {
    fn encode(&self, text: &str) -> Vec<u32> {
        // An encoder without post-processor and special tokens fails on nothing but a broken vocabulary, for which the
        // trie finds some way to write the text.
        match self.inner.encode_fast(text, false) {
            Ok(encoding) => encoding.get_ids().to_vec(),
            Err(_) => self.trie.greedy_tokenize(text.as_bytes()),
        }
    }
}

impl TokenizerEnv for Env {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.trie
            .tokenize_with_greedy_fallback(bytes, |text| self.encode(text))
    }
}

/// What is left of a tokenizer once its parts are read.
struct Parts {
    inner: Tokenizer,
    /// Text and id of every special token.
    specials: Vec<(String, u32)>,
    /// Bytes of every token; specials have none of their own.
    bytes: Vec<Vec<u8>>,
}

impl ChatTokenizer {
    /// Reads the tokenizer for a model whose vocabulary has `words` entries: from `tokenizer.json` in the model's folder if
    /// there is one, else from the metadata.
    ///
    /// # Errors
    /// When it is of a kind that is not read, or lacks a part.
    pub(super) fn load(metadata: &Metadata<'_>, words: usize) -> Result<Self, LlmError> {
        let beside = metadata.path.with_file_name("tokenizer.json");
        let mut parts = match beside.exists() {
            true => from_json(&beside)?,
            false => from_metadata(metadata)?,
        };
        if parts.bytes.len() > words {
            let found = parts.bytes.len();
            return Err(metadata.invalid(format!(
                "the tokenizer has {found} tokens, the model's vocabulary only {words}"
            )));
        }
        parts.bytes.resize(words, Vec::new());
        let id = |key: &str| {
            metadata
                .number(key)
                .filter(|id| *id < words)
                .and_then(|id| u32::try_from(id).ok())
        };
        let named = |name: &str| {
            parts
                .specials
                .iter()
                .find(|(text, _)| text == name)
                .map(|it| it.1)
        };
        let mut ends: Vec<u32> = ["eos", "eot", "eom"]
            .iter()
            .filter_map(|name| id(&format!("tokenizer.ggml.{name}_token_id")))
            .chain(ENDS.iter().filter_map(|name| named(name)))
            .collect();
        ends.dedup();
        let Some(&eos) = ends.first() else {
            return Err(metadata.invalid("`tokenizer.ggml.eos_token_id` is missing"));
        };
        let bos = id("tokenizer.ggml.bos_token_id");
        for (text, id) in &parts.specials {
            if let Some(bytes) = parts.bytes.get_mut(*id as usize) {
                *bytes = [&[TokTrie::SPECIAL_TOKEN_MARKER], text.as_bytes()].concat();
            }
        }
        let info = TokRxInfo::new(u32::try_from(words).unwrap_or(u32::MAX), eos);
        let trie = TokTrie::from(&info, &parts.bytes).with_eos_tokens(&ends);
        let mut specials = parts.specials;
        let text = |wanted: Option<u32>| {
            specials
                .iter()
                .find(|(_, id)| Some(*id) == wanted)
                .map(|(text, _)| text.clone())
                .unwrap_or_default()
        };
        let (bos_text, eos_text) = (text(bos), text(Some(eos)));
        specials.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let spm = metadata.text("tokenizer.ggml.model") == Some("llama");
        Ok(Self {
            env: Arc::new(Env {
                trie,
                inner: parts.inner,
            }),
            specials,
            bos: bos.filter(|_| metadata.flag("tokenizer.ggml.add_bos_token").unwrap_or(spm)),
            space_prefix: metadata.flag("tokenizer.ggml.add_space_prefix").unwrap_or(spm),
            ends,
            bos_text,
            eos_text,
        })
    }

    /// Encodes text; nothing in it becomes a special token.
    pub(super) fn text(&self, text: &str) -> Vec<u32> {
        self.env.encode(text)
    }

    /// Encodes a part of a rendered chat template, in which special tokens are what they spell.
    pub(super) fn template(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let next = self
                .specials
                .iter()
                .filter_map(|(special, id)| rest.find(special.as_str()).map(|at| (at, special, *id)))
                .min_by_key(|(at, special, _)| (*at, std::cmp::Reverse(special.len())));
            let plain = &rest[..next.map_or(rest.len(), |(at, ..)| at)];
            if !plain.is_empty() {
                let prefix = if self.space_prefix { " " } else { "" };
                ids.extend(self.text(&format!("{prefix}{plain}")));
            }
            let Some((at, special, id)) = next else { break };
            ids.push(id);
            rest = &rest[at + special.len()..];
        }
        ids
    }

    /// Puts the token that begins a text before these, where the model wants one and it is not there.
    pub(super) fn begun(&self, mut ids: Vec<u32>) -> Vec<u32> {
        if let Some(bos) = self.bos.filter(|bos| ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        ids
    }

    /// Tells whether a token ends an answer.
    pub(super) fn is_end(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    /// Turns tokens into text.
    pub(super) fn decode(&self, ids: &[u32]) -> String {
        String::from_utf8_lossy(&self.env.trie.decode(ids)).into_owned()
    }

    /// Returns what constrained decoding needs.
    pub(super) fn env(&self) -> TokEnv {
        Arc::clone(&self.env) as TokEnv
    }
}

/// Builds the tokenizer from the metadata of a GGUF file.
fn from_metadata(metadata: &Metadata<'_>) -> Result<Parts, LlmError> {
    let beside = "put the model's tokenizer.json beside it";
    let tokens = metadata
        .texts("tokenizer.ggml.tokens")
        .ok_or_else(|| metadata.invalid(format!("`tokenizer.ggml.tokens` is missing; {beside}")))?;
    let kinds = metadata.numbers("tokenizer.ggml.token_type");
    let kind = |id: usize| kinds.get(id).copied().unwrap_or(1);
    let vocabulary: Vocab = (0u32..)
        .zip(&tokens)
        .map(|(id, token)| (token.clone(), id))
        .collect();
    let broken = |error: tokenizers::Error| metadata.invalid(format!("the tokenizer is broken: {error}"));
    let model = metadata.text("tokenizer.ggml.model").unwrap_or_default();
    let byte_level = model == "gpt2";
    let inner = match model {
        "gpt2" => {
            let merges = metadata
                .texts("tokenizer.ggml.merges")
                .unwrap_or_default()
                .iter()
                .filter_map(|merge| merge.split_once(' '))
                .map(|(left, right)| (left.to_owned(), right.to_owned()))
                .collect();
            let pre = metadata.text("tokenizer.ggml.pre").unwrap_or("default");
            let (cuts, ignore_merges): (Vec<PreTokenizerWrapper>, bool) = match pre {
                "qwen2" => (vec![split(QWEN2)?, bytes(false)], false),
                "llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" => {
                    (vec![split(LLAMA3)?, bytes(false)], true)
                }
                "smollm" => (vec![Digits::new(true).into(), bytes(true)], false),
                "gpt-2" | "default" => (vec![bytes(true)], false),
                other => {
                    return Err(metadata.invalid(format!(
                        "`tokenizer.ggml.pre` is {other:?}, which is not known; {beside}"
                    )));
                }
            };
            let bpe = BPE::builder()
                .vocab_and_merges(vocabulary, merges)
                .ignore_merges(ignore_merges)
                .build()
                .map_err(broken)?;
            let mut inner = Tokenizer::new(bpe);
            inner.with_pre_tokenizer(Some(Sequence::new(cuts)));
            if pre == "qwen2" {
                inner.with_normalizer(Some(NFC)).map_err(broken)?;
            }
            inner
        }
        "llama" => {
            let merges = merges_by_score(&tokens, &metadata.reals("tokenizer.ggml.scores"), &vocabulary);
            let unknown = (0..tokens.len()).find(|id| kind(*id) == kind::UNKNOWN);
            let mut builder = BPE::builder()
                .vocab_and_merges(vocabulary, merges)
                .byte_fallback(true)
                .fuse_unk(true);
            if let Some(unknown) = unknown {
                builder = builder.unk_token(tokens[unknown].clone());
            }
            let mut inner = Tokenizer::new(builder.build().map_err(broken)?);
            let spaces: NormalizerWrapper = Replace::new(" ", SPACE.to_string()).map_err(broken)?.into();
            inner.with_normalizer(Some(spaces)).map_err(broken)?;
            inner
        }
        other => {
            return Err(metadata.invalid(format!(
                "`tokenizer.ggml.model` is {other:?}, read are \"gpt2\" and \"llama\"; {beside}"
            )));
        }
    };
    let is_special = |id: usize| {
        matches!(
            kind(id),
            kind::CONTROL | kind::USER_DEFINED | kind::UNKNOWN | kind::UNUSED
        )
    };
    let letters = byte_letters();
    Ok(Parts {
        inner,
        specials: (0u32..)
            .zip(&tokens)
            .filter(|(id, token)| is_special(*id as usize) && !token.is_empty())
            .map(|(id, token)| (token.clone(), id))
            .collect(),
        bytes: tokens
            .iter()
            .map(|token| token_bytes(token, byte_level, &letters))
            .collect(),
    })
}

/// Reads a `tokenizer.json`. Its added tokens are taken out of the encoder, which would find them in any text.
fn from_json(path: &Path) -> Result<Parts, LlmError> {
    let invalid = |problem: String| LlmError::Invalid {
        path: path.to_owned(),
        problem,
    };
    let text = std::fs::read(path).map_err(|source| LlmError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut json: Value = serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
    if json["model"]["type"].as_str() != Some("BPE") {
        return Err(invalid(format!(
            "the tokenizer is of the kind {}, only BPE is read",
            json["model"]["type"]
        )));
    }
    let mut specials = Vec::new();
    for token in json["added_tokens"].as_array().into_iter().flatten() {
        if let (Some(content), Some(id)) = (token["content"].as_str(), token["id"].as_u64()) {
            specials.push((content.to_owned(), u32::try_from(id).unwrap_or(u32::MAX)));
        }
    }
    json["added_tokens"] = Value::Array(Vec::new());
    json["post_processor"] = Value::Null;
    let byte_level = json["decoder"].to_string().contains("\"ByteLevel\"");
    let mut bytes = Vec::new();
    let letters = byte_letters();
    let plain = json["model"]["vocab"].as_object().into_iter().flatten();
    let plain = plain.filter_map(|(token, id)| Some((token.as_str(), usize::try_from(id.as_u64()?).ok()?)));
    let added = specials.iter().map(|(token, id)| (token.as_str(), *id as usize));
    for (token, id) in plain.chain(added) {
        if bytes.len() <= id {
            bytes.resize(id + 1, Vec::new());
        }
        bytes[id] = token_bytes(token, byte_level, &letters);
    }
    let inner = serde_json::to_vec(&json)
        .map_err(|error| invalid(error.to_string()))
        .and_then(|json| Tokenizer::from_bytes(json).map_err(|error| invalid(error.to_string())))?;
    Ok(Parts {
        inner,
        specials,
        bytes,
    })
}

fn split(pattern: &str) -> Result<PreTokenizerWrapper, LlmError> {
    let pattern = SplitPattern::Regex(pattern.to_owned());
    Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
        .map(Into::into)
        .map_err(|error| LlmError::Failed(error.to_string()))
}

fn bytes(with_words: bool) -> PreTokenizerWrapper {
    ByteLevel::new(false, false, with_words).into()
}

/// The merges of a SentencePiece vocabulary, which has scores instead: every pair of tokens whose join is a token, the
/// best-scored join first. As transformers converts such vocabularies.
fn merges_by_score(tokens: &[String], scores: &[f32], vocabulary: &Vocab) -> Vec<(String, String)> {
    let mut merges = Vec::new();
    for (id, token) in tokens.iter().enumerate() {
        let score = scores.get(id).copied().unwrap_or(0.0);
        let mut pairs: Vec<(u32, u32, &str, &str)> = token
            .char_indices()
            .skip(1)
            .filter_map(|(at, _)| {
                let (left, right) = token.split_at(at);
                Some((*vocabulary.get(left)?, *vocabulary.get(right)?, left, right))
            })
            .collect();
        pairs.sort_unstable();
        merges.extend(pairs.into_iter().map(|(_, _, left, right)| (score, left, right)));
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0));
    merges
        .into_iter()
        .map(|(_, left, right)| (left.to_owned(), right.to_owned()))
        .collect()
}

/// The byte that each letter of a byte-level vocabulary stands for (GPT-2's table).
fn byte_letters() -> HashMap<char, u8> {
    let plain = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let others = (0..=255u8).filter(|byte| !plain(byte));
    let shown = (256u32..).filter_map(char::from_u32).zip(others);
    let same = (0..=255u8).filter(plain).map(|byte| (char::from(byte), byte));
    same.chain(shown).collect()
}

/// The bytes that a token of the vocabulary writes.
fn token_bytes(token: &str, byte_level: bool, letters: &HashMap<char, u8>) -> Vec<u8> {
    if byte_level {
        let bytes: Option<Vec<u8>> = token
            .chars()
            .map(|letter| letters.get(&letter).copied())
            .collect();
        return bytes.unwrap_or_else(|| token.as_bytes().to_vec());
    }
    let byte = token
        .strip_prefix("<0x")
        .and_then(|rest| rest.strip_suffix('>'))
        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
    match byte {
        Some(byte) => vec![byte],
        None => token.replace(SPACE, " ").into_bytes(),
    }
}
