//! The words with which people judge, wish, deny and compare, as data (`cues.toml`).

use std::collections::{HashMap, HashSet};

use aho_corasick::BuildError;
use serde::Deserialize;

use super::phrases::Phrases;
use super::token::tokenise;

/// How a judgement finds what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// What follows: "love the fog".
    Forward,
    /// What follows, as a wish: "needs more fog".
    Wish,
    /// What follows at once: "too dark".
    Tight,
    /// The noun beside it or the subject before it: "great fog", "the fog is great".
    Beside,
    /// The subject before it: "the fog works".
    Backward,
}

/// What one judging phrase says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cue {
    pub(super) reach: Reach,
    /// +1 likes, −1 dislikes.
    pub(super) sign: f32,
    /// Weight of the judgement before intensity and doubt, `0..=1`.
    pub(super) strength: f32,
    /// Counts only where a comparison follows ("could be brighter").
    pub(super) comparative: bool,
    /// An emoji or emoticon.
    pub(super) emoji: bool,
}

/// A role that words play without judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    Negator,
    Reducer,
    Amplifier,
    Contrast,
    Exception,
    Versus,
    Copula,
    Intensifier,
    Softener,
    Doubt,
    Habit,
    Person,
    Sarcasm,
    Rhetorical,
    Complaint,
    /// Carries no subject: articles, pronouns, fillers.
    Light,
    /// May stand around a verdict on the image without changing what it is about ("for me", "in my room").
    Aside,
    /// May follow a word that points at the image or describes it, and is no noun of the picture.
    Follower,
    /// Begins a statement of its own.
    Subject,
    /// Says that an opinion follows: "I don't *think* …".
    Opining,
}

/// All cues, ready to be searched for.
#[derive(Debug)]
pub(super) struct Cues {
    pub(super) judgements: Phrases<Cue>,
    pub(super) roles: Vec<(Role, Phrases<()>)>,
    pub(super) wholes: Phrases<()>,
    pub(super) openers: Phrases<f32>,
    pub(super) elsewhere: HashSet<String>,
    pub(super) graded: HashSet<String>,
    pub(super) ordinary: Vec<String>,
    pub(super) slips: HashMap<String, Vec<String>>,
    senses: HashMap<String, Sense>,
    /// Every word of every phrase.
    pub(super) words: HashSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    like: Graded,
    dislike: Graded,
    praise: Graded,
    blame: Graded,
    delights: Graded,
    offends: Graded,
    wants: Wishes,
    rejects: Wishes,
    words: Words,
    openers: Openers,
    emoji: Emoji,
    sense: HashMap<String, Sense>,
    spelling: HashMap<String, String>,
}

/// Where a single word judges and where it means something else.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sense {
    only_after: Vec<String>,
    not_after: Vec<String>,
    not_before: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Graded {
    strong: Vec<String>,
    plain: Vec<String>,
    faint: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wishes {
    phrases: Vec<String>,
    #[serde(default)]
    comparative: Vec<String>,
    #[serde(default)]
    tight: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    negators: Vec<String>,
    reducers: Vec<String>,
    amplifiers: Vec<String>,
    contrast: Vec<String>,
    exceptions: Vec<String>,
    versus: Vec<String>,
    copulas: Vec<String>,
    intensifiers: Vec<String>,
    softeners: Vec<String>,
    doubts: Vec<String>,
    habits: Vec<String>,
    wholes: Vec<String>,
    people: Vec<String>,
    sarcasm: Vec<String>,
    rhetorical: Vec<String>,
    complaints: Vec<String>,
    light: Vec<String>,
    asides: Vec<String>,
    followers: Vec<String>,
    subjects: Vec<String>,
    opining: Vec<String>,
    graded: Vec<String>,
    elsewhere: Vec<String>,
    ordinary: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Openers {
    likes: Vec<String>,
    dislikes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Emoji {
    strong_like: Vec<String>,
    like: Vec<String>,
    dislike: Vec<String>,
    strong_dislike: Vec<String>,
}

/// Weights of strong, plain and faint judgements.
const STRENGTHS: [f32; 3] = [0.9, 0.65, 0.4];
/// Weight of a wish: it says what is missing, not how much it matters.
const WISH: f32 = 0.6;

impl Cues {
    /// Reads `cues.toml`.
    ///
    /// # Panics
    ///
    /// Never: the file is part of the program and every test of this crate reads it.
    #[allow(
        clippy::expect_used,
        reason = "the file is part of the program and the tests read it"
    )]
    pub(super) fn embedded() -> Cues {
        let file: File = toml::from_str(include_str!("cues.toml")).expect("cues.toml is valid");
        Cues::build(file).expect("cues.toml makes small automata")
    }

    /// Tells whether a single word judges between these neighbours.
    pub(super) fn allows(&self, word: &str, before: &str, after: &str) -> bool {
        let Some(sense) = self.senses.get(word) else {
            return true;
        };
        let among = |list: &[String], key: &str| list.iter().any(|other| other == key);
        (sense.only_after.is_empty() || among(&sense.only_after, before))
            && !among(&sense.not_after, before)
            && !among(&sense.not_before, after)
    }

    fn build(file: File) -> Result<Cues, BuildError> {
        let mut words = HashSet::new();
        let mut keys = |phrase: &String| -> Vec<String> {
            // The tail of "it's" is a token only behind its word.
            let keys: Vec<String> = match phrase.as_str() {
                "'s" => vec![phrase.clone()],
                _ => tokenise(phrase, None)
                    .into_iter()
                    .map(|token| token.key)
                    .collect(),
            };
            words.extend(keys.iter().cloned());
            keys
        };
        let mut judgements = Vec::new();
        for (group, reach, sign) in [
            (&file.like, Reach::Forward, 1.0),
            (&file.dislike, Reach::Forward, -1.0),
            (&file.delights, Reach::Backward, 1.0),
            (&file.offends, Reach::Backward, -1.0),
            (&file.praise, Reach::Beside, 1.0),
            (&file.blame, Reach::Beside, -1.0),
        ] {
            for (phrases, strength) in [&group.strong, &group.plain, &group.faint]
                .into_iter()
                .zip(STRENGTHS)
            {
                let cue = Cue {
                    reach,
                    sign,
                    strength,
                    comparative: false,
                    emoji: false,
                };
                judgements.extend(phrases.iter().map(|phrase| (keys(phrase), cue)));
            }
        }
        for (group, sign) in [(&file.wants, 1.0), (&file.rejects, -1.0)] {
            let wish = Cue {
                reach: Reach::Wish,
                sign,
                strength: WISH,
                comparative: false,
                emoji: false,
            };
            judgements.extend(group.phrases.iter().map(|phrase| (keys(phrase), wish)));
            judgements.extend(group.comparative.iter().map(|p| {
                (
                    keys(p),
                    Cue {
                        comparative: true,
                        ..wish
                    },
                )
            }));
            judgements.extend(group.tight.iter().map(|p| {
                (
                    keys(p),
                    Cue {
                        reach: Reach::Tight,
                        ..wish
                    },
                )
            }));
        }
        for (list, sign, strength) in [
            (&file.emoji.strong_like, 1.0, STRENGTHS[0]),
            (&file.emoji.like, 1.0, STRENGTHS[1]),
            (&file.emoji.dislike, -1.0, STRENGTHS[1]),
            (&file.emoji.strong_dislike, -1.0, STRENGTHS[0]),
        ] {
            let cue = Cue {
                reach: Reach::Beside,
                sign,
                strength,
                comparative: false,
                emoji: true,
            };
            judgements.extend(list.iter().map(|emoji| (keys(emoji), cue)));
        }
        let mut role = |role: Role, list: &[String]| -> Result<(Role, Phrases<()>), BuildError> {
            Ok((
                role,
                Phrases::new(list.iter().map(|phrase| (keys(phrase), ())).collect::<Vec<_>>())?,
            ))
        };
        let w = &file.words;
        let roles = vec![
            role(Role::Negator, &w.negators)?,
            role(Role::Reducer, &w.reducers)?,
            role(Role::Amplifier, &w.amplifiers)?,
            role(Role::Contrast, &w.contrast)?,
            role(Role::Exception, &w.exceptions)?,
            role(Role::Versus, &w.versus)?,
            role(Role::Copula, &w.copulas)?,
            role(Role::Intensifier, &w.intensifiers)?,
            role(Role::Softener, &w.softeners)?,
            role(Role::Doubt, &w.doubts)?,
            role(Role::Habit, &w.habits)?,
            role(Role::Person, &w.people)?,
            role(Role::Sarcasm, &w.sarcasm)?,
            role(Role::Rhetorical, &w.rhetorical)?,
            role(Role::Complaint, &w.complaints)?,
            role(Role::Light, &w.light)?,
            role(Role::Aside, &w.asides)?,
            role(Role::Follower, &w.followers)?,
            role(Role::Subject, &w.subjects)?,
            role(Role::Opining, &w.opining)?,
        ];
        let wholes = Phrases::new(
            w.wholes
                .iter()
                .map(|phrase| (keys(phrase), ()))
                .collect::<Vec<_>>(),
        )?;
        let sides = [(&file.openers.likes, 1.0), (&file.openers.dislikes, -1.0)];
        let openers: Vec<_> = sides
            .into_iter()
            .flat_map(|(list, sign)| list.iter().map(move |phrase| (phrase, sign)))
            .collect();
        let openers = Phrases::new(
            openers
                .into_iter()
                .map(|(phrase, sign)| (keys(phrase), sign))
                .collect::<Vec<_>>(),
        )?;
        let slips = file
            .spelling
            .iter()
            .map(|(slip, meant)| (slip.clone(), meant.split(' ').map(str::to_owned).collect()))
            .collect();
        Ok(Cues {
            judgements: Phrases::new(judgements)?,
            roles,
            wholes,
            openers,
            elsewhere: w.elsewhere.iter().cloned().collect(),
            graded: w.graded.iter().cloned().collect(),
            ordinary: [&w.ordinary, &w.elsewhere, &w.graded]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            slips,
            senses: file.sense,
            words,
        })
    }
}
