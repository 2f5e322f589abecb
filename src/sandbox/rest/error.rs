//! Errors in the shape and with the codes of Discord's API.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error answer: an HTTP status with Discord's code, message and, for invalid bodies, where each fault is.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: u64,
    message: String,
    errors: Option<Value>,
}

macro_rules! api_errors {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $message:literal;)+) => {
        impl ApiError {$(
            $(#[$doc])*
            pub(crate) fn $name() -> Self {
                ApiError { status: StatusCode::$status, code: $code, message: $message.to_owned(), errors: None }
            }
        )+}
    };
}

api_errors! {
    not_found = NOT_FOUND, 0, "404: Not Found";
    method_not_allowed = METHOD_NOT_ALLOWED, 0, "405: Method Not Allowed";
    unauthorized = UNAUTHORIZED, 0, "401: Unauthorized";
    unknown_application = NOT_FOUND, 10002, "Unknown Application";
    unknown_channel = NOT_FOUND, 10003, "Unknown Channel";
    unknown_guild = NOT_FOUND, 10004, "Unknown Guild";
    unknown_member = NOT_FOUND, 10007, "Unknown Member";
    unknown_message = NOT_FOUND, 10008, "Unknown Message";
    unknown_user = NOT_FOUND, 10013, "Unknown User";
    unknown_emoji = BAD_REQUEST, 10014, "Unknown Emoji";
    /// Also the answer for an interaction's token after its 15 minutes.
    unknown_webhook = NOT_FOUND, 10015, "Unknown Webhook";
    unknown_interaction = NOT_FOUND, 10062, "Unknown interaction";
    unknown_command = NOT_FOUND, 10063, "Unknown application command";
    too_many_reactions = BAD_REQUEST, 30010, "Maximum number of reactions reached (20)";
    too_many_attachments = BAD_REQUEST, 30015, "Maximum number of attachments in a message reached (10)";
    too_many_commands = BAD_REQUEST, 30032, "Maximum number of application commands reached (100).";
    too_many_old_edits = TOO_MANY_REQUESTS, 30046,
        "Maximum number of edits to messages older than 1 hour reached. Try again later.";
    opening_dms_too_fast = BAD_REQUEST, 40003, "You are opening direct messages too fast";
    too_large = PAYLOAD_TOO_LARGE, 40005, "Request entity too large";
    already_acknowledged = BAD_REQUEST, 40060, "Interaction has already been acknowledged.";
    missing_access = FORBIDDEN, 50001, "Missing Access";
    not_in_dms = FORBIDDEN, 50003, "Cannot execute action on a DM channel";
    not_your_message = FORBIDDEN, 50005, "Cannot edit a message authored by another user";
    empty_message = BAD_REQUEST, 50006, "Cannot send an empty message";
    dms_closed = FORBIDDEN, 50007, "Cannot send messages to this user";
    missing_permissions = FORBIDDEN, 50013, "Missing Permissions";
    too_few_to_delete = BAD_REQUEST, 50016,
        "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete.";
    invalid_webhook_token = UNAUTHORIZED, 50027, "Invalid Webhook Token";
    invalid_recipient = BAD_REQUEST, 50033, "Invalid Recipient(s)";
    too_old_to_delete = BAD_REQUEST, 50034,
        "You can only bulk delete messages that are under 14 days old.";
    invalid_json = BAD_REQUEST, 50109, "The request body contains invalid JSON.";
    no_mutual_guild = FORBIDDEN, 50278, "Cannot send messages to this user due to having no mutual guilds";
}

impl ApiError {
    /// Reports faults of a body, nested as the body is.
    pub(crate) fn invalid_form(errors: Value) -> Self {
        ApiError {
            status: StatusCode::BAD_REQUEST,
            code: 50035,
            message: "Invalid Form Body".to_owned(),
            errors: Some(errors),
        }
    }

    /// Writes the body of the answer.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({"message": self.message, "code": self.code});
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        body
    }
}
