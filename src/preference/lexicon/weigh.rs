//! Turns findings into an extraction: gives pointing words a meaning, settles contradictions, orders.

use std::collections::BTreeMap;
use std::ops::Range;

use super::find::What;
use super::judge::{Directness, Finding};
use super::token::{Kind, Token};
use crate::spelling::phrase_keys;
use crate::vocabulary::stem;
use crate::{Extraction, FREE_CATEGORY, Preference, Vocabulary};

/// An attribute of the shown image.
struct Shown {
    name: String,
    category: Option<usize>,
}

/// What is known of the shown image.
pub(super) struct Image<'a> {
    vocabulary: &'a Vocabulary,
    shown: Vec<Shown>,
}

/// The most attributes of an image that are considered.
const MAX_SHOWN: usize = 64;

impl<'a> Image<'a> {
    pub(super) fn of(vocabulary: &'a Vocabulary, attributes: &[String]) -> Image<'a> {
        let shown = attributes
            .iter()
            .take(MAX_SHOWN)
            .filter_map(|a| shown(vocabulary, a))
            .collect();
        Image { vocabulary, shown }
    }

    /// Tells whether a word for these categories means anything here.
    pub(super) fn has(&self, categories: &[usize]) -> bool {
        !meant(self.vocabulary, categories, &self.shown).is_empty()
    }
}

/// Makes the extraction. Every piece of evidence is cut from the comment itself.
pub(super) fn weigh(image: &Image<'_>, text: &str, tokens: &[Token], findings: &[Finding]) -> Extraction {
    let Image { vocabulary, shown } = image;
    let named_any = findings
        .iter()
        .any(|finding| finding.directness >= Directness::Side);
    let mut opinions: BTreeMap<String, Vec<(&Finding, f32)>> = BTreeMap::new();
    for finding in findings {
        match &finding.what {
            What::Attribute(index, _) => {
                let named = &vocabulary.attributes()[*index].name;
                let word = finding.named_by.and_then(|at| tokens.get(at));
                let name = word
                    .and_then(|word| pictured(named, word, shown))
                    .unwrap_or(named)
                    .clone();
                opinions.entry(name).or_default().push((finding, finding.weight));
            }
            What::Reference(categories) => {
                for name in meant(vocabulary, categories, shown) {
                    opinions
                        .entry(name)
                        .or_default()
                        .push((finding, finding.weight * 0.9));
                }
            }
            What::Whole if finding.directness == Directness::Implied && named_any => {}
            What::Whole => {
                for attribute in shown {
                    opinions
                        .entry(attribute.name.clone())
                        .or_default()
                        .push((finding, finding.weight));
                }
            }
            What::Cue(_) => {}
        }
    }
    drop_contradicted(vocabulary, &mut opinions);
    let mut extraction = Extraction::default();
    for (attribute, opinions) in opinions {
        let Some((finding, weight)) = settled(&opinions) else {
            continue;
        };
        let category = vocabulary
            .get(&attribute)
            .map_or(FREE_CATEGORY, |known| &known.category)
            .to_owned();
        let evidence = evidence(text, tokens, &finding.tokens);
        if evidence.is_empty() {
            continue;
        }
        let weight = (weight * 100.0).round() / 100.0;
        let list = if finding.sign > 0.0 {
            &mut extraction.liked
        } else {
            &mut extraction.disliked
        };
        list.push(Preference {
            attribute,
            category,
            weight,
            evidence,
        });
    }
    for list in [&mut extraction.liked, &mut extraction.disliked] {
        list.sort_by(|a, b| {
            b.weight
                .total_cmp(&a.weight)
                .then_with(|| a.attribute.cmp(&b.attribute))
        });
    }
    extraction
}

/// "I like it, but with warmer colours": what is liked only as part of the image gives way to its opposite, named.
fn drop_contradicted(vocabulary: &Vocabulary, opinions: &mut BTreeMap<String, Vec<(&Finding, f32)>>) {
    let named = |opinions: &BTreeMap<String, Vec<(&Finding, f32)>>, name: &str, sign: f32| {
        opinions.get(name).is_some_and(|found| {
            found
                .iter()
                .any(|(finding, _)| finding.directness == Directness::Named && finding.sign == sign)
        })
    };
    let contradicted: Vec<String> = opinions
        .iter()
        .filter_map(|(name, found)| {
            let opposite = vocabulary.get(name)?.opposite.as_ref()?;
            let (first, _) = found.first()?;
            let vague = found
                .iter()
                .all(|(finding, _)| finding.directness <= Directness::Whole);
            (vague && named(opinions, opposite, first.sign)).then(|| name.clone())
        })
        .collect();
    for name in contradicted {
        opinions.remove(&name);
    }
}

/// Names an attribute of the image as the vocabulary does; unknown words stay as they are.
fn shown(vocabulary: &Vocabulary, attribute: &str) -> Option<Shown> {
    if let Some(known) = vocabulary.resolve(attribute) {
        return Some(Shown {
            name: known.name.clone(),
            category: vocabulary.category_index(&known.category),
        });
    }
    let name = attribute.trim().to_lowercase();
    (!name.is_empty()).then_some(Shown { name, category: None })
}

/// "the shadows" means the soft shadows of the image, if that is what it has, and not shadows in general.
fn pictured<'a>(named: &str, word: &Token, shown: &'a [Shown]) -> Option<&'a String> {
    if shown.iter().any(|attribute| attribute.name == named) {
        return None;
    }
    let has_word = |name: &str| {
        let keys = phrase_keys(name);
        keys.len() > 1 && keys.last().is_some_and(|key| stem(key) == word.base)
    };
    shown
        .iter()
        .map(|attribute| &attribute.name)
        .find(|name| has_word(name))
}

/// Returns the attributes of the image that a word for some categories means: those in the categories, else in near ones.
fn meant(vocabulary: &Vocabulary, categories: &[usize], shown: &[Shown]) -> Vec<String> {
    let among = |categories: &[usize]| -> Vec<String> {
        shown
            .iter()
            .filter(|attribute| {
                attribute
                    .category
                    .is_some_and(|category| categories.contains(&category))
            })
            .map(|attribute| attribute.name.clone())
            .collect()
    };
    let direct = among(categories);
    if !direct.is_empty() {
        return direct;
    }
    let near: Vec<usize> = categories
        .iter()
        .flat_map(|category| vocabulary.near(*category))
        .copied()
        .collect();
    among(&near)
}

/// Settles what several words say of one attribute: the most direct count; of those the later one, for that is where a
/// person arrives. Judgements of the image as a whole that contradict each other cancel out.
fn settled<'a>(opinions: &[(&'a Finding, f32)]) -> Option<(&'a Finding, f32)> {
    let directness = opinions.iter().map(|(finding, _)| finding.directness).max()?;
    let direct: Vec<&(&Finding, f32)> = opinions
        .iter()
        .filter(|(finding, _)| finding.directness == directness)
        .collect();
    let (last, weight) = **direct.iter().max_by_key(|(finding, _)| finding.tokens.end)?;
    let contradicted = direct.iter().any(|(finding, _)| finding.sign != last.sign);
    if contradicted {
        return (directness >= Directness::Side).then_some((last, weight * 0.8));
    }
    let strongest = direct.iter().map(|(_, weight)| *weight).fold(weight, f32::max);
    Some((last, strongest.clamp(0.05, 1.0)))
}

fn evidence(text: &str, tokens: &[Token], range: &Range<usize>) -> String {
    // Half a contraction ("'d prefer") is shown whole.
    let half = |at: usize| {
        at > 0
            && tokens.get(at).is_some_and(|t| {
                t.kind == Kind::Word
                    && t.span.start == tokens[at - 1].span.end
                    && tokens[at - 1].kind == Kind::Word
            })
    };
    let first = if half(range.start) {
        range.start - 1
    } else {
        range.start
    };
    let words = tokens.get(first..range.end.min(tokens.len())).unwrap_or_default();
    let (Some(start), Some(end)) = (
        words.iter().map(|token| token.span.start).min(),
        words.iter().map(|token| token.span.end).max(),
    ) else {
        return String::new();
    };
    text.get(start..end).unwrap_or_default().to_owned()
}
