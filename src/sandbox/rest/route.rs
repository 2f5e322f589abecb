//! What a route is, what its handler gets and gives back.

use std::fmt::Display;
use std::str::FromStr;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::ratelimit::Quota;
use crate::rest::error::ApiError;
use crate::rest::incoming::{Incoming, decode};
use crate::shared::Shared;

/// A successful answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
}

impl Reply {
    /// Answers 200 with a body.
    pub(crate) fn ok(body: Value) -> Self {
        Reply {
            status: StatusCode::OK,
            body: Some(body),
        }
    }

    /// Answers 201 with a body.
    pub(crate) fn created(body: Value) -> Self {
        Reply {
            status: StatusCode::CREATED,
            body: Some(body),
        }
    }

    /// Answers 204.
    pub(crate) fn nothing() -> Self {
        Reply {
            status: StatusCode::NO_CONTENT,
            body: None,
        }
    }
}

/// What a handler gets.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) incoming: &'a Incoming,
    parameters: Vec<(&'static str, String)>,
}

impl Call<'_> {
    /// Returns a parameter of the path.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(parameter, _)| *parameter == name);
        found.map_or("", |(_, value)| value)
    }

    /// Returns an id of the path.
    pub(crate) fn id<T: FromStr>(&self, name: &str) -> Result<T, ApiError> {
        let text = self.parameter(name);
        text.parse().map_err(|_| not_snowflake(name, text))
    }

    /// Returns an id of the query.
    pub(crate) fn query_id<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let text = self.incoming.query.get(name);
        text.map(|text| text.parse().map_err(|_| not_snowflake(name, text)))
            .transpose()
    }

    /// Returns a count of the query between 1 and 100.
    pub(crate) fn query_limit(&self, default: usize) -> Result<usize, ApiError> {
        let Some(text) = self.incoming.query.get("limit") else {
            return Ok(default);
        };
        let limit = text.parse().ok().filter(|limit| (1..=100).contains(limit));
        limit.ok_or_else(|| {
            let message = "int value should be between 1 and 100.";
            ApiError::invalid_form(
                json!({"limit": {"_errors": [{"code": "NUMBER_TYPE_MAX", "message": message}]}}),
            )
        })
    }
}

fn not_snowflake(name: &str, text: impl Display) -> ApiError {
    let message = format!("Value \"{text}\" is not snowflake.");
    ApiError::invalid_form(json!({name: {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": message}]}}))
}

/// Who may call a route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Requests with the bot's token.
    Bot,
    /// Anyone: the token in the path says enough.
    PathToken,
    /// Anyone.
    Open,
}

/// Does what a request asks.
pub(crate) type Handler = fn(&Call<'_>) -> Result<Reply, ApiError>;

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// The path with parameters in braces, as Discord's OpenAPI document writes it.
    pub(crate) template: &'static str,
    pub(crate) access: Access,
    pub(crate) quota: Option<Quota>,
    pub(crate) handler: Handler,
}

impl Route {
    /// Names the route as tests and records do.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    /// Interactions' callbacks and webhooks do not count towards the 50 requests a second.
    pub(crate) fn counts_globally(&self) -> bool {
        self.access == Access::Bot
    }

    /// Makes the handler's argument.
    pub(crate) fn call<'a>(&self, shared: &'a Shared, incoming: &'a Incoming) -> Option<Call<'a>> {
        let parameters = match_template(self.template, incoming.path())?;
        Some(Call {
            shared,
            incoming,
            parameters,
        })
    }

    /// Returns the parameter that separates this route's buckets: channel, guild, or webhook with its token.
    pub(crate) fn major(&self, call: &Call<'_>) -> String {
        let majors = ["channel_id", "guild_id", "webhook_id", "webhook_token"];
        majors.map(|name| call.parameter(name)).concat()
    }
}

/// Matches a path segment by segment and returns the parameters, decoded.
fn match_template(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut parameters = Vec::new();
    let mut given = path.split('/');
    for expected in template.split('/') {
        let segment = given.next()?;
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => parameters.push((name, decode(segment))),
            _ if expected == segment || expected == decode(segment) => {}
            _ => return None,
        }
    }
    given.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_whole_paths_and_decode_parameters() {
        let template = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me";
        let path = "/channels/1/messages/2/reactions/%E2%9E%95/@me";
        let parameters = match_template(template, path).unwrap_or_default();
        assert_eq!(parameters[2], ("emoji_name", "➕".to_owned()));
        assert!(match_template(template, "/channels/1/messages/2/reactions/%E2%9E%95").is_none());
        assert!(match_template("/users/{user_id}", "/users/").is_none());
        assert!(
            match_template(
                "/webhooks/{a}/{b}/messages/@original",
                "/webhooks/1/t/messages/%40original"
            )
            .is_some()
        );
    }
}
