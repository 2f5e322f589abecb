//! What is measured, in turns.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Options;
use crate::report::{Report, median};
use crate::side::Side;

const PROMPT: &str = "a lighthouse on a cliff at dusk";
const NEGATIVE: &str = "";

pub struct Rounds<'a> {
    options: &'a Options,
    start_ours: &'a dyn Fn() -> Result<Side>,
    start_torch: &'a dyn Fn() -> Result<Side>,
    report: &'a mut Report,
    folder: tempfile::TempDir,
}

impl<'a> Rounds<'a> {
    pub fn new(
        options: &'a Options,
        start_ours: &'a dyn Fn() -> Result<Side>,
        start_torch: &'a dyn Fn() -> Result<Side>,
        report: &'a mut Report,
    ) -> Result<Self> {
        Ok(Self {
            options,
            start_ours,
            start_torch,
            report,
            folder: tempfile::tempdir()?,
        })
    }

    pub fn run(mut self) -> Result<()> {
        let wanted = |what: &str| self.options.only.iter().any(|name| name == what);
        let (step, decode, text) = (wanted("step"), wanted("decode"), wanted("text"));
        let (personal, memory, load) = (wanted("personal"), wanted("memory"), wanted("load"));
        if step || decode || text {
            if self.options.one_at_a_time {
                self.turns_of_processes(step, decode, text)?;
            } else {
                self.turns(step, decode, text)?;
            }
        }
        if personal {
            self.personal()?;
        }
        if memory {
            self.memory()?;
        }
        if load {
            self.load()?;
        }
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The request for a step at a size, whose noise is written if it is not there yet.
    fn step_request(&self, size: usize, side: &str) -> Result<Value> {
        let latents = self.file(&format!("noise-{size}"));
        if !latents.is_file() {
            std::fs::write(&latents, noise(4 * (size / 8) * (size / 8)))?;
        }
        Ok(json!({
            "do": "step", "width": size, "height": size, "prompt": PROMPT, "negative": NEGATIVE,
            "latents": latents, "out": self.file(&format!("{side}-step-{size}")),
        }))
    }

    /// All requests of a turn, with the names they are reported under.
    fn requests(
        &self,
        side: &str,
        turn: usize,
        step: bool,
        decode: bool,
        text: bool,
    ) -> Result<Vec<(String, Value)>> {
        let mut requests = Vec::new();
        for &size in &self.options.sizes {
            if step || decode {
                requests.push((format!("step {size}²"), self.step_request(size, side)?));
            }
            if decode {
                let out = self.file(&format!("{side}-decode-{size}"));
                requests.push((format!("decode {size}²"), json!({"do": "decode", "out": out})));
            }
        }
        if text {
            let prompt = format!("{PROMPT}, number {turn}");
            requests.push((
                "text, 77 tokens".to_owned(),
                json!({"do": "text", "prompt": prompt, "negative": NEGATIVE}),
            ));
        }
        Ok(requests)
    }

    /// Both sides loaded; request by request in turns.
    fn turns(&mut self, step: bool, decode: bool, text: bool) -> Result<()> {
        let mut ours = (self.start_ours)()?;
        let mut torch = match self.options.alone {
            true => None,
            false => Some((self.start_torch)()?),
        };
        let layouts: &[bool] = match (self.options.quick, &torch) {
            (true, _) | (_, None) => &[false],
            _ => &[false, true],
        };
        for (pass, &channels_last) in layouts.iter().enumerate() {
            if let Some(torch) = &mut torch {
                torch.ask(&json!({"do": "layout", "channels_last": channels_last}))?;
            }
            // Turn 0 warms both sides up.
            for turn in 0..=self.options.repeats {
                // Numbered through, since a text that was encoded before would come from our cache.
                let number = pass * (self.options.repeats + 1) + turn;
                let theirs = self.requests("torch", number, step, decode, text)?;
                for ((name, our), (_, their)) in self
                    .requests("ours", number, step, decode, text)?
                    .into_iter()
                    .zip(theirs)
                {
                    let seconds = ours.ask(&our)?.seconds;
                    let their_seconds = match &mut torch {
                        Some(torch) => Some(torch.ask(&their)?.seconds),
                        None => None,
                    };
                    if turn > 0 {
                        self.report.add(&name, seconds, their_seconds, channels_last);
                    } else if their_seconds.is_some() {
                        self.compare(&name, &our, &their)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// One side in memory at a time: each turn starts a process, warms it up and measures.
    fn turns_of_processes(&mut self, step: bool, decode: bool, text: bool) -> Result<()> {
        for turn in 1..=self.options.repeats {
            let mut times: Vec<Vec<f64>> = Vec::new();
            for side in ["ours", "torch"] {
                if side == "torch" && self.options.alone {
                    continue;
                }
                let mut process = match side {
                    "ours" => (self.start_ours)()?,
                    _ => (self.start_torch)()?,
                };
                let mut measured = Vec::new();
                for round in 0..2 {
                    measured.clear();
                    for (_, request) in self.requests(side, 2 * turn + round, step, decode, text)? {
                        measured.push(process.ask(&request)?.seconds);
                    }
                }
                times.push(measured);
            }
            let theirs = self.requests("torch", turn, step, decode, text)?;
            for (i, ((name, our), (_, their))) in self
                .requests("ours", turn, step, decode, text)?
                .into_iter()
                .zip(theirs)
                .enumerate()
            {
                let their_seconds = times.get(1).map(|times| times[i]);
                self.report.add(&name, times[0][i], their_seconds, false);
                if turn == 1 && their_seconds.is_some() {
                    self.compare(&name, &our, &their)?;
                }
            }
        }
        Ok(())
    }

    /// Notes the difference between the two sides' results: latents by relative Euclidean norm, pictures in grey levels.
    fn compare(&mut self, name: &str, our: &Value, their: &Value) -> Result<()> {
        let Some((our, their)) = our["out"].as_str().zip(their["out"].as_str()) else {
            return Ok(());
        };
        let (our, their) = (std::fs::read(our)?, std::fs::read(their)?);
        anyhow::ensure!(our.len() == their.len(), "{name}: results of different sizes");
        let note = if name.starts_with("decode") {
            let largest = our.iter().zip(&their).map(|(a, b)| a.abs_diff(*b)).max();
            format!("{} of 255", largest.unwrap_or_default())
        } else {
            let values = |bytes: &[u8]| -> Vec<f64> {
                let chunks = bytes.as_chunks::<4>().0;
                chunks.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
            };
            let (our, their) = (values(&our), values(&their));
            let difference: f64 = our.iter().zip(&their).map(|(a, b)| (a - b).powi(2)).sum();
            let norm: f64 = their.iter().map(|v| v * v).sum();
            format!("{:.1e}", (difference / norm).sqrt())
        };
        self.report.difference(name, note);
        Ok(())
    }

    /// A personalised picture next to a plain one, and what a new β costs before its first step. Ours alone.
    fn personal(&mut self) -> Result<()> {
        let mut ours = (self.start_ours)()?;
        let size = *self.options.sizes.first().context("no size was given")?;
        let picture = |beta: f64| {
            json!({
                "do": "picture", "width": size, "height": size, "prompt": PROMPT, "negative": NEGATIVE, "beta": beta,
            })
        };
        let mut times = [Vec::new(), Vec::new()];
        for turn in 0..=self.options.repeats {
            for (beta, times) in [0.0, 0.7].into_iter().zip(&mut times) {
                let seconds = ours.ask(&picture(beta))?.seconds;
                if turn > 0 {
                    times.push(seconds);
                }
            }
        }
        let [plain, personal] = times.map(|times| median(&times));
        self.report.fact(
            &format!("picture {size}², 4 steps, personalised against plain"),
            format!("{personal:.3} s, {plain:.3} s, ratio {:.3}", personal / plain),
        );
        let mut seconds = Vec::new();
        for _ in 0..self.options.repeats.max(3) {
            let mut request = picture(0.7);
            request["do"] = json!("start");
            seconds.push(ours.ask(&request)?.seconds);
        }
        self.report.fact(
            "new β, until its first step (no text encoded)",
            format!("{:.2} ms", 1e3 * median(&seconds)),
        );
        Ok(())
    }

    /// Peak memory of a whole picture in a process of its own: text, steps, decoding at the largest size.
    fn memory(&mut self) -> Result<()> {
        let size = self
            .options
            .sizes
            .iter()
            .copied()
            .max()
            .context("no size was given")?;
        let mut peaks = Vec::new();
        for side in ["ours", "torch"] {
            if side == "torch" && self.options.alone {
                continue;
            }
            let mut process = match side {
                "ours" => (self.start_ours)()?,
                _ => (self.start_torch)()?,
            };
            for _ in 0..2 {
                process.ask(&self.step_request(size, side)?)?;
            }
            process.ask(&json!({"do": "decode", "out": self.file("memory")}))?;
            peaks.push(process.ask(&json!({"do": "peak"}))?.peak);
        }
        self.report.peak(size, peaks[0], peaks.get(1).copied());
        Ok(())
    }

    /// From the start of the process to the end of the first step, files in the page cache.
    fn load(&mut self) -> Result<()> {
        let size = *self.options.sizes.first().context("no size was given")?;
        for turn in 0..=self.options.repeats.min(3) {
            let first_step = |side: &str| -> Result<(f64, f64)> {
                let mut process = match side {
                    "ours" => (self.start_ours)()?,
                    _ => (self.start_torch)()?,
                };
                let loaded = process.age().as_secs_f64();
                process.ask(&self.step_request(size, side)?)?;
                Ok((loaded, process.age().as_secs_f64()))
            };
            let ours = first_step("ours")?;
            let torch = match self.options.alone || (self.options.quick && turn > 1) {
                true => None,
                false => Some(first_step("torch")?),
            };
            if turn > 0 {
                self.report
                    .add("start to loaded", ours.0, torch.map(|t| t.0), false);
                self.report.add(
                    &format!("start to first step, {size}²"),
                    ours.1,
                    torch.map(|t| t.1),
                    false,
                );
            }
        }
        Ok(())
    }
}

/// Normal noise as f32 bytes: sums of twelve uniform numbers of a small generator, which is normal enough here.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count)
        .flat_map(|_| ((0..12).map(|_| uniform()).sum::<f32>() - 6.0).to_le_bytes())
        .collect()
}
