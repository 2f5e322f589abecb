//! Embeds of messages.

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

use crate::model::{Embed, EmbedAuthor, EmbedField, EmbedFooter, EmbedMedia};
use crate::validate::Form;

/// Most embeds of a message.
const MAX_EMBEDS: usize = 10;
/// Most characters of a message's embeds together.
const MAX_CHARACTERS: usize = 6000;
/// Most fields of an embed.
const MAX_FIELDS: usize = 25;

/// The parts of an embed that show something; one must be there.
const SHOWN: [&str; 7] = [
    "title",
    "description",
    "footer",
    "image",
    "thumbnail",
    "author",
    "fields",
];

/// Reads a message's embeds.
pub(crate) fn read(list: &Form<'_>) -> Vec<Embed> {
    let embeds: Vec<Embed> = list.items_within(0..=MAX_EMBEDS).iter().map(embed).collect();
    let mut characters = 0;
    for (form, embed) in list.items().iter().zip(&embeds) {
        characters += embed.characters();
        if characters > MAX_CHARACTERS {
            form.fail(
                "MAX_EMBED_SIZE_EXCEEDED",
                "Embed size exceeds maximum size of 6000",
            );
            break;
        }
    }
    embeds
}

fn embed(form: &Form<'_>) -> Embed {
    form.object();
    let timestamp = form.get("timestamp");
    let instant = timestamp.text();
    if let Some(text) = &instant
        && OffsetDateTime::parse(text, &Iso8601::PARSING).is_err()
    {
        timestamp.fail(
            "DATE_TIME_TYPE_PARSE",
            format!("Could not parse {text}. Should be ISO8601."),
        );
    }
    let color = form.get("color").integer(0..=0xFF_FFFF);
    let embed = Embed {
        title: form.get("title").text_within(0..=256),
        description: form.get("description").text_within(0..=4096),
        url: form.get("url").url(&[]),
        timestamp: instant,
        color: color.and_then(|color| u32::try_from(color).ok()),
        footer: footer(&form.get("footer")),
        image: media(&form.get("image")),
        thumbnail: media(&form.get("thumbnail")),
        author: author(&form.get("author")),
        fields: form
            .get("fields")
            .items_within(0..=MAX_FIELDS)
            .iter()
            .map(field)
            .collect(),
    };
    let blank = |field: &str| {
        form.get(field)
            .given()
            .is_none_or(|value| *value == "" || *value == json!([]))
    };
    if form.object().is_some() && SHOWN.iter().all(|field| blank(field)) {
        form.get("description")
            .fail("BASE_TYPE_REQUIRED", "This field is required");
    }
    embed
}

fn footer(form: &Form<'_>) -> Option<EmbedFooter> {
    form.object()?;
    let icon_url = form.get("icon_url").url(&["attachment"]);
    Some(EmbedFooter {
        text: form.get("text").required_text(0..=2048)?,
        icon_url,
    })
}

fn author(form: &Form<'_>) -> Option<EmbedAuthor> {
    form.object()?;
    let (url, icon_url) = (
        form.get("url").url(&[]),
        form.get("icon_url").url(&["attachment"]),
    );
    Some(EmbedAuthor {
        name: form.get("name").required_text(0..=256)?,
        url,
        icon_url,
    })
}

fn media(form: &Form<'_>) -> Option<EmbedMedia> {
    form.object()?;
    let url = form.get("url");
    if !url.require() {
        return None;
    }
    Some(EmbedMedia {
        url: url.url(&["attachment"])?,
        width: None,
        height: None,
    })
}

fn field(form: &Form<'_>) -> EmbedField {
    EmbedField {
        name: form.get("name").required_text(1..=256).unwrap_or_default(),
        value: form.get("value").required_text(1..=1024).unwrap_or_default(),
        inline: form.get("inline").boolean().unwrap_or_default(),
    }
}
