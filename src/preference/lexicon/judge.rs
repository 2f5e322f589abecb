//! Decides which judgement is about what.
//!
//! Every sentence is read clause by clause, segment by segment. A judgement that follows its subject ("the fog *works*",
//! "the fog is *great*") claims it first; one that precedes its object ("*love* the fog, the light") then governs what
//! comes, until another judgement, a new subject or a contrast. What no judgement reaches waits for a later "I love it",
//! and at last speaks for itself if its word does ("garish") or a wish stands before it ("less grain").

use std::ops::Range;

use super::clause::{Clause, Link, clauses};
use super::cues::{Cue, Reach, Role};
use super::find::{Element, Finder, Roles, What};
use super::guard::opinions;
use super::token::{Kind, Token};
use crate::{Leaning, Vocabulary};

/// How directly a finding was said; a more direct one is never overruled by a less direct one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Directness {
    /// "meh": about the image, nothing named.
    Implied,
    /// "love it".
    Whole,
    /// "these colours".
    Side,
    /// "pastel".
    Named,
}

/// One judgement of one thing.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) what: What,
    /// +1 liked, −1 disliked.
    pub(super) sign: f32,
    /// `0..=1`.
    pub(super) weight: f32,
    /// The words that say so.
    pub(super) tokens: Range<usize>,
    pub(super) directness: Directness,
    /// The one word that named it, if it was one: "shadows" are whatever shadows the image has.
    pub(super) named_by: Option<usize>,
}

/// Something that can be judged.
struct Target {
    at: Range<usize>,
    /// The words that name it, with the noun it belongs to.
    extent: Range<usize>,
    what: What,
    /// "less", "not", "without" before it.
    reduced: Option<Reduction>,
    amplified: bool,
    verdict: Option<Verdict>,
    /// What it gets if nothing judges it.
    leftover: Option<(f32, f32)>,
    /// Number of its clause in the comment.
    clause: usize,
}

#[derive(Clone)]
struct Verdict {
    sign: f32,
    weight: f32,
    from: Range<usize>,
    /// "usually": a later word about this image replaces it.
    provisional: bool,
}

/// The words before a target that turn it round.
#[derive(Clone, Copy, PartialEq)]
enum Reduction {
    /// "not", "no".
    Denied,
    /// "less", "without".
    Lessened,
}

/// A judgement that waits for its objects.
#[derive(Clone)]
struct Governor {
    sign: f32,
    weight: f32,
    from: Range<usize>,
    reach: Reach,
    segment: usize,
    objects: usize,
    /// "prefer X *to* Y".
    compares: bool,
}

/// A cue with its negation and intensity settled.
#[derive(Clone)]
struct Settled {
    sign: f32,
    weight: f32,
    from: Range<usize>,
    reach: Reach,
    void: bool,
}

struct Judge<'a> {
    tokens: &'a [Token],
    roles: &'a Roles,
    vocabulary: &'a Vocabulary,
    elements: &'a [Element],
    targets: Vec<Target>,
    findings: Vec<Finding>,
    /// Sign of the list a heading has opened.
    heading: Option<f32>,
    ironic: bool,
    /// Tells whether the image has attributes of these categories.
    pictured: &'a dyn Fn(&[usize]) -> bool,
    clauses: usize,
    /// First target of the sentence before.
    previous: usize,
}

/// Judges a comment.
///
/// `pictured` tells whether the shown image has attributes that a word for some categories can mean.
pub(super) fn judge(
    finder: &Finder,
    vocabulary: &Vocabulary,
    text: &str,
    tokens: &[Token],
    pictured: &dyn Fn(&[usize]) -> bool,
) -> Vec<Finding> {
    let roles = finder.roles(tokens);
    let openers = finder.openers(tokens);
    let elements = finder.elements(tokens, &roles);
    let ironic = roles
        .all(Role::Sarcasm)
        .any(|at| matches!(tokens[at.start].key.as_str(), "/s" | "🙄" | "🙃"));
    let mut judge = Judge {
        tokens,
        roles: &roles,
        vocabulary,
        elements: &elements,
        targets: Vec::new(),
        findings: Vec::new(),
        heading: None,
        ironic,
        pictured,
        clauses: 0,
        previous: 0,
    };
    for sentence in opinions(text, tokens) {
        judge.sentence(sentence, &openers);
    }
    judge.finish()
}

impl Judge<'_> {
    fn key(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.key.as_str())
    }

    fn sentence(&mut self, sentence: Range<usize>, openers: &[(Range<usize>, f32)]) {
        let sentence = self.open_heading(sentence, openers);
        let first_target = self.targets.len();
        let rhetorical = self.roles.within(Role::Rhetorical, &sentence);
        let complaint = self.roles.within(Role::Complaint, &sentence);
        let ironic = self.ironic || self.roles.within(Role::Sarcasm, &sentence);
        let question = sentence.clone().any(|at| self.key(at) == "?");
        let personal = sentence
            .clone()
            .any(|at| matches!(self.key(at), "i" | "my" | "we"));
        let asks = question && !rhetorical && !complaint && !personal && !ironic;
        let all = clauses(self.tokens, self.roles, self.elements, sentence.clone());
        let conditional = sentence.clone().any(|at| matches!(self.key(at), "if" | "unless"));
        let mut governor: Option<Governor> = None;
        for clause in &all {
            let range = clause_range(clause);
            let habitual = self.roles.within(Role::Habit, &range);
            let context = Context {
                asks,
                ironic,
                conditional,
                habitual,
                sentence_start: first_target,
            };
            governor = self.clause(clause, &context, governor);
        }
        self.emoji(sentence.clone(), first_target);
        for target in &mut self.targets[first_target..] {
            if asks {
                target.leftover = None;
            } else if complaint || ironic {
                target.leftover = Some((-1.0, 0.6));
            } else if let Some(sign) = self.heading {
                target.leftover = Some((sign, 0.65));
            }
        }
        self.previous = first_target;
    }

    /// Reads "pros:" or a bullet at the head of a sentence; returns the rest of it.
    fn open_heading(&mut self, sentence: Range<usize>, openers: &[(Range<usize>, f32)]) -> Range<usize> {
        let new_line = sentence.start == 0 || self.key(sentence.start - 1) == "\n";
        let heading = openers
            .iter()
            .find(|(at, _)| at.start == sentence.start && at.end < sentence.end);
        if let Some((at, sign)) = heading {
            let colon = self.key(at.end) == ":";
            let bullet = new_line && at.len() == 1 && matches!(self.key(at.start), "+" | "-");
            if colon || (bullet && self.has_plus_bullet()) {
                self.heading = Some(*sign);
                return if colon {
                    at.end + 1..sentence.end
                } else {
                    at.end..sentence.end
                };
            }
        }
        if new_line
            && !matches!(self.key(sentence.start), "-" | "*" | "•")
            && sentence.start > 0
            && self.key(sentence.start.saturating_sub(2)) != ":"
        {
            self.heading = None;
        }
        sentence
    }

    fn has_plus_bullet(&self) -> bool {
        (0..self.tokens.len()).any(|at| self.key(at) == "+" && (at == 0 || self.key(at - 1) == "\n"))
    }

    /// Reads one clause; returns the judgement that an exception after it would turn round.
    fn clause(&mut self, clause: &Clause, context: &Context, before: Option<Governor>) -> Option<Governor> {
        self.clauses += 1;
        let mut governor = match clause.link {
            Link::Exception => Some(self.exception(before.as_ref(), clause)),
            _ => None,
        };
        let mut last = governor.clone().or_else(|| before.clone());
        // "busy, but in a good way": after a contrast a judgement without a subject is about what came before.
        let mut quiet_targets: Vec<usize> = match clause.link {
            Link::Contrast => self.open_of(&(context.sentence_start..self.targets.len()).collect::<Vec<_>>()),
            _ => Vec::new(),
        };
        let mut has_cue = clause.link == Link::Exception;
        for (number, segment) in clause.segments.iter().enumerate() {
            let elements = self.elements_in(segment);
            let first = self.targets.len();
            let mut places = Vec::new();
            for index in elements.clone() {
                places.push(self.add_target(index, segment));
            }
            let own: Vec<usize> = places.iter().flatten().copied().collect();
            self.drop_specified(&own);
            let mut cursor = 0;
            let mut claimed_any = false;
            let mut pending_whole: Option<usize> = None;
            for (offset, index) in elements.clone().enumerate() {
                let element = self.elements[index].clone();
                self.pass_versus(
                    segment,
                    cursor..element.at.start,
                    &mut governor,
                    &own,
                    element.at.start,
                );
                cursor = element.at.end;
                let cue = match &element.what {
                    What::Cue(cue) if !cue.emoji => Some(*cue),
                    What::Attribute(_, Some(cue)) => {
                        if self.judges_another(&element, segment, &own) {
                            Some(*cue)
                        } else {
                            None
                        }
                    }
                    _ => None,
                };
                if let Some(cue) = cue {
                    has_cue = true;
                    let settled = self.settle(&cue, &element.at, segment, context);
                    if settled.void {
                        governor = None;
                        continue;
                    }
                    if clause.link == Link::Exception && before.is_none() && cue.reach == Reach::Beside {
                        // "everything except the fog is perfect".
                        let excepted: Vec<usize> = own
                            .iter()
                            .copied()
                            .filter(|&t| self.targets[t].at.end <= element.at.start)
                            .collect();
                        self.turn_exception(&excepted, &settled, context, segment);
                        governor = None;
                        continue;
                    }
                    let dual = places[offset];
                    let earlier: Vec<usize> = own
                        .iter()
                        .copied()
                        .filter(|&t| self.targets[t].at.end <= element.at.start && Some(t) != dual)
                        .collect();
                    let governed = governor.as_ref().is_some_and(|g| {
                        g.segment == number && matches!(g.reach, Reach::Forward | Reach::Wish | Reach::Tight)
                    });
                    let claim =
                        self.claims(&settled, &element.at, segment, &earlier, &quiet_targets, governed);
                    match claim {
                        Claim::Targets(claimed) => {
                            for target in claimed {
                                self.give(target, &settled, context);
                            }
                            claimed_any = true;
                            if let Some(dual) = dual {
                                self.targets[dual].leftover = None;
                                self.targets[dual].verdict = None;
                                self.targets[dual].what = What::Whole;
                                self.targets[dual].at.end = self.targets[dual].at.start;
                            }
                            governor = None;
                            last = Some(Governor::of(&settled, number, false));
                        }
                        Claim::Whole => {
                            let faint = cue.reach == Reach::Beside
                                && cue.strength < 0.5
                                && settled.sign == cue.sign
                                && cue.sign > 0.0
                                && !element.at.clone().any(|at| self.roles.has(Role::Negator, at));
                            if !faint && !(context.conditional && settled.sign > 0.0) {
                                self.implied(&settled, context);
                            }
                            governor = None;
                            last = Some(Governor::of(&settled, number, false));
                        }
                        Claim::Forward => {
                            let compares = element.at.clone().any(|at| {
                                matches!(
                                    self.key(at),
                                    "prefer" | "preferred" | "rather" | "favor" | "take" | "choose"
                                )
                            });
                            governor = Some(Governor::of(&settled, number, compares));
                            last.clone_from(&governor);
                            pending_whole = None;
                        }
                        Claim::Nothing => {}
                    }
                    continue;
                }
                let Some(target) = places[offset] else { continue };
                if self.targets[target].verdict.is_some() {
                    continue;
                }
                self.check_governor(&mut governor, target, number, segment);
                let Some(g) = governor.as_mut() else { continue };
                if self.targets[target].what == What::Whole {
                    if g.objects == 0 && g.segment == number && target_is_near(&self.targets[target], g) {
                        pending_whole = Some(target);
                    }
                    continue;
                }
                g.objects += 1;
                let settled = g.settled();
                self.give(target, &settled, context);
                pending_whole = None;
                last.clone_from(&governor);
            }
            self.pass_versus(segment, cursor..segment.end, &mut governor, &own, segment.end);
            if let (Some(whole), Some(g)) = (pending_whole, governor.as_mut()) {
                g.objects += 1;
                let settled = g.settled();
                self.give_whole(whole, &settled, context, segment);
            } else if let Some(g) = governor
                .clone()
                .filter(|g| g.objects == 0 && g.segment == number && g.reach == Reach::Forward)
            {
                // "love!" with nothing after it.
                let ends = g.from.end >= segment.end || (g.from.end..segment.end).all(|at| self.is_light(at));
                let waiting: Vec<usize> = quiet_targets
                    .iter()
                    .chain(&own)
                    .copied()
                    .filter(|&t| {
                        self.is_named(t) && self.is_open(t) && self.targets[t].at.end <= g.from.start
                    })
                    .collect();
                if ends && !waiting.is_empty() {
                    // "gloomy, which I love".
                    for target in waiting {
                        self.give(target, &g.settled(), context);
                    }
                    governor = None;
                } else if ends && clause.segments.len() == number + 1 && own.is_empty() {
                    self.implied(&g.settled(), context);
                }
            }
            if !claimed_any {
                quiet_targets.extend(first..self.targets.len());
            } else {
                quiet_targets.clear();
            }
        }
        if !has_cue {
            self.ellipsis(clause, before.as_ref(), context);
        }
        last
    }

    /// "the fog, but not the grain": what is denied without a judgement gets the one before, turned round.
    fn ellipsis(&mut self, clause: &Clause, before: Option<&Governor>, context: &Context) {
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

    fn reduction_start(&self, at: &Range<usize>) -> usize {
        (at.start.saturating_sub(4)..at.start)
            .find(|&t| self.roles.has(Role::Negator, t) || self.roles.has(Role::Reducer, t))
            .unwrap_or(at.start)
    }

    fn exception(&self, before: Option<&Governor>, clause: &Clause) -> Governor {
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
    fn turn_exception(
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

    fn elements_in(&self, segment: &Range<usize>) -> Range<usize> {
        let first = self
            .elements
            .partition_point(|element| element.at.start < segment.start);
        let end = self
            .elements
            .partition_point(|element| element.at.start < segment.end);
        first..end
    }

    /// Adds the element as something that can be judged, unless it judges.
    fn add_target(&mut self, index: usize, segment: &Range<usize>) -> Option<usize> {
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
        let asked_for = self.tokens[element.at.start].comparative && segment.clone().any(|t| self.key(t) == "please");
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
    fn is_hedged(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
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
    fn hedge(&self, at: &Range<usize>) -> (f32, f32) {
        if self.tokens[at.start].comparative {
            (1.0, 0.4)
        } else {
            (-1.0, 0.4)
        }
    }

    /// "more contrast" names an attribute where "the contrast" points at the image.
    fn quantity(&self, categories: &[usize]) -> Option<What> {
        self.vocabulary
            .quantity(categories)
            .map(|attribute| What::Attribute(attribute, None))
    }

    /// "cute fox": the word is about what is shown, not how.
    fn describes_a_thing(&self, at: &Range<usize>) -> bool {
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
    fn reduction(&self, at: &Range<usize>, segment: &Range<usize>) -> Option<Reduction> {
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

    fn is_amplified(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        (segment.start.max(at.start.saturating_sub(2))..at.start)
            .any(|before| self.roles.has(Role::Amplifier, before))
    }

    fn covering(&self, at: usize) -> Option<&Element> {
        let after = self.elements.partition_point(|element| element.at.start <= at);
        self.elements[..after]
            .last()
            .filter(|element| element.at.contains(&at))
    }

    /// A side of the image that a named attribute specifies ("the soft *colours*") is no judgement of its own.
    fn drop_specified(&mut self, own: &[usize]) {
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

    /// Tells whether a word that both names and judges judges something else here: "the colours are *boring*".
    fn judges_another(&self, element: &Element, segment: &Range<usize>, own: &[usize]) -> bool {
        own.iter().any(|&t| {
            let target = &self.targets[t];
            let side = match &target.what {
                What::Reference(categories) => (self.pictured)(categories),
                What::Attribute(..) => target.at != element.at,
                _ => false,
            };
            let before = target.at.end <= element.at.start
                && ((target.at.end..element.at.start).any(|at| self.roles.has(Role::Copula, at))
                    || (target.at.end..element.at.start).all(|at| self.is_light(at)));
            let after = target.at.start >= element.at.end
                && target.at.start - element.at.end <= 1
                && target.at.end <= segment.end;
            side && (before || after)
        })
    }

    /// Settles sign and weight of a cue: negation, irony, intensity, doubt, and whose opinion it is.
    fn settle(&self, cue: &Cue, at: &Range<usize>, segment: &Range<usize>, context: &Context) -> Settled {
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
            if self.roles.has(Role::Negator, before)
                && !(cue.reach == Reach::Wish && self.key(before) == "without")
            {
                negations += 1;
                start = before;
            } else if self.roles.has(Role::Reducer, before) && cue.reach == Reach::Beside {
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
        if let Some(denied) = (segment.start..start).find(|&t| {
            self.roles.has(Role::Negator, t)
                && matches!(
                    self.key(t + 1),
                    "think" | "find" | "feel" | "believe" | "say" | "see" | "consider" | "said" | "saying" | "thought"
                )
                && backward
        }) {
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
    fn is_reported(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        let person = (segment.start..at.start)
            .rev()
            .find(|&t| matches!(self.key(t), "i" | "we" | "me") || self.roles.has(Role::Person, t));
        let tells = person.is_some_and(|t| !matches!(self.key(t), "i" | "we" | "me"));
        tells && !self.roles.within(Role::Rhetorical, segment)
    }

    /// Decides what a judgement claims.
    fn claims(
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

    fn whole_or_open(&self, whole: usize, quiet: &[usize]) -> Claim {
        let waiting = self.antecedents(whole, quiet);
        if waiting.is_empty() {
            Claim::Targets(vec![whole])
        } else {
            Claim::Targets(waiting)
        }
    }

    /// Returns what "it" means where something named waits to be judged.
    fn antecedents(&self, whole: usize, quiet: &[usize]) -> Vec<usize> {
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

    fn is_named(&self, t: usize) -> bool {
        match &self.targets[t].what {
            What::Attribute(..) => true,
            What::Reference(categories) => !categories.is_empty(),
            What::Whole | What::Cue(_) => false,
        }
    }

    fn is_open(&self, t: usize) -> bool {
        self.targets[t]
            .verdict
            .as_ref()
            .is_none_or(|verdict| verdict.provisional)
    }

    fn open_of(&self, quiet: &[usize]) -> Vec<usize> {
        quiet
            .iter()
            .copied()
            .filter(|&t| self.is_named(t) && self.is_open(t))
            .collect()
    }

    /// "colours, light and mood work": what is listed before shares the judgement.
    fn with_listed(&self, mut claimed: Vec<usize>, quiet: &[usize]) -> Vec<usize> {
        let mut first = claimed
            .iter()
            .map(|&t| self.targets[t].at.start)
            .min()
            .unwrap_or(0);
        for &t in quiet.iter().rev() {
            let target = &self.targets[t];
            let between = target.at.end..first;
            let listed = between
                .clone()
                .all(|at| self.is_light(at) || matches!(self.key(at), "," | "and" | "nor" | "or" | "&"));
            if !listed || !self.is_named(t) || !self.is_open(t) {
                break;
            }
            first = target.at.start;
            claimed.push(t);
        }
        claimed
    }

    fn follows_copula(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
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
    fn introduces(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
        (at.end..segment.end.min(at.end + 3)).any(|t| {
            matches!(
                self.key(t),
                "how" | "with" | "because" | "thanks" | "to" | "in" | "is" | "about" | "for" | "what" | "use"
            )
        })
    }

    /// Returns how far the next thing that can be judged is, if nothing stands between.
    fn next_object(&self, at: &Range<usize>, segment: &Range<usize>, across: bool) -> Option<usize> {
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

    fn starts_segment(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
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
    fn leads_to_next_segment(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
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
    fn is_verdict(&self, at: &Range<usize>, segment: &Range<usize>) -> bool {
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

    /// Words that carry no subject.
    fn is_light(&self, t: usize) -> bool {
        let Some(token) = self.tokens.get(t) else {
            return true;
        };
        token.kind == Kind::Emoji
            || self.roles.has(Role::Intensifier, t)
            || self.roles.has(Role::Softener, t)
            || self.roles.has(Role::Amplifier, t)
            || self.roles.has(Role::Light, t)
    }

    /// Ends or keeps a judgement on its way to a target in a later segment.
    fn check_governor(
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
    fn pass_versus(
        &mut self,
        segment: &Range<usize>,
        gap: Range<usize>,
        governor: &mut Option<Governor>,
        own: &[usize],
        next: usize,
    ) {
        for at in gap {
            if at < segment.start || at >= segment.end {
                continue;
            }
            let starts = self.roles.all(Role::Versus).any(|range| range.start == at);
            let key = self.key(at).to_owned();
            let prefers = governor.as_ref().is_some_and(|g| g.compares && g.objects > 0);
            if !(starts || (key == "to" && prefers)) {
                continue;
            }
            match governor {
                Some(g) if g.objects > 0 && (key != "over" || g.compares || g.weight > 0.6) => {
                    g.sign = -g.sign;
                    g.weight *= 0.9;
                    g.objects = 0;
                    g.reach = Reach::Forward;
                }
                _ => {
                    let close = if key == "over" { 0 } else { 4 };
                    let left = own
                        .iter()
                        .copied()
                        .filter(|&t| self.is_named(t) && self.targets[t].at.end <= at)
                        .next_back();
                    let Some(left) = left.filter(|&t| at - self.targets[t].at.end <= close) else {
                        continue;
                    };
                    let right = own.iter().any(|&t| {
                        self.is_named(t)
                            && self.targets[t].at.start >= at
                            && self.targets[t].at.start <= next.max(at + 4)
                    });
                    if right && self.is_open(left) {
                        let from = self.targets[left].extent.start..at + 1;
                        let verdict = Verdict {
                            sign: 1.0,
                            weight: 0.6,
                            from: from.clone(),
                            provisional: false,
                        };
                        self.targets[left].verdict = Some(verdict);
                        *governor = Some(Governor {
                            sign: -1.0,
                            weight: 0.55,
                            from: at..at + 1,
                            reach: Reach::Forward,
                            segment: usize::MAX,
                            objects: 0,
                            compares: false,
                        });
                        if let Some(g) = governor {
                            g.segment = self.segment_number(segment);
                        }
                    }
                }
            }
        }
    }

    fn segment_number(&self, _segment: &Range<usize>) -> usize {
        // A governor made inside a segment belongs to the one being read; `check_governor` only compares for equality and
        // a later segment must not inherit a comparison.
        usize::MAX
    }

    /// Gives a target its verdict.
    fn give(&mut self, target: usize, settled: &Settled, context: &Context) {
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
    fn meant_by_pointing(&self, target: usize, context: &Context) -> Option<Vec<usize>> {
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
    fn counts(&self, settled: &Settled, target: usize) -> bool {
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
    fn denial_belongs_to(&self, target: usize, settled: &Settled) -> bool {
        let target = &self.targets[target];
        let counted = settled.from.start <= target.at.start && settled.from.end > target.at.start;
        let missed = settled.reach == Reach::Wish
            && settled.from.start >= target.at.end
            && target.reduced == Some(Reduction::Denied);
        counted || missed
    }

    fn give_whole(&mut self, target: usize, settled: &Settled, context: &Context, segment: &Range<usize>) {
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

    fn implied(&mut self, settled: &Settled, context: &Context) {
        // "dark, gritty, grungy. yes please".
        if self.targets.len() == context.sentence_start {
            let waiting: Vec<usize> =
                (self.previous..context.sentence_start).filter(|&t| self.is_named(t) && self.is_open(t)).collect();
            if !waiting.is_empty() {
                waiting.into_iter().for_each(|target| self.give(target, settled, context));
                return;
            }
        }
        self.implied_by(settled);
    }

    /// Judges the image, which nothing names.
    fn implied_by(&mut self, settled: &Settled) {
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
    fn emoji(&mut self, sentence: Range<usize>, first_target: usize) {
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

    /// Collects the verdicts, and what speaks for itself.
    fn finish(mut self) -> Vec<Finding> {
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
    fn share_leanings(&mut self) {
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
    fn lead(&self, extent: &Range<usize>) -> usize {
        (extent.start.saturating_sub(4)..extent.start)
            .find(|&t| {
                [Role::Negator, Role::Reducer, Role::Amplifier]
                    .iter()
                    .any(|role| self.roles.has(*role, t))
            })
            .unwrap_or(extent.start)
    }
}

/// What a judgement is about.
enum Claim {
    Targets(Vec<usize>),
    Whole,
    Forward,
    Nothing,
}

struct Context {
    asks: bool,
    ironic: bool,
    conditional: bool,
    habitual: bool,
    sentence_start: usize,
}

impl Governor {
    fn of(settled: &Settled, segment: usize, compares: bool) -> Governor {
        Governor {
            sign: settled.sign,
            weight: settled.weight,
            from: settled.from.clone(),
            reach: settled.reach,
            segment,
            objects: 0,
            compares,
        }
    }

    fn settled(&self) -> Settled {
        Settled {
            sign: self.sign,
            weight: self.weight,
            from: self.from.clone(),
            reach: self.reach,
            void: false,
        }
    }
}

fn target_is_near(target: &Target, governor: &Governor) -> bool {
    target.at.start <= governor.from.end + 3
}

fn clause_range(clause: &Clause) -> Range<usize> {
    let start = clause.segments.first().map_or(0, |segment| segment.start);
    let end = clause.segments.last().map_or(start, |segment| segment.end);
    start..end
}
