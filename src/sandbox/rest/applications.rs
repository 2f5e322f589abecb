//! The bot's application.

use serde_json::json;

use crate::rest::error::ApiError;
use crate::rest::route::{Call, Reply};
use crate::wire;

/// `GET /applications/@me` and `GET /oauth2/applications/@me`
pub(super) fn me(call: &Call<'_>) -> Result<Reply, ApiError> {
    let world = call.shared.world();
    let bot = world.users.get(&world.bot).ok_or_else(ApiError::unknown_user)?;
    let user = wire::user(bot);
    let install =
        json!({"oauth2_install_params": {"scopes": ["bot", "applications.commands"], "permissions": "0"}});
    let flags = call.shared.application_flags();
    Ok(Reply::ok(json!({
        "id": world.application, "name": bot.name, "icon": null, "description": "", "type": null, "bot": user,
        "summary": "", "bot_public": true, "bot_require_code_grant": false, "verify_key": "0".repeat(64),
        "flags": flags, "flags_new": flags.to_string(), "hook": true, "redirect_uris": [],
        "interactions_endpoint_url": null, "role_connections_verification_url": null, "owner": user,
        "approximate_guild_count": 1, "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0, "explicit_content_filter": 0, "team": null,
        "integration_types_config": {"0": install}, "event_webhooks_status": 1, "eligible_oauth2_scopes": [],
    })))
}
