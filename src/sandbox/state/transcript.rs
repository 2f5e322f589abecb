//! A channel as readable text, for errors and for people.

use std::fmt::Write as _;

use crate::id::ChannelId;
use crate::model::{Component, Message};
use crate::state::World;

/// Longest text of one message that a transcript shows.
const SHOWN_CHARACTERS: usize = 400;

impl World {
    /// Writes every channel that anything was said in.
    pub(crate) fn transcripts(&self) -> String {
        let used = self
            .channels
            .values()
            .filter(|channel| !channel.messages.is_empty());
        let of_channel = |id| {
            let name = self.channel_view(id).map(|view| view.name).unwrap_or_default();
            format!("{name}:\n{}", self.transcript(id))
        };
        used.map(|channel| of_channel(channel.id)).collect()
    }

    /// Writes a channel's messages, one paragraph each, oldest first.
    pub(crate) fn transcript(&self, channel: ChannelId) -> String {
        let mut text = String::new();
        for message in self.messages_in(channel) {
            self.write_message(&mut text, message);
        }
        for modal in self.interactions.values().filter_map(|it| it.modal.as_ref()) {
            if modal.channel_id == channel {
                let _ = writeln!(text, "  [modal open] {} ({})", modal.title, modal.custom_id);
            }
        }
        if text.is_empty() {
            text.push_str("  (no messages)\n");
        }
        text
    }

    fn write_message(&self, out: &mut String, message: &Message) {
        // Writing to a String cannot fail.
        let _ = write!(out, "  {}", message.author.name);
        if let Some(only) = message.visible_to.and_then(|id| self.users.get(&id)) {
            let _ = write!(out, " (only to {})", only.name);
        }
        if message.edits > 0 {
            let _ = write!(out, " (edited {}×)", message.edits);
        }
        let words = message.text();
        let shown: String = words.chars().take(SHOWN_CHARACTERS).collect();
        let cut = if shown.len() < words.len() { "…" } else { "" };
        let thinking = if message.is_thinking() {
            "(is thinking…)"
        } else {
            ""
        };
        let _ = writeln!(out, ": {}{cut}{thinking}", shown.replace('\n', "\n      "));
        for file in &message.attachments {
            let _ = writeln!(
                out,
                "      [file] {} ({} bytes, {})",
                file.filename, file.size, file.content_type
            );
        }
        for part in message.parts() {
            let off = if part.disabled() { ", disabled" } else { "" };
            let id = part.custom_id().unwrap_or("link");
            let (kind, label) = match part {
                Component::Button(button) => ("button", button.label.as_deref()),
                Component::Select(select) => ("select", select.placeholder.as_deref()),
            };
            let _ = writeln!(out, "      [{kind}] {} ({id}{off})", label.unwrap_or_default());
        }
        for reaction in &message.reactions {
            let _ = writeln!(
                out,
                "      [reaction] {} ×{}",
                reaction.emoji,
                reaction.users.len()
            );
        }
    }
}
