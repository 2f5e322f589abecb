//! Answers that every kind of interaction shares.

use serenity::all::{
    CacheHttp, CreateAllowedMentions, CreateInteractionResponse, CreateInteractionResponseFollowup,
    CreateInteractionResponseMessage, HttpError, Interaction,
};

/// Discord's code for an interaction that has been answered already.
const ALREADY_ACKNOWLEDGED: isize = 40060;

/// Tells the person who caused an interaction something only they see, whether or not it has been acknowledged yet.
pub(super) async fn tell(
    http: impl CacheHttp,
    interaction: &Interaction,
    text: &str,
) -> serenity::Result<()> {
    let message = CreateInteractionResponseMessage::new()
        .content(text)
        .ephemeral(true)
        .allowed_mentions(CreateAllowedMentions::new());
    let response = CreateInteractionResponse::Message(message);
    let first = match interaction {
        Interaction::Command(it) => it.create_response(&http, response).await,
        Interaction::Component(it) => it.create_response(&http, response).await,
        Interaction::Modal(it) => it.create_response(&http, response).await,
        _ => return Ok(()),
    };
    match first {
        Err(serenity::Error::Http(HttpError::UnsuccessfulRequest(refusal)))
            if refusal.error.code == ALREADY_ACKNOWLEDGED =>
        {
            let followup = CreateInteractionResponseFollowup::new()
                .content(text)
                .ephemeral(true)
                .allowed_mentions(CreateAllowedMentions::new());
            match interaction {
                Interaction::Command(it) => it.create_followup(&http, followup).await?,
                Interaction::Component(it) => it.create_followup(&http, followup).await?,
                Interaction::Modal(it) => it.create_followup(&http, followup).await?,
                _ => return Ok(()),
            };
            Ok(())
        }
        other => other,
    }
}
