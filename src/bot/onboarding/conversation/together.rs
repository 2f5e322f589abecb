//! All comments of a round, read together: what one leaves open, the others may tell.

use tastemaker_storage::Answer;

use super::comments::on_image;
use super::{Note, Said, Step, ToRead, Together};

impl Step<'_> {
    /// Puts what was found by reading all comments together in the place of what was found in each alone; asks for that
    /// reading if there was none since the last comment. What was added or removed by hand stays so.
    pub(super) fn together(&mut self, note: Note) -> Result<Note, Box<ToRead>> {
        let is_on_image = |answer: &Answer| !answer.image.is_empty() && answer.comment.is_some();
        let on_images = || self.record.answers.iter().filter(|answer| is_on_image(answer));
        // A single one was read with everything there is.
        if on_images().count() < 2 || on_images().all(|answer| answer.together) {
            return Ok(note);
        }
        let found = match self.around.together {
            Together::Off => return Ok(note),
            Together::NotYet => {
                let said = on_images().map(|answer| Said {
                    comment: on_image(
                        self.around.gallery,
                        &answer.image,
                        answer.comment.clone().unwrap_or_default(),
                    ),
                    image: Some(answer.image.clone()),
                });
                return Err(Box::new(ToRead::Together(said.collect())));
            }
            // An answer that says nothing after all those comments is no better than none.
            Together::Done(found) if found.iter().any(|it| !it.is_empty()) => found,
            Together::Done(_) | Together::Failed => return Ok(Note::NotTogether(Box::new(note))),
        };
        let removed = &self.record.removed;
        let answers = self
            .record
            .answers
            .iter_mut()
            .filter(|answer| is_on_image(answer));
        for (answer, extraction) in answers.zip(found) {
            answer.extraction = extraction.clone();
            for list in [&mut answer.extraction.liked, &mut answer.extraction.disliked] {
                list.retain(|it| !removed.contains(&it.attribute));
            }
            (answer.unread, answer.together) = (false, true);
        }
        Ok(Note::Together(Box::new(note)))
    }
}
