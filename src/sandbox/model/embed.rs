//! Embeds, in the field names of Discord's API.

use serde::{Deserialize, Serialize};

/// A rich card under a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Embed {
    /// Headline, at most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Body text, at most 4,096 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the headline links to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// An ISO 8601 time shown beside the footer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// Colour of the left edge, `0xRRGGBB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<u32>,
    /// Small print.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<EmbedFooter>,
    /// The large picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<EmbedMedia>,
    /// The small picture at the right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<EmbedMedia>,
    /// The line above the headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<EmbedAuthor>,
    /// Titled paragraphs, at most 25.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<EmbedField>,
}

impl Embed {
    /// Counts what Discord counts towards the 6,000 characters that a message's embeds may have together.
    pub fn characters(&self) -> usize {
        let count = |text: &Option<String>| text.as_deref().map_or(0, |text| text.chars().count());
        let fields = self
            .fields
            .iter()
            .map(|field| field.name.chars().count() + field.value.chars().count());
        count(&self.title)
            + count(&self.description)
            + self
                .footer
                .as_ref()
                .map_or(0, |footer| footer.text.chars().count())
            + self
                .author
                .as_ref()
                .map_or(0, |author| author.name.chars().count())
            + fields.sum::<usize>()
    }

    /// Returns every picture the embed shows.
    pub(crate) fn media_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let pictures = self
            .image
            .iter_mut()
            .chain(self.thumbnail.iter_mut())
            .map(|media| &mut media.url);
        let icons = self
            .footer
            .iter_mut()
            .filter_map(|footer| footer.icon_url.as_mut());
        pictures.chain(icons).chain(
            self.author
                .iter_mut()
                .filter_map(|author| author.icon_url.as_mut()),
        )
    }
}

/// Small print under an embed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbedFooter {
    /// At most 2,048 characters.
    pub text: String,
    /// Address of a small picture beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
}

/// A picture of an embed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbedMedia {
    /// Where it is; `attachment://NAME` is replaced by the attachment's address when the message is stored.
    pub url: String,
    /// Width in pixels, known for attachments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels, known for attachments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// The line above an embed's headline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbedAuthor {
    /// At most 256 characters.
    pub name: String,
    /// Where the name links to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Address of a small picture beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
}

/// A titled paragraph of an embed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbedField {
    /// At most 256 characters.
    pub name: String,
    /// At most 1,024 characters.
    pub value: String,
    /// Whether it may stand beside its neighbours.
    pub inline: bool,
}
