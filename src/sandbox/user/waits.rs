//! Waiting for what the bot does, as this person sees it.

use std::time::Duration;

use crate::error::WaitError;
use crate::id::{ChannelId, InteractionId};
use crate::model::{Message, Modal};
use crate::state::interactions::InteractionStatus;
use crate::user::User;

impl User {
    /// Waits until a message that they see in the channel fits: one that is there, comes, or is edited into fitting.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`] with the channel's transcript when `timeout` (real time) is over.
    pub async fn wait_for(
        &self,
        channel: ChannelId,
        fits: impl Fn(&Message) -> bool,
        timeout: Duration,
    ) -> Result<Message, WaitError> {
        let fits = |message: &Message| message.is_visible_to(self.id) && fits(message);
        self.sandbox.wait_for(channel, fits, timeout).await
    }

    /// Waits until a modal is open for them; returns the newest.
    ///
    /// # Errors
    ///
    /// [`WaitError::TimedOut`] when `timeout` (real time) is over.
    pub async fn wait_for_modal(&self, timeout: Duration) -> Result<Modal, WaitError> {
        self.sandbox.wait_until(timeout, || self.modals().pop()).await
    }

    /// Waits until a message that answers the interaction fits: the answer, a follow-up, or the message whose component
    /// was used, if the bot updated it.
    ///
    /// # Errors
    ///
    /// [`WaitError::DidNotRespond`] as soon as the bot missed its three seconds, [`WaitError::TimedOut`] when `timeout`
    /// (real time) is over.
    pub async fn wait_for_answer(
        &self,
        interaction: InteractionId,
        fits: impl Fn(&Message) -> bool,
        timeout: Duration,
    ) -> Result<Message, WaitError> {
        let channel = self
            .sandbox
            .shared
            .world()
            .interactions
            .get(&interaction)
            .map(|it| it.channel);
        let channel = channel.unwrap_or_else(|| self.sandbox.channel_id());
        let check = || {
            let world = self.sandbox.shared.world();
            let Some(record) = world.interactions.get(&interaction) else {
                return Ok(None);
            };
            if record.status == InteractionStatus::Failed {
                let (what, transcript) = (record.name.clone(), world.transcript(channel));
                return Err(WaitError::DidNotRespond { what, transcript });
            }
            if record.status == InteractionStatus::Pending {
                return Ok(None);
            }
            let answers = record.original.iter().chain(&record.answers);
            let messages = answers.filter_map(|id| world.messages.get(id));
            let seen = messages.filter(|message| message.is_visible_to(self.id));
            let seen: Vec<Message> = seen.cloned().collect();
            // The condition is the caller's, and may itself look into the sandbox.
            drop(world);
            Ok(seen.into_iter().find(|message| fits(message)))
        };
        self.sandbox
            .wait(timeout, check, || self.sandbox.transcript(channel))
            .await
    }
}
