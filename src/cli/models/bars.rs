//! How far a download or a check is: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tastemaker_hub::progress::bytes;
use tastemaker_hub::{Event, Progress};

/// Plain lines come at each such share of the whole, in percent.
const PLAIN_STEP: u64 = 10;

/// Shows events on standard error.
pub struct Bars {
    /// What is being done, such as `downloading sd15`.
    title: String,
    state: Mutex<State>,
    style: Style,
}

enum Style {
    Bars { all: MultiProgress },
    Lines(Box<dyn Fn(&str) + Send + Sync>),
}

#[derive(Default)]
struct State {
    total: u64,
    done: u64,
    /// Bytes of each file that is under way.
    files: HashMap<String, u64>,
    bars: HashMap<String, ProgressBar>,
    overall: Option<ProgressBar>,
    shown: u64,
}

impl Bars {
    /// Bars if standard error is a terminal, lines otherwise.
    pub fn new(title: impl Into<String>) -> Self {
        let style = if std::io::stderr().is_terminal() {
            Style::Bars {
                all: MultiProgress::new(),
            }
        } else {
            Style::Lines(Box::new(|line| eprintln!("{line}")))
        };
        Self {
            title: title.into(),
            state: Mutex::default(),
            style,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something above the bars, or as a line.
    fn say(&self, line: &str) {
        match &self.style {
            // A terminal that cannot be written to shows nothing else either.
            Style::Bars { all } => drop(all.println(line)),
            Style::Lines(write) => write(line),
        }
    }

    fn planned(&self, files: usize, total: u64, present: u64) {
        let mut state = self.state();
        (state.total, state.done) = (total, present);
        state.shown = percent(present, total) / PLAIN_STEP;
        let line = format!("{}: {files} files, {}", self.title, bytes(total));
        drop(state);
        self.say(&match present {
            0 => line,
            present if present == total => format!("{line}, all here"),
            present => format!("{line}, of which {} are here", bytes(present)),
        });
        if let Style::Bars { all } = &self.style {
            let bar = all.add(ProgressBar::new(total));
            bar.set_style(style(
                "{msg:32!}  {bar:28}  {binary_bytes:>11} of {binary_total_bytes:<11}  {binary_bytes_per_sec:>12}  {eta} left",
            ));
            bar.set_message("all together");
            bar.set_position(present);
            bar.reset_eta();
            self.state().overall = Some(bar);
        }
    }

    fn started(&self, path: &str, size: u64, present: u64) {
        let mut state = self.state();
        state.files.insert(path.to_owned(), present);
        if let Style::Bars { all } = &self.style {
            let bar = match &state.overall {
                Some(overall) => all.insert_before(overall, ProgressBar::new(size)),
                None => all.add(ProgressBar::new(size)),
            };
            bar.set_style(style(
                "{msg:32!}  {bar:28}  {binary_bytes:>11} of {binary_total_bytes}",
            ));
            bar.set_message(shortened(path, 32));
            bar.set_position(present);
            bar.enable_steady_tick(Duration::from_millis(250));
            // A transfer that starts over has one already.
            if let Some(old) = state.bars.insert(path.to_owned(), bar) {
                old.finish_and_clear();
            }
        }
    }

    /// Counts bytes of a file, or takes them back.
    fn moved(&self, path: &str, by: i64) {
        let mut state = self.state();
        let add = |count: u64| count.saturating_add_signed(by);
        let file = state.files.entry(path.to_owned()).or_default();
        *file = add(*file);
        state.done = add(state.done);
        let done = state.done;
        if let Some(bar) = state.bars.get(path) {
            bar.set_position(add(bar.position()));
        }
        if let Some(bar) = &state.overall {
            bar.set_position(done);
        }
        let step = percent(state.done, state.total) / PLAIN_STEP;
        if matches!(self.style, Style::Lines(_)) && step > state.shown {
            state.shown = step;
            let line = format!(
                "{:>3} %  {} of {}",
                step * PLAIN_STEP,
                bytes(state.done),
                bytes(state.total)
            );
            drop(state);
            self.say(&line);
        }
    }

    fn finished(&self, path: &str, size: u64) {
        let mut state = self.state();
        // What another process brought was not seen to arrive.
        let seen = state.files.remove(path).unwrap_or(0);
        state.done += size.saturating_sub(seen);
        let done = state.done;
        if let Some(bar) = state.bars.remove(path) {
            bar.finish_and_clear();
        }
        if let Some(bar) = &state.overall {
            bar.set_position(done);
        }
    }

    /// Takes the bars away.
    pub fn clear(&self) {
        let mut state = self.state();
        for (_, bar) in state.bars.drain() {
            bar.finish_and_clear();
        }
        if let Some(bar) = state.overall.take() {
            bar.finish_and_clear();
        }
        if let Style::Bars { all } = &self.style {
            // A terminal that is gone needs no clearing.
            let _ = all.clear();
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Progress for Bars {
    fn on(&self, event: Event<'_>) {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        match event {
            Event::Planned {
                files,
                total,
                present,
            } => self.planned(files, total, present),
            Event::Started { path, size, present } => self.started(path, size, present),
            Event::Advanced { path, bytes } => self.moved(path, signed(bytes)),
            Event::Restarted { path, bytes } => self.moved(path, -signed(bytes)),
            Event::Finished { path, size } => self.finished(path, size),
            Event::Waiting { path } => {
                self.say(&format!("{path}: another process is downloading it, waiting"))
            }
            Event::Retrying { path, reason, wait } => {
                self.say(&format!("{path}: {reason}; again in {} s", wait.as_secs()));
            }
            _ => {}
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constant: one that is wrong shows in the first run.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn percent(done: u64, total: u64) -> u64 {
    if total == 0 {
        return 100;
    }
    (u128::from(done) * 100 / u128::from(total)).min(100) as u64
}

/// A path with its folder and its last characters, which tell files apart.
fn shortened(path: &str, width: usize) -> String {
    let length = path.chars().count();
    if length <= width {
        return path.to_owned();
    }
    let folder = path.split_once('/').map_or("", |(folder, _)| folder);
    let start = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    let end = width.saturating_sub(start.chars().count() + 1);
    format!("{start}…{}", path.chars().skip(length - end).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn without_a_terminal_there_is_a_line_every_tenth() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let bars = Bars {
            title: "downloading tiny".to_owned(),
            state: Mutex::default(),
            style: Style::Lines(Box::new(move |line| sink.lock().unwrap().push(line.to_owned()))),
        };
        bars.on(Event::Planned {
            files: 2,
            total: 2048,
            present: 100,
        });
        bars.on(Event::Started {
            path: "a",
            size: 1024,
            present: 100,
        });
        for _ in 0..9 {
            bars.on(Event::Advanced {
                path: "a",
                bytes: 100,
            });
        }
        bars.on(Event::Finished {
            path: "a",
            size: 1024,
        });
        // Brought by another process.
        bars.on(Event::Finished {
            path: "b",
            size: 1024,
        });
        assert_eq!(bars.state().done, 2048);
        let lines = lines.lock().unwrap();
        assert_eq!(
            lines[0],
            "downloading tiny: 2 files, 2.0 KiB, of which 100 bytes are here"
        );
        assert_eq!(lines[1], " 10 %  300 bytes of 2.0 KiB");
        assert_eq!(lines.len(), 5, "{lines:?}");
    }

    #[test]
    fn a_restart_takes_bytes_back() {
        let bars = Bars {
            title: String::new(),
            state: Mutex::default(),
            style: Style::Lines(Box::new(|_| {})),
        };
        bars.on(Event::Planned {
            files: 1,
            total: 10,
            present: 4,
        });
        bars.on(Event::Started {
            path: "a",
            size: 10,
            present: 4,
        });
        bars.on(Event::Restarted { path: "a", bytes: 4 });
        bars.on(Event::Advanced { path: "a", bytes: 10 });
        bars.on(Event::Finished { path: "a", size: 10 });
        assert_eq!(bars.state().done, 10);
    }

    #[test]
    fn long_paths_show_their_folders_and_ends() {
        assert_eq!(shortened("unet/config.json", 32), "unet/config.json");
        let shown = shortened("unet/diffusion_pytorch_model.fp16.safetensors", 32);
        assert_eq!(shown.chars().count(), 32);
        assert!(
            shown.starts_with("unet/…") && shown.ends_with("model.fp16.safetensors"),
            "{shown}"
        );
    }
}
