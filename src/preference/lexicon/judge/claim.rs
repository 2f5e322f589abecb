//! Finds what a judgement is about: its subject, its object, what was listed before, or the whole image.

use std::ops::Range;

use super::{Claim, Judge, Settled};
use crate::lexicon::cues::{Reach, Role};
use crate::lexicon::find::What;
use crate::lexicon::token::Kind;

impl Judge<'_> {
    /// Decides what a judgement claims.
    pub(super) fn claims(
        &self,
        settled: &Settled,
        at: &Range<usize>,
        segment: &Range<usize>,
        earlier: &[usize],
        quiet: &[usize],
        governed: bool,
    ) -> Claim {
        if matches!(settled.reach, Reach::Forward | Reach::Wish | Reach::Tight) {
            return Claim::Forward;
        }
        let predicate = settled.reach == Reach::Backward || self.follows_copula(at, segment);
        let open: Vec<usize> = earlier.iter().copied().filter(|&t| self.is_open(t)).collect();
        let explicit: Vec<usize> = open
            .iter()
            .copied()
            .filter(|&t| self.targets[t].what != What::Whole)
            .collect();
        // "what bugs me is the grain": what is named comes after the verb.
        let next = self.next_object(at, segment, settled.reach == Reach::Backward);
        if predicate {
            if governed && !explicit.is_empty() {
                return Claim::Nothing;
            }
            if !explicit.is_empty() {
                return Claim::Targets(self.with_listed(explicit, quiet));
            }
            if next.is_some() && self.introduces(at, segment) {
                return Claim::Forward;
            }
            if let Some(&whole) = open.last() {
                return self.whole_or_open(whole, quiet);
            }
            let starts = self.starts_segment(at, segment);
            let waiting = self.open_of(quiet);
            if starts && !waiting.is_empty() {
                return Claim::Targets(waiting);
            }
            if next.is_some() && settled.reach == Reach::Backward {
                return Claim::Forward;
            }
            return if starts || self.is_verdict(at, segment) {
                Claim::Whole
            } else {
                Claim::Nothing
            };
        }
        if let Some(distance) = next.filter(|_| !(governed && explicit.is_empty() && earlier.is_empty())) {
            if distance <= 4 {
                return Claim::Forward;
            }
        } else if governed && next.is_some() {
            // "love the beautiful fog": one judgement is enough.
            return Claim::Nothing;
        }
        if governed {
            return Claim::Nothing;
        }
        if !explicit.is_empty() {
            return Claim::Targets(self.with_listed(explicit, quiet));
        }
        if self.leads_to_next_segment(at, segment) {
            return Claim::Forward;
        }
        let waiting = self.open_of(quiet);
        if !waiting.is_empty() && self.starts_segment(at, segment) {
            return Claim::Targets(waiting);
        }
        if let Some(&whole) = open.last() {
            return self.whole_or_open(whole, quiet);
        }
        if self.is_verdict(at, segment) {
            Claim::Whole
        } else {
            Claim::Nothing
        }
    }

    pub(super) fn whole_or_open(&self, whole: usize, quiet: &[usize]) -> Claim {
        let waiting = self.antecedents(whole, quiet);
        if waiting.is_empty() {
            Claim::Targets(vec![whole])
        } else {
            Claim::Targets(waiting)
        }
    }

    /// Returns what "it" means where something named waits to be judged.
    pub(super) fn antecedents(&self, whole: usize, quiet: &[usize]) -> Vec<usize> {
        if !matches!(
            self.key(self.targets[whole].at.start),
            "it" | "that" | "this" | "they" | "them" | "those" | "here" | "these"
        ) || self.targets[whole].at.len() > 1
        {
            return Vec::new();
        }
        let place = &self.targets[whole];
        let named_here = self.targets.iter().enumerate().any(|(t, other)| {
            other.clause == place.clause && other.at.end <= place.at.start && self.is_named(t)
        });
        let open: Vec<usize> = self
            .open_of(quiet)
            .into_iter()
            .filter(|&t| !named_here || self.targets[t].clause == place.clause)
            .collect();
        if !open.is_empty() {
            return open;
        }
        let relative = self.targets[whole].at.start.checked_sub(1).is_some_and(|before| {
            self.key(before + 1) == "that"
                && (matches!(
                    self.key(before),
                    "thing" | "things" | "one" | "way" | "part" | "something" | "stuff" | "anything"
                ) || self
                    .covering(before)
                    .is_some_and(|e| !matches!(e.what, What::Cue(_))))
        });
        if relative {
            return Vec::new();
        }
        (self.previous..self.targets.len())
            .filter(|&t| self.targets[t].at.end <= self.targets[whole].at.start)
            .filter(|&t| self.is_named(t) && self.is_open(t))
            .filter(|&t| !named_here || self.targets[t].clause == place.clause)
            .collect()
    }

    pub(super) fn is_named(&self, t: usize) -> bool {
        match &self.targets[t].what {
            What::Attribute(..) => true,
            What::Reference(categories) => !categories.is_empty(),
            What::Whole | What::Cue(_) => false,
        }
    }

    pub(super) fn is_open(&self, t: usize) -> bool {
        self.targets[t]
            .verdict
            .as_ref()
            .is_none_or(|verdict| verdict.provisional)
    }

    pub(super) fn open_of(&self, quiet: &[usize]) -> Vec<usize> {
        quiet
            .iter()
            .copied()
            .filter(|&t| self.is_named(t) && self.is_open(t))
            .collect()
    }

    /// "colours, light and mood work": what is listed before shares the judgement.
    pub(super) fn with_listed(&self, mut claimed: Vec<usize>, quiet: &[usize]) -> Vec<usize> {
        let mut first = claimed
            .iter()
            .map(|&t| self.targets[t].at.start)
            .min()
            .unwrap_or(0);
        for &t in quiet.iter().rev() {
            let target = &self.targets[t];
            let between = target.at.end..first;
            let listed = between.clone().all(|at| {
                self.is_light(at) || matches!(self.key(at), "," | "and" | "nor" | "or" | "&" | "+")
            });
            if !listed || !self.is_named(t) || !self.is_open(t) {
                break;
            }
            first = target.at.start;
            claimed.push(t);
        }
        claimed
    }

    pub(super) fn follows_copula(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        for before in (segment.start..at.start).rev() {
            if self.roles.has(Role::Copula, before) {
                return true;
            }
            let passes = self.is_light(before)
                || self.roles.has(Role::Negator, before)
                || self.roles.has(Role::Reducer, before)
                || matches!(
                    self.key(before),
                    "just"
                        | "all"
                        | "also"
                        | "my"
                        | "exactly"
                        | "both"
                        | "only"
                        | "that"
                        | "some"
                        | "simply"
                        | "one"
                        | "of"
                );
            if !passes {
                return false;
            }
        }
        false
    }

    /// "it's beautiful *how* soft …".
    pub(super) fn introduces(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        (at.end..segment.end.min(at.end + 3)).any(|t| {
            matches!(
                self.key(t),
                "how" | "with" | "because" | "thanks" | "to" | "in" | "is" | "about" | "for" | "what" | "use"
            )
        })
    }

    /// Returns how far the next thing that can be judged is, if nothing stands between.
    pub(super) fn next_object(
        &self,
        at: &Range<usize>,
        segment: &Range<usize>,
        across: bool,
    ) -> Option<usize> {
        let next = self.elements.partition_point(|element| element.at.start < at.end);
        let element = self
            .elements
            .get(next)
            .filter(|element| element.at.start < segment.end)?;
        let object = match &element.what {
            What::Attribute(..) => true,
            What::Reference(_) => true,
            // "a beautiful piece", but not "beautiful in it".
            What::Whole => {
                element.at.start == at.end
                    && !matches!(self.key(at.end), "it" | "that" | "here" | "there" | "they")
            }
            What::Cue(cue) => !cue.emoji && cue.reach == Reach::Beside && element.at.start == at.end,
        };
        let gap = at.end..element.at.start;
        let clear = gap
            .clone()
            .all(|t| (across || !self.roles.has(Role::Copula, t)) && self.tokens[t].kind == Kind::Word);
        (object && clear).then_some(gap.len())
    }

    pub(super) fn starts_segment(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        (segment.start..at.start).all(|t| {
            self.is_light(t)
                || self.roles.has(Role::Copula, t)
                || self.roles.has(Role::Negator, t)
                || self.roles.has(Role::Softener, t)
                || matches!(
                    self.key(t),
                    "just"
                        | "really"
                        | "it"
                        | "also"
                        | "like"
                        | "well"
                        | "oh"
                        | "honestly"
                        | "and"
                        | "i"
                        | "think"
                        | "find"
                        | "it's"
                )
        })
    }

    /// "beautiful, soft light": an adjective alone whose noun follows a comma.
    pub(super) fn leads_to_next_segment(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        if at.end != segment.end || !(segment.start..at.start).all(|t| self.is_light(t)) {
            return false;
        }
        let separator = self.key(segment.end);
        let next = self
            .elements
            .partition_point(|element| element.at.start <= segment.end);
        matches!(separator, "," | "and" | ":")
            && self.elements.get(next).is_some_and(|element| {
                element.at.start <= segment.end + 2
                    && matches!(element.what, What::Attribute(..))
                    && (segment.end + 1..element.at.start)
                        .all(|t| self.is_light(t) && !matches!(self.key(t), "the"))
            })
    }

    /// Tells whether nothing else is said around a judgement: "so pretty", "not my thing", but not "cute boat".
    pub(super) fn is_verdict(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        let light = |t: usize| {
            self.is_light(t)
                || self.tokens[t].kind != Kind::Word
                || self.roles.has(Role::Negator, t)
                || self.roles.has(Role::Copula, t)
                || self.roles.has(Role::Softener, t)
                || self.roles.has(Role::Doubt, t)
                || self.covering(t).is_some()
                || self.roles.has(Role::Aside, t)
        };
        (segment.start..at.start).all(light) && (at.end..segment.end).all(light)
    }
}
