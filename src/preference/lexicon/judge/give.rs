//! Gives verdicts: to what is named, to what a pronoun means, to the image; and lets emoji judge.

use std::ops::Range;

use super::{Context, Directness, Finding, Judge, Reduction, Settled, Verdict};
use crate::lexicon::cues::{Reach, Role};
use crate::lexicon::find::What;
use crate::lexicon::token::Kind;

impl Judge<'_> {
    /// Gives a target its verdict.
    pub(super) fn give(&mut self, target: usize, settled: &Settled, context: &Context) {
        if self.targets[target].what == What::Whole {
            let at = self.targets[target].at.clone();
            self.give_whole(target, settled, context, &at);
            return;
        }
        if let Some(meant) = self.meant_by_pointing(target, context) {
            for t in meant {
                self.give(t, settled, context);
            }
            return;
        }
        if let What::Reference(categories) = &self.targets[target].what
            && self.counts(settled, target)
            && let Some(quantity) = self.quantity(categories)
        {
            self.targets[target].what = quantity;
        }
        let reduced = self.targets[target]
            .reduced
            .filter(|_| !self.denial_belongs_to(target, settled));
        let sign = match reduced {
            Some(_) => -settled.sign,
            None => settled.sign,
        };
        let start = match reduced {
            Some(_) => self.reduction_start(&self.targets[target].extent.clone()),
            None => self.targets[target].extent.start,
        };
        let extent = &self.targets[target].extent;
        let from = settled.from.start.min(start)..settled.from.end.max(extent.end);
        self.targets[target].verdict = Some(Verdict {
            sign,
            weight: settled.weight,
            from,
            provisional: context.habitual,
        });
    }

    /// "looks like an old video game, love *that aesthetic*": what a word that points means where the image has nothing for it.
    pub(super) fn meant_by_pointing(&self, target: usize, context: &Context) -> Option<Vec<usize>> {
        let place = &self.targets[target];
        let What::Reference(categories) = &place.what else {
            return None;
        };
        let points = place
            .at
            .start
            .checked_sub(1)
            .is_some_and(|t| matches!(self.key(t), "that" | "this" | "those" | "these"));
        if !points || (self.pictured)(categories) {
            return None;
        }
        let named: Vec<usize> = (context.sentence_start..target)
            .filter(|&t| {
                matches!(self.targets[t].what, What::Attribute(..)) && self.targets[t].verdict.is_none()
            })
            .collect();
        (!named.is_empty()).then_some(named)
    }

    /// Tells whether a judgement asks for more or less of its object: "lacks contrast", but not "I wish the colours …".
    pub(super) fn counts(&self, settled: &Settled, target: usize) -> bool {
        let close = self.targets[target].at.start <= settled.from.end + 1;
        let with_article = (settled.from.end..self.targets[target].at.start).any(|t| {
            matches!(
                self.key(t),
                "the" | "these" | "this" | "those" | "other" | "different" | "better"
            )
        });
        matches!(settled.reach, Reach::Wish | Reach::Tight) && close && !with_article
    }

    /// A "not" that was counted for the judgement ("*not* a fan of dark") is not counted again, nor is one that a wish
    /// looks back on ("*no* warmth, I miss that").
    pub(super) fn denial_belongs_to(&self, target: usize, settled: &Settled) -> bool {
        let target = &self.targets[target];
        let counted = settled.from.start <= target.at.start && settled.from.end > target.at.start;
        let missed = settled.reach == Reach::Wish
            && settled.from.start >= target.at.end
            && target.reduced == Some(Reduction::Denied);
        counted || missed
    }

    pub(super) fn give_whole(
        &mut self,
        target: usize,
        settled: &Settled,
        context: &Context,
        segment: &Range<usize>,
    ) {
        let at = self.targets[target].at.clone();
        if at.is_empty() {
            return;
        }
        let waiting = self.antecedents(target, &[]);
        if !waiting.is_empty() {
            let settled = Settled {
                from: settled.from.start..settled.from.end.max(at.end),
                ..settled.clone()
            };
            for t in waiting {
                self.give(t, &settled, context);
            }
            return;
        }
        // "love this cat": the word points at something in the picture.
        let pointing = at.len() == 1
            && matches!(
                self.key(at.start),
                "this" | "that" | "these" | "those" | "all" | "one"
            );
        let noun = self.tokens.get(at.end).filter(|next| {
            next.kind == Kind::Word
                && !self.is_light(at.end)
                && self.covering(at.end).is_none()
                && at.end < segment.end.max(at.end + 1)
                && !self.roles.has(Role::Contrast, at.end)
                && !self.roles.has(Role::Exception, at.end)
                && !self.roles.has(Role::Follower, at.end)
        });
        let wishes = matches!(settled.reach, Reach::Wish | Reach::Tight);
        let faint = settled.sign > 0.0
            && settled.weight < 0.45
            && settled.reach == Reach::Beside
            && !settled.from.clone().any(|t| self.roles.has(Role::Negator, t));
        if faint
            || (pointing && noun.is_some())
            || wishes
            || (context.conditional && settled.sign > 0.0)
            || context.habitual
        {
            return;
        }
        let from = settled.from.start.min(at.start)..settled.from.end.max(at.end);
        // "I like it less than the last one".
        let sign = if matches!(self.key(at.end), "less" | "least") {
            -settled.sign
        } else {
            settled.sign
        };
        self.findings.push(Finding {
            what: What::Whole,
            sign,
            weight: settled.weight * 0.7,
            tokens: from,
            directness: Directness::Whole,
            named_by: None,
        });
    }

    pub(super) fn implied(&mut self, settled: &Settled, context: &Context) {
        // "dark, gritty, grungy. yes please".
        if self.targets.len() == context.sentence_start {
            let waiting: Vec<usize> = (self.previous..context.sentence_start)
                .filter(|&t| self.is_named(t) && self.is_open(t))
                .collect();
            if !waiting.is_empty() {
                waiting
                    .into_iter()
                    .for_each(|target| self.give(target, settled, context));
                return;
            }
        }
        self.implied_by(settled);
    }

    /// Judges the image, which nothing names.
    pub(super) fn implied_by(&mut self, settled: &Settled) {
        let from = settled.from.clone();
        self.findings.push(Finding {
            what: What::Whole,
            sign: settled.sign,
            weight: settled.weight * 0.7,
            tokens: from,
            directness: Directness::Implied,
            named_by: None,
        });
    }

    /// Lets emoji judge what stands unjudged before them, or else what follows, or else the image.
    pub(super) fn emoji(&mut self, sentence: Range<usize>, first_target: usize) {
        let range = self.elements_in(&sentence);
        let mut since = sentence.start;
        for index in range.clone() {
            let element = &self.elements[index];
            let What::Cue(cue) = element.what else { continue };
            if !cue.emoji {
                continue;
            }
            let at = element.at.clone();
            let until = self.elements[index + 1..range.end]
                .iter()
                .find(|next| matches!(next.what, What::Cue(_)))
                .map_or(sentence.end, |next| next.at.start);
            let unjudged = |judge: &Self, place: Range<usize>| -> Vec<usize> {
                (first_target..judge.targets.len())
                    .filter(|&t| place.contains(&judge.targets[t].at.start))
                    .filter(|&t| judge.is_named(t) && judge.targets[t].verdict.is_none())
                    .collect()
            };
            let mut claimed = unjudged(self, since..at.start);
            if claimed.is_empty() {
                claimed = unjudged(self, at.end..until);
            }
            if claimed.is_empty() && sentence.clone().all(|t| self.tokens[t].kind != Kind::Word) {
                claimed = (self.previous..first_target)
                    .filter(|&t| self.is_named(t) && self.targets[t].verdict.is_none())
                    .collect();
            }
            let sign = if self.ironic && cue.sign > 0.0 {
                -1.0
            } else {
                cue.sign
            };
            let settled = Settled {
                sign,
                weight: cue.strength,
                from: at.clone(),
                reach: Reach::Beside,
                void: false,
            };
            if claimed.is_empty() {
                self.implied_by(&settled);
            }
            for target in claimed {
                let context = Context {
                    asks: false,
                    ironic: false,
                    conditional: false,
                    habitual: false,
                    sentence_start: first_target,
                };
                self.give(target, &settled, &context);
            }
            since = at.end;
        }
    }
}
