//! Clicking, selecting, filling in modals.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::error::ActionError;
use crate::id::{InteractionId, MessageId};
use crate::model::{Component, InteractionKind, Message, Modal, Select, SelectKind};
use crate::state::World;
use crate::state::interactions::Act;
use crate::user::User;
use crate::wire;

impl User {
    /// Clicks a button, found by its `custom_id` or else its label (or emoji, if it has no label).
    ///
    /// # Errors
    ///
    /// When they do not see the message, it has no such button, or the button is disabled or a link.
    pub fn click(&self, message: impl Into<MessageId>, button: &str) -> Result<InteractionId, ActionError> {
        let mut world = self.sandbox.shared.world();
        let target = self.visible(&world, message.into())?;
        let custom_id = match usable(target, button)? {
            Component::Button(found) => found.custom_id.clone(),
            Component::Select(_) => None,
        };
        let custom_id =
            custom_id.ok_or_else(|| unusable(button, "it is not a button that sends something"))?;
        let data =
            json!({"custom_id": custom_id, "component_type": 2, "id": part_number(target, &custom_id)});
        let act = self.component_act(target, custom_id, data);
        Ok(self.interact(&mut world, act))
    }

    /// Chooses in a select menu, found by its `custom_id` or else its placeholder. Values are the options' values or
    /// labels; in menus of users or channels, ids or user names.
    ///
    /// # Errors
    ///
    /// When they do not see the message, it has no such menu, the menu is disabled or has no such option, or the count
    /// of values is not what the menu asks for.
    pub fn select<S: AsRef<str>>(
        &self,
        message: impl Into<MessageId>,
        menu: &str,
        values: &[S],
    ) -> Result<InteractionId, ActionError> {
        let mut world = self.sandbox.shared.world();
        let target = self.visible(&world, message.into())?;
        let Component::Select(select) = usable(target, menu)? else {
            return Err(unusable(menu, "it is not a select menu"));
        };
        if !(select.min_values..=select.max_values).contains(&values.len()) {
            let reason = format!("it takes {} to {} values", select.min_values, select.max_values);
            return Err(unusable(menu, &reason));
        }
        let mut chosen = Vec::new();
        for value in values {
            let value = value.as_ref();
            let found = selected(&world, select, value);
            chosen.push(found.ok_or_else(|| unusable(menu, &format!("it has no option {value:?}")))?);
        }
        let mut data = json!({
            "custom_id": select.custom_id, "component_type": select.select.code(), "values": chosen,
            "id": part_number(target, &select.custom_id),
        });
        if select.select != SelectKind::String {
            data["resolved"] = resolved(&world, select.select, &chosen);
        }
        let act = self.component_act(target, select.custom_id.clone(), data);
        Ok(self.interact(&mut world, act))
    }

    /// Returns the modals that are open for them, oldest first.
    pub fn modals(&self) -> Vec<Modal> {
        let world = self.sandbox.shared.world();
        let open = world
            .interactions
            .values()
            .filter_map(|interaction| interaction.modal.as_ref());
        let mut modals: Vec<Modal> = open.filter(|modal| modal.user_id == self.id).cloned().collect();
        modals.sort_by_key(|modal| modal.interaction_id);
        modals
    }

    /// Fills in and submits a modal. Fields are named by `custom_id` or label; inputs not named keep their value.
    ///
    /// # Errors
    ///
    /// When no such modal is open for them, a field does not exist, is required but empty, or too short or long.
    pub fn submit_modal<K: AsRef<str>, V: Into<String>>(
        &self,
        interaction: InteractionId,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Result<InteractionId, ActionError> {
        let mut world = self.sandbox.shared.world();
        let (modal, source) = self.open_modal(&world, interaction)?;
        let mut values: HashMap<&str, String> = HashMap::new();
        for (field, value) in fields {
            let field = field.as_ref();
            let by_id = modal.inputs.iter().find(|input| input.custom_id == field);
            let input = by_id.or_else(|| modal.inputs.iter().find(|input| input.label == field));
            let input = input.ok_or_else(|| bad_field(field, "the modal has no such field"))?;
            values.insert(&input.custom_id, value.into());
        }
        let mut rows = Vec::new();
        for input in &modal.inputs {
            let value = values
                .remove(input.custom_id.as_str())
                .or_else(|| input.value.clone())
                .unwrap_or_default();
            let length = value.chars().count();
            if length == 0 && input.required {
                return Err(bad_field(&input.label, "it must be filled in"));
            }
            if length > 0 && !(input.min_length..=input.max_length).contains(&length) {
                let reason = format!("it takes {} to {} characters", input.min_length, input.max_length);
                return Err(bad_field(&input.label, &reason));
            }
            let part =
                json!({"type": 4, "id": rows.len() * 2 + 2, "custom_id": input.custom_id, "value": value});
            rows.push(json!({"type": 1, "id": rows.len() * 2 + 1, "components": [part]}));
        }
        world.close_modal(interaction);
        let act = Act {
            kind: InteractionKind::Modal,
            name: modal.custom_id.clone(),
            user: self.id,
            channel: modal.channel_id,
            // The message may be gone by now; the submission is then answered on its own.
            source: source.filter(|id| world.messages.contains_key(id)),
            focused: None,
            data: json!({"custom_id": modal.custom_id, "components": rows}),
        };
        Ok(self.interact(&mut world, act))
    }

    /// Closes a modal without submitting it; the bot never hears of it.
    ///
    /// # Errors
    ///
    /// When no such modal is open for them.
    pub fn cancel_modal(&self, interaction: InteractionId) -> Result<(), ActionError> {
        let mut world = self.sandbox.shared.world();
        self.open_modal(&world, interaction)?;
        world.close_modal(interaction);
        Ok(())
    }

    fn open_modal(
        &self,
        world: &World,
        id: InteractionId,
    ) -> Result<(Modal, Option<MessageId>), ActionError> {
        let interaction = world
            .interactions
            .get(&id)
            .filter(|interaction| interaction.user == self.id);
        let open = interaction.and_then(|it| Some((it.modal.clone()?, it.source)));
        open.ok_or(ActionError::UnknownModal(id))
    }

    fn component_act(&self, message: &Message, name: String, data: Value) -> Act {
        Act {
            kind: InteractionKind::Component,
            name,
            user: self.id,
            channel: message.channel_id,
            source: Some(message.id),
            focused: None,
            data,
        }
    }
}

fn usable<'m>(message: &'m Message, name: &str) -> Result<&'m Component, ActionError> {
    let Some(part) = message.part(name) else {
        let ids = message
            .parts()
            .filter_map(Component::custom_id)
            .collect::<Vec<_>>()
            .join(", ");
        let available = if ids.is_empty() { "nothing".to_owned() } else { ids };
        return Err(ActionError::UnknownComponent {
            name: name.to_owned(),
            available,
        });
    };
    if part.disabled() {
        Err(unusable(name, "it is disabled"))
    } else {
        Ok(part)
    }
}

/// Returns the number that the message's JSON gives a part: rows count too.
fn part_number(message: &Message, custom_id: &str) -> usize {
    let mut number = 0;
    for row in &message.components {
        number += 1;
        for part in &row.components {
            number += 1;
            if part.custom_id() == Some(custom_id) {
                return number;
            }
        }
    }
    0
}

/// Finds what a person means by a value of a menu.
fn selected(world: &World, select: &Select, value: &str) -> Option<String> {
    let user = || {
        let named =
            |user: &&crate::state::users::UserRecord| user.id.to_string() == value || user.name == value;
        world.users.values().find(named).map(|user| user.id.to_string())
    };
    let channel = || {
        world
            .channels
            .keys()
            .map(ToString::to_string)
            .find(|id| id == value)
    };
    match select.select {
        SelectKind::String => {
            let by_value = select.options.iter().find(|option| option.value == value);
            let option = by_value.or_else(|| select.options.iter().find(|option| option.label == value))?;
            Some(option.value.clone())
        }
        SelectKind::User | SelectKind::Mentionable => user(),
        SelectKind::Channel => channel(),
        SelectKind::Role => (world.guild.to_string() == value).then(|| value.to_owned()),
    }
}

fn resolved(world: &World, kind: SelectKind, ids: &[String]) -> Value {
    let mut resolved = json!({});
    for id in ids {
        if let Some(user) = id.parse().ok().and_then(|id| world.users.get(&id)) {
            resolved["users"][id] = wire::user(user);
            if user.in_guild {
                resolved["members"][id] = wire::partial_member(world, user);
            }
        }
        if let Some(channel) = id.parse().ok().and_then(|id| world.channels.get(&id)) {
            resolved["channels"][id] = wire::partial_channel(world, channel);
        }
        if kind == SelectKind::Role {
            resolved["roles"][id] = wire::guild(world)["roles"][0].clone();
        }
    }
    resolved
}

fn unusable(name: &str, reason: &str) -> ActionError {
    ActionError::UnusableComponent {
        name: name.to_owned(),
        reason: reason.to_owned(),
    }
}

fn bad_field(field: &str, reason: &str) -> ActionError {
    ActionError::BadField {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}
