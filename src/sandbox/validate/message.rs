//! Bodies that make or change messages.

use crate::id::UserId;
use crate::model::{ActionRow, Embed};
use crate::validate::{Form, components, embeds};

/// Most characters of a message.
pub(crate) const MAX_CONTENT: usize = 2000;
/// Most files of a message.
pub(crate) const MAX_ATTACHMENTS: usize = 10;

/// What a body says about a message; `None` where it says nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct MessageBody {
    /// The text; null in an edit empties it.
    pub(crate) content: Option<String>,
    pub(crate) embeds: Option<Vec<Embed>>,
    pub(crate) components: Option<Vec<ActionRow>>,
    pub(crate) attachments: Option<Vec<AttachmentEntry>>,
    pub(crate) flags: Option<u64>,
    pub(crate) may_mention: Option<Vec<UserId>>,
    /// Whether a reply notifies the author of the message it replies to.
    pub(crate) pings_replied: bool,
}

/// An entry of `attachments`: a new file by its number, or a file to keep by its id.
#[derive(Clone, Debug)]
pub(crate) struct AttachmentEntry {
    pub(crate) id: Option<u64>,
    pub(crate) filename: Option<String>,
    pub(crate) description: Option<String>,
    /// Where in the list it stands.
    pub(crate) index: usize,
}

/// Reads a body; faults are noted in the form. Which `flags` apply is left to the caller.
pub(crate) fn read(form: &Form<'_>) -> MessageBody {
    let content = form.get("content");
    let (embeds, components) = (form.get("embeds"), form.get("components"));
    let flags = form.get("flags").integer(0..=i64::from(i32::MAX));
    MessageBody {
        content: content
            .is_present()
            .then(|| content.text_within(0..=MAX_CONTENT).unwrap_or_default()),
        embeds: embeds.is_present().then(|| embeds::read(&embeds)),
        components: components.is_present().then(|| components::read(&components)),
        attachments: attachments(&form.get("attachments")),
        flags: flags.and_then(|flags| u64::try_from(flags).ok()),
        may_mention: allowed_mentions(&form.get("allowed_mentions")),
        pings_replied: pings_replied(&form.get("allowed_mentions")),
    }
}

fn attachments(list: &Form<'_>) -> Option<Vec<AttachmentEntry>> {
    if !list.is_present() {
        return None;
    }
    let entries = list.items_within(0..=MAX_ATTACHMENTS);
    let entry = |(index, form): (usize, &Form<'_>)| AttachmentEntry {
        id: form.get("id").snowflake(),
        filename: form.get("filename").text_within(1..=1024),
        description: form.get("description").text_within(0..=1024),
        index,
    };
    Some(entries.iter().enumerate().map(entry).collect())
}

/// Without `allowed_mentions` a reply notifies; with it, only if it says so.
fn pings_replied(form: &Form<'_>) -> bool {
    form.get("replied_user")
        .boolean()
        .unwrap_or(form.given().is_none())
}

/// Reads whom the text may notify; `None` is everyone it names.
fn allowed_mentions(form: &Form<'_>) -> Option<Vec<UserId>> {
    form.object()?;
    let parse = form.get("parse");
    let kinds: Vec<String> = parse
        .items_within(0..=3)
        .iter()
        .filter_map(|kind| {
            let known = ["roles", "users", "everyone"];
            let text = kind.text()?;
            if !known.contains(&text.as_str()) {
                kind.fail(
                    "BASE_TYPE_CHOICES",
                    "Value must be one of ('roles', 'users', 'everyone').",
                );
            }
            Some(text)
        })
        .collect();
    let users: Vec<UserId> = form
        .get("users")
        .items_within(0..=100)
        .iter()
        .filter_map(Form::snowflake)
        .map(UserId)
        .collect();
    let all = kinds.iter().any(|kind| kind == "users");
    if all && !users.is_empty() {
        form.fail(
            "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
            "parse:[\"users\"] and users: [ids...] are mutually exclusive.",
        );
    }
    (!all).then_some(users)
}
