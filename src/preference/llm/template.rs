//! The chat template of a model, rendered around a place that is left open for data.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, context};
use minijinja_contrib::pycompat;

use super::LlmError;
use super::tokenizer::ChatTokenizer;

/// Stands where data goes. No template and no instruction has it, and templates that trim messages leave it alone.
const HOLE: &str = "\u{f8ff}DATA\u{f8ff}";

/// The day that templates are told it is, so that a comment is read the same every day.
const DAY: [(&str, &str); 6] = [
    ("%Y", "2025"),
    ("%m", "01"),
    ("%d", "01"),
    ("%b", "Jan"),
    ("%B", "January"),
    ("%A", "Wednesday"),
];

/// One example of the conversation: what a user said, and the answer wanted.
pub(super) struct Example<'a> {
    pub(super) said: &'a str,
    pub(super) answer: &'a str,
}

/// A conversation up to the answer, in tokens, with a hole for the data of its last message.
#[derive(Debug, Clone)]
pub(super) struct Prompt {
    pub(super) before: Vec<u32>,
    pub(super) after: Vec<u32>,
}

impl Prompt {
    /// Renders instruction, examples and the open last message in a model's own template.
    ///
    /// # Errors
    /// When the template is not valid, refuses the conversation, or does not show the last message once.
    pub(super) fn render(
        template: &str,
        tokenizer: &ChatTokenizer,
        instruction: &str,
        examples: &[Example<'_>],
    ) -> Result<Self, LlmError> {
        let mut messages = Vec::new();
        for (index, example) in examples.iter().enumerate() {
            // Not every template knows a system message; all take an instruction from the user.
            let said = match index {
                0 => format!("{instruction}\n\n{}", example.said),
                _ => example.said.to_owned(),
            };
            messages.push(context! { role => "user", content => said });
            messages.push(context! { role => "assistant", content => example.answer });
        }
        messages.push(context! { role => "user", content => HOLE });

        let mut environment = Environment::new();
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|error| LlmError::Template(error.to_string()))?,
        );
        environment.set_unknown_method_callback(pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |format: String| {
            DAY.iter()
                .fold(format, |format, (code, value)| format.replace(code, value))
        });
        let rendered = environment
            .render_str(
                template,
                context! {
                    messages,
                    add_generation_prompt => true,
                    bos_token => tokenizer.bos_text.clone(),
                    eos_token => tokenizer.eos_text.clone(),
                    // Qwen 3: an answer without thinking aloud, for which the grammar has no place.
                    enable_thinking => false,
                },
            )
            .map_err(|error| LlmError::Template(error.to_string()))?;
        let parts: Vec<&str> = rendered.split(HOLE).collect();
        let [before, after] = parts[..] else {
            return Err(LlmError::Template(
                "it does not show the last message exactly once".into(),
            ));
        };
        Ok(Self {
            before: tokenizer.begun(tokenizer.template(before)),
            after: tokenizer.template(after),
        })
    }
}
