//! What a person does on the page: one request, one act of the typed user API.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Page;
use super::uploads::Uploads;
use crate::error::{ActionError, WaitError};
use crate::id::{ChannelId, InteractionId, MessageId, UserId};
use crate::user::{Upload, User};

/// Longest name of a person who joins, in characters: as long as Discord's.
const MAX_NAME: usize = 32;

/// Who does what.
#[derive(Deserialize)]
pub(super) struct Request {
    user: UserId,
    #[serde(flatten)]
    action: Action,
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Action {
    Say {
        channel: ChannelId,
        text: String,
        #[serde(default)]
        uploads: Vec<u64>,
        reply_to: Option<MessageId>,
    },
    Command {
        channel: ChannelId,
        command: String,
        options: Map<String, Value>,
    },
    Autocomplete {
        channel: ChannelId,
        command: String,
        options: Map<String, Value>,
        focused: String,
    },
    Click {
        message: MessageId,
        custom_id: String,
    },
    Select {
        message: MessageId,
        custom_id: String,
        values: Vec<String>,
    },
    SubmitModal {
        interaction: InteractionId,
        fields: BTreeMap<String, String>,
    },
    CancelModal {
        interaction: InteractionId,
    },
    React {
        message: MessageId,
        emoji: String,
    },
    Unreact {
        message: MessageId,
        emoji: String,
    },
    Delete {
        message: MessageId,
    },
    Dismiss {
        message: MessageId,
    },
    Typing {
        channel: ChannelId,
    },
    Dms {
        open: bool,
    },
    AddUser {
        name: String,
    },
}

/// Why an act was refused, for the person to read.
pub(super) struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<ActionError> for Refused {
    fn from(error: ActionError) -> Self {
        Refused(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<WaitError> for Refused {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Action(error) => error.into(),
            _ => Refused(
                StatusCode::GATEWAY_TIMEOUT,
                "The bot did not answer in time.".to_owned(),
            ),
        }
    }
}

/// Does it, and answers with what the act made: `{"interaction": ID}`, `{"message": ID}`, `{"choices": […]}` or `{}`.
pub(super) async fn act(
    State(page): State<Page>,
    Json(request): Json<Request>,
) -> Result<Json<Value>, Refused> {
    let unknown = || Refused(StatusCode::NOT_FOUND, "That person is no longer here.".to_owned());
    let user = page.sandbox.user_by_id(request.user).ok_or_else(unknown)?;
    let made = match request.action {
        Action::Say {
            channel,
            text,
            uploads,
            reply_to,
        } => {
            json!({"message": say(&user, channel, &text, &taken(&page.uploads, &uploads)?, reply_to)?})
        }
        Action::Command {
            channel,
            command,
            options,
        } => {
            let options = with_files(&user, &page.uploads, channel, options)?;
            json!({"interaction": user.command(channel, &command, options.into())?})
        }
        Action::Autocomplete {
            channel,
            command,
            options,
            focused,
        } => {
            let options = without_files(options);
            json!({"choices": user.autocomplete(channel, &command, options.into(), &focused).await?})
        }
        Action::Click { message, custom_id } => json!({"interaction": user.click(message, &custom_id)?}),
        Action::Select {
            message,
            custom_id,
            values,
        } => {
            json!({"interaction": user.select(message, &custom_id, &values)?})
        }
        Action::SubmitModal { interaction, fields } => {
            json!({"interaction": user.submit_modal(interaction, fields)?})
        }
        Action::CancelModal { interaction } => done(user.cancel_modal(interaction))?,
        Action::React { message, emoji } => done(user.react(message, &emoji))?,
        Action::Unreact { message, emoji } => done(user.unreact(message, &emoji))?,
        Action::Delete { message } => done(user.delete(message))?,
        Action::Dismiss { message } => done(user.dismiss(message))?,
        Action::Typing { channel } => done(user.typing(channel))?,
        Action::Dms { open } => {
            user.set_dms_open(open);
            json!({})
        }
        Action::AddUser { name } => json!({"user": add_user(&page, &name)?}),
    };
    Ok(Json(made))
}

fn done(result: Result<(), ActionError>) -> Result<Value, ActionError> {
    result.map(|()| json!({}))
}

fn say(
    user: &User,
    channel: ChannelId,
    text: &str,
    files: &[Upload],
    reply_to: Option<MessageId>,
) -> Result<MessageId, ActionError> {
    match (reply_to, files) {
        (Some(message), []) => user.reply(message, text),
        (None, []) => user.say(channel, text),
        // Discord allows both at once; the bot looks at neither, so the files win.
        (_, files) => user.upload(channel, text, files.to_vec()),
    }
}

fn taken(uploads: &Uploads, numbers: &[u64]) -> Result<Vec<Upload>, Refused> {
    let gone = || {
        Refused(
            StatusCode::BAD_REQUEST,
            "A file is no longer there; please choose it again.".to_owned(),
        )
    };
    numbers
        .iter()
        .map(|number| uploads.get(*number).ok_or_else(gone))
        .collect()
}

/// Replaces `{"upload": N}` by the id of the file, handed to the sandbox.
fn with_files(
    user: &User,
    uploads: &Uploads,
    channel: ChannelId,
    mut options: Map<String, Value>,
) -> Result<Map<String, Value>, Refused> {
    for value in options.values_mut() {
        if let Some(number) = value.get("upload").and_then(Value::as_u64) {
            let file = taken(uploads, &[number])?.remove(0);
            *value = user.stage(channel, file)?.to_string().into();
        }
    }
    Ok(options)
}

fn without_files(mut options: Map<String, Value>) -> Map<String, Value> {
    options.retain(|_, value| !value.is_object());
    options
}

fn add_user(page: &Page, name: &str) -> Result<UserId, ActionError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return Err(ActionError::NotAllowed(format!(
            "a name has 1 to {MAX_NAME} characters"
        )));
    }
    let user = page.sandbox.user(name);
    user.dm();
    Ok(user.id())
}
