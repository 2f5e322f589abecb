//! One of the two programs that are compared: a process that answers requests.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

pub struct Side {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    started: Instant,
}

#[derive(Debug, Deserialize)]
pub struct Answer {
    pub seconds: f64,
    #[serde(default)]
    pub peak: u64,
}

impl Side {
    pub fn ours(folder: &Path, threads: usize, bf16: bool) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--serve")
            .arg(folder)
            .args(bf16.then_some("--bf16"))
            .env("RAYON_NUM_THREADS", threads.to_string());
        Self::start(command)
    }

    pub fn torch(python: &Path, script: &Path, folder: &Path, threads: usize, bf16: bool) -> Result<Self> {
        let mut command = Command::new(python);
        command
            .arg(script)
            .arg(folder)
            .arg(threads.to_string())
            .args(bf16.then_some("bf16"))
            .env("OMP_NUM_THREADS", threads.to_string())
            .env("HF_HUB_OFFLINE", "1");
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self> {
        let started = Instant::now();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{:?} does not start", command.get_program()))?;
        let requests = process.stdin.take().context("a pipe was asked for")?;
        let answers = BufReader::new(process.stdout.take().context("a pipe was asked for")?);
        let mut side = Self {
            process,
            requests,
            answers,
            started,
        };
        side.read().context("the side did not load its checkpoint")?;
        Ok(side)
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, request: &Value) -> Result<Answer> {
        writeln!(self.requests, "{request}")?;
        self.requests.flush()?;
        self.read().with_context(|| format!("no answer to {request}"))
    }

    /// Since the process was started.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    fn read(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // Gone or not: nothing is left to do about it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
