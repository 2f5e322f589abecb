//! Learns the probes of the `embedded` metric, and measures how often it is right; `docs/metric.md` has the figures.
//!
//! ```sh
//! cargo run -p tastemaker-preference --release --example metric -- learn --data DIR --out src/preference/metric/embedded/probes.safetensors
//! cargo run -p tastemaker-preference --release --example metric -- measure --data DIR
//! ```
//!
//! DIR is what `training/metric_data.py` writes: pictures drawn by the renderer, with their styles. Features are kept
//! there too, in `*.features`, so that only the first run computes them.

mod data;
#[path = "../asking/dice.rs"]
mod dice;
mod learn;
mod measure;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let (mut data, mut out, mut people, mut seed) = (None, None, 300, 2026);
    while let Some(key) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{key} needs a value"))?;
        match key.as_str() {
            "--data" => data = Some(PathBuf::from(value)),
            "--out" => out = Some(PathBuf::from(value)),
            "--people" => people = value.parse()?,
            "--seed" => seed = value.parse()?,
            _ => {
                return Err(format!("{key} is unknown; there are --data, --out, --people and --seed").into());
            }
        }
    }
    let data = data.ok_or("--data DIR names the pictures; training/metric_data.py makes them")?;
    match what.as_str() {
        "learn" => learn::learn(&data, &out.ok_or("--out FILE names the file of probes")?),
        "measure" => measure::measure(&data, people, seed, out.as_deref()),
        _ => Err("say `learn` or `measure`".into()),
    }
}
