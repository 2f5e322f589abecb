//! The conversation as a pure state machine: a record and what the person did give a new record and what to show.
//!
//! It knows nothing of Discord, time or disks, and all its state is the stored record, so that a restart between any two
//! steps changes nothing.
//!
//! ```text
//! Asking ── done / last image ──▶ Review ── keep / replace ──▶ (kept)
//!   │ ▲ ◀────── back / more ───────┤ ▲
//!  stop resume                   edit edited
//!   ▼ │                            ▼ │
//!  Paused                         Editing
//! ```

mod comments;
mod draft;
mod input;
mod outcome;
#[cfg(test)]
pub(super) mod tests;
mod together;

use tastemaker_preference::{CommentedImage, Extraction};
use tastemaker_storage::{Answer, OnboardingRecord, OnboardingState};

use super::choice;
use crate::bot::gallery::Gallery;
pub(super) use draft::{draft, merge_into};
pub(super) use input::Input;
pub(super) use outcome::{Note, Outcome};

/// Images that *more* adds to a round.
const MORE: usize = 4;

/// Is what the conversation needs to know of the world.
pub(super) struct Surroundings<'a> {
    /// Style images.
    pub gallery: &'a Gallery,
    /// What came of reading the words that the step asked for.
    pub reading: Reading<'a>,
    /// What came of reading all comments together.
    pub together: Together<'a>,
    /// Images of one round.
    pub images: usize,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// Says what came of reading a comment. Reading may take a model its time, so a step does not read: it says what it needs.
#[derive(Clone, Copy)]
pub(super) enum Reading<'a> {
    /// Nothing was read yet.
    NotYet,
    /// The comment was read.
    Done(&'a Extraction),
    /// The comment could not be read now.
    Failed,
}

/// Says what came of reading all comments of a round together, which is done at its end where that is better.
#[derive(Clone, Copy)]
pub(super) enum Together<'a> {
    /// Each counts as it was read alone.
    Off,
    /// They were not read together yet.
    NotYet,
    /// They were; what was found in each, in the order they were asked for.
    Done(&'a [Extraction]),
    /// They could not be read together now.
    Failed,
}

/// Is what must be read before a step can be taken.
#[derive(Debug)]
pub(super) enum ToRead {
    /// One comment.
    One(Said),
    /// All comments of the round, together.
    Together(Vec<Said>),
}

/// Is a comment to be read.
#[derive(Debug)]
pub(super) struct Said {
    /// The words, with what is known of the image.
    pub comment: CommentedImage,
    /// The image they are about; `None` for words about taste as such.
    pub image: Option<String>,
}

/// Begins a conversation.
pub(super) fn begin(user: u64, dm_channel: u64, around: &Surroundings<'_>) -> OnboardingRecord {
    OnboardingRecord {
        user,
        dm_channel,
        images: choice::choose(around.gallery, &[], &[], around.images),
        index: 0,
        answers: Vec::new(),
        current_message: None,
        heard: None,
        keep_asking: false,
        removed: Vec::new(),
        state: OnboardingState::Asking,
        started_at: around.now,
    }
}

/// Takes one step.
///
/// # Errors
/// With what must be read first; the record is then unchanged, and the same step with the reading comes further.
pub(super) fn step(
    record: &mut OnboardingRecord,
    input: Input,
    around: &Surroundings<'_>,
) -> Result<Outcome, Box<ToRead>> {
    let mut next = record.clone();
    drop_missing_images(&mut next, around.gallery);
    let outcome = Step {
        record: &mut next,
        around,
    }
    .take(input)?;
    *record = next;
    Ok(outcome)
}

/// Leaves out images that an update has taken out of the gallery.
fn drop_missing_images(record: &mut OnboardingRecord, gallery: &Gallery) {
    let here = |id: &String| gallery.get(id).is_some();
    record.index -= record
        .images
        .iter()
        .take(record.index)
        .filter(|id| !here(id))
        .count();
    record.images.retain(here);
    if record.state == OnboardingState::Asking && record.index >= record.images.len() {
        record.state = OnboardingState::Review;
    }
}

struct Step<'a> {
    record: &'a mut OnboardingRecord,
    around: &'a Surroundings<'a>,
}

impl Step<'_> {
    fn take(mut self, input: Input) -> Result<Outcome, Box<ToRead>> {
        use OnboardingState::{Asking, Editing, Paused, Review};
        let state = self.record.state;
        Ok(match (input, state) {
            (Input::Comment { .. } | Input::NoWords, Paused) => Outcome::Say(Note::StillPaused),
            (Input::Comment { text, late: true }, _) if self.before().is_some() => {
                self.late_comment(&text)?
            }
            (Input::Comment { text, .. }, Asking) => self.comment(&text)?,
            (Input::Comment { text, .. }, _) => self.general_comment(&text)?,
            (Input::Again, Paused) => Outcome::Say(Note::StillPaused),
            (Input::Again, _) => self.read_again()?,
            (Input::NoWords, _) => Outcome::Say(Note::NoWords),
            (Input::Help, _) => Outcome::Say(Note::HowTo),
            (Input::CommentOn { at, text }, Asking) if at == self.record.index => self.comment(&text)?,
            (Input::Skip { at }, Asking) if self.is_current(at) => self.skip()?,
            (Input::Back { at }, Asking) if self.is_current(at) => self.back(),
            (Input::Back { .. }, Review) => self.ask_again(),
            (Input::Back { .. }, Editing) | (Input::Edited | Input::Done { .. }, Editing) => {
                self.review(Note::None)?
            }
            (Input::Done { at }, Asking) if self.is_current(at) => self.done()?,
            (Input::Done { at: None }, Review) => Outcome::Say(Note::SayKeep),
            (Input::Stop, Asking) => self.pause(),
            (Input::Stop, Paused) => Outcome::Paused,
            (Input::Stop, Review | Editing) => Outcome::Say(Note::WaitsForKeep),
            (Input::Resume | Input::Skip { at: None } | Input::Back { at: None } | Input::Keep, Paused) => {
                self.go_on(Note::None)?
            }
            (Input::Done { at: None }, Paused) => self.done()?,
            (Input::Open, Paused) => self.go_on(Note::Resumed)?,
            (Input::Resume | Input::Open, Asking) => Outcome::Ask(Note::Resumed),
            (Input::Resume | Input::Open, Review) => self.review(Note::Resumed)?,
            (Input::Resume | Input::Open, Editing) => Outcome::Edit(Note::Resumed),
            (Input::Redo, _) => self.redo(),
            (Input::More, _) => self.more()?,
            (Input::Keep, Review | Editing) => self.keep(false),
            (Input::Replace, Review | Editing) => self.keep(true),
            (Input::Keep | Input::Replace, _) => Outcome::Say(Note::FirstDone),
            (Input::Edit, Review | Editing) => self.edit(Note::None),
            (Input::Edit, _) => Outcome::Say(Note::FirstDone),
            (Input::Edited, Review) => self.review(Note::None)?,
            (Input::Remove(attributes), Review | Editing) => {
                self.change(|record| draft::remove(record, &attributes))
            }
            (Input::Add { liked, disliked }, Review | Editing) => {
                self.change(|record| draft::add(record, &liked, &disliked))
            }
            (Input::Discard, _) => Outcome::Discarded,
            _ => Outcome::Say(Note::Passed),
        })
    }

    /// Tells whether a button belongs to the image being asked about; a word always does.
    fn is_current(&self, at: Option<usize>) -> bool {
        at.is_none_or(|at| at == self.record.index)
    }

    /// The image before the current one.
    fn before(&self) -> Option<String> {
        let at = self.record.index.min(self.record.images.len()).checked_sub(1)?;
        self.record.images.get(at).cloned()
    }

    fn answer(&self, image: &str) -> Option<&Answer> {
        self.record.answers.iter().find(|answer| answer.image == image)
    }

    fn put(&mut self, answer: Answer) {
        match self
            .record
            .answers
            .iter_mut()
            .find(|there| there.image == answer.image)
        {
            Some(there) => *there = answer,
            None => self.record.answers.push(answer),
        }
    }

    fn skip(&mut self) -> Result<Outcome, Box<ToRead>> {
        let Some(image) = self.record.images.get(self.record.index).cloned() else {
            return self.review(Note::None);
        };
        if self.answer(&image).is_none() {
            self.put(Answer {
                image,
                comment: None,
                extraction: Extraction::default(),
                unread: false,
                together: false,
            });
        }
        self.advance(Note::Skipped)
    }

    /// Goes to the next image, which is chosen only now, by what is known now.
    fn advance(&mut self, note: Note) -> Result<Outcome, Box<ToRead>> {
        self.record.index += 1;
        let index = self.record.index;
        if index >= self.record.images.len() {
            return self.review(note);
        }
        if self.answer(&self.record.images[index]).is_none() {
            if !self.record.keep_asking && self.little_left() {
                self.record.images.truncate(index);
                return self.review(Note::Enough(Box::new(note)));
            }
            let left = self.record.images.len() - index;
            self.record.images.truncate(index);
            self.extend(left);
        }
        Ok(Outcome::Ask(note))
    }

    fn extend(&mut self, count: usize) {
        let more = choice::choose(
            self.around.gallery,
            &self.record.images,
            &self.record.answers,
            count,
        );
        self.record.images.extend(more);
    }

    /// Tells whether the images after those seen would tell little.
    fn little_left(&self) -> bool {
        let seen = &self.record.images[..self.record.index.min(self.record.images.len())];
        choice::little_left(self.around.gallery, seen, &self.record.answers)
    }

    fn back(&mut self) -> Outcome {
        let Some(at) = self.record.index.checked_sub(1) else {
            return Outcome::Say(Note::First);
        };
        self.record.index = at;
        Outcome::Ask(self.said())
    }

    /// Returns from the review to the images.
    fn ask_again(&mut self) -> Outcome {
        let Some(last) = self.record.images.len().checked_sub(1) else {
            return Outcome::Say(Note::NoMore);
        };
        self.record.index = self.record.index.min(last);
        self.record.state = OnboardingState::Asking;
        Outcome::Ask(self.said())
    }

    fn said(&self) -> Note {
        let image = self.record.images.get(self.record.index);
        Note::Back {
            said: image
                .and_then(|image| self.answer(image))
                .and_then(|answer| answer.comment.clone()),
        }
    }

    fn done(&mut self) -> Result<Outcome, Box<ToRead>> {
        if draft(self.record).is_empty() {
            Ok(Outcome::Say(Note::NothingYet))
        } else {
            self.review(Note::None)
        }
    }

    /// Shows what was understood; after the images, read together first.
    fn review(&mut self, note: Note) -> Result<Outcome, Box<ToRead>> {
        let after_images = matches!(
            self.record.state,
            OnboardingState::Asking | OnboardingState::Paused
        );
        let note = if after_images { self.together(note)? } else { note };
        self.record.state = OnboardingState::Review;
        Ok(Outcome::Review(note))
    }

    fn edit(&mut self, note: Note) -> Outcome {
        self.record.state = OnboardingState::Editing;
        Outcome::Edit(note)
    }

    fn pause(&mut self) -> Outcome {
        self.record.state = OnboardingState::Paused;
        Outcome::Paused
    }

    fn go_on(&mut self, note: Note) -> Result<Outcome, Box<ToRead>> {
        if self.record.index >= self.record.images.len() {
            return self.review(note);
        }
        self.record.state = OnboardingState::Asking;
        Ok(Outcome::Ask(note))
    }

    fn redo(&mut self) -> Outcome {
        let around = Surroundings {
            now: self.around.now.max(self.record.started_at + 1),
            ..*self.around
        };
        *self.record = begin(self.record.user, self.record.dm_channel, &around);
        Outcome::Ask(Note::Redone)
    }

    fn more(&mut self) -> Result<Outcome, Box<ToRead>> {
        self.record.keep_asking = true;
        let unseen = self.record.images.len() - self.record.index.min(self.record.images.len());
        if unseen == 0 || self.record.state == OnboardingState::Asking {
            let before = self.record.images.len();
            self.extend(MORE);
            if self.record.images.len() == before {
                return Ok(Outcome::Say(Note::NoMore));
            }
        }
        self.go_on(Note::More {
            total: self.record.images.len(),
        })
    }

    fn keep(&mut self, replace: bool) -> Outcome {
        if draft(self.record).is_empty() {
            Outcome::Say(Note::NothingYet)
        } else {
            Outcome::Keep { replace }
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut OnboardingRecord)) -> Outcome {
        let before = draft(self.record);
        change(self.record);
        self.edit(Note::Changed(draft(self.record).diff(&before)))
    }
}
