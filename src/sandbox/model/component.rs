//! Buttons and select menus in their rows.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One row under a message: up to five buttons or one select menu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionRow {
    /// What stands in the row, left to right.
    pub components: Vec<Component>,
}

/// Something a person can use under a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Component {
    /// A button.
    Button(Button),
    /// A select menu.
    Select(Select),
}

impl Component {
    /// Returns the id that comes back in the interaction; link buttons have none.
    pub fn custom_id(&self) -> Option<&str> {
        match self {
            Component::Button(button) => button.custom_id.as_deref(),
            Component::Select(select) => Some(&select.custom_id),
        }
    }

    /// Tells whether it is greyed out.
    pub fn disabled(&self) -> bool {
        match self {
            Component::Button(button) => button.disabled,
            Component::Select(select) => select.disabled,
        }
    }
}

/// A button's colour and role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonStyle {
    /// Blue.
    Primary,
    /// Grey.
    Secondary,
    /// Green.
    Success,
    /// Red.
    Danger,
    /// Opens an address; sends no interaction.
    Link,
}

impl ButtonStyle {
    /// Reads Discord's number.
    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            1 => Self::Primary,
            2 => Self::Secondary,
            3 => Self::Success,
            4 => Self::Danger,
            5 => Self::Link,
            _ => return None,
        })
    }

    /// Returns Discord's number.
    pub(crate) fn code(self) -> u8 {
        self as u8 + 1
    }
}

/// The emoji on a button or select option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentEmoji {
    /// Id of a custom emoji; `None` for a Unicode one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The Unicode emoji, or the custom emoji's name.
    #[serde(default)]
    pub name: String,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Button {
    /// Colour and role.
    pub style: ButtonStyle,
    /// What it says, at most 80 characters.
    pub label: Option<String>,
    /// The emoji before the label.
    pub emoji: Option<ComponentEmoji>,
    /// Comes back in the interaction; `None` for link buttons.
    pub custom_id: Option<String>,
    /// Where a link button leads.
    pub url: Option<String>,
    /// Whether it is greyed out.
    pub disabled: bool,
}

/// What a select menu offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectKind {
    /// The options it lists itself.
    String,
    /// Users.
    User,
    /// Roles.
    Role,
    /// Users and roles.
    Mentionable,
    /// Channels.
    Channel,
}

impl SelectKind {
    /// Reads Discord's component type.
    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Some(match code {
            3 => Self::String,
            5 => Self::User,
            6 => Self::Role,
            7 => Self::Mentionable,
            8 => Self::Channel,
            _ => return None,
        })
    }

    /// Returns Discord's component type.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::String => 3,
            Self::User => 5,
            Self::Role => 6,
            Self::Mentionable => 7,
            Self::Channel => 8,
        }
    }
}

/// A select menu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Select {
    /// What it offers.
    pub select: SelectKind,
    /// Comes back in the interaction.
    pub custom_id: String,
    /// Shown while nothing is chosen.
    pub placeholder: Option<String>,
    /// Fewest values a person may choose.
    pub min_values: usize,
    /// Most values a person may choose.
    pub max_values: usize,
    /// The offers of a [`SelectKind::String`] menu.
    pub options: Vec<SelectOption>,
    /// Whether it is greyed out.
    pub disabled: bool,
}

/// One offer of a select menu.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectOption {
    /// What it says.
    pub label: String,
    /// What the bot receives.
    pub value: String,
    /// A second line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The emoji before the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<ComponentEmoji>,
    /// Whether it is chosen from the start.
    pub default: bool,
}

/// Writes rows as Discord sends them, numbering components as Discord does.
pub(crate) fn rows_to_wire(rows: &[ActionRow]) -> Value {
    let mut next_id = 0u32;
    let mut number = || {
        next_id += 1;
        next_id
    };
    let rows = rows.iter().map(|row| {
        let id = number();
        let components: Vec<Value> = row.components.iter().map(|part| part.to_wire(number())).collect();
        json!({"type": 1, "id": id, "components": components})
    });
    rows.collect()
}

impl Component {
    fn to_wire(&self, id: u32) -> Value {
        let mut wire = match self {
            Component::Button(button) => json!({
                "type": 2, "id": id, "style": button.style.code(), "label": button.label, "emoji": button.emoji,
                "custom_id": button.custom_id, "url": button.url, "disabled": button.disabled,
            }),
            Component::Select(select) => json!({
                "type": select.select.code(), "id": id, "custom_id": select.custom_id,
                "placeholder": select.placeholder, "min_values": select.min_values,
                "max_values": select.max_values, "disabled": select.disabled,
                "options": (select.select == SelectKind::String).then_some(&select.options),
            }),
        };
        if let Some(fields) = wire.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        wire
    }
}
