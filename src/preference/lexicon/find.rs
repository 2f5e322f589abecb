//! Finds in a comment what can be judged (attributes, sides of the image, the image) and what judges.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use aho_corasick::BuildError;

use super::compound::modifiers;
use super::cues::{Cue, Cues, Reach, Role};
use super::phrases::Phrases;
use super::sense::{closing_noes, is_judgement, ratings};
use super::speller::Speller;
use super::token::{Kind, Token, tokenise};
use crate::Vocabulary;

/// What was found at a place of the comment.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// An attribute of the vocabulary, by index. Some words both name one and judge what stands with them ("boring").
    Attribute(usize, Option<Cue>),
    /// Sides of the shown image, by category.
    Reference(Vec<usize>),
    /// The shown image.
    Whole,
    /// A judgement.
    Cue(Cue),
}

/// Something found, with the tokens it stands on.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub(super) at: Range<usize>,
    pub(super) what: What,
    /// The noun an attribute's word belongs to ("the *lines* are too thick"): part of the evidence.
    pub(super) head: Option<usize>,
}

/// Tells which words play which role.
#[derive(Debug)]
pub(super) struct Roles {
    /// For each token one bit per role.
    bits: Vec<u32>,
    phrases: Vec<(Role, Range<usize>)>,
}

impl Roles {
    /// Tells whether the token belongs to a phrase with the role; never where there is no such token.
    pub(super) fn has(&self, role: Role, token: usize) -> bool {
        self.bits
            .get(token)
            .is_some_and(|bits| bits & (1 << role as u32) != 0)
    }

    /// Returns the phrases with the role, in order.
    pub(super) fn all(&self, role: Role) -> impl Iterator<Item = &Range<usize>> {
        self.phrases
            .iter()
            .filter(move |(other, _)| *other == role)
            .map(|(_, at)| at)
    }

    /// Tells whether a phrase with the role begins within the tokens.
    pub(super) fn within(&self, role: Role, tokens: &Range<usize>) -> bool {
        tokens.clone().any(|token| self.has(role, token))
    }
}

/// What "my" stands before when a person judges.
const MY_JUDGEMENT: [&str; 18] = [
    "taste",
    "liking",
    "opinion",
    "eyes",
    "eye",
    "mind",
    "view",
    "heart",
    "style",
    "thing",
    "cup",
    "brain",
    "soul",
    "favorite",
    "vibe",
    "aesthetic",
    "preference",
    "pictures",
];

/// First words of phrases that describe nothing when they stand apart from the second.
const NO_MODIFIERS: [&str; 10] = ["not", "no", "in", "on", "by", "at", "the", "so", "all", "without"];

/// An attribute by index, and a phrase for it as it is written.
type Named = (usize, Vec<String>);

/// Searches comments for the vocabulary and the cues.
#[derive(Debug)]
pub(super) struct Finder {
    pub(super) cues: Cues,
    pub(super) speller: Speller,
    /// By stems; the value has every phrase with these stems.
    attributes: Phrases<Vec<Named>>,
    pointing: HashSet<String>,
    references: Phrases<Vec<usize>>,
    /// Stems of phrases of two words, modifier and noun, for words that stand apart: "the lines are too thick".
    compounds: HashMap<(String, String), (usize, String)>,
    nouns: HashSet<String>,
}

impl Finder {
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Finder, BuildError> {
        let cues = Cues::embedded();
        let phrases: Vec<(Vec<String>, usize)> = vocabulary
            .phrases()
            .map(|(phrase, index)| (tokenise(phrase, None).into_iter().map(|t| t.key).collect(), index))
            .collect();
        let references: Vec<(Vec<String>, Vec<usize>)> = vocabulary
            .references()
            .iter()
            .map(|(keys, categories)| {
                (
                    tokenise(&keys.join(" "), None)
                        .into_iter()
                        .map(|t| t.key)
                        .collect(),
                    categories.clone(),
                )
            })
            .collect();
        let mut known = cues.words.clone();
        known.extend(phrases.iter().flat_map(|(keys, _)| keys.iter().cloned()));
        known.extend(references.iter().flat_map(|(keys, _)| keys.iter().cloned()));
        let whole = phrases
            .iter()
            .filter(|(keys, _)| keys.len() == 1)
            .map(|(keys, _)| keys[0].clone())
            .collect();
        let speller = Speller::new(
            known,
            whole,
            cues.slips.clone(),
            cues.graded.clone(),
            cues.ordinary.iter().cloned(),
        );
        let stemmed: Vec<(Vec<String>, Named)> = phrases
            .into_iter()
            .map(|(keys, index)| {
                (
                    keys.iter().map(|key| speller.base(key).0).collect(),
                    (index, keys),
                )
            })
            .collect();
        let mut compounds = HashMap::new();
        for (stems, (index, keys)) in &stemmed {
            if let [modifier, noun] = stems.as_slice()
                && !NO_MODIFIERS.contains(&modifier.as_str())
            {
                compounds
                    .entry((modifier.clone(), noun.clone()))
                    .or_insert_with(|| (*index, keys[0].clone()));
            }
        }
        let pointing = references
            .iter()
            .filter(|(keys, _)| keys.len() == 1)
            .map(|(keys, _)| keys[0].clone())
            .collect();
        let nouns = compounds.keys().map(|(_, noun)| noun.clone()).collect();
        let mut by_stems: BTreeMap<Vec<String>, Vec<Named>> = BTreeMap::new();
        for (stems, phrase) in stemmed {
            by_stems.entry(stems).or_default().push(phrase);
        }
        let attributes = Phrases::new(by_stems)?;
        Ok(Finder {
            cues,
            speller,
            attributes,
            pointing,
            references: Phrases::new(references)?,
            compounds,
            nouns,
        })
    }

    /// Tokenises a comment with slips corrected.
    pub(super) fn tokens(&self, text: &str) -> Vec<Token> {
        tokenise(text, Some(&self.speller))
    }

    /// Finds the words that play a role.
    pub(super) fn roles(&self, tokens: &[Token]) -> Roles {
        let keys = tokens.iter().map(|token| token.key.as_str());
        let mut roles = Roles {
            bits: vec![0; tokens.len()],
            phrases: Vec::new(),
        };
        for (role, phrases) in &self.cues.roles {
            for (at, ()) in phrases.find(keys.clone()) {
                at.clone()
                    .for_each(|token| roles.bits[token] |= 1 << *role as u32);
                roles.phrases.push((*role, at));
            }
        }
        roles
    }

    /// Finds everything that can be judged or judges, in order, without overlaps.
    pub(super) fn elements(&self, tokens: &[Token], roles: &Roles) -> Vec<Element> {
        let keys = tokens.iter().map(|token| token.key.as_str());
        let bases = tokens.iter().map(|token| token.base.as_str());
        let mut found: Vec<(u8, Element)> = Vec::new();
        let cues: Vec<(Range<usize>, Cue)> = self
            .cues
            .judgements
            .find(keys.clone())
            .into_iter()
            .map(|(at, cue)| (at, *cue))
            .chain(ratings(tokens))
            .chain(closing_noes(tokens))
            .filter(|(at, cue)| is_judgement(&self.cues, tokens, roles, at, cue))
            .collect();
        for (at, phrases) in self.attributes.find(bases) {
            let exact = phrases
                .iter()
                .find(|(_, phrase)| phrase.iter().eq(keys.clone().skip(at.start).take(at.len())));
            let akin = || {
                phrases
                    .iter()
                    .find(|(_, phrase)| !self.only_shares_a_stem(tokens, &at, phrase))
            };
            let Some((index, _)) = exact.or_else(akin).filter(|_| !is_own_feeling(tokens, &at)) else {
                continue;
            };
            let judging = cues
                .iter()
                .find(|(range, cue)| *range == at && matches!(cue.reach, Reach::Beside | Reach::Backward));
            let what = What::Attribute(*index, judging.map(|(_, cue)| *cue));
            found.push((1, Element { at, what, head: None }));
        }
        for (at, index, head) in self.compounds(tokens, roles) {
            found.push((
                0,
                Element {
                    at,
                    what: What::Attribute(index, None),
                    head: Some(head),
                },
            ));
        }
        let named: Vec<Range<usize>> = found.iter().map(|(_, element)| element.at.clone()).collect();
        for (at, cue) in cues {
            if named.contains(&at) {
                // The attribute carries the judgement.
                continue;
            }
            let rank = if at.len() > 1 { 0 } else { 2 };
            found.push((
                rank,
                Element {
                    at,
                    what: What::Cue(cue),
                    head: None,
                },
            ));
        }
        for (at, categories) in self.references.find(keys.clone()) {
            found.push((
                3,
                Element {
                    at,
                    what: What::Reference(categories.clone()),
                    head: None,
                },
            ));
        }
        for (at, ()) in self.cues.wholes.find(keys) {
            found.push((
                4,
                Element {
                    at,
                    what: What::Whole,
                    head: None,
                },
            ));
        }
        self.without_overlaps(tokens, roles, found)
    }

    /// "fox" is not "foxing", "definitely" is no "definition", and "texture" points at the image where "textured" names an attribute.
    fn only_shares_a_stem(&self, tokens: &[Token], at: &Range<usize>, phrase: &[String]) -> bool {
        let [word] = phrase else { return false };
        let key = &tokens[at.start].key;
        let ending = word.strip_prefix(key.as_str()).unwrap_or_default();
        let derived = matches!(ending, "y" | "ey" | "ly" | "ic" | "al" | "ish" | "en" | "er");
        let longer = word.chars().count() >= key.chars().count() + 3;
        key != word && (derived || longer || self.pointing.contains(key) || self.cues.words.contains(key))
    }

    /// Keeps the longest of what overlaps, and drops what is not about pictures.
    fn without_overlaps(
        &self,
        tokens: &[Token],
        roles: &Roles,
        mut found: Vec<(u8, Element)>,
    ) -> Vec<Element> {
        found.sort_by(|(rank_a, a), (rank_b, b)| {
            (b.head.is_some(), b.at.len(), rank_a, a.at.start).cmp(&(
                a.head.is_some(),
                a.at.len(),
                rank_b,
                b.at.start,
            ))
        });
        let mut taken = vec![false; tokens.len()];
        let mut kept: Vec<Element> = Vec::new();
        for (_, element) in found {
            let ironic = element.at.clone().any(|token| roles.has(Role::Sarcasm, token));
            if ironic
                || element.at.clone().any(|token| taken[token])
                || self.is_elsewhere(tokens, roles, &element)
            {
                continue;
            }
            // The noun of a compound is taken with it, but several modifiers may share it.
            let shared = element
                .head
                .is_some_and(|head| taken[head] && !kept.iter().any(|other| other.head == Some(head)));
            if shared {
                continue;
            }
            element
                .at
                .clone()
                .chain(element.head)
                .for_each(|token| taken[token] = true);
            kept.push(element);
        }
        kept.sort_by_key(|element| element.at.start);
        kept
    }

    /// "dark chocolate", "my boss is so harsh": an adjective that belongs to something outside of pictures.
    fn is_elsewhere(&self, tokens: &[Token], roles: &Roles, element: &Element) -> bool {
        if !matches!(element.what, What::Attribute(..)) || element.head.is_some() {
            return false;
        }
        let listed = |key: &str| self.cues.elsewhere.contains(key);
        let elsewhere = |token: &Token| listed(&token.key) || token.key.strip_suffix('s').is_some_and(listed);
        // "my boss is so harsh", "my flat is dark", but not "to my taste too dark".
        let before = tokens[..element.at.start].iter().rev().take(6);
        let same_part: Vec<&Token> = before
            .take_while(|token| {
                token.kind == Kind::Word && !matches!(token.key.as_str(), "and" | "but" | "in" | "of")
            })
            .collect();
        let mine = |pair: &[&Token]| pair[1].key == "my" && !MY_JUDGEMENT.contains(&pair[0].key.as_str());
        let nearest = element.at.start.saturating_sub(same_part.len())..element.at.start;
        let beside_my = same_part.first().is_some_and(|token| token.key == "my");
        let owned = beside_my || (roles.within(Role::Copula, &nearest) && same_part.windows(2).any(mine));
        let subject = same_part.iter().any(|token| elsewhere(token)) || owned;
        let after = &tokens[element.at.end..];
        let art = |token: &Token| {
            ["vibe", "feel", "look", "aesthetic"]
                .iter()
                .any(|w| token.key.starts_with(w))
        };
        let object = after.first().is_some_and(elsewhere) && !after.get(1).is_some_and(art);
        subject || object
    }

    /// Finds modifiers and nouns that make an attribute together though they stand apart.
    fn compounds(&self, tokens: &[Token], roles: &Roles) -> Vec<(Range<usize>, usize, usize)> {
        let mut found = Vec::new();
        for (noun_at, noun) in tokens.iter().enumerate() {
            if noun.kind != Kind::Word || !self.nouns.contains(&noun.base) {
                continue;
            }
            for at in modifiers(tokens, roles, noun_at) {
                // Neighbours are found as phrases.
                if at + 1 == noun_at {
                    continue;
                }
                let known = self.compounds.get(&(tokens[at].base.clone(), noun.base.clone()));
                let Some((index, modifier)) = known.filter(|_| at != noun_at) else {
                    continue;
                };
                // "beautiful" is no "beauty lighting", and in "sweet light, ugly lines" no lines are light.
                let key = &tokens[at].key;
                let akin =
                    tokens[at].comparative || key.chars().count().abs_diff(modifier.chars().count()) <= 2;
                // In "soft colours are lovely, pastels too" the colours have their adjective.
                let described = at > noun_at
                    && noun_at > 0
                    && self
                        .compounds
                        .contains_key(&(tokens[noun_at - 1].base.clone(), noun.base.clone()));
                if akin && !described && !self.pointing.contains(key) {
                    found.push((at..at + 1, *index, noun_at));
                }
            }
        }
        found
    }

    /// Finds the phrases that open a list of likes (+1) or dislikes (−1).
    pub(super) fn openers(&self, tokens: &[Token]) -> Vec<(Range<usize>, f32)> {
        let keys = tokens.iter().map(|token| token.key.as_str());
        self.cues
            .openers
            .find(keys)
            .into_iter()
            .map(|(at, sign)| (at, *sign))
            .collect()
    }
}

/// "I'm happy" is about the person, not about the picture.
fn is_own_feeling(tokens: &[Token], at: &Range<usize>) -> bool {
    let key = |back: usize| {
        at.start
            .checked_sub(back)
            .map_or("", |at| tokens[at].key.as_str())
    };
    at.len() == 1
        && (1..=3).any(|back| {
            matches!(key(back), "am" | "feel" | "was")
                && key(back + 1) == "i"
                && (1..back).all(|b| matches!(key(b), "so" | "very" | "really" | "not" | "too"))
        })
}
