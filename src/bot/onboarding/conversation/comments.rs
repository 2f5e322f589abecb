//! What people say about images: read, written down under the right image, and answered.

use tastemaker_preference::{CommentedImage, Extraction, MAX_COMMENT_CHARS};
use tastemaker_storage::{Answer, OnboardingState};

use super::{Note, Outcome, Step};
use crate::bot::errors::BotError;

impl Step<'_> {
    pub(super) fn comment(&mut self, text: &str) -> Result<Outcome, BotError> {
        let Some(image) = self.record.images.get(self.record.index).cloned() else {
            return self.general_comment(text);
        };
        let earlier = self.answer(&image).filter(|answer| answer.extraction.is_empty());
        let words = joined(earlier.and_then(|answer| answer.comment.as_deref()), text);
        let note = self.read(&image, words)?;
        Ok(self.advance(note))
    }

    /// Words that came before the next image was to be seen: they go with the image before it.
    pub(super) fn late_comment(&mut self, text: &str) -> Result<Outcome, BotError> {
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
        match self.record.state {
            OnboardingState::Review => Ok(self.review(note)),
            OnboardingState::Editing => Ok(self.edit(note)),
            _ => Ok(Outcome::Say(note)),
        }
    }

    /// Words in the review are about taste as such.
    pub(super) fn general_comment(&mut self, text: &str) -> Result<Outcome, BotError> {
        let (text, cut) = bounded(text);
        let extraction = self
            .around
            .extractor
            .extract(&CommentedImage::of_text(text.clone()))?;
        let note = understood(&extraction, cut);
        if !extraction.is_empty() {
            self.record.answers.push(Answer {
                image: String::new(),
                comment: Some(text),
                extraction,
            });
        }
        Ok(match self.record.state {
            OnboardingState::Editing => self.edit(note),
            _ => self.review(note),
        })
    }

    /// Reads the words on an image and writes them down instead of earlier ones.
    fn read(&mut self, image: &str, words: String) -> Result<Note, BotError> {
        let (text, cut) = bounded(&words);
        let image_attributes = self
            .around
            .gallery
            .get(image)
            .map(|it| it.attributes.clone())
            .unwrap_or_default();
        let extraction = self.around.extractor.extract(&CommentedImage {
            text: text.clone(),
            image_attributes,
            ..CommentedImage::default()
        })?;
        let note = understood(&extraction, cut);
        self.put(Answer {
            image: image.to_owned(),
            comment: Some(text),
            extraction,
        });
        Ok(note)
    }
}

fn understood(extraction: &Extraction, cut: bool) -> Note {
    Note::Understood {
        extraction: extraction.clone(),
        cut,
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
