//! What a message must be like to be waited for or expected.

use serde::Deserialize;

use crate::id::UserId;
use crate::model::{Component, Message};

/// One text or several, all of which must be found.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "OneOrMany")]
struct Texts(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Texts {
    fn from(texts: OneOrMany) -> Self {
        Texts(match texts {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        })
    }
}

/// What a message must be like; what is not said does not matter. Texts are found regardless of case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// Texts that all stand in it: content, embeds, labels of buttons.
    contains: Texts,
    /// Texts of which one stands in it.
    any_of: Texts,
    /// Texts that do not stand in it.
    lacks: Texts,
    /// Whether it shows a picture.
    image: Option<bool>,
    /// How many pictures it shows.
    images: Option<usize>,
    /// Usable buttons it has, by label or `custom_id` or a part of either.
    button: Texts,
    /// Buttons it does not have, or that are greyed out.
    no_button: Texts,
    /// Select menus it has, by placeholder or `custom_id` or a part of either.
    select: Texts,
    /// Emoji that somebody has put on it.
    reaction: Texts,
    /// Ends of the names of its files.
    file: Texts,
    /// Who wrote it: "bot" (what is assumed), "anyone", or a person's name.
    from: Option<String>,
    /// Whether only the person can see it.
    private: Option<bool>,
    /// Whether it answers the person: their interaction, a mention, a reply to their picture.
    mine: bool,
    /// Whether it is a deferred answer without content.
    thinking: bool,
}

impl Conditions {
    /// Tells whether a message is like this. `is_mine` is asked only if that matters.
    pub(super) fn fit(&self, message: &Message, is_mine: impl FnOnce(&Message) -> bool) -> bool {
        self.failing(message, is_mine).is_none()
    }

    /// Returns the first condition that a message does not fulfil, in words.
    pub(super) fn failing(
        &self,
        message: &Message,
        is_mine: impl FnOnce(&Message) -> bool,
    ) -> Option<String> {
        let text = searchable(message);
        let has = |wanted: &String| text.contains(&wanted.to_lowercase());
        let pictures = pictures_of(message).count();
        if let Some(missing) = self.contains.0.iter().find(|wanted| !has(wanted)) {
            return Some(format!("it does not contain {missing:?}"));
        }
        if !self.any_of.0.is_empty() && !self.any_of.0.iter().any(has) {
            return Some(format!("it contains none of {:?}", self.any_of.0));
        }
        if let Some(found) = self.lacks.0.iter().find(|unwanted| has(unwanted)) {
            return Some(format!("it contains {found:?}"));
        }
        if self.image.is_some_and(|image| image != (pictures > 0))
            || self.images.is_some_and(|count| count != pictures)
        {
            return Some(format!("it shows {pictures} pictures"));
        }
        if let Some(missing) = self
            .button
            .0
            .iter()
            .find(|name| find_button(message, name).is_none())
        {
            return Some(format!("it has no usable button {missing:?}"));
        }
        if let Some(found) = self
            .no_button
            .0
            .iter()
            .find(|name| find_button(message, name).is_some())
        {
            return Some(format!("it has the button {found:?}"));
        }
        if let Some(missing) = self
            .select
            .0
            .iter()
            .find(|name| find_select(message, name).is_none())
        {
            return Some(format!("it has no select menu {missing:?}"));
        }
        let reacted = |emoji: &&String| {
            message
                .reactions
                .iter()
                .any(|reaction| same_emoji(&reaction.emoji, emoji))
        };
        if let Some(missing) = self.reaction.0.iter().find(|emoji| !reacted(emoji)) {
            return Some(format!("nobody has reacted with {missing}"));
        }
        let attached = |end: &&String| {
            message
                .attachments
                .iter()
                .any(|file| file.filename.ends_with(end.as_str()))
        };
        if let Some(missing) = self.file.0.iter().find(|end| !attached(end)) {
            return Some(format!("it has no file named …{missing}"));
        }
        let author = match self.from.as_deref() {
            None | Some("bot") => message.author.bot,
            Some("anyone") => true,
            Some(name) => message.author.name == name,
        };
        if !author {
            return Some(format!("it is from {}", message.author.name));
        }
        if self
            .private
            .is_some_and(|private| private != message.is_ephemeral())
        {
            return Some(
                if message.is_ephemeral() {
                    "only one person sees it"
                } else {
                    "everybody sees it"
                }
                .to_owned(),
            );
        }
        if self.thinking != message.is_thinking() {
            return Some(
                if self.thinking {
                    "it has its answer"
                } else {
                    "it is a deferred answer without content"
                }
                .to_owned(),
            );
        }
        (self.mine && !is_mine(message)).then(|| "it does not answer this person".to_owned())
    }
}

/// Tells whether a message answers a person's interaction, names them, is theirs alone, or replies to such a message.
pub(super) fn answers(message: &Message, user: UserId, find: impl Fn(&Message) -> Option<Message>) -> bool {
    let direct = |message: &Message| {
        message
            .interaction
            .as_ref()
            .is_some_and(|interaction| interaction.user == user)
            || message.mentions.contains(&user)
            || message.visible_to == Some(user)
            || message.author.id == user
    };
    let mut current = message.clone();
    loop {
        if direct(&current) {
            return true;
        }
        match find(&current) {
            Some(earlier) if earlier.id < current.id => current = earlier,
            _ => return false,
        }
    }
}

/// Finds a usable button by label or `custom_id`: the same, or else a part of either. Returns its `custom_id`.
pub(super) fn find_button<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    let buttons: Vec<_> = message
        .parts()
        .filter_map(|part| match part {
            Component::Button(button) if !button.disabled => {
                let emoji = button
                    .emoji
                    .as_ref()
                    .map(|emoji| emoji.name.as_str())
                    .unwrap_or_default();
                Some((
                    button.custom_id.as_deref()?,
                    format!("{emoji} {}", button.label.as_deref().unwrap_or_default()),
                ))
            }
            _ => None,
        })
        .collect();
    closest(&buttons, name)
}

/// Finds a usable select menu by placeholder or `custom_id`: the same, or else a part of either.
pub(super) fn find_select<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    let menus: Vec<_> = message
        .parts()
        .filter_map(|part| match part {
            Component::Select(select) if !select.disabled => Some((
                select.custom_id.as_str(),
                select.placeholder.clone().unwrap_or_default(),
            )),
            _ => None,
        })
        .collect();
    closest(&menus, name)
}

fn closest<'m>(parts: &[(&'m str, String)], name: &str) -> Option<&'m str> {
    let wanted = name.trim().to_lowercase();
    let labels: Vec<(&str, String)> = parts
        .iter()
        .map(|(id, label)| (*id, label.trim().to_lowercase()))
        .collect();
    let same = labels.iter().find(|(id, label)| *id == name || *label == wanted);
    let part = || {
        labels
            .iter()
            .find(|(id, label)| label.contains(&wanted) || id.starts_with(name))
    };
    same.or_else(part).map(|(id, _)| *id)
}

/// Returns a message's pictures, those that its embeds show among them.
pub(super) fn pictures_of(message: &Message) -> impl Iterator<Item = &crate::model::Attachment> {
    message
        .attachments
        .iter()
        .filter(|file| file.content_type.starts_with("image/"))
}

/// Compares emoji regardless of the variation selector that some clients add.
fn same_emoji(one: &str, other: &str) -> bool {
    let bare = |emoji: &str| emoji.replace('\u{fe0f}', "");
    bare(one) == bare(other)
}

/// Everything a person reads in a message, in lower case.
fn searchable(message: &Message) -> String {
    let labels = message.parts().filter_map(|part| match part {
        Component::Button(button) => button.label.as_deref(),
        Component::Select(select) => select.placeholder.as_deref(),
    });
    let labels: Vec<&str> = labels.collect();
    format!("{}\n{}", message.text(), labels.join("\n")).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_is_found_by_its_exact_name_before_a_part_of_another() {
        let parts = [
            ("v1:again:7", "🎲 again".to_owned()),
            ("v1:done", "done".to_owned()),
            ("v1:x", "not done yet".to_owned()),
        ];
        assert_eq!(closest(&parts, "Done"), Some("v1:done"));
        assert_eq!(closest(&parts, "again"), Some("v1:again:7"));
        assert_eq!(closest(&parts, "v1:again"), Some("v1:again:7"));
        assert_eq!(closest(&parts, "yet"), Some("v1:x"));
        assert_eq!(closest(&parts, "delete"), None);
    }

    #[test]
    fn emoji_are_the_same_with_and_without_variation_selector() {
        assert!(same_emoji("0\u{fe0f}\u{20e3}", "0\u{20e3}"));
        assert!(!same_emoji("➕", "➖"));
    }
}
