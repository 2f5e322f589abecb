//! Collects the verdicts, and what speaks for itself.

use std::ops::Range;

use super::{Directness, Finding, Judge, Verdict};
use crate::lexicon::cues::Role;
use crate::lexicon::find::What;

impl Judge<'_> {
    /// Collects the verdicts, and what speaks for itself.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        self.share_leanings();
        for target in &self.targets {
            let directness = match &target.what {
                What::Attribute(..) => Directness::Named,
                What::Reference(_) => Directness::Side,
                What::Whole | What::Cue(_) => continue,
            };
            let (sign, weight, tokens) = match (&target.verdict, target.leftover) {
                (Some(verdict), _) => (verdict.sign, verdict.weight, verdict.from.clone()),
                (None, Some((sign, weight))) => {
                    let start = if target.reduced.is_some() || target.amplified {
                        self.lead(&target.extent)
                    } else {
                        target.extent.start
                    };
                    (sign, weight, start..target.extent.end)
                }
                (None, None) => continue,
            };
            let named_by = (target.extent.len() == 1).then_some(target.at.start);
            self.findings.push(Finding {
                what: target.what.clone(),
                sign,
                weight,
                tokens,
                directness,
                named_by,
            });
        }
        self.findings
    }

    /// "soft and dreamy", "the colours are soothing": what says nothing by itself shares the judgement of words in its
    /// clause that do.
    fn share_leanings(&mut self) {
        let leaning: Vec<(usize, f32, Range<usize>)> = self
            .targets
            .iter()
            .filter(|target| target.verdict.is_none() && matches!(target.what, What::Attribute(..)))
            .filter_map(|target| Some((target.clause, target.leftover?.0, target.extent.clone())))
            .collect();
        for target in &mut self.targets {
            let shares = match &target.what {
                What::Attribute(..) => true,
                What::Reference(categories) => (self.pictured)(categories),
                What::Whole | What::Cue(_) => false,
            };
            if !shares || target.verdict.is_some() || target.leftover.is_some() || target.reduced.is_some() {
                continue;
            }
            let mut beside = leaning.iter().filter(|(clause, _, _)| *clause == target.clause);
            let Some((_, sign, words)) = beside.next() else {
                continue;
            };
            if beside.any(|(_, other, _)| other != sign) {
                continue;
            }
            let described = target.at.end <= words.start
                && (target.at.end..words.start).any(|at| self.roles.has(Role::Copula, at));
            match target.what {
                What::Reference(_) if described => {
                    let from = target.at.start..words.end;
                    target.verdict = Some(Verdict {
                        sign: *sign,
                        weight: 0.45,
                        from,
                        provisional: false,
                    });
                }
                What::Reference(_) => {}
                _ => target.leftover = Some((*sign, 0.4)),
            }
        }
    }

    /// Returns where the words that lessen or heighten a target begin.
    pub(super) fn lead(&self, extent: &Range<usize>) -> usize {
        (extent.start.saturating_sub(4)..extent.start)
            .find(|&t| {
                [Role::Negator, Role::Reducer, Role::Amplifier]
                    .iter()
                    .any(|role| self.roles.has(*role, t))
            })
            .unwrap_or(extent.start)
    }
}
