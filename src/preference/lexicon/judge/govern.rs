//! How far a judgement reaches: past commas, not past a new subject, and turned round by a comparison.

use std::ops::Range;

use super::read::Passage;
use super::{Governor, Judge, Verdict};
use crate::Leaning;
use crate::lexicon::cues::{Reach, Role};
use crate::lexicon::find::What;

impl Judge<'_> {
    /// Ends or keeps a judgement on its way to a target in a later segment.
    pub(super) fn check_governor(
        &self,
        governor: &mut Option<Governor>,
        target: usize,
        number: usize,
        segment: &Range<usize>,
    ) {
        let Some(g) = governor else { return };
        if g.segment == number {
            return;
        }
        let target = &self.targets[target];
        let leaning = match target.what {
            What::Attribute(attribute, _) => self.vocabulary.attributes()[attribute].leaning,
            _ => None,
        };
        let contradicted = match leaning {
            Some(Leaning::Blame) => g.sign > 0.0 && target.reduced.is_none(),
            Some(Leaning::Praise) => g.sign < 0.0 && target.reduced.is_none(),
            None => false,
        };
        let new_subject = (segment.start..target.at.start).any(|t| self.roles.has(Role::Subject, t));
        let far = g.reach == Reach::Tight && target.at.start > segment.start + 2;
        let joined = matches!(
            self.key(segment.start.saturating_sub(1)),
            "and" | "or" | "," | "nor"
        );
        let tight =
            g.reach == Reach::Tight && (far || !joined || !matches!(target.what, What::Attribute(..)));
        let distant_whole = target.what == What::Whole;
        if contradicted || new_subject || tight || distant_whole {
            *governor = None;
        }
    }

    /// Turns the judgement round at "than", "instead of", "over", "to".
    pub(super) fn pass_versus(&mut self, passage: &mut Passage, gap: Range<usize>, next: usize) {
        for at in gap {
            let compares = self.roles.all(Role::Versus).any(|range| range.start == at);
            let prefers = passage
                .governor
                .as_ref()
                .is_some_and(|g| g.compares && g.objects > 0);
            let turns = compares || (prefers && self.key(at) == "to");
            if !turns {
                continue;
            }
            let over = self.key(at) == "over";
            match &mut passage.governor {
                Some(g) if g.objects > 0 && (!over || g.compares || g.weight > 0.6) => {
                    g.sign = -g.sign;
                    g.weight *= 0.9;
                    g.objects = 0;
                    g.reach = Reach::Forward;
                }
                _ => self.compare(passage, at, next, if over { 0 } else { 4 }),
            }
        }
    }

    /// Likes what stands within `close` words before a comparison and lets what follows be disliked: "fog over rain".
    fn compare(&mut self, passage: &mut Passage, at: usize, next: usize, close: usize) {
        let named: Vec<usize> = passage
            .own
            .iter()
            .copied()
            .filter(|&t| self.is_named(t))
            .collect();
        let Some(&left) = named.iter().rfind(|&&t| self.targets[t].at.end <= at) else {
            return;
        };
        let right = named
            .iter()
            .any(|&t| (at..=next.max(at + 4)).contains(&self.targets[t].at.start));
        if !right || !self.is_open(left) || at - self.targets[left].at.end > close {
            return;
        }
        let from = self.targets[left].extent.start..at + 1;
        self.targets[left].verdict = Some(Verdict {
            sign: 1.0,
            weight: 0.6,
            from,
            provisional: false,
        });
        passage.governor = Some(Governor {
            sign: -1.0,
            weight: 0.55,
            from: at..at + 1,
            reach: Reach::Forward,
            segment: passage.number,
            objects: 0,
            compares: false,
        });
    }
}
