//! Text out of tokens, while they come.

use tokenizers::Tokenizer;

/// Tokens that may wait for the rest of a character: none is made of more bytes than four.
const MAX_WAITING: usize = 8;
/// What a decoder shows for bytes that are no character, or not yet one.
const REPLACEMENT: char = '\u{fffd}';

/// Turns tokens into text as they come, whole characters only.
///
/// One character may be made of several tokens (bytes), and a token's text may depend on the one before it (spaces), so
/// pieces are cut from the text of a few tokens together. All pieces put together are the text of all tokens, as far as its
/// bytes are characters.
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    skip_special_tokens: bool,
    /// Tokens whose text is given out already, kept as what comes before, then the waiting ones.
    window: Vec<u32>,
    given: usize,
}

impl<'a> TextStream<'a> {
    /// Begins a text. Special tokens have no text where they are skipped.
    pub fn new(tokenizer: &'a Tokenizer, skip_special_tokens: bool) -> TextStream<'a> {
        TextStream {
            tokenizer,
            skip_special_tokens,
            window: Vec::new(),
            given: 0,
        }
    }

    /// Adds a token and returns the text that is certain now; often empty while a character is incomplete.
    ///
    /// # Errors
    ///
    /// What the tokenizer's decoder reports.
    pub fn push(&mut self, token: u32) -> Result<String, tokenizers::Error> {
        self.window.push(token);
        let waiting = self.window.len() - self.given;
        let text = self.decode(&self.window)?;
        if text.ends_with(REPLACEMENT) && waiting < MAX_WAITING {
            return Ok(String::new());
        }
        self.give(&text)
    }

    /// Returns what is left: bytes that never became a character, shown as U+FFFD.
    ///
    /// # Errors
    ///
    /// What the tokenizer's decoder reports.
    pub fn finish(mut self) -> Result<String, tokenizers::Error> {
        let text = self.decode(&self.window)?;
        self.give(&text)
    }

    fn give(&mut self, text: &str) -> Result<String, tokenizers::Error> {
        let before = self.decode(&self.window[..self.given])?;
        // Broken bytes can break what was whole before them: then they are shown by themselves.
        let new = match text.strip_prefix(&before) {
            Some(new) => new.to_owned(),
            None => self.decode(&self.window[self.given..])?,
        };
        if !new.is_empty() {
            // What was new stands before what comes next; anything earlier has no more influence.
            self.window.drain(..self.given);
            self.given = self.window.len();
        }
        Ok(new)
    }

    fn decode(&self, tokens: &[u32]) -> Result<String, tokenizers::Error> {
        self.tokenizer.decode(tokens, self.skip_special_tokens)
    }
}
