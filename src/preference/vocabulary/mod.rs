//! The attributes a profile can be made of, and the words people use for them.

mod file;
mod lookup;

use std::collections::HashMap;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use serde::Deserialize;

use crate::VocabularyError;
use crate::spelling::phrase_keys;

/// The category of words that are not in the vocabulary.
pub const FREE_CATEGORY: &str = "other";

/// What a word says about itself when nobody praises or blames it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leaning {
    /// Said only of what one likes: "dreamy".
    Praise,
    /// Said only of what one dislikes: "garish".
    Blame,
}

/// One attribute of the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeDef {
    /// Prompt-ready, lower-case and unique: "soft lighting".
    pub name: String,
    /// One of [`Vocabulary::categories`].
    pub category: String,
    /// What people write for it, apart from the name.
    pub words: Vec<String>,
    /// The attribute that stands against it, where there is a natural one.
    pub opposite: Option<String>,
    /// Whether the word alone judges.
    pub leaning: Option<Leaning>,
}

/// All attributes, by category, with the ways to find them.
#[derive(Debug)]
pub struct Vocabulary {
    attributes: Vec<AttributeDef>,
    categories: Vec<String>,
    /// Word keys of a phrase that points at a side of the image → indices of categories.
    references: Vec<(Vec<String>, Vec<usize>)>,
    /// For each category those that are meant where the image has nothing in it itself.
    near: Vec<Vec<usize>>,
    /// For each category the attribute that a quantity of it means.
    more: Vec<Option<usize>>,
    /// Joined word keys of every name and word → index of the attribute.
    by_key: HashMap<String, usize>,
    /// The same with every word stemmed; the first attribute in file order where stems meet.
    by_stem: HashMap<String, usize>,
}

impl Vocabulary {
    /// Returns the vocabulary that is part of the program (`assets/attributes.toml`), parsed on first use.
    ///
    /// # Panics
    ///
    /// Never: a test parses the embedded file.
    #[allow(
        clippy::expect_used,
        reason = "the text is part of the program and a test parses it"
    )]
    pub fn embedded() -> &'static Vocabulary {
        static EMBEDDED: LazyLock<Vocabulary> = LazyLock::new(|| {
            Vocabulary::from_toml(include_str!("../../../assets/attributes.toml"))
                .expect("the embedded vocabulary is valid")
        });
        &EMBEDDED
    }

    /// Reads a vocabulary in the format of `assets/attributes.toml`, which documents it.
    ///
    /// # Errors
    ///
    /// Every variant of [`VocabularyError`] but the automaton's: unknown keys, another schema, names or words that
    /// stand twice, unknown opposites.
    pub fn from_toml(text: &str) -> Result<Vocabulary, VocabularyError> {
        file::read(text)
    }

    /// Returns all attributes in file order: category by category.
    pub fn attributes(&self) -> &[AttributeDef] {
        &self.attributes
    }

    /// Returns the names of the categories in file order.
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// Returns the attribute of exactly this name.
    pub fn get(&self, name: &str) -> Option<&AttributeDef> {
        let index = *self.by_key.get(&phrase_keys(name).join(" "))?;
        Some(&self.attributes[index]).filter(|attribute| attribute.name == name)
    }

    /// Returns every name, then every word, with the index of the attribute it stands for.
    pub(crate) fn phrases(&self) -> impl Iterator<Item = (&str, usize)> {
        let names = self
            .attributes
            .iter()
            .enumerate()
            .map(|(index, a)| (a.name.as_str(), index));
        let words = self.attributes.iter().enumerate();
        names.chain(words.flat_map(|(index, a)| a.words.iter().map(move |word| (word.as_str(), index))))
    }

    /// Returns the phrases that point at a side of the image, as word keys, with the categories they mean.
    pub(crate) fn references(&self) -> &[(Vec<String>, Vec<usize>)] {
        &self.references
    }
}

impl Vocabulary {
    /// Returns the categories that a word for `category` means where the image has no attribute of that one: a "technique"
    /// shows in medium and brushwork.
    pub(crate) fn near(&self, category: usize) -> &[usize] {
        self.near.get(category).map_or(&[], Vec::as_slice)
    }

    /// Returns the attribute that a quantity of something means: "more contrast".
    pub(crate) fn quantity(&self, categories: &[usize]) -> Option<usize> {
        categories.iter().find_map(|category| *self.more.get(*category)?)
    }

    /// Returns the index of a category.
    pub(crate) fn category_index(&self, name: &str) -> Option<usize> {
        self.categories.iter().position(|category| category == name)
    }
}

/// Returns the stem of a word key ("painted", "paints" → "paint").
pub(crate) fn stem(key: &str) -> String {
    static ENGLISH: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));
    ENGLISH.stem(key.trim_end_matches("'s")).into_owned()
}

/// Returns the stems of word keys, joined as [`Vocabulary::by_stem`] has them.
pub(crate) fn stem_phrase(keys: &[String]) -> String {
    keys.iter().map(|key| stem(key)).collect::<Vec<_>>().join(" ")
}
