//! One step of many pictures at once.

use super::denoiser::Part;
use super::slot::Role;
use super::{Pipeline, Slot};
use crate::error::Result;

/// What slots must have in common to share a forward pass.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Batch {
    denoiser: Role,
    latents: Vec<usize>,
    /// Tokens of the text: longer texts have more, and attention weighs every token.
    tokens: usize,
}

impl Batch {
    /// The batch that a slot's next step belongs to; none if it is finished.
    fn of(slot: &Slot) -> Option<Self> {
        let stage = slot.stage()?;
        Some(Self {
            denoiser: stage.denoiser,
            latents: slot.latents.dims().to_vec(),
            tokens: stage.plan.tokens(),
        })
    }
}

impl Pipeline {
    /// Takes every unfinished slot one step on, with one forward pass for all slots of equal size and text length that
    /// are at the same denoiser.
    ///
    /// On the processor a picture's bits do not depend on which slots are stepped together.
    ///
    /// # Errors
    /// If the tensor library fails; the slots have then taken no step.
    pub fn step(&self, slots: &mut [&mut Slot]) -> Result<()> {
        for slot in slots.iter_mut() {
            self.enlarge(slot)?;
        }
        let mut waiting: Vec<_> = slots
            .iter_mut()
            .filter_map(|slot| Some((Batch::of(slot)?, slot)))
            .collect();
        let mut nexts = Vec::with_capacity(waiting.len());
        // Kinds are few, so quadratic grouping will do.
        while let Some((first, _)) = waiting.first() {
            let batch = first.clone();
            let (group, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(other, _)| *other == batch);
            waiting = rest;
            let parts: Vec<_> = group
                .iter()
                .filter_map(|(_, slot)| {
                    Some(Part {
                        stage: slot.stage()?,
                        latents: &slot.latents,
                        width: slot.width,
                        height: slot.height,
                    })
                })
                .collect();
            let outputs = self.denoiser(batch.denoiser)?.denoise(&parts)?;
            nexts.extend(group.into_iter().map(|(_, slot)| slot).zip(outputs));
        }
        for (slot, output) in nexts {
            slot.advance(&output)?;
        }
        Ok(())
    }
}
