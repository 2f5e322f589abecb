//! What a simulated person writes about an image: by templates, and by the phrases of the labelled comments.

use tastemaker_preference::evaluation::{Labelled, TUNE, read};
use tastemaker_preference::{AttributeDef, Vocabulary};

use crate::dice::Dice;
use crate::people::Person;

/// Chance that an image is passed over for no reason.
const PASSED_OVER: f64 = 0.08;
/// Chance that an image of which all that matters goes one way is judged as a whole.
const AS_A_WHOLE: f64 = 0.15;
/// Share of remarks that are made as in a labelled comment.
const LABELLED: f64 = 0.4;
/// Share of the others that point ("the colours") where there is nothing else of the kind in the image.
const POINTING: f64 = 0.25;

const LIKED: [&str; 8] = [
    "I love the {}",
    "the {} is lovely",
    "{}, yes please",
    "really into the {}",
    "nice {}",
    "I like {} a lot",
    "great {}",
    "what I like is the {}",
];
const DISLIKED: [&str; 8] = [
    "I don't like the {}",
    "not a fan of {}",
    "too much {}",
    "the {} puts me off",
    "I hate {}",
    "the {} doesn't do it for me",
    "could do without the {}",
    "no {} please",
];

/// Holds the ways to say something, with `{}` for what it is about.
pub struct Phrases {
    liked: Vec<String>,
    disliked: Vec<String>,
    whole_liked: Vec<String>,
    whole_disliked: Vec<String>,
}

impl Phrases {
    /// Takes frames out of the labelled comments: those that are about one thing, with the words for it taken out.
    pub fn read() -> Result<Phrases, serde_json::Error> {
        let mut phrases = Phrases {
            liked: Vec::new(),
            disliked: Vec::new(),
            whole_liked: Vec::new(),
            whole_disliked: Vec::new(),
        };
        for comment in read(TUNE)? {
            if comment.kind == "whole image" && comment.disliked.is_empty() {
                phrases.whole_liked.push(comment.text);
            } else if comment.kind == "whole image" && comment.liked.is_empty() {
                phrases.whole_disliked.push(comment.text);
            } else if let Some((likes, frame)) = frame(&comment) {
                let list = if likes {
                    &mut phrases.liked
                } else {
                    &mut phrases.disliked
                };
                list.push(frame);
            }
        }
        Ok(phrases)
    }

    /// Counts the frames: liked, disliked.
    pub fn counts(&self) -> (usize, usize) {
        (self.liked.len(), self.disliked.len())
    }

    /// Writes what a person says about an image; `None` if they pass it over.
    pub fn comment(&self, person: &Person, shown: &[String], dice: &mut Dice) -> Option<String> {
        let vocabulary = Vocabulary::embedded();
        let mut felt: Vec<(&AttributeDef, f64)> = shown
            .iter()
            .filter_map(|name| Some((vocabulary.get(name)?, *person.taste.get(name.as_str())?)))
            .collect();
        if felt.is_empty() || dice.chance(PASSED_OVER) {
            return None;
        }
        let one_way = felt.len() >= 2 && felt.iter().all(|(_, it)| (*it > 0.0) == (felt[0].1 > 0.0));
        if one_way && dice.chance(AS_A_WHOLE) {
            let list = if felt[0].1 > 0.0 {
                &self.whole_liked
            } else {
                &self.whole_disliked
            };
            return list.get(dice.below(list.len())).cloned();
        }
        let mut remarks = Vec::new();
        let mut more = 1.0;
        while !felt.is_empty() && dice.chance(more) {
            let weights: Vec<f64> = felt.iter().map(|(_, it)| it * it).collect();
            let at = weighted(&weights, dice)?;
            let (attribute, liking) = felt.remove(at);
            remarks.push(self.remark(attribute, liking > 0.0, shown, dice));
            more = person.talk / (1.0 + person.talk);
        }
        Some(remarks.join(". "))
    }

    fn remark(&self, attribute: &AttributeDef, likes: bool, shown: &[String], dice: &mut Dice) -> String {
        let (labelled, own) = if likes {
            (&self.liked, &LIKED)
        } else {
            (&self.disliked, &DISLIKED)
        };
        if dice.chance(LABELLED) && !labelled.is_empty() {
            return labelled[dice.below(labelled.len())].replace("{}", word(attribute, dice));
        }
        let vocabulary = Vocabulary::embedded();
        let alike = |name: &&String| {
            vocabulary
                .get(name)
                .is_some_and(|it| it.category == attribute.category)
        };
        let alone = shown.iter().filter(alike).count() == 1;
        let side = pointer(&attribute.category).filter(|_| alone && dice.chance(POINTING));
        let about = side.unwrap_or_else(|| word(attribute, dice));
        own[dice.below(own.len())].replace("{}", about)
    }
}

/// A place in proportion to its weight; `None` if all weigh nothing.
fn weighted(weights: &[f64], dice: &mut Dice) -> Option<usize> {
    let mut left = dice.even() * weights.iter().sum::<f64>();
    for (at, weight) in weights.iter().enumerate() {
        if *weight > 0.0 && left < *weight {
            return Some(at);
        }
        left -= weight;
    }
    weights.iter().rposition(|weight| *weight > 0.0)
}

/// The name, or one of the first words that people use for it.
fn word<'a>(attribute: &'a AttributeDef, dice: &mut Dice) -> &'a str {
    let words = &attribute.words[..attribute.words.len().min(4)];
    match dice.below(words.len() + 2) {
        at if at < words.len() => &words[at],
        _ => &attribute.name,
    }
}

/// How people point at a side of an image.
fn pointer(category: &str) -> Option<&'static str> {
    Some(match category {
        "colour palette" => "colours",
        "lighting" => "light",
        "texture" => "texture",
        "brushwork" => "brushwork",
        "composition" => "composition",
        "mood" => "mood",
        "line" => "lines",
        "shape" => "shapes",
        "contrast" => "contrast",
        _ => return None,
    })
}

/// Makes a frame of a comment about exactly one attribute that it names; tells whether it likes it.
fn frame(comment: &Labelled) -> Option<(bool, String)> {
    let (likes, name) = match (&comment.liked[..], &comment.disliked[..]) {
        ([name], []) => (true, name),
        ([], [name]) => (false, name),
        _ => return None,
    };
    let attribute = Vocabulary::embedded().get(name)?;
    let text = comment.text.to_lowercase();
    let mut words: Vec<&str> = std::iter::once(&attribute.name)
        .chain(&attribute.words)
        .map(String::as_str)
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words {
        let Some(start) = text.find(word) else { continue };
        let end = start + word.len();
        let letter = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
        if letter(text[..start].chars().next_back()) || letter(text[end..].chars().next()) {
            continue;
        }
        return Some((likes, format!("{}{{}}{}", &text[..start], &text[end..])));
    }
    None
}
