//! Medians, ranges, ratios.

use std::fmt::Write;

use serde_json::{Value, json};

pub struct Report {
    family: String,
    dtype: String,
    computed: String,
    threads: usize,
    rows: Vec<Row>,
    facts: Vec<(String, String)>,
}

#[derive(Default)]
struct Row {
    name: String,
    ours: Vec<f64>,
    /// Contiguous and channels-last: the faster one counts.
    theirs: [Vec<f64>; 2],
    difference: Option<String>,
}

impl Row {
    fn theirs(&self) -> Option<&[f64]> {
        let best = self.theirs.iter().filter(|times| !times.is_empty());
        best.min_by(|a, b| median(a).total_cmp(&median(b)))
            .map(Vec::as_slice)
    }
}

impl Report {
    pub fn new(family: &str, dtype: &str, computed: &str, threads: usize) -> Self {
        Self {
            family: family.to_owned(),
            dtype: dtype.to_owned(),
            computed: computed.to_owned(),
            threads,
            rows: Vec::new(),
            facts: Vec::new(),
        }
    }

    fn row(&mut self, name: &str) -> &mut Row {
        let at = self.rows.iter().position(|row| row.name == name);
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row {
                name: name.to_owned(),
                ..Default::default()
            });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    pub fn add(&mut self, name: &str, ours: f64, theirs: Option<f64>, channels_last: bool) {
        let row = self.row(name);
        row.ours.push(ours);
        row.theirs[usize::from(channels_last)].extend(theirs);
    }

    pub fn difference(&mut self, name: &str, note: String) {
        self.row(name).difference = Some(note);
    }

    pub fn fact(&mut self, name: &str, value: String) {
        self.facts.push((name.to_owned(), value));
    }

    pub fn peak(&mut self, size: usize, ours: u64, theirs: Option<u64>) {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let value = match theirs {
            Some(theirs) => format!(
                "{:.2} GiB, torch {:.2} GiB, ratio {:.2}",
                gib(ours),
                gib(theirs),
                ours as f64 / theirs as f64
            ),
            None => format!("{:.2} GiB", gib(ours)),
        };
        self.fact(&format!("peak memory, picture of {size}²"), value);
    }

    pub fn table(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "{} shapes, computed in {}, our weights stored as {}, {} threads; seconds: median (min to max)\n\n\
             | | ours | torch | ratio | difference |\n|---|---|---|---|---|",
            self.family, self.computed, self.dtype, self.threads
        );
        for row in &self.rows {
            let theirs = row.theirs();
            let ratio = theirs.map(|theirs| format!("{:.2}", median(&row.ours) / median(theirs)));
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                row.name,
                spread(&row.ours),
                theirs.map(spread).unwrap_or_default(),
                ratio.unwrap_or_default(),
                row.difference.as_deref().unwrap_or_default()
            );
        }
        out.push('\n');
        for (name, value) in &self.facts {
            let _ = writeln!(out, "- {name}: {value}");
        }
        out
    }

    pub fn json(&self) -> Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name, "ours": row.ours, "torch": row.theirs[0], "torch_channels_last": row.theirs[1],
                    "ratio": row.theirs().map(|theirs| median(&row.ours) / median(theirs)),
                    "difference": row.difference,
                })
            })
            .collect();
        json!({
            "family": self.family, "dtype": self.dtype, "computed": self.computed, "threads": self.threads, "rows": rows,
            "facts": self.facts.iter().map(|(k, v)| json!({"name": k, "value": v})).collect::<Vec<_>>(),
        })
    }
}

fn spread(times: &[f64]) -> String {
    let low = times.iter().copied().fold(f64::INFINITY, f64::min);
    let high = times.iter().copied().fold(0.0, f64::max);
    format!("{:.3} ({low:.3} to {high:.3})", median(times))
}

pub fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}
