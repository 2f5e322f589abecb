//! The table of routes: method, template as in Discord's documentation, who may call, quota, handler.

use std::time::Duration;

use axum::http::Method;

use crate::ratelimit::Quota;
use crate::rest::route::Access::{Bot, Open, PathToken};
use crate::rest::route::{Access, Handler, Route};
use crate::rest::{
    applications, channels, commands, guilds, interactions, messages, reactions, users, webhooks,
};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

const MESSAGES: &str = "/channels/{channel_id}/messages";
const MESSAGE: &str = "/channels/{channel_id}/messages/{message_id}";
const BULK_DELETE: &str = "/channels/{channel_id}/messages/bulk-delete";
const REACTIONS: &str = "/channels/{channel_id}/messages/{message_id}/reactions";
const EMOJI: &str = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}";
const EMOJI_ME: &str = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me";
const EMOJI_USER: &str = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/{user_id}";
const COMMANDS: &str = "/applications/{application_id}/commands";
const COMMAND: &str = "/applications/{application_id}/commands/{command_id}";
const GUILD_COMMANDS: &str = "/applications/{application_id}/guilds/{guild_id}/commands";
const GUILD_COMMAND: &str = "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}";
const CALLBACK: &str = "/interactions/{interaction_id}/{interaction_token}/callback";
const WEBHOOK: &str = "/webhooks/{webhook_id}/{webhook_token}";
const ORIGINAL: &str = "/webhooks/{webhook_id}/{webhook_token}/messages/@original";
const FOLLOW_UP: &str = "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}";

/// Returns every route. Where two match, the one written first wins, so fixed segments stand before parameters.
///
/// Discord publishes no quotas and changes them at will; these are of the size that bots commonly meet. Clients must go
/// by the headers, here as there.
#[rustfmt::skip]
pub(crate) fn table() -> Vec<Route> {
    vec![
        route(GET, "/gateway", Open, None, guilds::gateway),
        route(GET, "/gateway/bot", Bot, per(2, 5_000, "gateway"), guilds::gateway_bot),
        route(GET, "/users/@me", Bot, per(30, 30_000, "me"), users::me),
        route(GET, "/users/@me/guilds", Bot, per(10, 10_000, "guilds"), users::my_guilds),
        route(POST, "/users/@me/channels", Bot, per(10, 10_000, "dms"), users::open_dm),
        route(GET, "/users/{user_id}", Bot, per(30, 30_000, "users"), users::get),
        route(GET, "/oauth2/applications/@me", Bot, per(5, 5_000, "application"), applications::me),
        route(GET, "/applications/@me", Bot, per(5, 5_000, "application"), applications::me),
        route(GET, "/guilds/{guild_id}", Bot, per(10, 10_000, "guild"), guilds::get),
        route(GET, "/guilds/{guild_id}/channels", Bot, per(10, 10_000, "guild"), guilds::channels),
        route(GET, "/guilds/{guild_id}/members/{user_id}", Bot, per(5, 1_000, "member"), guilds::member),
        route(GET, "/channels/{channel_id}", Bot, per(50, 10_000, "channel"), channels::get),
        route(POST, "/channels/{channel_id}/typing", Bot, per(5, 5_000, "typing"), channels::typing),
        route(GET, MESSAGES, Bot, per(5, 5_000, "list"), messages::list),
        route(POST, MESSAGES, Bot, per(5, 5_000, "send"), messages::create),
        route(POST, BULK_DELETE, Bot, per(1, 1_000, "bulk"), messages::bulk_delete),
        route(GET, MESSAGE, Bot, per(5, 5_000, "list"), messages::get),
        route(PATCH, MESSAGE, Bot, per(5, 5_000, "edit"), messages::edit),
        route(DELETE, MESSAGE, Bot, per(5, 1_000, "delete"), messages::delete),
        route(DELETE, REACTIONS, Bot, per(1, 250, "react"), reactions::clear),
        route(PUT, EMOJI_ME, Bot, per(1, 250, "react"), reactions::add),
        route(DELETE, EMOJI_ME, Bot, per(1, 250, "react"), reactions::remove_own),
        route(DELETE, EMOJI_USER, Bot, per(1, 250, "react"), reactions::remove_of),
        route(GET, EMOJI, Bot, per(5, 5_000, "reactions"), reactions::list),
        route(DELETE, EMOJI, Bot, per(1, 250, "react"), reactions::clear_emoji),
        route(GET, COMMANDS, Bot, per(5, 20_000, "commands-read"), commands::list),
        route(POST, COMMANDS, Bot, per(5, 20_000, "commands"), commands::create),
        route(PUT, COMMANDS, Bot, per(5, 20_000, "commands-all"), commands::overwrite),
        route(GET, COMMAND, Bot, per(5, 20_000, "commands-read"), commands::get),
        route(PATCH, COMMAND, Bot, per(5, 20_000, "commands"), commands::edit),
        route(DELETE, COMMAND, Bot, per(5, 20_000, "commands"), commands::delete),
        route(GET, GUILD_COMMANDS, Bot, per(5, 20_000, "guild-commands-read"), commands::list),
        route(POST, GUILD_COMMANDS, Bot, per(5, 20_000, "guild-commands"), commands::create),
        route(PUT, GUILD_COMMANDS, Bot, per(5, 20_000, "guild-commands-all"), commands::overwrite),
        route(GET, GUILD_COMMAND, Bot, per(5, 20_000, "guild-commands-read"), commands::get),
        route(PATCH, GUILD_COMMAND, Bot, per(5, 20_000, "guild-commands"), commands::edit),
        route(DELETE, GUILD_COMMAND, Bot, per(5, 20_000, "guild-commands"), commands::delete),
        route(POST, CALLBACK, PathToken, None, interactions::callback),
        route(POST, WEBHOOK, PathToken, per(5, 2_000, "webhook"), webhooks::follow_up),
        route(GET, ORIGINAL, PathToken, per(5, 2_000, "webhook-read"), webhooks::get_original),
        route(PATCH, ORIGINAL, PathToken, per(5, 2_000, "webhook-edit"), webhooks::edit_original),
        route(DELETE, ORIGINAL, PathToken, per(5, 2_000, "webhook"), webhooks::delete_original),
        route(GET, FOLLOW_UP, PathToken, per(5, 2_000, "webhook-read"), webhooks::get),
        route(PATCH, FOLLOW_UP, PathToken, per(5, 2_000, "webhook-edit"), webhooks::edit),
        route(DELETE, FOLLOW_UP, PathToken, per(5, 2_000, "webhook"), webhooks::delete),
    ]
}

fn route(
    method: Method,
    template: &'static str,
    access: Access,
    quota: Option<Quota>,
    handler: Handler,
) -> Route {
    Route {
        method,
        template,
        access,
        quota,
        handler,
    }
}

const fn per(limit: u32, millis: u64, group: &'static str) -> Option<Quota> {
    let window = Duration::from_millis(millis);
    Some(Quota { limit, window, group })
}
