//! The orders that are compared.

use std::collections::HashSet;

use tastemaker_preference::asking::{Beliefs, Candidate, Heard, next_image};
use tastemaker_preference::{Extraction, Profile, Vocabulary};

use crate::dice::Dice;
use crate::people::Person;

/// Names an order in which images are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// What is expected to tell most, by the crate.
    Asking,
    /// Fixed worths for new categories and attributes, without beliefs: what the bot did before.
    Worths,
    /// As the images stand in their manifest.
    Manifest,
    /// Any order.
    Random,
    /// With the person's taste known beforehand: always the image about which they have most left to say.
    Oracle,
}

impl Order {
    /// All of them.
    pub const ALL: [Order; 5] = [
        Order::Asking,
        Order::Worths,
        Order::Manifest,
        Order::Random,
        Order::Oracle,
    ];

    /// Returns its name in tables and plots.
    pub fn name(self) -> &'static str {
        match self {
            Order::Asking => "asking well",
            Order::Worths => "fixed worths",
            Order::Manifest => "manifest order",
            Order::Random => "random order",
            Order::Oracle => "taste known beforehand",
        }
    }

    /// Chooses the next image.
    pub fn next(self, state: &State<'_>, dice: &mut Dice) -> Option<usize> {
        let left: Vec<usize> = (0..state.images.len())
            .filter(|at| !state.shown.contains(&state.images[*at].id))
            .collect();
        match self {
            Order::Asking => next_image(state.images, &state.shown, &state.beliefs).map(|it| it.index),
            Order::Worths => best(&left, |at| worth(state, at)),
            Order::Manifest => left.first().copied(),
            Order::Random => (!left.is_empty()).then(|| left[dice.below(left.len())]),
            Order::Oracle => best(&left, |at| untold(state, at)),
        }
    }
}

/// Is how far a round has come.
pub struct State<'a> {
    /// All images.
    pub images: &'a [Candidate],
    /// Whose round it is.
    pub person: &'a Person,
    /// Names of those shown.
    pub shown: Vec<String>,
    /// What the profile holds.
    pub profile: Profile,
    /// What is believed.
    pub beliefs: Beliefs,
}

impl<'a> State<'a> {
    /// Begins a round.
    pub fn new(images: &'a [Candidate], person: &'a Person) -> State<'a> {
        State {
            images,
            person,
            shown: Vec::new(),
            profile: Profile::default(),
            beliefs: Beliefs::new(images),
        }
    }

    /// Takes the answer to an image.
    ///
    /// Beliefs are kept only for the order that goes by them: they take the most time.
    pub fn answer(&mut self, at: usize, said: Option<&Extraction>, order: Order) {
        let image = &self.images[at];
        if let Some(extraction) = said {
            self.profile.merge(Some(&image.id), extraction);
        }
        if order == Order::Asking {
            self.beliefs
                .hear(&image.attributes, said.map_or(Heard::Nothing, Heard::Words));
        }
        self.shown.push(image.id.clone());
    }
}

fn best(left: &[usize], worth: impl Fn(usize) -> f64) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for at in left {
        let worth = worth(*at);
        if best.is_none_or(|(_, most)| worth > most) {
            best = Some((*at, worth));
        }
    }
    best.map(|(at, _)| at)
}

/// How much a person feels about what they have not said yet.
fn untold(state: &State<'_>, at: usize) -> f64 {
    let new = |name: &&String| state.profile.find(name).is_none();
    let felt = |name: &String| state.person.taste.get(name.as_str()).map_or(0.0, |it| it * it);
    state.images[at].attributes.iter().filter(new).map(felt).sum()
}

/// The mean worth of an image's attributes: 1 in a category never shown, 0.75 for a weak opinion, 0.5 in a category
/// without opinions, 0.25 if new, less 1.5 for what the image before has too.
fn worth(state: &State<'_>, at: usize) -> f64 {
    let category = |name: &str| Vocabulary::embedded().get(name).map(|it| it.category.as_str());
    let before = |id: &String| state.images.iter().find(|image| image.id == *id);
    let attributes: HashSet<&String> = state
        .shown
        .iter()
        .filter_map(before)
        .flat_map(|image| &image.attributes)
        .collect();
    let categories: HashSet<&str> = attributes.iter().filter_map(|it| category(it)).collect();
    let last: &[String] = state
        .shown
        .last()
        .and_then(before)
        .map_or(&[], |it| &it.attributes);
    let opinions: HashSet<&str> = state
        .profile
        .liked()
        .iter()
        .chain(state.profile.disliked())
        .map(|it| it.category.as_str())
        .collect();
    let image = &state.images[at].attributes;
    let worths = image.iter().map(|name| {
        let gain = match (state.profile.find(name), category(name)) {
            (Some((_, entry)), _) if entry.weight < 0.4 => 0.75,
            (Some(_), _) | (None, None) => 0.0,
            (None, Some(category)) if !categories.contains(category) => 1.0,
            (None, Some(category)) if !opinions.contains(category) => 0.5,
            (None, Some(_)) if !attributes.contains(name) => 0.25,
            (None, Some(_)) => 0.0,
        };
        gain - if last.contains(name) { 1.5 } else { 0.0 }
    });
    worths.sum::<f64>() / image.len().max(1) as f64
}
