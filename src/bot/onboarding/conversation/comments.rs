//! What people say about images: read, written down under the right image, and answered.

use tastemaker_preference::{CommentedImage, Extraction, MAX_COMMENT_CHARS};
use tastemaker_storage::{Answer, OnboardingState};

use super::{Note, Outcome, Reading, Said, Step, ToRead};
use crate::bot::gallery::Gallery;

impl<'a> Step<'a> {
    pub(super) fn comment(&mut self, text: &str) -> Result<Outcome, Box<ToRead>> {
        let Some(image) = self.record.images.get(self.record.index).cloned() else {
            return self.general_comment(text);
        };
        let earlier = self.answer(&image).filter(|answer| answer.extraction.is_empty());
        let words = joined(earlier.and_then(|answer| answer.comment.as_deref()), text);
        Ok(match self.read(&image, words)? {
            // Without knowing what was said there is no next image to choose: the conversation stays at this one.
            Note::Unread => Outcome::Say(Note::Unread),
            note => self.advance(note)?,
        })
    }

    /// Words that came before the next image was to be seen: they go with the image before it.
    pub(super) fn late_comment(&mut self, text: &str) -> Result<Outcome, Box<ToRead>> {
        let Some(image) = self.before() else {
            return self.comment(text);
        };
        let earlier = self.answer(&image).and_then(|answer| answer.comment.clone());
        if earlier
            .as_deref()
            .is_some_and(|earlier| earlier.lines().any(|line| line == text.trim()))
        {
            return Ok(Outcome::Nothing);
        }
        let note = self.read(&image, joined(earlier.as_deref(), text))?;
        self.told(note)
    }

    /// Words in the review are about taste as such.
    pub(super) fn general_comment(&mut self, text: &str) -> Result<Outcome, Box<ToRead>> {
        let (text, cut) = bounded(text);
        let read = self.reading(CommentedImage::of_text(text.clone()), None)?;
        let note = note(read, cut);
        if read.is_none_or(|extraction| !extraction.is_empty()) {
            self.record.answers.push(Answer {
                image: String::new(),
                comment: Some(text),
                extraction: read.cloned().unwrap_or_default(),
                unread: read.is_none(),
                together: false,
            });
        }
        self.told(note)
    }

    /// Reads the first of the words that could not be read when they came.
    pub(super) fn read_again(&mut self) -> Result<Outcome, Box<ToRead>> {
        let Some(at) = self.record.answers.iter().position(|answer| answer.unread) else {
            return Ok(Outcome::Say(Note::Passed));
        };
        let answer = &self.record.answers[at];
        let (image, text) = (answer.image.clone(), answer.comment.clone().unwrap_or_default());
        let note = if image.is_empty() {
            let read = self.reading(CommentedImage::of_text(text), None)?;
            if let Some(extraction) = read {
                let answer = &mut self.record.answers[at];
                (answer.extraction, answer.unread) = (extraction.clone(), false);
            }
            note(read, false)
        } else {
            self.read(&image, text)?
        };
        let current = self.record.images.get(self.record.index) == Some(&image);
        Ok(match note {
            Note::Unread => Outcome::Say(note),
            note if current && self.record.state == OnboardingState::Asking => self.advance(note)?,
            note => self.told(note)?,
        })
    }

    /// Reads the words on an image and writes them down instead of earlier ones.
    fn read(&mut self, image: &str, words: String) -> Result<Note, Box<ToRead>> {
        let (text, cut) = bounded(&words);
        let comment = on_image(self.around.gallery, image, text.clone());
        let read = self.reading(comment, Some(image))?;
        self.put(Answer {
            image: image.to_owned(),
            comment: Some(text),
            extraction: read.cloned().unwrap_or_default(),
            unread: read.is_none(),
            together: false,
        });
        Ok(note(read, cut))
    }

    /// Returns what a comment was read as, nothing if reading failed; asks for the reading if there was none.
    fn reading(
        &mut self,
        comment: CommentedImage,
        image: Option<&str>,
    ) -> Result<Option<&'a Extraction>, Box<ToRead>> {
        match self.around.reading {
            Reading::Done(extraction) => {
                let named = extraction.liked.iter().chain(&extraction.disliked);
                for preference in named {
                    self.record.removed.retain(|it| *it != preference.attribute);
                }
                Ok(Some(extraction))
            }
            Reading::Failed => Ok(None),
            Reading::NotYet => Err(Box::new(ToRead::One(Said {
                comment,
                image: image.map(str::to_owned),
            }))),
        }
    }

    /// Tells a note where the conversation stands.
    fn told(&mut self, note: Note) -> Result<Outcome, Box<ToRead>> {
        Ok(match (self.record.state, &note) {
            (_, Note::Unread) => Outcome::Say(note),
            (OnboardingState::Review, _) => self.review(note)?,
            (OnboardingState::Editing, _) => self.edit(note),
            _ => Outcome::Say(note),
        })
    }
}

/// Puts words together with what is known of the image they are about.
pub(super) fn on_image(gallery: &Gallery, image: &str, text: String) -> CommentedImage {
    let known = gallery.get(image).map(|it| it.attributes.clone());
    CommentedImage {
        text,
        image_attributes: known.unwrap_or_default(),
        ..CommentedImage::default()
    }
}

/// Says what was understood; nothing read is told as such.
fn note(read: Option<&Extraction>, cut: bool) -> Note {
    match read {
        Some(extraction) => Note::Understood {
            extraction: extraction.clone(),
            cut,
        },
        None => Note::Unread,
    }
}

/// Puts later words under earlier ones.
fn joined(earlier: Option<&str>, text: &str) -> String {
    match earlier {
        Some(earlier) if !earlier.is_empty() => format!("{earlier}\n{}", text.trim()),
        _ => text.trim().to_owned(),
    }
}

/// Cuts a text to what is read; tells whether anything was cut.
fn bounded(text: &str) -> (String, bool) {
    match text.char_indices().nth(MAX_COMMENT_CHARS) {
        Some((end, _)) => (text[..end].to_owned(), true),
        None => (text.to_owned(), false),
    }
}
