//! People with tastes, drawn from the vocabulary.

use std::collections::BTreeMap;

use serde::Deserialize;
use tastemaker_preference::Vocabulary;

use crate::dice::Dice;

/// Chance that an axis matters to a person.
const AXIS_MATTERS: f64 = 0.7;
/// Chance that a category leaves a person cold altogether.
const INDIFFERENT: f64 = 0.25;
/// Part of a taste that no axis explains.
const OWN: f64 = 0.6;
/// How far the own parts of opposites go against each other.
const AGAINST: f64 = 0.7;
/// Below this a taste is none.
const FELT: f64 = 0.8;

#[derive(Deserialize)]
struct Axes {
    axis: Vec<Axis>,
}

#[derive(Deserialize)]
struct Axis {
    name: String,
    one: Vec<String>,
    other: Vec<String>,
}

/// Is a simulated person.
pub struct Person {
    /// How much each attribute is liked; what is not in it is of no matter.
    pub taste: BTreeMap<&'static str, f64>,
    /// How many things they say about an image beyond the first, on average.
    pub talk: f64,
}

/// Draws people.
pub struct People {
    axes: Vec<BTreeMap<&'static str, f64>>,
}

impl People {
    /// Reads the axes.
    pub fn read() -> Result<People, Box<dyn std::error::Error>> {
        let axes: Axes = toml::from_str(include_str!("axes.toml"))?;
        let named = |axis: &Axis, name: &String| {
            Vocabulary::embedded()
                .get(name)
                .map(|it| it.name.as_str())
                .ok_or_else(|| format!("axes.toml, {}: \"{name}\" is not in the vocabulary", axis.name))
        };
        let mut all = Vec::new();
        for axis in &axes.axis {
            let mut sides = BTreeMap::new();
            for (names, sign) in [(&axis.one, 1.0), (&axis.other, -1.0)] {
                for name in names {
                    sides.insert(named(axis, name)?, sign);
                }
            }
            all.push(sides);
        }
        Ok(People { axes: all })
    }

    /// Draws one person.
    pub fn draw(&self, dice: &mut Dice) -> Person {
        let vocabulary = Vocabulary::embedded();
        let pulls: Vec<f64> = self
            .axes
            .iter()
            .map(|_| {
                let (matters, pull) = (dice.chance(AXIS_MATTERS), dice.normal());
                if matters { pull } else { 0.0 }
            })
            .collect();
        let interest: BTreeMap<&str, f64> = vocabulary
            .categories()
            .iter()
            .map(|category| {
                let (cold, interest) = (dice.chance(INDIFFERENT), 0.5 + dice.even());
                (category.as_str(), if cold { 0.0 } else { interest })
            })
            .collect();
        let mut own: BTreeMap<&str, f64> = BTreeMap::new();
        let mut taste = BTreeMap::new();
        for attribute in vocabulary.attributes() {
            let fresh = dice.normal();
            let against = attribute.opposite.as_deref().and_then(|it| own.get(it));
            let part = against.map_or(fresh, |it| {
                -AGAINST * it + (1.0 - AGAINST * AGAINST).sqrt() * fresh
            });
            own.insert(&attribute.name, part);
            let mut pulled: Vec<f64> = Vec::new();
            for (axis, pull) in self.axes.iter().zip(&pulls) {
                pulled.extend(axis.get(attribute.name.as_str()).map(|sign| sign * pull));
            }
            let common = pulled.iter().sum::<f64>() / (pulled.len().max(1) as f64).sqrt();
            let liking = interest[attribute.category.as_str()] * (common + OWN * part);
            if liking.abs() >= FELT {
                taste.insert(attribute.name.as_str(), liking);
            }
        }
        Person {
            taste,
            talk: 0.4 + 1.2 * dice.even(),
        }
    }
}
