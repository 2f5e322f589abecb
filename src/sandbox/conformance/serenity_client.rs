//! An unmodified serenity client, through its rate limiter and the whole production path.

use serde_json::json;
use serenity::all::{
    ActionRowComponent, ButtonStyle, ChannelId, Client, CommandInteraction, CommandOptionType,
    ComponentInteractionDataKind, Context, CreateActionRow, CreateAttachment, CreateAutocompleteResponse,
    CreateButton, CreateCommand, CreateCommandOption, CreateEmbed, CreateInputText,
    CreateInteractionResponse, CreateInteractionResponseFollowup, CreateInteractionResponseMessage,
    CreateMessage, CreateModal, CreateSelectMenu, CreateSelectMenuKind, CreateSelectMenuOption,
    EditAttachments, EditInteractionResponse, EditMessage, Event, GatewayIntents, HttpBuilder,
    InputTextStyle, Interaction, MessageId, RawEventHandler, ReactionType, ResolvedValue,
};
use tokio::sync::mpsc;

use super::{PATIENCE, Result, assert_clean, http_client, sandbox};
use crate::{Sandbox, Upload};

/// Hands every event to the test, also those that serenity cannot decode.
struct Tap(mpsc::UnboundedSender<(Context, Event)>);

#[serenity::async_trait]
impl RawEventHandler for Tap {
    async fn raw_event(&self, context: Context, event: Event) {
        let _ = self.0.send((context, event));
    }
}

struct Bot {
    events: mpsc::UnboundedReceiver<(Context, Event)>,
    running: tokio::task::JoinHandle<()>,
}

impl Bot {
    async fn start(sandbox: &Sandbox) -> Result<Self> {
        let http = HttpBuilder::new(sandbox.token())
            .client(http_client(sandbox)?)
            .build();
        http.set_application_id(sandbox.application_id().get().into());
        let (sender, events) = mpsc::unbounded_channel();
        let intents = GatewayIntents::non_privileged();
        let mut client = serenity::client::ClientBuilder::new_with_http(http, intents)
            .raw_event_handler(Tap(sender))
            .await?;
        let running = tokio::spawn(async move {
            run(&mut client).await;
        });
        Ok(Bot { events, running })
    }

    /// Waits for an event that fits; one that serenity cannot decode fails the test.
    async fn expect<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> Result<(Context, T)> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.events.recv()).await?;
            let (context, event) = next.ok_or("the client ended")?;
            if let Event::Unknown(unknown) = &event {
                return Err(format!("serenity cannot decode {}", serde_json::to_string(unknown)?).into());
            }
            if let Some(found) = pick(event) {
                return Ok((context, found));
            }
        }
    }

    async fn interaction(&mut self) -> Result<(Context, Interaction)> {
        self.expect(|event| match event {
            Event::InteractionCreate(event) => Some(event.interaction),
            _ => None,
        })
        .await
    }

    async fn command(&mut self) -> Result<(Context, CommandInteraction)> {
        match self.interaction().await? {
            (context, Interaction::Command(command)) => Ok((context, command)),
            (_, other) => Err(format!("expected a command, got {other:?}").into()),
        }
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn run(client: &mut Client) {
    if let Err(error) = client.start().await {
        tracing::error!(%error, "the client ended");
    }
}

fn imagine() -> CreateCommand {
    let option = |kind, name, description| CreateCommandOption::new(kind, name, description);
    CreateCommand::new("imagine")
        .description("Draws a picture")
        .add_option(
            option(CommandOptionType::String, "prompt", "What to draw")
                .required(true)
                .max_length(1000),
        )
        .add_option(
            option(CommandOptionType::Number, "beta", "How much taste")
                .min_number_value(0.0)
                .max_number_value(1.0),
        )
        .add_option(option(CommandOptionType::String, "style", "A style").set_autocomplete(true))
        .add_option(option(CommandOptionType::User, "for", "For whom"))
}

#[tokio::test]
async fn it_is_greeted_and_told_of_messages_and_reactions() -> Result {
    let sandbox = sandbox().await?;
    let mut bot = Bot::start(&sandbox).await?;
    let (_, ready) = bot
        .expect(|event| {
            if let Event::Ready(event) = event {
                Some(event.ready)
            } else {
                None
            }
        })
        .await?;
    assert_eq!(ready.user.id.get(), sandbox.bot_user_id().get());
    let (context, guild) = bot
        .expect(|event| {
            if let Event::GuildCreate(event) = event {
                Some(event.guild)
            } else {
                None
            }
        })
        .await?;
    assert_eq!(guild.id.get(), sandbox.guild_id().get());
    assert!(
        guild
            .channels
            .contains_key(&ChannelId::new(sandbox.channel_id().get()))
    );

    let ada = sandbox.user("Ada");
    let dm = ada.dm();
    let picture = Upload {
        filename: "a b.png".to_owned(),
        description: None,
        bytes: tiny_png().into(),
    };
    ada.upload(dm, "I love these colours", vec![picture])?;
    let message = |event| {
        if let Event::MessageCreate(event) = event {
            Some(event.message)
        } else {
            None
        }
    };
    let (_, heard) = bot.expect(message).await?;
    assert_eq!(
        (heard.content.as_str(), heard.author.id.get()),
        ("I love these colours", ada.id().get())
    );
    assert_eq!(
        (heard.attachments[0].filename.as_str(), heard.attachments[0].width),
        ("a_b.png", Some(2))
    );

    // In the guild, without the privileged intent, only the mention lets the words through.
    ada.say(sandbox.channel_id(), "secret")?;
    assert_eq!(bot.expect(message).await?.1.content, "");
    ada.say(
        sandbox.channel_id(),
        &format!("hello <@{}>", sandbox.bot_user_id()),
    )?;
    assert!(bot.expect(message).await?.1.content.starts_with("hello"));

    let channel = ChannelId::new(dm.get());
    let embed = CreateEmbed::new()
        .title("Style")
        .image("attachment://style.png")
        .field("Liked", "teal", true);
    let file = CreateAttachment::bytes(tiny_png(), "style.png");
    let content = CreateMessage::new().content("1 of 8").embed(embed).add_file(file);
    let sent = channel.send_message(&context.http, content).await?;
    let seen = sandbox
        .wait_for(dm, |message| message.content == "1 of 8", PATIENCE)
        .await?;
    assert_eq!(*seen.attachments[0].bytes, *tiny_png());
    assert!(seen.attachments[0].embedded && seen.embeds[0].image.is_some());
    assert!(
        sent.attachments.is_empty(),
        "a file that an embed shows stands in the embed only"
    );

    sent.react(&context.http, ReactionType::Unicode("➕".to_owned()))
        .await?;
    ada.react(seen.id, "➕")?;
    let user_reacted = |event| match event {
        Event::ReactionAdd(event) if event.reaction.user_id.map(|id| id.get()) == Some(ada.id().get()) => {
            Some(event.reaction)
        }
        _ => None,
    };
    let (_, reaction) = bot.expect(user_reacted).await?;
    assert!(reaction.emoji.unicode_eq("➕"));
    ada.unreact(seen.id, "➕")?;
    bot.expect(|event| matches!(event, Event::ReactionRemove(_)).then_some(()))
        .await?;
    let found = channel.message(&context.http, sent.id).await?;
    assert_eq!(found.reactions[0].count, 1);
    let denied = found
        .delete_reaction(&context.http, Some(ada.id().get().into()), '➕')
        .await;
    assert!(format!("{denied:?}").contains("50003"), "{denied:?}");

    let edit = EditMessage::new()
        .content("2 of 8")
        .attachments(EditAttachments::new());
    channel.edit_message(&context.http, sent.id, edit).await?;
    let edited = sandbox.message(seen.id).ok_or("gone")?;
    assert_eq!(
        (edited.edits, edited.attachments.len(), edited.content.as_str()),
        (1, 0, "2 of 8")
    );
    sent.delete(&context.http).await?;
    bot.expect(|event| matches!(event, Event::MessageDelete(_)).then_some(()))
        .await?;
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn commands_components_and_modals_go_round() -> Result {
    let sandbox = sandbox().await?;
    let mut bot = Bot::start(&sandbox).await?;
    let (context, ()) = bot
        .expect(|event| matches!(event, Event::Ready(_)).then_some(()))
        .await?;
    let registered = serenity::all::Command::set_global_commands(&context.http, vec![imagine()]).await?;
    assert_eq!(registered.len(), 1);
    let ada = sandbox.user("Ada");
    for channel in [sandbox.channel_id(), ada.dm()] {
        let options = json!({"prompt": "a lighthouse", "beta": "0.4", "for": "Ada"});
        let id = ada.command(channel, "imagine", options)?;
        let (_, command) = bot.command().await?;
        assert_eq!(
            (command.user.id.get(), command.channel_id.get()),
            (ada.id().get(), channel.get())
        );
        let options = command.data.options();
        assert!(matches!(options[0].value, ResolvedValue::String("a lighthouse")));
        assert!(matches!(options[1].value, ResolvedValue::Number(beta) if beta == 0.4));
        assert!(matches!(options[2].value, ResolvedValue::User(user, _) if user.id.get() == ada.id().get()));
        command.defer(&context.http).await?;
        let thinking = ada
            .wait_for_answer(id, |message| message.is_thinking(), PATIENCE)
            .await?;

        let buttons = CreateActionRow::Buttons(vec![
            CreateButton::new("again")
                .label("Again")
                .style(ButtonStyle::Primary),
            CreateButton::new("edit").label("Edit").emoji('✏'),
        ]);
        let offered = CreateSelectMenuKind::String {
            options: vec![
                CreateSelectMenuOption::new("Ink", "ink"),
                CreateSelectMenuOption::new("Oil", "oil"),
            ],
        };
        let menu =
            CreateActionRow::SelectMenu(CreateSelectMenu::new("medium", offered).placeholder("Medium"));
        let done = EditInteractionResponse::new()
            .content("Done")
            .components(vec![buttons, menu])
            .new_attachment(CreateAttachment::bytes(tiny_png(), "picture.png"));
        command.edit_response(&context.http, done).await?;
        let answer = ada
            .wait_for_answer(id, |message| message.content == "Done", PATIENCE)
            .await?;
        assert_eq!(
            (answer.id, answer.attachments.len(), answer.edited_at),
            (thinking.id, 1, None)
        );

        ada.click(&answer, "Again")?;
        let (_, Interaction::Component(click)) = bot.interaction().await? else {
            return Err("no click".into());
        };
        assert!(matches!(click.data.kind, ComponentInteractionDataKind::Button));
        assert_eq!(click.message.id.get(), answer.id.get());
        let update = CreateInteractionResponseMessage::new()
            .content("Again!")
            .components(Vec::new());
        click
            .create_response(&context.http, CreateInteractionResponse::UpdateMessage(update))
            .await?;
        let twice = click.defer(&context.http).await;
        assert!(format!("{twice:?}").contains("40060"), "{twice:?}");
        let whisper = CreateInteractionResponseFollowup::new()
            .content("for you")
            .ephemeral(true);
        click.create_followup(&context.http, whisper).await?;
        let whisper = ada
            .wait_for(channel, |message| message.content == "for you", PATIENCE)
            .await?;
        assert!(whisper.is_ephemeral());
        let bob = sandbox.user("Bob");
        assert!(
            bob.messages(channel)
                .iter()
                .all(|message| message.id != whisper.id)
        );
    }
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn menus_modals_and_completions_carry_what_people_chose() -> Result {
    let sandbox = sandbox().await?;
    let mut bot = Bot::start(&sandbox).await?;
    let (context, ()) = bot
        .expect(|event| matches!(event, Event::Ready(_)).then_some(()))
        .await?;
    serenity::all::Command::set_global_commands(&context.http, vec![imagine()]).await?;
    let ada = sandbox.user("Ada");
    let dm = ada.dm();

    let offered = CreateSelectMenuKind::String {
        options: vec![
            CreateSelectMenuOption::new("Ink", "ink"),
            CreateSelectMenuOption::new("Oil", "oil"),
        ],
    };
    let menu = CreateActionRow::SelectMenu(CreateSelectMenu::new("medium", offered));
    let content = CreateMessage::new().content("Choose").components(vec![menu]);
    let sent = ChannelId::new(dm.get())
        .send_message(&context.http, content)
        .await?;
    ada.select(crate::MessageId(sent.id.get()), "medium", &["Oil"])?;
    let (_, Interaction::Component(choice)) = bot.interaction().await? else {
        return Err("no choice".into());
    };
    let ComponentInteractionDataKind::StringSelect { values } = &choice.data.kind else {
        return Err("no menu".into());
    };
    assert_eq!(values, &["oil"]);

    let input =
        CreateInputText::new(InputTextStyle::Paragraph, "What do you see?", "comment").max_length(300);
    let modal = CreateModal::new("tell", "Tell me").components(vec![CreateActionRow::InputText(input)]);
    choice
        .create_response(&context.http, CreateInteractionResponse::Modal(modal))
        .await?;
    let shown = ada.wait_for_modal(PATIENCE).await?;
    assert_eq!(
        (shown.title.as_str(), shown.inputs[0].max_length),
        ("Tell me", 300)
    );
    ada.submit_modal(shown.interaction_id, [("comment", "soft light")])?;
    let (_, Interaction::Modal(submitted)) = bot.interaction().await? else {
        return Err("no modal".into());
    };
    let ActionRowComponent::InputText(field) = &submitted.data.components[0].components[0] else {
        return Err("no field".into());
    };
    assert_eq!(field.value.as_deref(), Some("soft light"));
    assert_eq!(
        submitted.message.as_ref().map(|message| message.id),
        Some(sent.id)
    );
    submitted
        .create_response(&context.http, CreateInteractionResponse::Acknowledge)
        .await?;

    let completing = {
        let ada = ada.clone();
        tokio::spawn(async move {
            ada.autocomplete(dm, "imagine", json!({"style": "wat"}), "style")
                .await
        })
    };
    let (_, Interaction::Autocomplete(request)) = bot.interaction().await? else {
        return Err("no request".into());
    };
    let focused = request.data.autocomplete().ok_or("nothing focused")?;
    assert_eq!((focused.name, focused.value), ("style", "wat"));
    let choices = CreateAutocompleteResponse::new().add_string_choice("Watercolour", "watercolour");
    request
        .create_response(&context.http, CreateInteractionResponse::Autocomplete(choices))
        .await?;
    assert_eq!(completing.await??[0].value, "watercolour");
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn a_forced_429_is_waited_out_and_files_are_sent_again() -> Result {
    let sandbox = sandbox().await?;
    let mut bot = Bot::start(&sandbox).await?;
    let (context, ()) = bot
        .expect(|event| matches!(event, Event::Ready(_)).then_some(()))
        .await?;
    let dm = sandbox.user("Ada").dm();
    sandbox.force_429("POST /channels/{channel_id}/messages", 1);
    let content = CreateMessage::new().add_file(CreateAttachment::bytes(tiny_png(), "picture.png"));
    ChannelId::new(dm.get())
        .send_message(&context.http, content)
        .await?;
    let messages = sandbox.messages(dm);
    assert_eq!(
        (
            messages.len(),
            messages[0].attachments.len(),
            sandbox.invalid_requests()
        ),
        (1, 1, 1)
    );
    let missing = ChannelId::new(dm.get())
        .message(&context.http, MessageId::new(1))
        .await;
    assert!(format!("{missing:?}").contains("10008"), "{missing:?}");
    assert_clean(&sandbox);
    Ok(())
}

#[tokio::test]
async fn a_dropped_connection_is_resumed_without_loss() -> Result {
    let sandbox = sandbox().await?;
    let mut bot = Bot::start(&sandbox).await?;
    bot.expect(|event| matches!(event, Event::Ready(_)).then_some(()))
        .await?;
    sandbox.disconnect_gateway();
    let ada = sandbox.user("Ada");
    ada.say(ada.dm(), "are you there?")?;
    let message = |event| {
        if let Event::MessageCreate(event) = event {
            Some(event.message.content)
        } else {
            None
        }
    };
    assert_eq!(bot.expect(message).await?.1, "are you there?");
    bot.expect(|event| matches!(event, Event::Resumed(_)).then_some(()))
        .await?;
    assert_eq!(sandbox.invalid_sessions(), 0);
    sandbox.invalidate_sessions();
    bot.expect(|event| matches!(event, Event::Ready(_)).then_some(()))
        .await?;
    assert_clean(&sandbox);
    Ok(())
}

/// A PNG of two by one pixels.
pub(super) fn tiny_png() -> Vec<u8> {
    const PNG: &str =
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAADUlEQVR42mP4zwAE/wEHAAH/PX2MSQAAAABJRU5ErkJggg==";
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(PNG)
        .unwrap_or_default()
}
