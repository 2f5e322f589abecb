//! How fast a profile comes near a taste, by the order in which images are shown; `docs/asking.md` has the figures:
//!
//! ```sh
//! cargo run -p tastemaker-preference --release --example asking -- --people 300 --out docs/images/asking.svg
//! ```
//!
//! Simulated people comment the style images that come along; the lexicon reads what they write, as in the bot.
//! Beside the plot a JSON file with all figures is written. `--seed` draws other people.

mod comments;
mod dice;
mod measure;
mod orders;
mod people;
mod plot;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tastemaker_preference::asking::{Candidate, little_left, next_image};
use tastemaker_preference::{CommentedImage, Extraction, Extractor, LexiconExtractor, Vocabulary};

use comments::Phrases;
use dice::Dice;
use measure::{Nearness, mean, nearness};
use orders::{Order, State};
use people::{People, Person};
use plot::{Curve, Panel, svg};

/// Images after which figures are printed: the bot's round, and before and after it.
const TOLD: [usize; 6] = [2, 4, 6, 8, 12, 16];

#[derive(Deserialize)]
struct Manifest {
    image: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    attributes: Vec<String>,
}

/// Takes one figure out of all.
type Value = fn(&Nearness) -> f64;

struct Options {
    people: usize,
    seed: u64,
    out: Option<PathBuf>,
}

/// What one person's rounds gave, by order and by number of images.
struct Rounds {
    nearness: Vec<Vec<Nearness>>,
    /// Images after which asking would have ended.
    ended: usize,
    /// What the best image left was expected to tell, in nats, after each number of images.
    gains: Vec<f64>,
}

#[derive(Serialize)]
struct Figures {
    people: usize,
    seed: u64,
    images: usize,
    ended_after: f64,
    gain_left: Vec<f64>,
    orders: BTreeMap<&'static str, Vec<Nearness>>,
    half_width_95: BTreeMap<&'static str, Vec<Nearness>>,
    gain_over_random: Vec<[f64; 2]>,
    categories_called_after_8: BTreeMap<&'static str, BTreeMap<&'static str, f64>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let images = images()?;
    let askable: Vec<&'static str> = Vocabulary::embedded()
        .attributes()
        .iter()
        .map(|it| it.name.as_str())
        .filter(|name| {
            images
                .iter()
                .any(|image| image.attributes.iter().any(|it| it == name))
        })
        .collect();
    let (people, phrases, lexicon) = (People::read()?, Phrases::read()?, LexiconExtractor::embedded());
    let (liked, disliked) = phrases.counts();
    println!(
        "{liked} + {disliked} frames of labelled comments, {} attributes in {} images",
        askable.len(),
        images.len()
    );
    let rounds: Vec<Rounds> = (0..options.people)
        .into_par_iter()
        .map(|number| {
            let mut dice = Dice::new(options.seed, number as u64);
            let person = people.draw(&mut dice);
            round(&images, &person, &phrases, &lexicon, &askable, &mut dice)
        })
        .collect::<Result<_, _>>()?;
    let figures = figures(&options, &images, &rounds);
    print_tables(&figures, &rounds);
    if let Some(out) = &options.out {
        let caption = format!(
            "How near the profiles of {} simulated people come to their tastes",
            options.people
        );
        std::fs::write(out, svg(&caption, &panels(&figures)))?;
        std::fs::write(
            out.with_extension("json"),
            serde_json::to_string(&figures)? + "\n",
        )?;
        println!("\nwrote {} and its JSON", out.display());
    }
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        people: 300,
        seed: 2026,
        out: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(key) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{key} needs a value"))?;
        match key.as_str() {
            "--people" => options.people = value.parse()?,
            "--seed" => options.seed = value.parse()?,
            "--out" => options.out = Some(value.into()),
            _ => return Err(format!("{key} is unknown; there are --people, --seed and --out").into()),
        }
    }
    Ok(options)
}

fn images() -> Result<Vec<Candidate>, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/onboarding/manifest.toml");
    let manifest: Manifest = toml::from_str(&std::fs::read_to_string(path)?)?;
    let candidate = |entry: Entry| Candidate {
        id: entry.id,
        attributes: entry.attributes,
    };
    Ok(manifest.image.into_iter().map(candidate).collect())
}

/// Lets one person go through every order. What they would say about an image does not depend on when it is shown.
fn round(
    images: &[Candidate],
    person: &Person,
    phrases: &Phrases,
    lexicon: &LexiconExtractor,
    askable: &[&'static str],
    dice: &mut Dice,
) -> Result<Rounds, tastemaker_preference::ExtractError> {
    let mut said: Vec<Option<Extraction>> = Vec::new();
    for image in images {
        let comment = phrases.comment(person, &image.attributes, dice);
        let read = comment.map(|text| {
            lexicon.extract(&CommentedImage {
                text,
                image_attributes: image.attributes.clone(),
                ..CommentedImage::default()
            })
        });
        said.push(read.transpose()?);
    }
    let mut taste = person.taste.clone();
    taste.retain(|name, _| askable.contains(name));
    let mut rounds = Rounds {
        nearness: Vec::new(),
        ended: images.len(),
        gains: Vec::new(),
    };
    for order in Order::ALL {
        let mut state = State::new(images, person);
        let mut nearnesses = vec![nearness(&state.profile, &taste, askable)];
        while let Some(at) = order.next(&state, dice) {
            if order == Order::Asking {
                let best = next_image(images, &state.shown, &state.beliefs);
                rounds.gains.push(best.map_or(0.0, |it| it.gain));
            }
            state.answer(at, said[at].as_ref(), order);
            nearnesses.push(nearness(&state.profile, &taste, askable));
            if order == Order::Asking
                && rounds.ended == images.len()
                && little_left(images, &state.shown, &state.beliefs)
            {
                rounds.ended = state.shown.len();
            }
        }
        rounds.nearness.push(nearnesses);
    }
    Ok(rounds)
}

fn figures(options: &Options, images: &[Candidate], rounds: &[Rounds]) -> Figures {
    let mut figures = Figures {
        people: options.people,
        seed: options.seed,
        images: images.len(),
        ended_after: mean(&rounds.iter().map(|it| it.ended as f64).collect::<Vec<_>>()).0,
        gain_left: (0..images.len())
            .map(|shown| mean(&rounds.iter().map(|it| it.gains[shown]).collect::<Vec<_>>()).0)
            .collect(),
        orders: BTreeMap::new(),
        half_width_95: BTreeMap::new(),
        gain_over_random: Vec::new(),
        categories_called_after_8: BTreeMap::new(),
    };
    let at = |order: Order| Order::ALL.iter().position(|it| *it == order).unwrap_or_default();
    for order in Order::ALL {
        let (mut means, mut halves) = (Vec::new(), Vec::new());
        for shown in 0..=images.len() {
            let of = |value: Value| {
                mean(
                    &rounds
                        .iter()
                        .map(|it| value(&it.nearness[at(order)][shown]))
                        .collect::<Vec<_>>(),
                )
            };
            let (cosine, f1, calls) = (of(|it| it.cosine), of(|it| it.f1), of(|it| it.calls));
            let nearness = |cosine, f1, calls| Nearness {
                cosine,
                f1,
                calls,
                by_category: BTreeMap::new(),
            };
            means.push(nearness(cosine.0, f1.0, calls.0));
            halves.push(nearness(cosine.1, f1.1, calls.1));
        }
        figures.orders.insert(order.name(), means);
        figures.half_width_95.insert(order.name(), halves);
        let mut called: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for (category, right) in rounds
            .iter()
            .flat_map(|it| &it.nearness[at(order)][8.min(images.len())].by_category)
        {
            called
                .entry(category)
                .or_default()
                .push(f64::from(u8::from(*right)));
        }
        let called = called
            .into_iter()
            .map(|(category, it)| (category, mean(&it).0))
            .collect();
        figures.categories_called_after_8.insert(order.name(), called);
    }
    for shown in 0..=images.len() {
        let gains: Vec<f64> = rounds
            .iter()
            .map(|it| {
                it.nearness[at(Order::Asking)][shown].cosine - it.nearness[at(Order::Random)][shown].cosine
            })
            .collect();
        let (gain, half) = mean(&gains);
        figures.gain_over_random.push([gain, half]);
    }
    figures
}

fn print_tables(figures: &Figures, rounds: &[Rounds]) {
    let values: [(&str, Value); 3] = [
        ("cosine", |it| it.cosine),
        ("F1", |it| it.f1),
        ("calls", |it| it.calls),
    ];
    for (title, value) in values {
        println!(
            "\n| {title} after | {} |",
            TOLD.map(|it| it.to_string()).join(" | ")
        );
        println!("|---|{}", "---|".repeat(TOLD.len()));
        for order in Order::ALL {
            let row = TOLD.map(|shown| {
                let (mean, half) = (
                    &figures.orders[order.name()][shown],
                    &figures.half_width_95[order.name()][shown],
                );
                format!("{:.3} ± {:.3}", value(mean), value(half))
            });
            println!("| {} | {} |", order.name(), row.join(" | "));
        }
    }
    println!(
        "\n| asking well less random, cosine | {} |",
        TOLD.map(|at| {
            let [gain, half] = figures.gain_over_random[at];
            format!("{gain:+.3} ± {half:.3}")
        })
        .join(" | ")
    );
    let reached = |order: usize, near: f64| {
        let images = rounds.iter().map(|it| {
            let reached = it.nearness[order].iter().position(|it| it.cosine >= near);
            reached.unwrap_or(figures.images) as f64
        });
        let mut images: Vec<f64> = images.collect();
        images.sort_by(f64::total_cmp);
        images[images.len() / 2]
    };
    println!("\n| images until cosine | 0.3 | 0.4 | 0.5 | 0.6 |\n|---|---|---|---|---|");
    for (at, order) in Order::ALL.iter().enumerate() {
        let row = [0.3, 0.4, 0.5, 0.6].map(|near| reached(at, near).to_string());
        println!("| {} | {} |", order.name(), row.join(" | "));
    }
    println!(
        "\n| category called right after 8 | {} |",
        Order::ALL.map(Order::name).join(" | ")
    );
    println!("|---|{}", "---|".repeat(Order::ALL.len()));
    for category in figures.categories_called_after_8[Order::Asking.name()].keys() {
        let row = Order::ALL.map(|order| {
            let called = &figures.categories_called_after_8[order.name()];
            called
                .get(category)
                .map_or("–".to_owned(), |it| format!("{it:.2}"))
        });
        println!("| {category} | {} |", row.join(" | "));
    }
    let gains: Vec<String> = figures.gain_left.iter().map(|it| format!("{it:.2}")).collect();
    println!("\nexpected of the best image left, nats: {}", gains.join(" "));
    println!(
        "\nasking ends after {:.1} of {} images on average",
        figures.ended_after, figures.images
    );
}

fn panels(figures: &Figures) -> Vec<Panel> {
    let values: [(&'static str, f64, Value); 2] = [
        ("Cosine of profile and taste", 0.8, |it| it.cosine),
        ("Share of categories called right", 1.0, |it| it.calls),
    ];
    let curve = |order: Order, value: Value| Curve {
        name: order.name(),
        points: figures.orders[order.name()]
            .iter()
            .zip(&figures.half_width_95[order.name()])
            .map(|(mean, half)| (value(mean), value(half)))
            .collect(),
    };
    values
        .map(|(title, top, value)| Panel {
            title,
            top,
            curves: Order::ALL.map(|order| curve(order, value)).into(),
        })
        .into()
}
