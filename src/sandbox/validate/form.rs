//! A cursor into a JSON body that reads values and notes faults.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use crate::rest::error::ApiError;

/// All faults of a body, nested as the body is.
#[derive(Debug, Default)]
pub(crate) struct Errors(RefCell<Map<String, Value>>);

impl Errors {
    /// Adds a fault at a path of the body.
    fn add(&self, path: &[String], code: &str, message: &str) {
        let mut root = self.0.borrow_mut();
        let mut at = &mut *root;
        for step in path {
            let child = at.entry(step.clone()).or_insert_with(|| json!({}));
            let Some(fields) = child.as_object_mut() else {
                return;
            };
            at = fields;
        }
        if let Some(list) = at.entry("_errors").or_insert_with(|| json!([])).as_array_mut() {
            list.push(json!({"code": code, "message": message}));
        }
    }

    /// Returns an error if any fault was noted.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let errors = self.0.borrow();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid_form(Value::Object(errors.clone())))
        }
    }
}

/// A place in a body: a value, or its absence, with the path that leads there.
#[derive(Clone)]
pub(crate) struct Form<'a> {
    value: Option<&'a Value>,
    path: Vec<String>,
    errors: &'a Errors,
}

impl<'a> Form<'a> {
    /// Starts at the top of a body.
    pub(crate) fn new(value: &'a Value, errors: &'a Errors) -> Self {
        Form {
            value: Some(value).filter(|value| !value.is_null()),
            path: Vec::new(),
            errors,
        }
    }

    /// Goes to a field.
    pub(crate) fn get(&self, name: &str) -> Form<'a> {
        let value = self.value.and_then(|value| value.get(name));
        self.child(name.to_owned(), value)
    }

    /// Goes to every element of a list; a value of another kind is a fault.
    pub(crate) fn items(&self) -> Vec<Form<'a>> {
        match self.given() {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let forms = items.iter().enumerate();
                forms
                    .map(|(index, item)| self.child(index.to_string(), Some(item)))
                    .collect()
            }
            Some(_) => {
                self.fail("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
                Vec::new()
            }
        }
    }

    /// Goes to every element of a list whose length must be in a range; a list of another length is one fault, and its
    /// elements are not looked at.
    pub(crate) fn items_within(&self, range: RangeInclusive<usize>) -> Vec<Form<'a>> {
        let items = self.items();
        if self.given().is_some_and(Value::is_array) && !range.contains(&items.len()) {
            self.bad_length(&range);
            return Vec::new();
        }
        items
    }

    /// Returns the value unless it is absent or null.
    pub(crate) fn given(&self) -> Option<&'a Value> {
        self.value.filter(|value| !value.is_null())
    }

    /// Tells whether the field is there, even as null.
    pub(crate) fn is_present(&self) -> bool {
        self.value.is_some()
    }

    /// Notes a fault here.
    pub(crate) fn fail(&self, code: &str, message: impl Display) {
        self.errors.add(&self.path, code, &message.to_string());
    }

    /// Notes a fault if the value is absent; returns whether it is there.
    pub(crate) fn require(&self) -> bool {
        if self.given().is_none() {
            self.fail("BASE_TYPE_REQUIRED", "This field is required");
        }
        self.given().is_some()
    }

    /// Reads an object; another kind is a fault.
    pub(crate) fn object(&self) -> Option<&'a Map<String, Value>> {
        let value = self.given()?;
        if !value.is_object() {
            self.fail("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType");
        }
        value.as_object()
    }

    /// Reads text; numbers are taken as text, as Discord does.
    pub(crate) fn text(&self) -> Option<String> {
        match self.given()? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            other => {
                self.fail(
                    "STRING_TYPE_CONVERT",
                    format!("Could not interpret \"{other}\" as string."),
                );
                None
            }
        }
    }

    /// Reads text whose count of characters must be in a range.
    pub(crate) fn text_within(&self, range: RangeInclusive<usize>) -> Option<String> {
        let text = self.text()?;
        if !range.contains(&text.chars().count()) {
            self.bad_length(&range);
            return None;
        }
        Some(text)
    }

    /// Reads text that must be there, whose count of characters must be in a range.
    pub(crate) fn required_text(&self, range: RangeInclusive<usize>) -> Option<String> {
        if self.require() {
            self.text_within(range)
        } else {
            None
        }
    }

    /// Reads a whole number in a range.
    pub(crate) fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.given()?;
        let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        let Some(number) = number else {
            self.fail(
                "NUMBER_TYPE_COERCE",
                format!("Value \"{}\" is not int.", plain(value)),
            );
            return None;
        };
        if number < *range.start() {
            self.fail(
                "NUMBER_TYPE_MIN",
                format!("int value should be greater than or equal to {}.", range.start()),
            );
            return None;
        }
        if number > *range.end() {
            self.fail(
                "NUMBER_TYPE_MAX",
                format!("int value should be less than or equal to {}.", range.end()),
            );
            return None;
        }
        Some(number)
    }

    /// Reads a number.
    pub(crate) fn number(&self) -> Option<f64> {
        let value = self.given()?;
        if !value.is_number() {
            self.fail(
                "NUMBER_TYPE_COERCE",
                format!("Value \"{}\" is not float.", plain(value)),
            );
        }
        value.as_f64()
    }

    /// Reads a truth value.
    pub(crate) fn boolean(&self) -> Option<bool> {
        let value = self.given()?;
        if !value.is_boolean() {
            self.fail("BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
        }
        value.as_bool()
    }

    /// Reads a snowflake, written as text or as a number.
    pub(crate) fn snowflake(&self) -> Option<u64> {
        let value = self.given()?;
        let id = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        if id.is_none() {
            self.fail(
                "NUMBER_TYPE_COERCE",
                format!("Value \"{}\" is not snowflake.", plain(value)),
            );
        }
        id
    }

    /// Reads an http(s) address; `extra` schemes are allowed besides.
    pub(crate) fn url(&self, extra: &[&str]) -> Option<String> {
        let url = self.text_within(1..=2048)?;
        let scheme = url
            .split_once("://")
            .map(|(scheme, rest)| (scheme.to_lowercase(), rest));
        match scheme {
            Some((scheme, rest)) if !rest.is_empty() && !url.contains(' ') => {
                if matches!(scheme.as_str(), "http" | "https") || extra.contains(&scheme.as_str()) {
                    return Some(url);
                }
                let allowed = ["http", "https"]
                    .iter()
                    .chain(extra)
                    .map(|scheme| format!("'{scheme}'"));
                let allowed = allowed.collect::<Vec<_>>().join(", ");
                let message =
                    format!("Scheme \"{scheme}\" is not supported. Scheme must be one of ({allowed}).");
                self.fail("URL_TYPE_INVALID_SCHEME", message);
            }
            _ => self.fail("URL_TYPE_INVALID_URL", "Not a well formed URL."),
        }
        None
    }

    fn child(&self, step: String, value: Option<&'a Value>) -> Form<'a> {
        let mut path = self.path.clone();
        path.push(step);
        Form {
            value,
            path,
            errors: self.errors,
        }
    }

    fn bad_length(&self, range: &RangeInclusive<usize>) {
        let (least, most) = (range.start(), range.end());
        if *least == 0 {
            self.fail(
                "BASE_TYPE_MAX_LENGTH",
                format!("Must be {most} or fewer in length."),
            );
        } else {
            self.fail(
                "BASE_TYPE_BAD_LENGTH",
                format!("Must be between {least} and {most} in length."),
            );
        }
    }
}

/// Writes a value without the quotes of JSON strings.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_nested_as_the_body_is() {
        let body = json!({"embeds": [{}, {"title": "x".repeat(300)}], "content": []});
        let errors = Errors::default();
        let form = Form::new(&body, &errors);
        form.get("content").text();
        form.get("embeds").items()[1].get("title").text_within(0..=256);
        form.get("name").require();
        let shape = errors
            .check()
            .map_err(|error| error.to_json())
            .err()
            .unwrap_or_default();
        assert_eq!(shape["code"], 50035);
        let title = &shape["errors"]["embeds"]["1"]["title"]["_errors"][0];
        assert_eq!(title["message"], "Must be 256 or fewer in length.");
        assert_eq!(
            shape["errors"]["content"]["_errors"][0]["code"],
            "STRING_TYPE_CONVERT"
        );
        assert_eq!(
            shape["errors"]["name"]["_errors"][0]["code"],
            "BASE_TYPE_REQUIRED"
        );
    }
}
