//! Reads and checks a vocabulary file.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{AttributeDef, Leaning, Vocabulary, stem_phrase};
use crate::VocabularyError;
use crate::spelling::phrase_keys;

const SCHEMA: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    category: Vec<Category>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    name: String,
    refers: Vec<String>,
    #[serde(default)]
    near: Vec<String>,
    more: Option<String>,
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    name: String,
    words: Vec<String>,
    opposite: Option<String>,
    leaning: Option<Leaning>,
}

pub(super) fn read(text: &str) -> Result<Vocabulary, VocabularyError> {
    let file: File = toml::from_str(text)?;
    if file.schema != SCHEMA {
        return Err(VocabularyError::Schema {
            found: file.schema,
            supported: SCHEMA,
        });
    }
    let mut attributes = Vec::new();
    let mut categories: Vec<String> = Vec::new();
    let mut references: Vec<(Vec<String>, Vec<usize>)> = Vec::new();
    let mut near_names = Vec::new();
    let mut more_names = Vec::new();
    for category in file.category {
        usable(&category.name)?;
        if categories.contains(&category.name) {
            return Err(VocabularyError::DuplicateName { name: category.name });
        }
        add_references(&mut references, &category.refers, categories.len());
        for attribute in category.attributes {
            usable(&attribute.name)?;
            attributes.push(AttributeDef {
                name: attribute.name,
                category: category.name.clone(),
                words: attribute.words,
                opposite: attribute.opposite,
                leaning: attribute.leaning,
            });
        }
        near_names.push(category.near);
        more_names.push((category.name.clone(), category.more));
        categories.push(category.name);
    }
    let near = near_names
        .iter()
        .map(|names| indices(names, &categories))
        .collect::<Result<_, _>>()?;
    check_opposites(&attributes)?;
    let (by_key, by_stem) = index(&attributes)?;
    let more = more_names
        .into_iter()
        .map(|(name, more)| quantity(name, more, &attributes))
        .collect::<Result<_, _>>()?;
    Ok(Vocabulary {
        attributes,
        categories,
        references,
        near,
        more,
        by_key,
        by_stem,
    })
}

fn indices(names: &[String], categories: &[String]) -> Result<Vec<usize>, VocabularyError> {
    let index = |name: &String| {
        let found = categories.iter().position(|category| category == name);
        found.ok_or_else(|| VocabularyError::UnknownCategory { name: name.clone() })
    };
    names.iter().map(index).collect()
}

/// Finds the attribute that a quantity of a category means.
fn quantity(
    category: String,
    more: Option<String>,
    attributes: &[AttributeDef],
) -> Result<Option<usize>, VocabularyError> {
    let Some(more) = more else { return Ok(None) };
    match attributes.iter().position(|attribute| attribute.name == more) {
        Some(index) => Ok(Some(index)),
        None => Err(VocabularyError::UnknownAttribute {
            name: category,
            attribute: more,
        }),
    }
}

fn usable(name: &str) -> Result<(), VocabularyError> {
    if phrase_keys(name).is_empty() || name.to_lowercase() != name || name.trim() != name {
        return Err(VocabularyError::UnusableName {
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Adds each phrase and its plural: endings matter here, for "painting" must not be read as "paint".
fn add_references(references: &mut Vec<(Vec<String>, Vec<usize>)>, phrases: &[String], category: usize) {
    for phrase in phrases {
        let keys = phrase_keys(phrase);
        let mut plural = keys.clone();
        if let Some(last) = plural.last_mut() {
            last.push('s');
        }
        for keys in [keys, plural] {
            match references.iter_mut().find(|(known, _)| *known == keys) {
                Some((_, categories)) if categories.contains(&category) => {}
                Some((_, categories)) => categories.push(category),
                None => references.push((keys, vec![category])),
            }
        }
    }
}

fn check_opposites(attributes: &[AttributeDef]) -> Result<(), VocabularyError> {
    let names: HashSet<&str> = attributes
        .iter()
        .map(|attribute| attribute.name.as_str())
        .collect();
    for attribute in attributes {
        if let Some(opposite) = &attribute.opposite
            && !names.contains(opposite.as_str())
        {
            return Err(VocabularyError::UnknownAttribute {
                name: attribute.name.clone(),
                attribute: opposite.clone(),
            });
        }
    }
    Ok(())
}

type Index = HashMap<String, usize>;

/// Names come before words, so that a word that stems to another attribute's name never hides it.
fn index(attributes: &[AttributeDef]) -> Result<(Index, Index), VocabularyError> {
    let mut by_key = Index::new();
    let mut by_stem = Index::new();
    for (index, attribute) in attributes.iter().enumerate() {
        let keys = phrase_keys(&attribute.name);
        if by_key.insert(keys.join(" "), index).is_some() {
            return Err(VocabularyError::DuplicateName {
                name: attribute.name.clone(),
            });
        }
        by_stem.entry(stem_phrase(&keys)).or_insert(index);
    }
    for (index, attribute) in attributes.iter().enumerate() {
        for word in &attribute.words {
            let keys = phrase_keys(word);
            if keys.is_empty() {
                return Err(VocabularyError::UnusableName { name: word.clone() });
            }
            let first = *by_key.entry(keys.join(" ")).or_insert(index);
            if first != index {
                return Err(VocabularyError::DuplicateWord {
                    word: word.clone(),
                    first: attributes[first].name.clone(),
                    second: attribute.name.clone(),
                });
            }
            by_stem.entry(stem_phrase(&keys)).or_insert(index);
        }
    }
    Ok((by_key, by_stem))
}
