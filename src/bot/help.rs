//! `/help`: what the bot can do, with examples, and what it keeps.

use std::sync::Arc;

use serenity::all::{
    CommandInteraction, Context, CreateEmbed, CreateEmbedFooter, CreateInteractionResponse,
    CreateInteractionResponseMessage,
};

use super::context::App;
use super::errors::BotError;
use super::onboarding::begin_row;
use super::profile::card;

/// Answers `/help`, for the person alone in guilds. It needs nothing looked up, so it answers at once.
///
/// # Errors
/// With Discord's.
pub async fn on_command(
    _: &Arc<App>,
    ctx: &Context,
    interaction: &CommandInteraction,
) -> Result<(), BotError> {
    let message = CreateInteractionResponseMessage::new()
        .embed(embed())
        .components(vec![begin_row("Show me pictures")])
        .ephemeral(interaction.guild_id.is_some());
    interaction
        .create_response(&ctx.http, CreateInteractionResponse::Message(message))
        .await?;
    Ok(())
}

fn embed() -> CreateEmbed {
    CreateEmbed::new()
        .title("I draw pictures in your taste")
        .colour(card::COLOUR)
        .description("Tell me once, in your own words, what you like to look at. From then on everything I draw for you leans that way, as much as you want.")
        .field("1 · Show me what you like", "/onboard shows a few pictures in your direct messages. Comment freely, for example: *love the soft light, but too many details*.", false)
        .field(
            "2 · Imagine",
            "`/imagine prompt: a lighthouse at dusk`\n`/imagine prompt: a fox in the snow count: 4`\n`/imagine prompt: a castle beta: 1 aspect: landscape`\n\
             Under a picture: ➕ and ➖ for more or less of your taste, 0️⃣ for none; ❤️ and ❌ tell me which ones you like to see, so that I can choose and rate pictures for you; buttons for another, a variation, a larger one, and why it looks as it does. `/imagine` with `image` starts from a picture of yours. `/cancel` stops what is under way.",
            false,
        )
        .field(
            "3 · Adjust",
            "`/strength value: 0.4` sets how much of your taste goes into every picture.\n`/profile show` is your taste card; `/profile edit`, `undo`, `export` and `import` do what they say.",
            false,
        )
        .field(
            "What I keep",
            "Your taste (once you press *keep*), the words it comes from, your requests with their pictures, and which of them you marked with ❤️ or ❌. Nobody else sees your taste, \
             and I read no messages outside our direct messages. `/profile forget` deletes all of it at once.",
            false,
        )
        .footer(CreateEmbedFooter::new("β (beta) is how much of your taste takes part: 0 is plain, 1 is all of it."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_command_and_fits() {
        let text = serde_json::to_string(&embed()).unwrap();
        for command in tastemaker_commands::all() {
            let name = serde_json::to_value(command).unwrap()["name"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(name == "help" || text.contains(&format!("/{name}")), "{name}");
        }
        assert!(text.chars().count() < 4000);
        for field in serde_json::to_value(embed()).unwrap()["fields"]
            .as_array()
            .unwrap()
        {
            assert!(field["value"].as_str().unwrap().chars().count() <= 1024);
        }
    }
}
