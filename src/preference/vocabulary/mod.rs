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

    /// Returns every phrase with the attribute it stands for, as word keys.
    pub(crate) fn phrases(&self) -> impl Iterator<Item = (Vec<String>, usize)> + '_ {
        self.attributes.iter().enumerate().flat_map(|(index, attribute)| {
            std::iter::once(&attribute.name)
                .chain(&attribute.words)
                .map(move |phrase| (phrase_keys(phrase), index))
        })
    }

    /// Returns the phrases that point at a side of the image, as word keys, with the categories they mean.
    pub(crate) fn references(&self) -> &[(Vec<String>, Vec<usize>)] {
        &self.references
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
