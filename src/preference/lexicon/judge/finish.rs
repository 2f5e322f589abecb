//! Collects the verdicts, and what speaks for itself.

use std::ops::Range;

use super::{Directness, Finding, Judge, Target};
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

    /// "soft and dreamy": a neutral word in one clause with words that judge by themselves shares their judgement.
    pub(super) fn share_leanings(&mut self) {
        let silent = |target: &Target| target.verdict.is_none() && target.leftover.is_none();
        let leaning: Vec<(usize, f32)> = self
            .targets
            .iter()
            .filter(|target| target.verdict.is_none() && matches!(target.what, What::Attribute(..)))
            .filter_map(|target| Some((target.clause, target.leftover?.0)))
            .collect();
        for target in &mut self.targets {
            if silent(target) && target.reduced.is_none() && matches!(target.what, What::Attribute(..)) {
                let mut signs = leaning
                    .iter()
                    .filter(|(clause, _)| *clause == target.clause)
                    .map(|(_, sign)| *sign);
                let first = signs.next();
                target.leftover = first
                    .filter(|first| signs.all(|sign| sign == *first))
                    .map(|sign| (sign, 0.4));
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
