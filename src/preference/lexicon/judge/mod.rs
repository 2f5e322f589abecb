//! Decides which judgement is about what.
//!
//! Every sentence is read clause by clause, segment by segment. A judgement that follows its subject ("the fog *works*",
//! "the fog is *great*") claims it first; one that precedes its object ("*love* the fog, the light") then governs what
//! comes, until another judgement, a new subject or a contrast. What no judgement reaches waits for a later "I love it",
//! and at last speaks for itself if its word does ("garish") or a wish stands before it ("less grain").

mod claim;
mod finish;
mod give;
mod govern;
mod read;
mod settle;
mod target;

use std::ops::Range;

use super::clause::{Clause, clauses};
use super::cues::{Reach, Role};
use super::find::{Element, Finder, Roles, What};
use super::guard::opinions;
use super::token::{Kind, Token};
use crate::Vocabulary;

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

    fn elements_in(&self, segment: &Range<usize>) -> Range<usize> {
        let first = self
            .elements
            .partition_point(|element| element.at.start < segment.start);
        let end = self
            .elements
            .partition_point(|element| element.at.start < segment.end);
        first..end
    }

    fn covering(&self, at: usize) -> Option<&Element> {
        let after = self.elements.partition_point(|element| element.at.start <= at);
        self.elements[..after]
            .last()
            .filter(|element| element.at.contains(&at))
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
}

impl Target {
    /// Makes it nothing that can be judged: its word judged something else.
    fn withdraw(&mut self) {
        self.what = What::Whole;
        self.at.end = self.at.start;
        self.leftover = None;
        self.verdict = None;
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

fn clause_range(clause: &Clause) -> Range<usize> {
    let start = clause.segments.first().map_or(0, |segment| segment.start);
    let end = clause.segments.last().map_or(start, |segment| segment.end);
    start..end
}
