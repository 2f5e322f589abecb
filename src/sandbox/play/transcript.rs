//! Writing down a conversation: `transcript.json` and every picture of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::id::{MessageId, UserId};
use crate::model::{Attachment, Component, Message};
use crate::play::error::PlayError;
use crate::play::recorder::Seen;
use crate::sandbox::Sandbox;

/// A step that was done.
#[derive(Debug)]
pub(super) struct Deed {
    /// A number of the same sequence as the messages' ids, for the order of both.
    pub(super) order: u64,
    pub(super) at: Timestamp,
    pub(super) step: usize,
    pub(super) line: usize,
    pub(super) what: String,
    pub(super) details: Value,
}

/// A played conversation.
#[derive(Debug)]
pub struct Recording {
    pub(super) title: String,
    pub(super) script: String,
    pub(super) started: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) failure: Option<String>,
    pub(super) deeds: Vec<Deed>,
    pub(super) captured: HashMap<String, Message>,
    pub(super) seen: BTreeMap<MessageId, Seen>,
    pub(super) sandbox: Sandbox,
}

impl Recording {
    /// Writes `transcript.json` and the files of all messages into a folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When the folder or a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), PlayError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| PlayError::Write { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let files = self.name_files();
        for (bytes, name) in &files {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(failed(&path))?;
        }
        let path = folder.join("transcript.json");
        let text = format!("{:#}\n", self.to_json(&files));
        std::fs::write(&path, text).map_err(failed(&path))
    }

    /// Gives every file a readable name of its own; equal ones share a name. Files of earlier versions (previews of a
    /// picture in the making) count only if they were captured.
    fn name_files(&self) -> HashMap<Arc<[u8]>, String> {
        let mut names = HashMap::new();
        let mut taken = HashSet::new();
        let mut name = |file: &Attachment, number: usize, label: Option<&str>| {
            if names.contains_key(&file.bytes) {
                return;
            }
            let (stem, extension) = file.filename.rsplit_once('.').unwrap_or((&file.filename, "bin"));
            let stem = label.unwrap_or(stem);
            let mut candidate = format!("{number:02}-{stem}.{extension}");
            for copy in 2.. {
                if taken.insert(candidate.clone()) {
                    break;
                }
                candidate = format!("{number:02}-{stem}-{copy}.{extension}");
            }
            names.insert(Arc::clone(&file.bytes), candidate);
        };
        for (index, (id, seen)) in self.seen.iter().enumerate() {
            for (label, captured) in self.captured.iter().filter(|(_, captured)| captured.id == *id) {
                captured
                    .attachments
                    .iter()
                    .for_each(|file| name(file, index + 1, Some(label)));
            }
            seen.message
                .attachments
                .iter()
                .for_each(|file| name(file, index + 1, None));
        }
        names
    }

    fn to_json(&self, files: &HashMap<Arc<[u8]>, String>) -> Value {
        let deeds = self.deeds.iter().map(|deed| {
            let mut entry = json!({"kind": "step", "at_ms": self.at(deed.at), "step": deed.step, "line": deed.line, "what": deed.what});
            merge(&mut entry, deed.details.clone());
            (deed.order, entry)
        });
        let messages = self
            .seen
            .iter()
            .map(|(id, seen)| (id.0, self.message(seen, files)));
        let mut timeline: Vec<_> = deeds.chain(messages).collect();
        timeline.sort_by_key(|(order, _)| *order);
        json!({
            "title": self.title,
            "script": self.script,
            "ok": self.failure.is_none(),
            "failure": self.failure,
            "started_at": self.started,
            "duration_ms": self.at(self.ended),
            "timeline": timeline.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>(),
        })
    }

    fn at(&self, moment: Timestamp) -> u64 {
        moment.0.saturating_sub(self.started.0)
    }

    fn name_of(&self, user: UserId) -> String {
        match self.sandbox.user_by_id(user) {
            Some(user) => user.name(),
            None => self.sandbox.bot_name(),
        }
    }

    fn message(&self, seen: &Seen, files: &HashMap<Arc<[u8]>, String>) -> Value {
        let message = &seen.message;
        let place = self
            .sandbox
            .channel(message.channel_id)
            .map(|channel| match channel.recipient {
                Some(recipient) => format!("DM of {}", self.name_of(recipient)),
                None => format!("#{}", channel.name),
            });
        let captured = self
            .captured
            .iter()
            .filter(|(_, captured)| captured.id == message.id);
        let mut captured: Vec<_> = captured.map(|(name, _)| name.as_str()).collect();
        captured.sort_unstable();
        let interaction = message.interaction.as_ref().map(|interaction| {
            json!({"kind": interaction.kind, "name": interaction.name, "user": self.name_of(interaction.user), "followup": interaction.followup})
        });
        let reactions = message.reactions.iter().map(|reaction| {
            let names: Vec<_> = reaction.users.iter().map(|user| self.name_of(*user)).collect();
            json!({"emoji": reaction.emoji, "users": names})
        });
        let earlier = seen.earlier.iter().map(|(at, message)| {
            let names: Vec<_> = message.attachments.iter().map(|file| file.filename.as_str()).collect();
            json!({"at_ms": self.at(*at), "text": message.content, "embeds": message.embeds, "attachments": names})
        });
        json!({
            "kind": "message",
            "at_ms": self.at(message.created_at),
            "id": message.id,
            "place": place,
            "author": message.author.name,
            "bot": message.author.bot,
            "only_visible_to": message.visible_to.map(|user| self.name_of(user)),
            "reply_to": message.reference,
            "interaction": interaction,
            "text": message.content,
            "thinking": message.is_thinking(),
            "embeds": message.embeds,
            "attachments": message.attachments.iter().map(|file| attachment(file, files)).collect::<Vec<_>>(),
            "components": message.components.iter().map(|row| row.components.iter().map(part).collect()).collect::<Vec<Value>>(),
            "reactions": reactions.collect::<Vec<_>>(),
            "edits": message.edits,
            "edited_ms": message.edited_at.map(|at| self.at(at)),
            "deleted_ms": seen.gone_at.map(|at| self.at(at)),
            "captured_as": captured,
            "earlier": earlier.collect::<Vec<_>>(),
        })
    }
}

fn attachment(file: &Attachment, files: &HashMap<Arc<[u8]>, String>) -> Value {
    json!({
        "filename": file.filename,
        "file": files.get(&file.bytes),
        "description": file.description,
        "content_type": file.content_type,
        "size": file.size,
        "width": file.width,
        "height": file.height,
        "in_embed": file.embedded,
    })
}

fn part(part: &Component) -> Value {
    match part {
        Component::Button(button) => json!({
            "button": button.label, "emoji": button.emoji.as_ref().map(|emoji| &emoji.name), "style": button.style,
            "custom_id": button.custom_id, "disabled": button.disabled,
        }),
        Component::Select(select) => json!({
            "select": select.placeholder, "custom_id": select.custom_id, "disabled": select.disabled,
            "options": select.options.iter().map(|option| &option.label).collect::<Vec<_>>(),
        }),
    }
}

fn merge(entry: &mut Value, more: Value) {
    if let (Some(entry), Value::Object(more)) = (entry.as_object_mut(), more) {
        entry.extend(more);
    }
}
