//! Cuts a sentence into clauses (at contrasts) and clauses into segments (at commas and conjunctions).

use std::ops::Range;

use super::cues::Role;
use super::find::{Element, Roles};
use super::token::{Kind, Token};

/// How a clause goes on from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// It begins the sentence.
    Start,
    /// "but", "although".
    Contrast,
    /// "except", "apart from".
    Exception,
}

/// A part of a sentence that keeps one stance unless it says otherwise.
#[derive(Debug)]
pub(super) struct Clause {
    pub(super) link: Link,
    pub(super) segments: Vec<Range<usize>>,
}

/// Cuts a sentence. Words inside an element never end a clause ("more or less detail", "black and white").
pub(super) fn clauses(
    tokens: &[Token],
    roles: &Roles,
    elements: &[Element],
    sentence: Range<usize>,
) -> Vec<Clause> {
    let mut inside = vec![false; sentence.len()];
    for element in elements {
        for at in element.at.clone().filter(|at| sentence.contains(at)) {
            inside[at - sentence.start] = true;
        }
    }
    let mut clauses = vec![Clause {
        link: Link::Start,
        segments: Vec::new(),
    }];
    let mut start = sentence.start;
    let mut at = sentence.start;
    while at < sentence.end {
        let covered = inside[at - sentence.start];
        let link = [
            (Role::Exception, Link::Exception),
            (Role::Contrast, Link::Contrast),
        ]
        .into_iter()
        .find(|(role, _)| !covered && roles.has(*role, at));
        if let Some((role, link)) = link {
            push(&mut clauses, start..at);
            clauses.push(Clause {
                link,
                segments: Vec::new(),
            });
            while at < sentence.end && roles.has(role, at) && !inside[at - sentence.start] {
                at += 1;
            }
            start = at;
            continue;
        }
        if !covered && is_soft(&tokens[at]) {
            push(&mut clauses, start..at);
            start = at + 1;
        }
        at += 1;
    }
    push(&mut clauses, start..sentence.end);
    clauses.retain(|clause| !clause.segments.is_empty());
    clauses
}

fn push(clauses: &mut [Clause], segment: Range<usize>) {
    if let Some(clause) = clauses.last_mut().filter(|_| !segment.is_empty()) {
        clause.segments.push(segment);
    }
}

fn is_soft(token: &Token) -> bool {
    match token.kind {
        Kind::Word => matches!(
            token.key.as_str(),
            "and" | "or" | "nor" | "plus" | "because" | "cuz" | "cause" | "since" | "n" | "also"
        ),
        Kind::Punctuation => matches!(
            token.key.as_str(),
            "," | "&"
                | "."
                | "…"
                | "—"
                | "–"
                | "-"
                | "("
                | ")"
                | "*"
                | "•"
                | "·"
                | "+"
                | "\""
                | "“"
                | "”"
                | "、"
                | "，"
        ),
        Kind::Break => true,
        Kind::Emoji => false,
    }
}
