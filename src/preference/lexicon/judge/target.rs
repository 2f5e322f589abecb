//! What can be judged, with the words before it that turn it round.

use std::ops::Range;

use super::{Judge, Reduction, Target};
use crate::Leaning;
use crate::lexicon::cues::{Cue, Role};
use crate::lexicon::find::What;
use crate::lexicon::token::Kind;

impl Judge<'_> {
    /// Adds the element as something that can be judged, unless it judges.
    pub(super) fn add_target(&mut self, index: usize, segment: &Range<usize>) -> Option<usize> {
        let element = &self.elements[index];
        if matches!(element.what, What::Cue(_)) {
            return None;
        }
        let mut extent = match element.head {
            Some(head) => element.at.start.min(head)..element.at.end.max(head + 1),
            None => element.at.clone(),
        };
        let mut reduced = self.reduction(&element.at, segment);
        let after = (self.key(element.at.end), self.key(element.at.end + 1));
        let short_of = reduced.is_some() && (after.0 == "enough" || after == ("as", "i"));
        if short_of {
            extent = self.reduction_start(&extent)..element.at.end + 1;
            reduced = None;
        } else if reduced == Some(Reduction::Denied) && segment.clone().any(|t| self.key(t) == "please") {
            reduced = Some(Reduction::Lessened);
        }
        let amplified = self.is_amplified(&element.at, segment);
        let (leaning, judging) = match element.what {
            What::Attribute(attribute, cue) => (self.vocabulary.attributes()[attribute].leaning, cue),
            _ => (None, None),
        };
        // "sharper please".
        let asked_for =
            self.tokens[element.at.start].comparative && segment.clone().any(|t| self.key(t) == "please");
        let turned = if reduced.is_some() { -1.0 } else { 1.0 };
        let leftover = match (leaning, reduced) {
            _ if short_of => Some((1.0, 0.6)),
            (None, None) if judging.is_some() => judging.map(|cue: Cue| (cue.sign, 0.45)),
            (Some(_), _) if self.describes_a_thing(&element.at) => None,
            (Some(Leaning::Praise), _) => Some((turned, 0.45)),
            (Some(Leaning::Blame), _) => Some((-turned, 0.45)),
            (None, Some(Reduction::Lessened)) => Some((-1.0, 0.5)),
            (None, _) if amplified => Some((1.0, 0.55)),
            (None, None) if asked_for => Some((1.0, 0.55)),
            (None, None) if self.is_hedged(&element.at, segment) => Some(self.hedge(&element.at)),
            _ => None,
        };
        let leftover = leftover.filter(|_| !matches!(element.what, What::Whole));
        let what = match &element.what {
            What::Reference(categories) if amplified || reduced == Some(Reduction::Lessened) => {
                self.quantity(categories).unwrap_or_else(|| element.what.clone())
            }
            other => other.clone(),
        };
        self.targets.push(Target {
            at: element.at.clone(),
            extent,
            what,
            reduced,
            amplified,
            verdict: None,
            leftover,
            clause: self.clauses,
        });
        Some(self.targets.len() - 1)
    }

    /// "a bit flat", "kinda dark for me": said of what one would rather have otherwise.
    pub(super) fn is_hedged(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        let before = segment.start.max(at.start.saturating_sub(3))..at.start;
        let hedged = before.clone().any(|t| {
            self.roles.has(Role::Softener, t) && !matches!(self.key(t), "pretty" | "quite" | "mostly")
        });
        let alone = at.end >= segment.end || !self.describes_a_thing(at);
        at.len() == 1
            && hedged
            && alone
            && before
                .clone()
                .all(|t| self.is_light(t) || self.roles.has(Role::Copula, t))
    }

    /// "a bit brighter" asks for more, "a bit bright" for less.
    pub(super) fn hedge(&self, at: &Range<usize>) -> (f32, f32) {
        if self.tokens[at.start].comparative {
            (1.0, 0.4)
        } else {
            (-1.0, 0.4)
        }
    }

    /// "more contrast" names an attribute where "the contrast" points at the image.
    pub(super) fn quantity(&self, categories: &[usize]) -> Option<What> {
        self.vocabulary
            .quantity(categories)
            .map(|attribute| What::Attribute(attribute, None))
    }

    /// "cute fox": the word is about what is shown, not how.
    pub(super) fn describes_a_thing(&self, at: &Range<usize>) -> bool {
        let Some(next) = self.tokens.get(at.end) else {
            return false;
        };
        at.len() == 1
            && next.kind == Kind::Word
            && self.covering(at.end).is_none()
            && !self.is_light(at.end)
            && !self.roles.has(Role::Contrast, at.end)
            && !self.roles.has(Role::Copula, at.end)
            && !self.roles.has(Role::Follower, at.end)
    }

    /// Finds "not", "less" and the like before a target, past articles, degrees and copulas.
    pub(super) fn reduction(&self, at: &Range<usize>, segment: &Range<usize>) -> Option<Reduction> {
        let mut found = None;
        for before in (segment.start.max(at.start.saturating_sub(6))..at.start).rev() {
            if self.covering(before).is_some_and(|e| {
                !matches!(e.what, What::Whole | What::Reference(_)) && e.at.start >= segment.start
            }) {
                break;
            }
            let key = self.key(before);
            if self.roles.has(Role::Reducer, before) && key != "little" {
                found = match found {
                    Some(Reduction::Denied) => None,
                    _ => Some(Reduction::Lessened),
                };
            } else if self.roles.has(Role::Negator, before)
                && !matches!(key, "neither" | "nor" | "none" | "nothing" | "nobody")
            {
                found = if found.is_some() {
                    None
                } else {
                    Some(Reduction::Denied)
                };
            } else if !(self.is_light(before)
                || self.roles.has(Role::Copula, before)
                || matches!(
                    key,
                    "any"
                        | "have"
                        | "has"
                        | "had"
                        | "in"
                        | "it"
                        | "s"
                        | "do"
                        | "does"
                        | "did"
                        | "all"
                        | "going"
                        | "of"
                        | "feel"
                        | "look"
                        | "enough"
                ))
            {
                break;
            }
        }
        found
    }

    pub(super) fn reduction_start(&self, at: &Range<usize>) -> usize {
        (at.start.saturating_sub(4)..at.start)
            .find(|&t| self.roles.has(Role::Negator, t) || self.roles.has(Role::Reducer, t))
            .unwrap_or(at.start)
    }

    pub(super) fn is_amplified(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        (segment.start.max(at.start.saturating_sub(2))..at.start)
            .any(|before| self.roles.has(Role::Amplifier, before))
    }

    /// A side of the image that a named attribute specifies ("the soft *colours*") is no judgement of its own.
    pub(super) fn drop_specified(&mut self, own: &[usize]) {
        let named: Vec<(Range<usize>, usize)> = own
            .iter()
            .filter_map(|&t| match self.targets[t].what {
                What::Attribute(attribute, None) => {
                    let category = &self.vocabulary.attributes()[attribute].category;
                    Some((
                        self.targets[t].extent.clone(),
                        self.vocabulary.category_index(category)?,
                    ))
                }
                What::Attribute(_, Some(_)) | What::Reference(_) | What::Whole | What::Cue(_) => None,
            })
            .collect();
        for &t in own {
            let What::Reference(categories) = &self.targets[t].what else {
                continue;
            };
            let at = &self.targets[t].at;
            let specified = named.iter().any(|(extent, category)| {
                let beside = extent.end == at.start || at.end == extent.start;
                let related = categories.contains(category)
                    || categories
                        .iter()
                        .any(|c| self.vocabulary.near(*c).contains(category));
                let joined = (extent.end.min(at.end)..extent.start.max(at.start))
                    .any(|between| self.roles.has(Role::Copula, between) || self.key(between) == "how");
                beside
                    || (related
                        && (joined
                            || extent.end.abs_diff(at.start) <= 3
                            || at.end.abs_diff(extent.start) <= 3))
            });
            if specified {
                // An empty place is never reached by a judgement.
                self.targets[t].what = What::Reference(Vec::new());
            }
        }
    }
}
