//! The table of routes: method, template as in Discord's documentation, limits, handler.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::ratelimit::Quota;
use crate::rest::error::ApiError;
use crate::rest::incoming::{Incoming, decode};
use crate::rest::{
    applications, channels, commands, guilds, interactions, messages, reactions, users, webhooks,
};
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
type Handler = fn(&Call<'_>) -> Result<Reply, ApiError>;

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

const fn per(limit: u32, millis: u64, group: &'static str) -> Option<Quota> {
    Some(Quota {
        limit,
        window: Duration::from_millis(millis),
        group,
    })
}

/// Returns every route. Where two match, the one written first wins, so fixed segments stand before parameters.
///
/// Discord publishes no quotas; these are what its headers said when this was written, rounded to whole requests.
pub(crate) fn table() -> Vec<Route> {
    let route = |method: &Method, template, access, quota, handler| {
        let method = method.clone();
        Route {
            method,
            template,
            access,
            quota,
            handler,
        }
    };
    let (get, put, post, patch, delete) = (
        &Method::GET,
        &Method::PUT,
        &Method::POST,
        &Method::PATCH,
        &Method::DELETE,
    );
    use Access::{Bot, Open, PathToken};
    const MESSAGE: &str = "/channels/{channel_id}/messages/{message_id}";
    const EMOJI: &str = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}";
    const EMOJI_ME: &str = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me";
    const EMOJI_USER: &str = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/{user_id}";
    const COMMANDS: &str = "/applications/{application_id}/commands";
    const COMMAND: &str = "/applications/{application_id}/commands/{command_id}";
    const GUILD_COMMANDS: &str = "/applications/{application_id}/guilds/{guild_id}/commands";
    const GUILD_COMMAND: &str = "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}";
    const CALLBACK: &str = "/interactions/{interaction_id}/{interaction_token}/callback";
    const ORIGINAL: &str = "/webhooks/{webhook_id}/{webhook_token}/messages/@original";
    const FOLLOWUP: &str = "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}";
    vec![
        route(get, "/gateway", Open, None, guilds::gateway),
        route(
            get,
            "/gateway/bot",
            Bot,
            per(2, 5_000, "gateway"),
            guilds::gateway_bot,
        ),
        route(get, "/users/@me", Bot, per(30, 30_000, "me"), users::me),
        route(
            get,
            "/users/@me/guilds",
            Bot,
            per(10, 10_000, "guilds"),
            users::my_guilds,
        ),
        route(
            post,
            "/users/@me/channels",
            Bot,
            per(10, 10_000, "dms"),
            users::open_dm,
        ),
        route(get, "/users/{user_id}", Bot, per(30, 30_000, "users"), users::get),
        route(
            get,
            "/oauth2/applications/@me",
            Bot,
            per(5, 5_000, "application"),
            applications::me,
        ),
        route(
            get,
            "/applications/@me",
            Bot,
            per(5, 5_000, "application"),
            applications::me,
        ),
        route(
            get,
            "/guilds/{guild_id}",
            Bot,
            per(10, 10_000, "guild"),
            guilds::get,
        ),
        route(
            get,
            "/guilds/{guild_id}/channels",
            Bot,
            per(10, 10_000, "guild"),
            guilds::channels,
        ),
        route(
            get,
            "/guilds/{guild_id}/members/{user_id}",
            Bot,
            per(5, 1_000, "member"),
            guilds::member,
        ),
        route(
            get,
            "/channels/{channel_id}",
            Bot,
            per(50, 10_000, "channel"),
            channels::get,
        ),
        route(
            post,
            "/channels/{channel_id}/typing",
            Bot,
            per(5, 5_000, "typing"),
            channels::typing,
        ),
        route(
            get,
            "/channels/{channel_id}/messages",
            Bot,
            per(5, 5_000, "list"),
            messages::list,
        ),
        route(
            post,
            "/channels/{channel_id}/messages",
            Bot,
            per(5, 5_000, "send"),
            messages::create,
        ),
        route(
            post,
            "/channels/{channel_id}/messages/bulk-delete",
            Bot,
            per(1, 1_000, "bulk"),
            messages::bulk_delete,
        ),
        route(get, MESSAGE, Bot, per(5, 5_000, "list"), messages::get),
        route(patch, MESSAGE, Bot, per(5, 5_000, "edit"), messages::edit),
        route(delete, MESSAGE, Bot, per(5, 1_000, "delete"), messages::delete),
        route(
            delete,
            "/channels/{channel_id}/messages/{message_id}/reactions",
            Bot,
            per(1, 250, "react"),
            reactions::clear,
        ),
        route(put, EMOJI_ME, Bot, per(1, 250, "react"), reactions::add),
        route(delete, EMOJI_ME, Bot, per(1, 250, "react"), reactions::remove_own),
        route(
            delete,
            EMOJI_USER,
            Bot,
            per(1, 250, "react"),
            reactions::remove_of,
        ),
        route(get, EMOJI, Bot, per(5, 5_000, "reactions"), reactions::list),
        route(delete, EMOJI, Bot, per(1, 250, "react"), reactions::clear_emoji),
        route(
            get,
            COMMANDS,
            Bot,
            per(5, 20_000, "commands-read"),
            commands::list,
        ),
        route(post, COMMANDS, Bot, per(5, 20_000, "commands"), commands::create),
        route(
            put,
            COMMANDS,
            Bot,
            per(5, 20_000, "commands-all"),
            commands::overwrite,
        ),
        route(get, COMMAND, Bot, per(5, 20_000, "commands-read"), commands::get),
        route(patch, COMMAND, Bot, per(5, 20_000, "commands"), commands::edit),
        route(delete, COMMAND, Bot, per(5, 20_000, "commands"), commands::delete),
        route(
            get,
            GUILD_COMMANDS,
            Bot,
            per(5, 20_000, "guild-commands-read"),
            commands::list,
        ),
        route(
            post,
            GUILD_COMMANDS,
            Bot,
            per(5, 20_000, "guild-commands"),
            commands::create,
        ),
        route(
            put,
            GUILD_COMMANDS,
            Bot,
            per(5, 20_000, "guild-commands-all"),
            commands::overwrite,
        ),
        route(
            get,
            GUILD_COMMAND,
            Bot,
            per(5, 20_000, "guild-commands-read"),
            commands::get,
        ),
        route(
            patch,
            GUILD_COMMAND,
            Bot,
            per(5, 20_000, "guild-commands"),
            commands::edit,
        ),
        route(
            delete,
            GUILD_COMMAND,
            Bot,
            per(5, 20_000, "guild-commands"),
            commands::delete,
        ),
        route(post, CALLBACK, PathToken, None, interactions::callback),
        route(
            post,
            "/webhooks/{webhook_id}/{webhook_token}",
            PathToken,
            per(5, 2_000, "webhook"),
            webhooks::follow_up,
        ),
        route(
            get,
            ORIGINAL,
            PathToken,
            per(5, 2_000, "webhook-read"),
            webhooks::get_original,
        ),
        route(
            patch,
            ORIGINAL,
            PathToken,
            per(5, 2_000, "webhook-edit"),
            webhooks::edit_original,
        ),
        route(
            delete,
            ORIGINAL,
            PathToken,
            per(5, 2_000, "webhook"),
            webhooks::delete_original,
        ),
        route(
            get,
            FOLLOWUP,
            PathToken,
            per(5, 2_000, "webhook-read"),
            webhooks::get,
        ),
        route(
            patch,
            FOLLOWUP,
            PathToken,
            per(5, 2_000, "webhook-edit"),
            webhooks::edit,
        ),
        route(
            delete,
            FOLLOWUP,
            PathToken,
            per(5, 2_000, "webhook"),
            webhooks::delete,
        ),
    ]
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
