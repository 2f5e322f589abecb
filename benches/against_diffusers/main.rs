//! Compares this crate with diffusers on torch: same weights (random, in the shapes of published models), same inputs,
//! same threads; the two sides run in processes of their own and take turns, so that both see the same machine.
//!
//! ```sh
//! pip install torch diffusers transformers accelerate safetensors
//! cargo bench -p tastemaker-diffusion --bench against_diffusers -- --python python3 --cache /tmp/checkpoints --quick
//! ```
//!
//! Prints a table of medians with their ranges, the ratio of medians (below 1: we are faster), the difference between the
//! two sides' results, and each side's peak memory; `--json FILE` writes the same as JSON.
//!
//! A side answers requests, one line of JSON each: `{"do": WHAT, …}` with WHAT = `step` (width, height, prompt, negative,
//! latents: file of f32, out: file), `decode` (the latest step's latents; out), `text` (prompt), `peak` and, for torch,
//! `layout` (channels_last), for us `start` and `picture`. The answer has `seconds`, and `peak` in bytes where asked.
#![allow(clippy::expect_used, missing_docs)]

mod ours;
mod report;
mod rounds;
mod side;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Parser;

use report::Report;
use rounds::Rounds;
use side::Side;

/// The service's allocator: without one that keeps pages, large short-lived buffers cost page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compares the engine with diffusers on torch.
#[derive(Parser)]
pub struct Options {
    /// Shapes: sd15 or sdxl.
    #[arg(long, default_value = "sd15")]
    family: String,
    /// Stored precision of our side's weights: f32 or f16. Torch keeps the precision that it computes in.
    #[arg(long, default_value = "f32")]
    dtype: String,
    /// Both sides compute in bf16 (on processors with AVX512-BF16): torch in everything, we in the UNet's products.
    #[arg(long)]
    bf16: bool,
    /// Where the random checkpoints are kept (4 to 14 GB each).
    #[arg(long, default_value = "/tmp/tastemaker-checkpoints")]
    cache: PathBuf,
    /// An interpreter that has torch and diffusers.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Threads on both sides; all cores if absent.
    #[arg(long)]
    threads: Option<usize>,
    /// Picture sizes, in pixels.
    #[arg(long, value_delimiter = ',', default_value = "256,512")]
    sizes: Vec<usize>,
    /// What to measure: step, decode, text, personal, memory, load.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "step,decode,text,personal,memory,load"
    )]
    only: Vec<String>,
    /// Turns of each side.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Two turns each, and torch's memory layouts are not both tried.
    #[arg(long)]
    quick: bool,
    /// One side at a time in memory: for models of which two do not fit.
    #[arg(long)]
    one_at_a_time: bool,
    /// Do not run torch's side: times and memory of ours alone.
    #[arg(long)]
    alone: bool,
    /// Also write the results here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Internal: be our side, with this checkpoint.
    #[arg(long, hide = true)]
    serve: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if let Some(folder) = &options.serve {
        return ours::serve(folder, options.bf16);
    }
    if options.quick {
        options.repeats = 2;
    }
    let threads = match options.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../benches/against_diffusers");
    let make = |dtype: &str| -> Result<PathBuf> {
        let folder = options.cache.join(format!("{}-{dtype}", options.family));
        if !folder.join("model_index.json").is_file() {
            let status = std::process::Command::new(&options.python)
                .arg(script.join("checkpoints.py"))
                .arg(&options.cache)
                .args([&options.family, dtype])
                .status()
                .with_context(|| format!("{} does not start", options.python.display()))?;
            if !status.success() {
                bail!("the random checkpoint could not be written");
            }
        }
        Ok(folder)
    };
    let folder = make(&options.dtype)?;
    let start_ours = || Side::ours(&folder, threads, options.bf16);
    let torch_side = script.join("torch_side.py");
    let start_torch = || Side::torch(&options.python, &torch_side, &folder, threads, options.bf16);
    let computed = if options.bf16 { "bf16" } else { "f32" };
    let mut report = Report::new(&options.family, &options.dtype, computed, threads);
    Rounds::new(&options, &start_ours, &start_torch, &mut report)?.run()?;
    print!("{}", report.table());
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&report.json())?)?;
    }
    Ok(())
}
