//! Links a keyword of the answer to the comment it most likely came from.
//!
//! The model sees all comments and pictures at once and says what, not where from. A keyword goes to the comment with the
//! best claim, of equals to the first:
//!
//! 1. the comment in which the lexicon reads the same attribute on the same side; its evidence and weight are taken;
//! 2. the comment with the attribute's name or one of its words, or with half of a free keyword's words: the sentence of it;
//! 3. the comment whose picture is known to have the attribute;
//! 4. the comment that points at the attribute's category ("the colours"): the sentence of it;
//! 5. the comment in which the lexicon reads most on that side: its strongest evidence, or its first sentence.
//!
//! Of several comments with the same kind of claim, one that the lexicon reads as leaning to that side goes first. Evidence
//! is always cut from the comment itself.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::spelling::word_key;
use crate::vocabulary::stem;
use crate::{
    AttributeDef, CommentedImage, ExtractError, Extraction, Extractor, LexiconExtractor, Polarity,
    Preference, Vocabulary,
};

/// The weight of what a comment names, where the lexicon does not weigh it.
const NAMED: f32 = 0.65;
/// The weight of what only the picture shows.
const SHOWN: f32 = 0.6;
/// The weight of what is known from the model alone.
const SEEN: f32 = 0.5;
/// The longest evidence, in characters: that of a profile.
const MAX_QUOTE_CHARS: usize = 200;
/// Words without a meaning of their own in a keyword.
const SMALL: [&str; 10] = ["a", "an", "and", "in", "of", "or", "the", "to", "use", "with"];

/// A comment, prepared for looking keywords up in it.
pub(super) struct Source<'a> {
    text: &'a str,
    /// Stem and place of every word.
    words: Vec<(String, Range<usize>)>,
    read: Extraction,
    shown: Vec<String>,
}

impl<'a> Source<'a> {
    /// Prepares a comment.
    pub(super) fn new(
        comment: &'a CommentedImage,
        vocabulary: &Vocabulary,
        lexicon: &LexiconExtractor,
    ) -> Result<Source<'a>, ExtractError> {
        let words = comment
            .text
            .unicode_word_indices()
            .map(|(at, word)| (stem(&word_key(word)), at..at + word.len()));
        let shown = comment
            .image_attributes
            .iter()
            .filter_map(|name| vocabulary.resolve(name));
        Ok(Source {
            text: &comment.text,
            words: words.collect(),
            read: lexicon.extract(comment)?,
            shown: shown.map(|attribute| attribute.name.clone()).collect(),
        })
    }

    /// Says how far the lexicon reads the comment as leaning to a side.
    fn leaning(&self, side: Polarity) -> f32 {
        let sum = |side| {
            self.read
                .list(side)
                .iter()
                .map(|preference| preference.weight)
                .sum::<f32>()
        };
        sum(side) - sum(side.opposite())
    }

    /// Finds a phrase by its words' stems.
    fn find(&self, phrase: &str) -> Option<Range<usize>> {
        let phrase: Vec<String> = phrase.unicode_words().map(|word| stem(&word_key(word))).collect();
        self.find_stems(&phrase)
    }

    fn find_stems(&self, phrase: &[String]) -> Option<Range<usize>> {
        if phrase.is_empty() {
            return None;
        }
        let mut windows = self.words.windows(phrase.len());
        let found = windows.find(|window| window.iter().map(|(stem, _)| stem).eq(phrase))?;
        Some(found.first()?.1.start..found.last()?.1.end)
    }

    /// Finds at least half of a free keyword's words.
    fn find_half(&self, keyword: &str) -> Option<Range<usize>> {
        let words: Vec<String> = keyword
            .unicode_words()
            .map(word_key)
            .filter(|word| !SMALL.contains(&word.as_str()))
            .map(|word| stem(&word))
            .collect();
        let found: Vec<&Range<usize>> = self
            .words
            .iter()
            .filter(|(stem, _)| words.contains(stem))
            .map(|(_, at)| at)
            .collect();
        let distinct = words
            .iter()
            .filter(|word| self.words.iter().any(|(stem, _)| stem == *word))
            .count();
        (distinct > 0 && distinct * 2 >= words.len()).then(|| found.first().map(|at| (*at).clone()))?
    }

    /// Returns the sentence around a place, without white space at its ends and of bounded length.
    fn sentence(&self, at: &Range<usize>) -> String {
        let sentence = self
            .text
            .split_sentence_bound_indices()
            .find(|(start, sentence)| at.start < start + sentence.len())
            .map_or(self.text, |(_, sentence)| sentence)
            .trim();
        if sentence.chars().count() <= MAX_QUOTE_CHARS {
            return sentence.to_owned();
        }
        let words = self.text.get(at.clone()).unwrap_or(sentence);
        words.chars().take(MAX_QUOTE_CHARS).collect()
    }

    fn first_sentence(&self) -> String {
        let start = self.text.find(|c: char| !c.is_whitespace()).unwrap_or(0);
        self.sentence(&(start..self.text.len()))
    }

    /// Says how good this comment's claim to a keyword is, higher is better, with weight and evidence.
    fn claim(&self, side: Polarity, keyword: &Keyword<'_>, vocabulary: &Vocabulary) -> (u8, f32, String) {
        if let Some(same) = self
            .read
            .list(side)
            .iter()
            .find(|it| it.attribute == keyword.name())
        {
            return (4, same.weight, same.evidence.clone());
        }
        let named = match keyword {
            Keyword::Known(attribute) => std::iter::once(&attribute.name)
                .chain(&attribute.words)
                .find_map(|phrase| self.find(phrase)),
            Keyword::Free(words) => self.find(words).or_else(|| self.find_half(words)),
        };
        if let Some(at) = named {
            return (3, NAMED, self.sentence(&at));
        }
        let strongest = || match self.read.list(side).first() {
            Some(strongest) => strongest.evidence.clone(),
            None => self.first_sentence(),
        };
        if self.shown.iter().any(|shown| shown == keyword.name()) {
            return (2, SHOWN, strongest());
        }
        if let Keyword::Known(attribute) = keyword
            && let Some(at) = self.points_at(attribute, vocabulary)
        {
            return (1, SHOWN, self.sentence(&at));
        }
        (0, SEEN, strongest())
    }

    /// Finds words that mean the category of an attribute: "these colours".
    fn points_at(&self, attribute: &AttributeDef, vocabulary: &Vocabulary) -> Option<Range<usize>> {
        let category = vocabulary.category_index(&attribute.category)?;
        vocabulary
            .references()
            .iter()
            .filter(|(_, categories)| categories.contains(&category))
            .find_map(|(phrase, _)| {
                let stems: Vec<String> = phrase.iter().map(|key| stem(key)).collect();
                self.find_stems(&stems)
            })
    }
}

/// A keyword, as the vocabulary has it or free.
pub(super) enum Keyword<'a> {
    Known(&'a AttributeDef),
    Free(&'a str),
}

impl Keyword<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Keyword::Known(attribute) => &attribute.name,
            Keyword::Free(words) => words,
        }
    }

    fn category(&self) -> &str {
        match self {
            Keyword::Known(attribute) => &attribute.category,
            Keyword::Free(_) => crate::FREE_CATEGORY,
        }
    }
}

/// Finds the comment that a keyword came from; returns its place among the sources. `None` where no comment has words.
pub(super) fn link(
    side: Polarity,
    keyword: &Keyword<'_>,
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
) -> Option<(usize, Preference)> {
    let mut best: Option<(usize, (u8, f32, f32), String)> = None;
    for (place, source) in sources.iter().enumerate() {
        let (kind, weight, evidence) = source.claim(side, keyword, vocabulary);
        // What the lexicon itself has read goes by its weight, all else by the side the comment leans to.
        let strength = if kind == 4 { weight } else { source.leaning(side) };
        let better = best
            .as_ref()
            .is_none_or(|(_, (k, s, _), _)| (kind, strength) > (*k, *s));
        if !evidence.is_empty() && better {
            best = Some((place, (kind, strength, weight), evidence));
        }
    }
    best.map(|(place, (_, _, weight), evidence)| {
        let preference = Preference {
            attribute: keyword.name().to_owned(),
            category: keyword.category().to_owned(),
            weight,
            evidence,
        };
        (place, preference)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(text: &str, shown: &[&str]) -> CommentedImage {
        CommentedImage {
            image_attributes: shown.iter().map(|it| (*it).to_owned()).collect(),
            ..CommentedImage::of_text(text)
        }
    }

    fn linked(side: Polarity, keyword: &str, comments: &[CommentedImage]) -> (usize, String) {
        let vocabulary = Vocabulary::embedded();
        let lexicon = LexiconExtractor::embedded();
        let sources: Vec<Source<'_>> = comments
            .iter()
            .map(|it| Source::new(it, vocabulary, &lexicon).unwrap())
            .collect();
        let keyword = vocabulary
            .resolve(keyword)
            .map_or(Keyword::Free(keyword), Keyword::Known);
        let (place, preference) = link(side, &keyword, &sources, vocabulary).unwrap();
        assert!(comments[place].text.contains(&preference.evidence));
        assert!(!preference.evidence.is_empty() && preference.weight > 0.0);
        (place, preference.evidence)
    }

    #[test]
    fn a_keyword_goes_to_the_comment_with_the_best_claim() {
        use Polarity::{Disliked, Liked};
        let comments = [
            comment("I hate this. The grain is awful!", &["film grain"]),
            comment("Love the soft pastels here. So calm.", &["pastel colours"]),
            comment("these colours are lovely", &["earth tones"]),
            comment("What a crooked little staircase motif.", &[]),
            comment("meh", &["neon colours"]),
        ];
        let table = [
            // Read by the lexicon.
            (Liked, "pastel", 1, "Love the soft pastels"),
            (Disliked, "film grain", 0, "grain is awful"),
            (Liked, "earth tones", 2, "these colours are lovely"),
            // Words of a free keyword.
            (
                Liked,
                "crooked staircases",
                3,
                "What a crooked little staircase motif.",
            ),
            // Only the picture has it.
            (Disliked, "neon colours", 4, "meh"),
            // Only the category is spoken of.
            (Liked, "sunset colours", 2, "these colours are lovely"),
            // Nobody spoke of it: the strongest of that side.
            (Disliked, "isometric view", 0, "grain is awful"),
        ];
        for (side, keyword, place, evidence) in table {
            let (found, quote) = linked(side, keyword, &comments);
            assert_eq!(found, place, "{keyword}: {quote}");
            assert!(
                quote.contains(evidence) || evidence.contains(&quote),
                "{keyword}: {quote}"
            );
        }
    }

    #[test]
    fn long_and_strange_comments_give_short_evidence() {
        let long = format!("{} the fresco {}", "word ".repeat(300), "word ".repeat(300));
        let (_, quote) = linked(Polarity::Liked, "fresco", &[comment(&long, &[])]);
        assert!(quote.chars().count() <= 200, "{quote}");
        for text in ["🙂", "שלום עולם", "  \n x ", "漢字"] {
            linked(Polarity::Liked, "fresco", &[comment(text, &[])]);
        }
    }
}
