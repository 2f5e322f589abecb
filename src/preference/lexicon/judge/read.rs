//! Reads a clause segment by segment: which judgement governs what.

use std::ops::Range;

use super::{Claim, Context, Governor, Judge, Settled, clause_range};
use crate::lexicon::clause::{Clause, Link};
use crate::lexicon::cues::{Cue, Reach, Role};
use crate::lexicon::find::{Element, What};

/// Verbs that may have a second object: "prefer fog *to* rain".
const COMPARING: [&str; 6] = ["prefer", "preferred", "rather", "favor", "take", "choose"];

/// Where the reading of a clause stands.
pub(super) struct Passage {
    /// The judgement that waits for objects.
    pub(super) governor: Option<Governor>,
    /// The latest judgement, for an exception or an ellipsis after the clause.
    last: Option<Governor>,
    /// Targets of earlier segments that no judgement has claimed.
    quiet: Vec<usize>,
    /// Targets of the segment.
    pub(super) own: Vec<usize>,
    segment: Range<usize>,
    /// Number of the segment in its clause.
    pub(super) number: usize,
    /// The segment is the last of its clause.
    closes: bool,
    /// "it", until something named follows.
    pending_whole: Option<usize>,
    /// A judgement has claimed its subject in this segment.
    claimed: bool,
    /// Something has judged in this clause.
    judges: bool,
    /// An exception whose judgement is still to come.
    turns: bool,
}

impl Judge<'_> {
    /// Reads one clause; returns the judgement that an exception after it would turn round.
    pub(super) fn clause(
        &mut self,
        clause: &Clause,
        context: &Context,
        before: Option<Governor>,
    ) -> Option<Governor> {
        self.clauses += 1;
        let excepting = clause.link == Link::Exception;
        let governor = excepting.then(|| self.exception(before.as_ref(), clause));
        let mut passage = Passage {
            turns: excepting && before.is_none(),
            last: governor.clone().or_else(|| before.clone()),
            governor,
            // "busy, but in a good way": after a contrast a judgement without a subject is about what came before.
            quiet: match clause.link {
                Link::Contrast => {
                    self.reopen_generalities(context.sentence_start);
                    self.open_of(&(context.sentence_start..self.targets.len()).collect::<Vec<_>>())
                }
                _ => Vec::new(),
            },
            own: Vec::new(),
            segment: 0..0,
            number: 0,
            closes: false,
            pending_whole: None,
            claimed: false,
            judges: excepting,
        };
        for (number, segment) in clause.segments.iter().enumerate() {
            passage.number = number;
            passage.segment = segment.clone();
            passage.closes = clause.segments.len() == number + 1;
            self.segment(&mut passage, context);
        }
        if !passage.judges {
            self.ellipsis(clause, before.as_ref(), context);
        }
        passage.last
    }

    fn segment(&mut self, passage: &mut Passage, context: &Context) {
        let elements = self.elements_in(&passage.segment);
        let first = self.targets.len();
        let places: Vec<Option<usize>> = elements
            .clone()
            .map(|index| self.add_target(index, &passage.segment))
            .collect();
        passage.own = places.iter().flatten().copied().collect();
        passage.pending_whole = None;
        passage.claimed = false;
        self.drop_specified(&passage.own);
        let mut cursor = passage.segment.start;
        for (place, index) in places.into_iter().zip(elements) {
            let element = self.elements[index].clone();
            self.pass_versus(passage, cursor..element.at.start, element.at.start);
            cursor = element.at.end;
            let cue = match &element.what {
                What::Cue(cue) if !cue.emoji => Some(*cue),
                What::Attribute(_, cue) => {
                    cue.filter(|cue| self.judges_another(&element, cue, &passage.segment, &passage.own))
                }
                _ => None,
            };
            match (cue, place) {
                (Some(cue), dual) => self.take_cue(passage, &cue, &element, dual, context),
                (None, Some(target)) => self.take_target(passage, target, context),
                (None, None) => {}
            }
        }
        self.pass_versus(passage, cursor..passage.segment.end, passage.segment.end);
        self.close_segment(passage, context);
        if passage.claimed {
            passage.quiet.clear();
        } else {
            passage.quiet.extend(first..self.targets.len());
        }
    }

    /// Lets a judgement claim its subject, the image, or what follows. `dual` is the attribute that its word names as well.
    fn take_cue(
        &mut self,
        passage: &mut Passage,
        cue: &Cue,
        element: &Element,
        dual: Option<usize>,
        context: &Context,
    ) {
        passage.judges = true;
        let settled = self.settle(cue, &element.at, &passage.segment, context);
        if settled.void {
            passage.governor = None;
            return;
        }
        let earlier: Vec<usize> = passage
            .own
            .iter()
            .copied()
            .filter(|&t| self.targets[t].at.end <= element.at.start && Some(t) != dual)
            .collect();
        if passage.turns && cue.reach == Reach::Beside {
            // "everything except the fog is perfect".
            self.turn_exception(&earlier, &settled, context, &passage.segment);
            passage.governor = None;
            return;
        }
        let governed = passage.governor.as_ref().is_some_and(|g| {
            g.segment == passage.number && matches!(g.reach, Reach::Forward | Reach::Wish | Reach::Tight)
        });
        match self.claims(
            &settled,
            &element.at,
            &passage.segment,
            &earlier,
            &passage.quiet,
            governed,
        ) {
            Claim::Targets(claimed) => {
                for target in claimed {
                    self.give(target, &settled, context);
                }
                if let Some(dual) = dual {
                    self.targets[dual].withdraw();
                }
                passage.claimed = true;
                passage.governor = None;
                passage.last = Some(Governor::of(&settled, passage.number, false));
            }
            Claim::Whole => {
                let denied = element.at.clone().any(|at| self.roles.has(Role::Negator, at));
                let faint = cue.reach == Reach::Beside && cue.strength < 0.5 && !denied;
                let praises = settled.sign > 0.0 && cue.sign > 0.0;
                let supposed = context.conditional && settled.sign > 0.0;
                let says_little = praises && faint;
                if !says_little && !supposed {
                    self.implied(&settled, context);
                }
                passage.governor = None;
                passage.last = Some(Governor::of(&settled, passage.number, false));
            }
            Claim::Forward => {
                let compares = element.at.clone().any(|at| COMPARING.contains(&self.key(at)));
                passage.governor = Some(Governor::of(&settled, passage.number, compares));
                passage.last.clone_from(&passage.governor);
                passage.pending_whole = None;
            }
            Claim::Nothing => {}
        }
    }

    /// Gives a target the judgement that governs it; the image itself has to wait for the end of the segment.
    fn take_target(&mut self, passage: &mut Passage, target: usize, context: &Context) {
        if self.targets[target].verdict.is_some() {
            return;
        }
        self.check_governor(&mut passage.governor, target, passage.number, &passage.segment);
        let Some(governor) = passage.governor.as_mut() else {
            return;
        };
        if self.targets[target].what == What::Whole {
            let near = self.targets[target].at.start <= governor.from.end + 3;
            if governor.objects == 0 && governor.segment == passage.number && near {
                passage.pending_whole = Some(target);
            }
            return;
        }
        governor.objects += 1;
        let settled = governor.settled();
        self.give(target, &settled, context);
        passage.pending_whole = None;
        passage.last.clone_from(&passage.governor);
    }

    /// Lets a judgement that found no object mean the image ("love it"), what came before ("the fog, which I love") or,
    /// alone, the image after all ("love!").
    fn close_segment(&mut self, passage: &mut Passage, context: &Context) {
        let Some(governor) = passage.governor.as_mut() else {
            return;
        };
        if let Some(whole) = passage.pending_whole {
            governor.objects += 1;
            let settled = governor.settled();
            self.give_whole(whole, &settled, context, &passage.segment);
            return;
        }
        let from = governor.from.clone();
        let waits = governor.objects == 0 && governor.segment == passage.number;
        if !waits || governor.reach != Reach::Forward {
            return;
        }
        if !(from.end..passage.segment.end).all(|at| self.is_light(at)) {
            return;
        }
        let settled = governor.settled();
        let waiting: Vec<usize> = passage
            .quiet
            .iter()
            .chain(&passage.own)
            .copied()
            .filter(|&t| self.is_named(t) && self.is_open(t) && self.targets[t].at.end <= from.start)
            .collect();
        if !waiting.is_empty() {
            for target in waiting {
                self.give(target, &settled, context);
            }
            passage.governor = None;
        } else if passage.closes && passage.own.is_empty() {
            self.implied(&settled, context);
        }
    }

    /// "not crazy about pastels, but these are nice": what was disliked in general may be liked here after all.
    fn reopen_generalities(&mut self, first: usize) {
        for target in first..self.targets.len() {
            let start = self.targets[target].extent.start;
            let before = start.checked_sub(1).map_or("", |at| self.key(at));
            let definite = matches!(
                before,
                "the"
                    | "this"
                    | "these"
                    | "that"
                    | "those"
                    | "its"
                    | "'s"
                    | "so"
                    | "too"
                    | "how"
                    | "is"
                    | "are"
            );
            let generic = !definite && matches!(self.targets[target].what, What::Attribute(..));
            if let Some(verdict) = self.targets[target]
                .verdict
                .as_mut()
                .filter(|verdict| generic && verdict.sign < 0.0)
                && verdict.from.start < start
            {
                verdict.provisional = true;
            }
        }
    }

    /// "the fog, but not the grain": what is denied without a judgement gets the one before, turned round.
    pub(super) fn ellipsis(&mut self, clause: &Clause, before: Option<&Governor>, context: &Context) {
        let Some(before) = before else { return };
        let range = clause_range(clause);
        let denied: Vec<usize> = (context.sentence_start..self.targets.len())
            .filter(|&t| range.contains(&self.targets[t].at.start) && self.targets[t].verdict.is_none())
            .filter(|&t| self.targets[t].reduced.is_some() && self.targets[t].what != What::Whole)
            .collect();
        for target in denied {
            let from = self.targets[target].extent.clone();
            let settled = Settled {
                from: self.reduction_start(&from)..from.end,
                ..before.settled()
            };
            self.give(target, &settled, context);
        }
    }

    pub(super) fn exception(&self, before: Option<&Governor>, clause: &Clause) -> Governor {
        let end = clause_range(clause).start;
        let start = (0..end)
            .rev()
            .take_while(|&t| self.roles.has(Role::Exception, t))
            .last()
            .unwrap_or(end);
        let (sign, weight) = before.map_or((-1.0, 0.6), |g| (-g.sign, (g.weight * 0.8).max(0.5)));
        Governor {
            sign,
            weight,
            from: start..end,
            reach: Reach::Forward,
            segment: 0,
            objects: 0,
            compares: false,
        }
    }

    /// Gives a judgement that follows an exception to what stands before it, and its opposite to what is excepted.
    pub(super) fn turn_exception(
        &mut self,
        excepted: &[usize],
        settled: &Settled,
        context: &Context,
        segment: &Range<usize>,
    ) {
        let opposite = Settled {
            sign: -settled.sign,
            ..settled.clone()
        };
        for &target in excepted {
            if self.is_named(target) {
                self.give(target, &opposite, context);
            }
        }
        for target in context.sentence_start..self.targets.len() {
            if excepted.contains(&target) || self.targets[target].verdict.is_some() {
                continue;
            }
            match self.targets[target].what {
                What::Whole => self.give_whole(target, settled, context, segment),
                _ => self.give(target, settled, context),
            }
        }
    }

    /// Tells whether a word that both names and judges judges something else here: "the colours are *boring*".
    fn judges_another(&self, element: &Element, cue: &Cue, segment: &Range<usize>, own: &[usize]) -> bool {
        own.iter().any(|&t| {
            let target = &self.targets[t];
            let side = match &target.what {
                What::Reference(categories) => (self.pictured)(categories),
                What::Attribute(..) => target.at != element.at,
                _ => false,
            };
            let before = target.at.end <= element.at.start
                && (cue.reach == Reach::Backward
                    || (target.at.end..element.at.start).any(|at| self.roles.has(Role::Copula, at))
                    || (target.at.end..element.at.start).all(|at| self.is_light(at)));
            let after = target.at.start >= element.at.end
                && target.at.start - element.at.end <= 1
                && target.at.end <= segment.end;
            side && (before || after)
        })
    }
}
