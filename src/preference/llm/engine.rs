//! A loaded chat model: prompts go in, constrained answers and chances of words come out.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::gguf_file::Content;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::InferenceCapabilities;
use llguidance::{Matcher, ParserFactory};

use super::LlmError;
use super::decoder::{Cache, Decoder};
use super::gguf::Metadata;
use super::template::{Example, Prompt};
use super::tokenizer::ChatTokenizer;

/// Most tokens of a conversation, if the model can hold as many: a window of a script that the tokenizer spells byte by
/// byte fits.
const POSITIONS: usize = 4096;

/// A model, its tokenizer and its template.
pub(super) struct Engine {
    decoder: Decoder,
    pub(super) tokenizer: ChatTokenizer,
    template: String,
    grammars: ParserFactory,
}

/// A conversation whose fixed part was run already.
pub(super) struct Begun {
    after: Vec<u32>,
    cache: Cache,
}

impl Engine {
    /// Loads a GGUF file.
    ///
    /// # Errors
    /// When the file is missing, broken, of an architecture that is not read, or has no chat template.
    pub(super) fn load(path: &Path, device: &Device) -> Result<Self, LlmError> {
        let file = File::open(path).map_err(|source| LlmError::Read {
            path: path.to_owned(),
            source,
        })?;
        let content = Content::read(&mut BufReader::new(file)).map_err(|error| LlmError::Invalid {
            path: path.to_owned(),
            problem: format!("it is no GGUF file: {error}"),
        })?;
        let metadata = Metadata {
            content: &content,
            path,
        };
        let decoder = Decoder::load(path, &content, metadata.sizes()?, POSITIONS, device)?;
        let tokenizer = ChatTokenizer::load(&metadata, decoder.words())?;
        let template = metadata
            .text("tokenizer.chat_template")
            .ok_or_else(|| metadata.invalid("it has no chat template; take an instruct model"))?
            .to_owned();
        let capabilities = InferenceCapabilities {
            ff_tokens: true,
            ..InferenceCapabilities::default()
        };
        let mut grammars = ParserFactory::new(&tokenizer.env(), capabilities, &[]).map_err(failed)?;
        grammars.quiet();
        Ok(Self {
            decoder,
            tokenizer,
            template,
            grammars,
        })
    }

    /// Runs the fixed part of a conversation once.
    ///
    /// # Errors
    /// When the template refuses it, or it does not fit.
    pub(super) fn begin(&self, instruction: &str, examples: &[Example<'_>]) -> Result<Begun, LlmError> {
        let prompt = Prompt::render(&self.template, &self.tokenizer, instruction, examples)?;
        let mut cache = Cache::default();
        if !prompt.before.is_empty() {
            self.decoder.forward(&prompt.before, &mut cache)?;
        }
        Ok(Begun {
            after: prompt.after,
            cache,
        })
    }

    /// Lets the model answer in a language, the likeliest word at each step; at most `most` tokens.
    ///
    /// The answer is in the language, or the beginning of a text that is.
    ///
    /// # Errors
    /// When the data does not fit into the model's context, or the model or the grammar fails.
    pub(super) fn answer(
        &self,
        begun: &Begun,
        data: &str,
        grammar: TopLevelGrammar,
        most: usize,
    ) -> Result<String, LlmError> {
        let mut matcher = Matcher::new(self.grammars.create_parser(grammar));
        let mut cache = begun.cache.clone();
        let mut next = self.tokenizer.text(data);
        next.extend(&begun.after);
        if cache.len() + next.len() > self.decoder.positions() {
            return Err(LlmError::Failed(format!(
                "a part of the comment has {} tokens, which do not fit into the model's context of {}",
                next.len(),
                self.decoder.positions()
            )));
        }
        let mut answer = Vec::new();
        while answer.len() < most && cache.len() + next.len() <= self.decoder.positions() {
            let logits = self.decoder.forward(&next, &mut cache)?;
            let mask = matcher.compute_mask().map_err(stuck)?;
            let best = (0u32..)
                .zip(&logits)
                .filter(|(id, _)| mask.is_allowed(*id))
                .max_by(|a, b| a.1.total_cmp(b.1));
            let Some((token, _)) = best else {
                return Err(LlmError::Failed("the grammar allows no token".into()));
            };
            if self.tokenizer.is_end(token) {
                break;
            }
            matcher.consume_token(token).map_err(stuck)?;
            next = vec![token];
            next.extend(matcher.consume_ff_tokens());
            answer.extend(&next);
            if matcher.is_stopped() {
                break;
            }
        }
        answer.truncate(most);
        Ok(self.tokenizer.decode(&answer))
    }

    /// Returns how likely the answer begins with each of these words, as logarithms that compare with one another.
    ///
    /// # Errors
    /// When the model fails or two words begin with the same token.
    pub(super) fn chances<const N: usize>(
        &self,
        begun: &Begun,
        data: &str,
        words: [&str; N],
    ) -> Result<[f32; N], LlmError> {
        let mut cache = begun.cache.clone();
        let mut tokens = self.tokenizer.text(data);
        tokens.extend(&begun.after);
        let logits = self.decoder.forward(&tokens, &mut cache)?;
        let mut seen = Vec::new();
        let mut chances = [0.0; N];
        for (chance, word) in chances.iter_mut().zip(words) {
            let first = self.tokenizer.text(word).first().copied();
            let Some(first) = first.filter(|first| !seen.contains(first)) else {
                return Err(LlmError::Failed(format!(
                    "the model's tokenizer cannot tell the words {words:?} apart by their first token"
                )));
            };
            seen.push(first);
            *chance = logits.get(first as usize).copied().unwrap_or(f32::NEG_INFINITY);
        }
        Ok(chances)
    }
}

fn failed(error: impl std::fmt::Display) -> LlmError {
    LlmError::Failed(error.to_string())
}

/// Keeps the details, which may quote the comment, out of all but the debug log.
fn stuck(error: impl std::fmt::Display) -> LlmError {
    tracing::debug!(%error, "constrained decoding failed");
    LlmError::Failed("constrained decoding failed; the log has more at level debug".into())
}
