//! Interactions from the click to their last follow-up, with the two deadlines Discord sets.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::events::SandboxEvent;
use crate::id::{ChannelId, GuildId, InteractionId, MessageId, UserId};
use crate::model::{Choice, InteractionKind, MessageInteraction, Modal, OptionKind};
use crate::state::World;
use crate::wire;

/// Time a bot has to answer an interaction.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Time an interaction's token lives.
pub(crate) const TOKEN_LIVES: Duration = Duration::from_secs(15 * 60);
/// Largest file an interaction's answer may carry, in bytes.
pub(crate) const ATTACHMENT_LIMIT: usize = 10 * 1024 * 1024;

/// How far an interaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionStatus {
    /// Sent to the bot; its three seconds are running.
    Pending,
    /// Answered in time.
    Acknowledged,
    /// Not answered in time: clients say "The application did not respond".
    Failed,
}

/// One use of a command, component, autocomplete or modal.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) id: InteractionId,
    pub(crate) token: String,
    pub(crate) kind: InteractionKind,
    /// The command's full name, or the component's or modal's `custom_id`.
    pub(crate) name: String,
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) guild: Option<GuildId>,
    pub(crate) created_at: Timestamp,
    pub(crate) status: InteractionStatus,
    /// The message that `@original` names.
    pub(crate) original: Option<MessageId>,
    /// The message whose component was used, also behind a modal that such a component opened.
    pub(crate) source: Option<MessageId>,
    /// The answer's message and every follow-up, oldest first.
    pub(crate) answers: Vec<MessageId>,
    /// The modal it was answered with, until submitted or cancelled.
    pub(crate) modal: Option<Modal>,
    /// The type of the option that an autocomplete is for.
    pub(crate) focused: Option<OptionKind>,
    /// What an autocomplete was answered with.
    pub(crate) choices: Option<Vec<Choice>>,
}

impl Interaction {
    /// Tells whether the token still works.
    pub(crate) fn token_lives(&self, now: Timestamp) -> bool {
        now.since(self.created_at) < TOKEN_LIVES
    }

    /// Describes the interaction on a message that answers it.
    pub(crate) fn on_message(&self, followup: bool) -> MessageInteraction {
        MessageInteraction {
            id: self.id,
            kind: self.kind,
            name: self.name.clone(),
            user: self.user,
            component_message: self.source,
            followup,
        }
    }
}

/// What a person did, ready to be sent to the bot.
pub(crate) struct Act {
    pub(crate) kind: InteractionKind,
    pub(crate) name: String,
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) source: Option<MessageId>,
    /// The type of the option that an autocomplete is for.
    pub(crate) focused: Option<OptionKind>,
    /// The interaction's `data`.
    pub(crate) data: Value,
}

impl World {
    /// Records an interaction and sends it to the bot's shard for that place.
    pub(crate) fn interact(&mut self, act: Act, token: String) -> InteractionId {
        let id = InteractionId(self.clock.snowflake());
        let guild = self.channels.get(&act.channel).and_then(|channel| channel.guild);
        let interaction = Interaction {
            id,
            token,
            kind: act.kind,
            name: act.name,
            user: act.user,
            channel: act.channel,
            guild,
            created_at: self.now(),
            status: InteractionStatus::Pending,
            original: None,
            source: act.source,
            answers: Vec::new(),
            modal: None,
            focused: act.focused,
            choices: None,
        };
        let payload = wire::interaction(self, &interaction, act.data);
        self.interactions.insert(id, interaction);
        self.dispatch("INTERACTION_CREATE", 0, guild, payload);
        self.touch();
        id
    }

    /// Fails every interaction whose three seconds are over.
    pub(crate) fn expire_interactions(&mut self) {
        let now = self.now();
        let pending = self
            .interactions
            .values_mut()
            .filter(|it| it.status == InteractionStatus::Pending);
        let late: Vec<_> = pending
            .filter(|it| now.since(it.created_at) > ANSWER_WITHIN)
            .map(|it| {
                it.status = InteractionStatus::Failed;
                (it.id, it.user, it.channel)
            })
            .collect();
        for (interaction_id, user_id, channel_id) in late {
            self.emit(SandboxEvent::InteractionFailed {
                interaction_id,
                user_id,
                channel_id,
            });
        }
    }

    /// Returns how long until the next pending interaction fails.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let now = self.now();
        let pending = self
            .interactions
            .values()
            .filter(|it| it.status == InteractionStatus::Pending);
        pending
            .map(|it| {
                it.created_at
                    .plus(ANSWER_WITHIN + Duration::from_millis(1))
                    .since(now)
            })
            .min()
    }

    /// Marks an interaction as answered and tells live views.
    pub(crate) fn acknowledge(&mut self, id: InteractionId) {
        if let Some(interaction) = self.interactions.get_mut(&id) {
            interaction.status = InteractionStatus::Acknowledged;
            let user_id = interaction.user;
            self.emit(SandboxEvent::InteractionAcknowledged {
                interaction_id: id,
                user_id,
            });
        }
    }

    /// Opens a modal for the interaction's user.
    pub(crate) fn show_modal(&mut self, id: InteractionId, modal: Modal) {
        if let Some(interaction) = self.interactions.get_mut(&id) {
            interaction.modal = Some(modal.clone());
            self.emit(SandboxEvent::ModalShown {
                modal: Box::new(modal),
            });
        }
    }

    /// Takes away an open modal, submitted or cancelled.
    pub(crate) fn close_modal(&mut self, id: InteractionId) -> Option<Modal> {
        let modal = self.interactions.get_mut(&id)?.modal.take()?;
        self.emit(SandboxEvent::ModalClosed {
            interaction_id: id,
            user_id: modal.user_id,
        });
        Some(modal)
    }

    /// Gives a user the bot's suggestions.
    pub(crate) fn suggest(&mut self, id: InteractionId, choices: Vec<Choice>) {
        if let Some(interaction) = self.interactions.get_mut(&id) {
            interaction.choices = Some(choices.clone());
            let user_id = interaction.user;
            self.emit(SandboxEvent::AutocompleteAnswered {
                interaction_id: id,
                user_id,
                choices,
            });
        }
    }

    /// Writes the part of an interaction that callbacks asked `with_response` return.
    pub(crate) fn callback_response(&self, interaction: &Interaction, response_type: i64) -> Value {
        let mut about = json!({"id": interaction.id, "type": interaction.kind.code()});
        about["channel_id"] = interaction.channel.to_string().into();
        if let Some(guild) = interaction.guild {
            about["guild_id"] = guild.to_string().into();
        }
        let mut reply = json!({"interaction": about});
        // A deferred update has no message to show yet; a modal and choices have none at all.
        let shown = interaction.original.and_then(|id| self.messages.get(&id));
        if let Some(message) = shown.filter(|_| matches!(response_type, 4 | 5 | 7)) {
            reply["interaction"]["response_message_id"] = message.id.to_string().into();
            reply["interaction"]["response_message_loading"] = message.is_thinking().into();
            reply["interaction"]["response_message_ephemeral"] = message.is_ephemeral().into();
            // A deferred answer has an id but, until it is filled in, no message to return.
            if response_type != 5 {
                reply["resource"] = json!({"type": response_type, "message": wire::message(self, message)});
            }
        }
        reply
    }
}
