//! Tells judgements from words that only look like them, and reads those that are no phrases: ratings, a closing "no".

use std::ops::Range;

use super::cues::{Cue, Cues, Reach, Role};
use super::find::Roles;
use super::token::{Kind, Token};

/// Tells whether a phrase judges here: "like" compares in "like a dream", "pretty" only weakens in "it is pretty dark".
pub(super) fn is_judgement(
    cues: &Cues,
    tokens: &[Token],
    roles: &Roles,
    at: &Range<usize>,
    cue: &Cue,
) -> bool {
    let key = |at: usize| tokens.get(at).map_or("", |token| token.key.as_str());
    let before = at.start.checked_sub(1).map_or("", key);
    let after = key(at.end);
    if cue.comparative {
        let next = at.end..tokens.len().min(at.end + 5);
        return next.clone().any(|token| tokens[token].comparative)
            || roles.within(Role::Reducer, &next)
            || roles.within(Role::Amplifier, &next);
    }
    if at.len() > 1 {
        return true;
    }
    let word = key(at.start);
    let adverb = roles.has(Role::Copula, at.start.wrapping_sub(1));
    match word {
        // "looks like", "like a dream", "like, really" compare or fill; "I like a bit of grain" judges.
        "like" | "liking" => {
            let first_person = matches!(before, "i" | "not" | "you" | "really" | "do" | "would");
            let compares = adverb
                || (before == "," && !matches!(after, "the" | "this" | "these" | "how"))
                || (matches!(after, "a" | "an" | "," | "that") && !first_person);
            !compares && cues.allows(word, before, after)
        }
        // "it is pretty dark" weakens, "pretty colours" and "it is pretty and soft" judge.
        "pretty" => {
            let more = tokens.get(at.end).is_some_and(|next| next.kind == Kind::Word);
            let weakens = adverb && more && !matches!(after, "and" | "but" | "in" | "with" | "though");
            !weakens && cues.allows(word, before, after)
        }
        "into" if adverb => true,
        _ => cues.allows(word, before, after),
    }
}

/// Reads a "no" that ends its part of a sentence: "colours yes, grain no", "grain not so much".
pub(super) fn closing_noes(tokens: &[Token]) -> Vec<(Range<usize>, Cue)> {
    let cue = Cue {
        reach: Reach::Backward,
        sign: -1.0,
        strength: 0.65,
        comparative: false,
        emoji: false,
    };
    let ends = |at: usize| {
        tokens.get(at).is_none_or(|next| {
            next.kind != Kind::Word || matches!(next.key.as_str(), "but" | "and" | "thanks")
        })
    };
    let goes_on = |at: usize| at > 0 && (tokens[at - 1].kind == Kind::Word || tokens[at - 1].key == ":");
    let key = |at: usize| tokens.get(at).map_or("", |token| token.key.as_str());
    let length = |at: usize| match key(at) {
        "no" => 1,
        "not" if matches!((key(at + 1), key(at + 2)), ("so" | "that", "much")) => 3,
        _ => 0,
    };
    (0..tokens.len())
        .map(|at| at..at + length(at))
        .filter(|at| !at.is_empty() && ends(at.end) && goes_on(at.start))
        .map(|at| (at, cue))
        .collect()
}

/// Reads ratings: "8/10", "9 out of 10", "3 stars".
pub(super) fn ratings(tokens: &[Token]) -> Vec<(Range<usize>, Cue)> {
    let number = |at: usize| tokens.get(at).and_then(|token| token.key.parse::<f32>().ok());
    let key = |at: usize| tokens.get(at).map_or("", |token| token.key.as_str());
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let Some(points) = number(at).filter(|points| (0.0..=1_000.0).contains(points)) else {
            continue;
        };
        let (end, out_of) = if key(at + 1) == "/" {
            (at + 3, number(at + 2))
        } else if key(at + 1) == "out" && key(at + 2) == "of" {
            (at + 4, number(at + 3))
        } else if key(at + 1).starts_with("star") {
            (at + 2, Some(5.0))
        } else {
            continue;
        };
        let Some(share) = out_of
            .filter(|out_of| [5.0, 10.0, 100.0].contains(out_of))
            .map(|out_of| points / out_of)
        else {
            continue;
        };
        let (sign, strength) = match share {
            share if share >= 0.85 => (1.0, 0.9),
            share if share >= 0.65 => (1.0, 0.6),
            share if share <= 0.25 => (-1.0, 0.9),
            share if share <= 0.45 => (-1.0, 0.6),
            _ => continue,
        };
        let cue = Cue {
            reach: Reach::Beside,
            sign,
            strength,
            comparative: false,
            emoji: false,
        };
        found.push((at..end.min(tokens.len()), cue));
    }
    found
}
