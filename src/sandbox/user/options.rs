//! A command's options, from what a person gives to the typed values that the bot receives.

use serde_json::{Map, Value, json};

use crate::error::ActionError;
use crate::model::{CommandOption, OptionKind};
use crate::state::World;
use crate::wire;

/// Greatest whole number an option takes.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;
/// Most characters of a text option without a limit of its own.
const MAX_TEXT: usize = 6000;

/// Turns what a person gave into the values of a command.
pub(super) struct Resolver<'a> {
    pub(super) world: &'a World,
    /// The command's full name, for errors.
    pub(super) command: &'a str,
    /// Objects that options name by id, as the interaction's `resolved` carries them.
    pub(super) resolved: Value,
}

impl Resolver<'_> {
    /// Checks and types the options, in the order that the command defines. While a person still types (`focused` is
    /// the option they type), required options may be missing and values are not held to their limits.
    pub(super) fn resolve(
        &mut self,
        defined: &[CommandOption],
        given: &Map<String, Value>,
        focused: Option<&str>,
    ) -> Result<Vec<Value>, ActionError> {
        if let Some(unknown) = given
            .keys()
            .find(|name| !defined.iter().any(|option| option.name == **name))
        {
            let names = defined
                .iter()
                .map(|option| option.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(self.bad(unknown, &format!("there is no such option; there are: {names}")));
        }
        let mut values = Vec::new();
        for option in defined {
            let is_focused = focused == Some(option.name.as_str());
            let value = match given.get(&option.name).filter(|value| !value.is_null()) {
                Some(value) if is_focused => unfinished(value),
                Some(value) => self.value(option, value)?,
                None if is_focused => "".into(),
                None if option.required && focused.is_none() => {
                    return Err(self.bad(&option.name, "it must be given"));
                }
                None => continue,
            };
            let mut wire = json!({"name": option.name, "type": option.kind.code(), "value": value});
            if is_focused {
                wire["focused"] = true.into();
            }
            values.push(wire);
        }
        Ok(values)
    }

    fn value(&mut self, option: &CommandOption, given: &Value) -> Result<Value, ActionError> {
        if !option.choices.is_empty() {
            let chosen = option.choices.iter().find(|choice| {
                choice.value == *given
                    || given.as_str() == Some(&choice.name)
                    || same_number(&choice.value, given)
            });
            let names = option
                .choices
                .iter()
                .map(|choice| choice.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return match chosen {
                Some(choice) => Ok(choice.value.clone()),
                None => Err(self.bad(&option.name, &format!("it is one of: {names}"))),
            };
        }
        match option.kind {
            OptionKind::String => self.text(option, given),
            OptionKind::Integer | OptionKind::Number => self.number(option, given),
            OptionKind::Boolean => match given {
                Value::Bool(_) => Ok(given.clone()),
                Value::String(text) if text == "true" || text == "false" => Ok((text == "true").into()),
                _ => Err(self.bad(&option.name, "it is true or false")),
            },
            OptionKind::User | OptionKind::Mentionable => self.user(option, given),
            OptionKind::Channel => self.channel(option, given),
            OptionKind::Attachment => self.attachment(option, given),
            OptionKind::Role | OptionKind::Subcommand | OptionKind::SubcommandGroup => {
                Err(self.bad(&option.name, "the sandbox has no values of this type"))
            }
        }
    }

    fn text(&self, option: &CommandOption, given: &Value) -> Result<Value, ActionError> {
        let text = match given {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return Err(self.bad(&option.name, "it is text")),
        };
        let (least, most) = (
            option.min_length.unwrap_or(0),
            option.max_length.unwrap_or(MAX_TEXT),
        );
        if !(least..=most).contains(&text.chars().count()) {
            return Err(self.bad(&option.name, &format!("it takes {least} to {most} characters")));
        }
        Ok(text.into())
    }

    fn number(&self, option: &CommandOption, given: &Value) -> Result<Value, ActionError> {
        let number = given.as_f64().or_else(|| given.as_str()?.trim().parse().ok());
        let whole = option.kind == OptionKind::Integer;
        let Some(number) = number.filter(|number| number.is_finite() && (!whole || number.fract() == 0.0))
        else {
            return Err(self.bad(
                &option.name,
                if whole {
                    "it is a whole number"
                } else {
                    "it is a number"
                },
            ));
        };
        let (least, most) = (
            option.min_value.unwrap_or(-MAX_INTEGER),
            option.max_value.unwrap_or(MAX_INTEGER),
        );
        if number < least || number > most {
            return Err(self.bad(&option.name, &format!("it lies between {least} and {most}")));
        }
        Ok(if whole {
            (number as i64).into()
        } else {
            number.into()
        })
    }

    fn user(&mut self, option: &CommandOption, given: &Value) -> Result<Value, ActionError> {
        let text = plain(given);
        let named =
            |user: &&crate::state::users::UserRecord| user.id.to_string() == text || user.name == text;
        let Some(user) = self.world.users.values().find(named) else {
            return Err(self.bad(&option.name, "there is no such user"));
        };
        let id = user.id.to_string();
        self.resolved["users"][&id] = wire::user(user);
        if user.in_guild {
            self.resolved["members"][&id] = wire::partial_member(self.world, user);
        }
        Ok(id.into())
    }

    fn channel(&mut self, option: &CommandOption, given: &Value) -> Result<Value, ActionError> {
        let text = plain(given);
        let channels = &self.world.channels;
        let found = channels.values().find(|record| {
            let name = self.world.channel_view(record.id).map(|view| view.name);
            record.guild.is_some() && (record.id.to_string() == text || name.as_deref() == Some(&text))
        });
        let Some(record) = found else {
            return Err(self.bad(&option.name, "there is no such channel"));
        };
        let id = record.id.to_string();
        self.resolved["channels"][&id] = wire::partial_channel(self.world, record);
        Ok(id.into())
    }

    fn attachment(&mut self, option: &CommandOption, given: &Value) -> Result<Value, ActionError> {
        let id = plain(given).parse().ok();
        let Some(file) = id.and_then(|id| self.world.staged.get(&id)) else {
            return Err(self.bad(&option.name, "it is the id of a file handed over before"));
        };
        let id = file.id.to_string();
        self.resolved["attachments"][&id] = crate::files::to_wire(self.world, file);
        Ok(id.into())
    }

    fn bad(&self, option: &str, reason: &str) -> ActionError {
        let (command, option) = (self.command.to_owned(), option.to_owned());
        ActionError::BadOption {
            command,
            option,
            reason: reason.to_owned(),
        }
    }
}

/// Returns what stands in an input that a person still types in: always text, also for numbers.
fn unfinished(value: &Value) -> Value {
    plain(value).into()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn same_number(one: &Value, other: &Value) -> bool {
    matches!((one.as_f64(), other.as_f64()), (Some(one), Some(other)) if one == other)
}
