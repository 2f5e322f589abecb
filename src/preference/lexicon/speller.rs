//! Corrects slips towards the words this crate knows, and stems them.

use std::collections::{HashMap, HashSet};

use strsim::osa_distance;

use crate::vocabulary::stem;

/// The shortest word of which one wrong letter is forgiven.
const ONE_SLIP: usize = 6;
/// The shortest word of which two are.
const TWO_SLIPS: usize = 10;

/// Knows every word of the vocabulary and of the cues.
#[derive(Debug)]
pub(super) struct Speller {
    known: HashSet<String>,
    stems: HashSet<String>,
    /// Known words that slips may be corrected to, by first letter.
    by_initial: HashMap<char, Vec<String>>,
    /// Single words of the vocabulary; their endings belong to them ("lighter").
    whole: HashSet<String>,
    slips: HashMap<String, Vec<String>>,
    graded: HashSet<String>,
}

impl Speller {
    /// `known` are all words, `whole` the ones that alone stand for an attribute, `slips` fixed corrections, `graded`
    /// adjectives with "-er" forms, `ordinary` words that look like known ones and are not to be touched.
    pub(super) fn new(
        known: HashSet<String>,
        whole: HashSet<String>,
        slips: HashMap<String, Vec<String>>,
        graded: HashSet<String>,
        ordinary: impl IntoIterator<Item = String>,
    ) -> Speller {
        let mut by_initial: HashMap<char, Vec<String>> = HashMap::new();
        for word in known.iter().filter(|word| word.chars().count() + 1 >= ONE_SLIP) {
            if let Some(initial) = word.chars().next() {
                by_initial.entry(initial).or_default().push(word.clone());
            }
        }
        for words in by_initial.values_mut() {
            words.sort_unstable();
        }
        let mut known = known;
        known.extend(ordinary);
        let stems = known.iter().map(|word| stem(word)).collect();
        Speller {
            known,
            stems,
            by_initial,
            whole,
            slips,
            graded,
        }
    }

    /// Returns the word that was meant; several for words run together ("abit").
    pub(super) fn correct(&self, key: String) -> Vec<String> {
        if let Some(words) = self.slips.get(&key) {
            return words.clone();
        }
        if self.is_known(&key) {
            return vec![key];
        }
        let single = without_doubles(&key);
        if let Some(words) = self.slips.get(&single) {
            return words.clone();
        }
        if self.known.contains(&single) {
            return vec![single];
        }
        vec![self.closest(&key).unwrap_or(key)]
    }

    fn is_known(&self, key: &str) -> bool {
        self.known.contains(key) || self.stems.contains(&stem(key)) || self.grade(key).is_some()
    }

    fn closest(&self, key: &str) -> Option<String> {
        let length = key.chars().count();
        let slips = if length >= TWO_SLIPS {
            2
        } else {
            usize::from(length >= ONE_SLIP)
        };
        if slips == 0 || !key.chars().all(char::is_alphabetic) {
            return None;
        }
        let candidates = self.by_initial.get(&key.chars().next()?)?;
        candidates
            .iter()
            .filter(|word| word.chars().count().abs_diff(length) <= slips)
            .map(|word| (osa_distance(key, word), word))
            .filter(|(distance, _)| *distance <= slips)
            .min()
            .map(|(_, word)| word.clone())
    }

    /// Returns the form compared with the vocabulary, and whether it was a comparative or superlative.
    pub(super) fn base(&self, key: &str) -> (String, bool) {
        match self.grade(key) {
            Some(positive) => (stem(&positive), true),
            None => (stem(key), false),
        }
    }

    /// "softer" → "soft", "grainiest" → "grainy", "darkish" → "dark"; only for the graded adjectives.
    fn grade(&self, key: &str) -> Option<String> {
        if self.whole.contains(key) {
            return None;
        }
        let root = key
            .strip_suffix("est")
            .or_else(|| key.strip_suffix("er"))
            .or_else(|| key.strip_suffix("ish"))?;
        let mut forms = vec![root.to_owned(), format!("{root}e")];
        if let Some(root) = root.strip_suffix('i') {
            forms.push(format!("{root}y"));
        }
        let mut letters = root.chars().rev();
        if let (Some(a), Some(b)) = (letters.next(), letters.next())
            && a == b
        {
            forms.push(root[..root.len() - a.len_utf8()].to_owned());
        }
        forms.into_iter().find(|form| self.graded.contains(form))
    }
}

fn without_doubles(key: &str) -> String {
    let mut single = String::with_capacity(key.len());
    for c in key.chars() {
        if !single.ends_with(c) {
            single.push(c);
        }
    }
    single
}
