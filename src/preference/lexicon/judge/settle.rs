//! Settles a judgement: negation, irony, intensity, doubt, and whose opinion it is.

use std::ops::Range;

use super::{Context, Judge, Settled};
use crate::lexicon::cues::{Cue, Reach, Role};
use crate::lexicon::find::What;

impl Judge<'_> {
    /// Settles sign and weight of a cue: negation, irony, intensity, doubt, and whose opinion it is.
    pub(super) fn settle(
        &self,
        cue: &Cue,
        at: &Range<usize>,
        segment: &Range<usize>,
        context: &Context,
    ) -> Settled {
        let mut start = at.start;
        let mut negations = 0;
        for before in (segment.start.max(at.start.saturating_sub(8))..at.start).rev() {
            if let Some(element) = self.covering(before)
                && !matches!(element.what, What::Whole)
            {
                let own = matches!(element.what, What::Reference(_)) && cue.reach == Reach::Backward;
                if !own {
                    break;
                }
            }
            let negates = self.roles.has(Role::Negator, before)
                && !(cue.reach == Reach::Wish && self.key(before) == "without");
            let reduces = self.roles.has(Role::Reducer, before) && cue.reach == Reach::Beside;
            if negates || reduces {
                negations += 1;
                start = before;
            } else if matches!(self.key(before), "how" | "because") {
                break;
            }
        }
        let backward = matches!(cue.reach, Reach::Backward | Reach::Beside);
        let none_of = (segment.start..at.start.min(segment.start + 3))
            .find(|&t| matches!(self.key(t), "neither" | "none" | "nothing" | "nobody"));
        let before_clause = segment
            .start
            .checked_sub(1)
            .filter(|&t| backward && matches!(self.key(t), "nor"));
        if negations == 0 && backward && (none_of.is_some() || before_clause.is_some()) {
            negations = 1;
            start = none_of.or(before_clause).unwrap_or(start);
        }
        // "I don't think the colours are good".
        if let Some(denied) = (segment.start..start)
            .find(|&t| self.roles.has(Role::Negator, t) && self.roles.has(Role::Opining, t + 1) && backward)
        {
            negations += 1;
            start = denied;
        }
        let undecided = (segment.start.max(at.start.saturating_sub(5))..at.start).any(|t| {
            matches!(self.key(t), "if" | "whether" | "how")
                && t > 0
                && matches!(
                    self.key(t - 1),
                    "decide" | "know" | "sure" | "wonder" | "wondering" | "tell" | "idk"
                )
        });
        // "I like nothing about this".
        if cue.reach == Reach::Forward && matches!(self.key(at.end), "nothing" | "none") {
            negations += 1;
        }
        let mut sign = cue.sign;
        let mut weight = cue.strength;
        if negations % 2 == 1 {
            sign = -sign;
            weight = if cue.sign > 0.0 {
                weight.min(0.6)
            } else {
                weight * 0.6
            };
        }
        if context.ironic && sign > 0.0 {
            sign = -1.0;
        }
        let near = segment.start.max(at.start.saturating_sub(3))..at.start;
        let after = at.end..segment.end.min(at.end + 4);
        let softened = near
            .clone()
            .any(|t| self.roles.has(Role::Softener, t) && self.key(t) != "pretty");
        let heightened = near.clone().any(|t| self.roles.has(Role::Intensifier, t))
            || after
                .clone()
                .any(|t| self.key(t) == "so" && self.key(t + 1) == "much");
        if softened {
            weight *= 0.7;
        } else if heightened && negations % 2 == 0 {
            weight += 0.1;
        }
        if self.tokens[at.clone()].iter().any(|token| token.loud) {
            weight += 0.05;
        }
        if self.roles.within(Role::Doubt, segment) {
            weight *= 0.8;
        }
        let reported = matches!(cue.reach, Reach::Forward | Reach::Wish) && self.is_reported(at, segment);
        let excused = cue.reach == Reach::Tight && negations % 2 == 1;
        Settled {
            sign,
            weight: weight.clamp(0.1, 1.0),
            from: start..at.end,
            reach: cue.reach,
            void: reported || excused || undecided || context.asks,
        }
    }

    /// "my wife would love it": somebody else's opinion.
    pub(super) fn is_reported(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        let person = (segment.start..at.start)
            .rev()
            .find(|&t| matches!(self.key(t), "i" | "we" | "me") || self.roles.has(Role::Person, t));
        let tells = person.is_some_and(|t| !matches!(self.key(t), "i" | "we" | "me"));
        tells && !self.roles.within(Role::Rhetorical, segment)
    }
}
