//! Where the adjective of a noun may stand when the two are apart: "the lines are way too thick".

use super::cues::Role;
use super::find::Roles;
use super::token::{Kind, Token};

/// Returns the places where a modifier of the noun may stand.
pub(super) fn modifiers(tokens: &[Token], roles: &Roles, noun: usize) -> Vec<usize> {
    let mut places = Vec::new();
    let joins = |at: usize| {
        matches!(
            tokens[at].key.as_str(),
            "and" | "," | "or" | "too" | "not" | "n't" | "also" | "both" | "all" | "then"
        ) || roles.has(Role::Intensifier, at)
            || roles.has(Role::Softener, at)
            || roles.has(Role::Reducer, at)
            || roles.has(Role::Amplifier, at)
    };
    // "thick, bold lines": only other modifiers between.
    for at in (noun.saturating_sub(5)..noun).rev() {
        if tokens[at].kind == Kind::Break
            || matches!(tokens[at].key.as_str(), "." | "!" | "?" | ";" | "the" | "a")
        {
            break;
        }
        if at + 1 < noun
            && !(at + 1..noun).all(|between| joins(between) || is_adjective_like(tokens, roles, between))
        {
            break;
        }
        places.push(at);
    }
    // "how soft the light is".
    if noun >= 2 {
        let how = (noun.saturating_sub(5)..noun - 1).find(|&at| tokens[at].key == "how");
        places.extend(how.into_iter().flat_map(|how| how + 1..noun));
    }
    // "the light is so soft and warm", "make the light softer".
    let mut linked = false;
    for at in noun + 1..tokens.len().min(noun + 9) {
        let key = tokens[at].key.as_str();
        if tokens[at].kind == Kind::Break || matches!(key, "." | "!" | "?" | ";" | "how" | "the") {
            break;
        }
        if roles.has(Role::Contrast, at) && !linked {
            break;
        }
        if roles.has(Role::Copula, at) {
            linked = true;
        } else if linked
            || tokens[at].comparative
            || (noun + 1..at).all(|t| joins(t) && !matches!(tokens[t].key.as_str(), "and" | "or" | ","))
        {
            places.push(at);
        } else if !joins(at)
            && !matches!(
                key,
                "in" | "here" | "that" | "which" | "this" | "of" | "image" | "picture" | "it"
            )
        {
            break;
        }
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// Tells whether a word between a modifier and its noun may be another modifier.
fn is_adjective_like(tokens: &[Token], roles: &Roles, at: usize) -> bool {
    let token = &tokens[at];
    token.kind == Kind::Word
        && token.key.len() > 3
        && !roles.has(Role::Copula, at)
        && !roles.has(Role::Versus, at)
        && !matches!(
            token.key.as_str(),
            "with" | "that" | "this" | "from" | "than" | "over" | "into" | "like" | "love" | "hate" | "have"
        )
}
