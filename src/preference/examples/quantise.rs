//! Quantises an IDEFICS2 checkpoint, with adapters merged into it, and saves it as one GGUF file.
//!
//!     cargo run --release -p tastemaker-preference --example quantise -- FOLDER OUT.gguf PRECISION [ADAPTER_FOLDER…]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::Device;
use tastemaker_preference::idefics2::{Idefics2, LoadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, precision, adapters @ ..] = &arguments[..] else {
        return Err("usage: quantise FOLDER OUT.gguf PRECISION [ADAPTER_FOLDER…]".into());
    };
    let options = LoadOptions {
        adapters: adapters.iter().map(PathBuf::from).collect(),
        ..LoadOptions::new(Device::Cpu, precision.parse()?)
    };
    let need = Idefics2::memory_need(Path::new(folder), options.precision)?;
    println!(
        "weights {:.2} GB, of a token {:.0} KB, at work {:.2} GB; with 4,096 tokens {:.2} GB",
        need.weights as f64 / 1e9,
        need.cache_per_token as f64 / 1e3,
        need.activations as f64 / 1e9,
        need.total(4096) as f64 / 1e9
    );
    let start = Instant::now();
    Idefics2::load(Path::new(folder), &options)?.save_gguf(Path::new(out))?;
    println!("{out}: saved in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
