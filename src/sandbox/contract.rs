//! Checks of every request and answer against Discord's own OpenAPI document.
//!
//! The document describes shapes, not all limits; those are checked where requests are handled.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

use crate::error::SandboxError;
use crate::rest::incoming::Incoming;
use crate::rest::route::Route;
use crate::shared::lock;

/// The name under which schemas refer to the document.
const DOCUMENT: &str = "urn:discord";
/// Faults reported of one body; a wrong union alone may have dozens.
const MAX_FAULTS: usize = 5;

/// Discord's document, with a validator for every schema used so far.
pub(crate) struct Contract {
    document: Value,
    registry: Registry<'static>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
    violations: Mutex<Vec<String>>,
}

impl Contract {
    /// Reads the document.
    pub(crate) fn load(path: &Path) -> Result<Self, SandboxError> {
        let unusable = |reason: String| SandboxError::OpenApi {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let document: Value = serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        if !document["paths"].is_object() {
            return Err(unusable("it has no `paths`".to_owned()));
        }
        let registry = Registry::new()
            .add(DOCUMENT, document.clone())
            .and_then(|builder| builder.prepare());
        let registry = registry.map_err(|error| unusable(error.to_string()))?;
        Ok(Contract {
            document,
            registry,
            validators: Mutex::default(),
            violations: Mutex::default(),
        })
    }

    /// Checks a request that was accepted, and any answer.
    pub(crate) fn check(&self, route: &Route, incoming: &Incoming, status: u16, answer: Option<&Value>) {
        let method = route.method.as_str().to_lowercase();
        let operation = format!("/paths/{}/{method}", escape(route.template));
        if self.document.pointer(&operation).is_none() {
            self.report(route, "operation", "the document does not have it");
            return;
        }
        // A request that was refused is the sender's fault already, and known to it.
        if (200..300).contains(&status) {
            self.check_request(route, &operation, incoming);
        }
        let responses = format!("{operation}/responses");
        let exact = format!("{responses}/{status}");
        let response = match self.document.pointer(&exact) {
            Some(_) => exact,
            None if (400..500).contains(&status) => format!("{responses}/4XX"),
            None => {
                self.report(route, "status", &format!("the document has no answer {status}"));
                return;
            }
        };
        let response = self.follow(response);
        let schema = format!("{response}/content/application~1json/schema");
        match (answer, self.document.pointer(&schema)) {
            (Some(answer), Some(_)) => {
                self.validate(
                    route,
                    &format!("answer {status}"),
                    &schema,
                    &with_numeric_fault_codes(answer.clone()),
                );
            }
            (None, Some(_)) => self.report(route, &format!("answer {status}"), "it has no body"),
            (Some(_), None) => self.report(route, &format!("answer {status}"), "it has a body"),
            (None, None) => {}
        }
    }

    /// Returns every violation so far.
    pub(crate) fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    fn check_request(&self, route: &Route, operation: &str, incoming: &Incoming) {
        let kind = if incoming.multipart {
            "multipart~1form-data"
        } else {
            "application~1json"
        };
        let schema = format!("{operation}/requestBody/content/{kind}/schema");
        match (self.document.pointer(&schema), incoming.body.is_null()) {
            (Some(_), false) => {
                self.validate(
                    route,
                    "request",
                    &schema,
                    &with_documented_types(incoming.body.clone()),
                );
            }
            (Some(_), true) => {
                let required = self
                    .document
                    .pointer(&format!("{operation}/requestBody/required"));
                if required.and_then(Value::as_bool) == Some(true) {
                    self.report(route, "request", "it has no body");
                }
            }
            // Bodies of requests that take none, such as serenity's empty object, are passed over by Discord.
            (None, _) => {}
        }
    }

    /// Resolves a reference from one place of the document to another.
    fn follow(&self, pointer: String) -> String {
        let reference = self
            .document
            .pointer(&pointer)
            .and_then(|value| value["$ref"].as_str());
        reference
            .and_then(|reference| reference.strip_prefix('#'))
            .map_or(pointer, str::to_owned)
    }

    fn validate(&self, route: &Route, what: &str, schema: &str, body: &Value) {
        match self.validator(schema) {
            Ok(validator) => {
                for fault in validator.iter_errors(body).take(MAX_FAULTS) {
                    let text: String = fault.to_string().chars().take(300).collect();
                    self.report(route, what, &format!("at \"{}\": {text}", fault.instance_path()));
                }
            }
            Err(reason) => self.report(route, what, &format!("the schema cannot be used: {reason}")),
        }
    }

    fn validator(&self, schema: &str) -> Result<Arc<Validator>, String> {
        let mut validators = lock(&self.validators);
        if let Some(known) = validators.get(schema) {
            return Ok(known.clone());
        }
        let fragment = schema.replace('{', "%7B").replace('}', "%7D").replace('@', "%40");
        let reference = json!({"$ref": format!("{DOCUMENT}#{fragment}")});
        let options = jsonschema::options()
            .with_registry(&self.registry)
            .should_validate_formats(true);
        let built = Arc::new(options.build(&reference).map_err(|error| error.to_string())?);
        validators.insert(schema.to_owned(), built.clone());
        Ok(built)
    }

    fn report(&self, route: &Route, what: &str, fault: &str) {
        let line = format!("{}: {what}: {fault}", route.name());
        let mut violations = lock(&self.violations);
        if !violations.contains(&line) {
            tracing::warn!("OpenAPI: {line}");
            violations.push(line);
        }
    }
}

/// Escapes a path as one step of a JSON pointer.
fn escape(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}

/// Writes two fields of requests in the types of the document. Discord takes both forms of both, and serenity sends the
/// other: `attachments[].id` as a number, and a command's `default_member_permissions` as text (as Discord's prose has
/// it). Everything else must be as documented.
fn with_documented_types(mut body: Value) -> Value {
    for parent in ["/attachments", "/data/attachments"] {
        for entry in body
            .pointer_mut(parent)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(id) = entry["id"].as_u64() {
                entry["id"] = id.to_string().into();
            }
        }
    }
    let numeric_permissions = |command: &mut Value| {
        let permissions = command.get_mut("default_member_permissions");
        if let Some(field) = permissions
            && let Some(bits) = field.as_str().and_then(|text| text.parse::<u64>().ok())
        {
            *field = bits.into();
        }
    };
    match &mut body {
        Value::Array(commands) => commands.iter_mut().for_each(numeric_permissions),
        command => numeric_permissions(command),
    }
    body
}

/// Replaces the codes of single faults: the document wants numbers, while Discord has always sent words there, such as
/// BASE_TYPE_REQUIRED.
fn with_numeric_fault_codes(mut answer: Value) -> Value {
    fn walk(value: &mut Value) {
        for (name, child) in value.as_object_mut().into_iter().flatten() {
            match child {
                Value::Array(faults) if name == "_errors" => {
                    faults
                        .iter_mut()
                        .filter(|fault| fault["code"].is_string())
                        .for_each(|fault| fault["code"] = 0.into());
                }
                _ => walk(child),
            }
        }
    }
    if let Some(errors) = answer.get_mut("errors") {
        walk(errors);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_differences_are_evened_out() {
        let body = json!({"flags": "64", "attachments": [{"id": 0, "filename": "a.png"}]});
        let documented = json!({"flags": "64", "attachments": [{"id": "0", "filename": "a.png"}]});
        assert_eq!(with_documented_types(body), documented);
        let commands = json!([{"name": "a", "default_member_permissions": "0"}]);
        assert_eq!(
            with_documented_types(commands),
            json!([{"name": "a", "default_member_permissions": 0}])
        );
        let answer = json!({"code": "x", "errors": {"a": {"_errors": [{"code": "y"}]}}});
        let documented = json!({"code": "x", "errors": {"a": {"_errors": [{"code": 0}]}}});
        assert_eq!(with_numeric_fault_codes(answer), documented);
    }

    #[test]
    fn paths_become_single_steps() {
        assert_eq!(escape("/channels/{channel_id}"), "~1channels~1{channel_id}");
    }
}
