//! How often the metric is right about people and pictures it never saw.
//!
//! A person likes and dislikes styles: each value of a factor by a normal number, some factors not at all. What they
//! feel about a picture is the sum over its styles and a little chance; clear feelings are likes and dislikes. Their
//! context comes from one half of the held-out pictures, what is asked about from the other.

use std::error::Error;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use tastemaker_preference::metric::embedded::{COLOURS, KERNEL, Kernel, PROBES, Probes, Taste};

use crate::data::{Set, read};
use crate::dice::Dice;

/// Chance that a factor leaves a person cold.
const COLD: f64 = 0.3;
/// Feelings beyond this are likes and dislikes.
const CLEAR: f64 = 0.5;
/// Spread of chance in a feeling.
const CHANCE: f64 = 0.3;
/// Liked and disliked pictures that are asked about.
const ASKED: usize = 30;
/// Pictures of which the best is chosen, and how often.
const OF: usize = 4;
const CHOICES: usize = 20;
/// Liked and disliked pictures of a context.
const CONTEXTS: [usize; 5] = [1, 2, 4, 8, 16];

/// Names what pictures are compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Metric,
    Looks,
    Features,
    Colours,
    Truth,
}

impl By {
    const ALL: [(By, &'static str); 5] = [
        (By::Metric, "embedded"),
        (By::Looks, "looks alone"),
        (By::Features, "features alone"),
        (By::Colours, "colours alone"),
        (By::Truth, "true styles"),
    ];
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Figures {
    auc: f64,
    auc_half_95: f64,
    accuracy: f64,
    best_of_4: f64,
    top_liked: f64,
    any_liked: f64,
}

pub fn measure(folder: &Path, people: usize, seed: u64, out: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let set = read(folder, "test")?;
    let probes = Probes::from_bytes(PROBES)?;
    let values = set.values();
    println!(
        "{people} people, {} held-out pictures, {} features",
        set.features.len(),
        set.features[0].len()
    );
    println!(
        "\n| compared by | context | AUC | right | best of {OF}, percentile | liked: chosen | liked: any |\n|---|---|---|---|---|---|---|"
    );
    let mut all = Vec::new();
    for (by, name) in By::ALL {
        let looks: Vec<Vec<f32>> = (0..set.features.len())
            .map(|at| look(by, &set, at, &values, &probes))
            .collect();
        for context in CONTEXTS {
            let measured: Vec<Figures> = (0..people)
                .into_par_iter()
                .map(|number| {
                    person(
                        &set,
                        &values,
                        &looks,
                        context,
                        &mut Dice::new(seed, number as u64),
                        KERNEL,
                    )
                })
                .collect();
            let figures = mean(&measured);
            println!(
                "| {name} | {context} + {context} | {:.3} ± {:.3} | {:.3} | {:.1} | {:.3} | {:.3} |",
                figures.auc,
                figures.auc_half_95,
                figures.accuracy,
                figures.best_of_4,
                figures.top_liked,
                figures.any_liked
            );
            all.push((name, context, figures));
        }
    }
    if let Some(out) = out {
        std::fs::write(out, serde_json::to_string_pretty(&all)? + "\n")?;
    }
    Ok(())
}

fn look(by: By, set: &Set, at: usize, values: &[Vec<String>], probes: &Probes) -> Vec<f32> {
    let features = &set.features[at];
    let even = |part: Vec<f32>, looks: usize| -> Vec<f32> {
        let size = (looks as f32 / part.len() as f32).sqrt();
        part.iter().map(|it| it * size).collect()
    };
    match by {
        By::Metric => probes.look(features),
        By::Looks => {
            let chances = probes.chances(features);
            let size = (chances.len() as f32).sqrt();
            chances.iter().map(|it| it * size).collect()
        }
        By::Features => probes.scaled(features),
        By::Colours => even(probes.scaled(features)[..COLOURS].to_vec(), COLOURS),
        By::Truth => {
            let looks: usize = values.iter().map(Vec::len).sum();
            let mut all = vec![0.0; looks];
            let mut start = 0;
            for (label, values) in set.labels(at, values).iter().zip(values) {
                all[start + label] = (looks as f32).sqrt();
                start += values.len();
            }
            all
        }
    }
}

/// Measures on one person; one who does not like and dislike enough is drawn anew.
fn person(
    set: &Set,
    values: &[Vec<String>],
    looks: &[Vec<f32>],
    context: usize,
    dice: &mut Dice,
    kernel: Kernel,
) -> Figures {
    let half = set.features.len() / 2;
    let most = CONTEXTS.into_iter().max().unwrap_or(context);
    loop {
        let tastes: Vec<Vec<f64>> = values
            .iter()
            .map(|values| {
                let cold = dice.chance(COLD);
                let taste = |at: usize, dice: &mut Dice| if at == 0 { 0.0 } else { dice.normal() };
                (0..values.len())
                    .map(|at| {
                        if cold {
                            dice.normal() * 0.0
                        } else {
                            taste(at, dice)
                        }
                    })
                    .collect()
            })
            .collect();
        let felt: Vec<f64> = (0..set.features.len())
            .map(|at| {
                let labels = set.labels(at, values);
                let sum: f64 = labels
                    .iter()
                    .zip(&tastes)
                    .map(|(label, taste)| taste[*label])
                    .sum();
                sum + CHANCE * dice.normal()
            })
            .collect();
        let mut pick = |range: std::ops::Range<usize>, count: usize, clear: &dyn Fn(f64) -> bool| {
            let mut left: Vec<usize> = range.filter(|at| clear(felt[*at])).collect();
            let mut picked = Vec::new();
            while picked.len() < count && !left.is_empty() {
                picked.push(left.swap_remove(dice.below(left.len())));
            }
            picked
        };
        let (likes, dislikes) = (|it: f64| it > CLEAR, |it: f64| it < -CLEAR);
        // As many for every size of context, so that all sizes meet the same people.
        let (liked, disliked) = (pick(0..half, most, &likes), pick(0..half, most, &dislikes));
        let (good, bad) = (
            pick(half..felt.len(), ASKED, &likes),
            pick(half..felt.len(), ASKED, &dislikes),
        );
        let mixed = pick(half..felt.len(), OF * CHOICES, &|_| true);
        if liked.len() < most || disliked.len() < most || good.len() < ASKED || bad.len() < ASKED {
            continue;
        }
        let known: Vec<usize> = liked[..context]
            .iter()
            .chain(&disliked[..context])
            .copied()
            .collect();
        let taught: Vec<bool> = (0..known.len()).map(|at| at < context).collect();
        let taste = Taste::fit(
            known.iter().map(|at| looks[*at].clone()).collect(),
            &taught,
            kernel,
        );
        let score = |at: &usize| f64::from(taste.score(&looks[*at]));
        let (good, bad): (Vec<f64>, Vec<f64>) =
            (good.iter().map(score).collect(), bad.iter().map(score).collect());
        let pairs = good
            .iter()
            .flat_map(|good| bad.iter().map(move |bad| (good, bad)));
        let ordered: f64 = pairs
            .map(|(good, bad)| {
                if good == bad {
                    0.5
                } else {
                    f64::from(u8::from(good > bad))
                }
            })
            .sum();
        let right = good.iter().filter(|it| **it > 0.5).count() + bad.iter().filter(|it| **it < 0.5).count();
        let mut figures = Figures {
            auc: ordered / (good.len() * bad.len()) as f64,
            accuracy: right as f64 / (good.len() + bad.len()) as f64,
            ..Figures::default()
        };
        for group in mixed.chunks_exact(OF) {
            let Some(best) = group.iter().max_by(|a, b| score(a).total_cmp(&score(b))) else {
                continue;
            };
            let below = group.iter().filter(|at| felt[**at] < felt[*best]).count() as f64;
            figures.best_of_4 += 100.0 * below / (OF - 1) as f64 / CHOICES as f64;
            figures.top_liked += f64::from(u8::from(likes(felt[*best]))) / CHOICES as f64;
            figures.any_liked +=
                group.iter().filter(|at| likes(felt[**at])).count() as f64 / (OF * CHOICES) as f64;
        }
        return figures;
    }
}

fn mean(measured: &[Figures]) -> Figures {
    let count = measured.len().max(1) as f64;
    let of = |value: fn(&Figures) -> f64| measured.iter().map(value).sum::<f64>() / count;
    let auc = of(|it| it.auc);
    let variance = measured.iter().map(|it| (it.auc - auc).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    Figures {
        auc,
        auc_half_95: 1.96 * (variance / count).sqrt(),
        accuracy: of(|it| it.accuracy),
        best_of_4: of(|it| it.best_of_4),
        top_liked: of(|it| it.top_liked),
        any_liked: of(|it| it.any_liked),
    }
}
