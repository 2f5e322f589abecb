//! Times whole pictures on a device, several at a time, and the device's own ceiling: a large matrix product.
//!
//! `compare.py` runs it beside diffusers. On its own:
//!
//! ```text
//! cargo bench -p tastemaker-diffusion --bench gpu --features cudnn -- MODEL --device cuda --dtype f16 --size 512 \
//!     --batches 1,4,16 --steps 20
//! ```
//!
//! Prints one JSON object. `MODEL` is a folder in the diffusers layout; its numbers may be random. Pictures of a batch are
//! stepped together and decoded one after the other, as the bot does. A batch that does not fit the device's memory is
//! reported as such.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use candle_core::DType;
use serde_json::{Value, json};
use tastemaker_diffusion::device::report;
use tastemaker_diffusion::{
    Device, DeviceChoice, DiffusionError, GenerationParams, LoadOptions, Pipeline, Precision, Slot, Tensor,
};

const PROMPT: &str = "a lighthouse on a cliff";
/// The matrix product has this many rows and columns on a GPU, which any GPU of today is busy with.
const GPU_PRODUCT: usize = 8192;
const CPU_PRODUCT: usize = 512;
/// Rounds of a measurement stop after this time, but there is at least one.
const PATIENCE: Duration = Duration::from_secs(12);
const MAX_ROUNDS: usize = 5;

struct Arguments {
    model: PathBuf,
    device: DeviceChoice,
    dtype: Precision,
    size: usize,
    batches: Vec<usize>,
    steps: usize,
}

impl Arguments {
    /// `None` if there are none, as when all benchmarks are run at once.
    fn parse() -> Result<Option<Self>, Box<dyn Error>> {
        let mut found = Self {
            model: PathBuf::new(),
            device: DeviceChoice::Cuda(0),
            dtype: Precision::F16,
            size: 512,
            batches: vec![1, 4, 16],
            steps: 20,
        };
        // Cargo adds `--bench`.
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--device" => {
                    found.device = match value()?.as_str() {
                        "cpu" => DeviceChoice::Cpu,
                        "cuda" => DeviceChoice::Cuda(0),
                        "metal" => DeviceChoice::Metal(0),
                        other => return Err(format!("--device is cpu, cuda or metal, not {other}").into()),
                    }
                }
                "--dtype" => {
                    found.dtype = match value()?.as_str() {
                        "f32" => Precision::F32,
                        "f16" => Precision::F16,
                        "bf16" => Precision::Bf16,
                        other => return Err(format!("--dtype is f32, f16 or bf16, not {other}").into()),
                    }
                }
                "--size" => found.size = value()?.parse()?,
                "--steps" => found.steps = value()?.parse()?,
                "--batches" => {
                    found.batches = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?;
                }
                flag if flag.starts_with('-') => return Err(format!("unknown option {flag}").into()),
                model => found.model = PathBuf::from(model),
            }
        }
        Ok((!found.model.as_os_str().is_empty()).then_some(found))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = Arguments::parse()? else {
        eprintln!("give a model's folder; benches/gpu/compare.py does");
        return Ok(());
    };
    let device = arguments.device.open()?;
    let name = report(&device)?.name;
    let ceiling = matmul_tflops(&device, arguments.dtype.dtype())?;
    let start = Instant::now();
    let options = LoadOptions {
        device: arguments.device,
        dtype: Some(arguments.dtype),
        ..Default::default()
    };
    let pipeline = Pipeline::load(&arguments.model, &options)?;
    device.synchronize()?;
    let load_seconds = start.elapsed().as_secs_f64();
    let mut batches = Vec::new();
    for &batch in &arguments.batches {
        let result = match measure(&pipeline, &device, &arguments, batch) {
            Ok(result) => result,
            Err(DiffusionError::OutOfMemory { reason }) => json!({ "batch": batch, "out_of_memory": reason }),
            Err(other) => return Err(other.into()),
        };
        eprintln!("{result}");
        batches.push(result);
    }
    let total_memory = report(&device)?.total_memory;
    let result = json!({
        "device": name,
        "dtype": format!("{:?}", arguments.dtype).to_lowercase(),
        "size": arguments.size,
        "steps": arguments.steps,
        "matmul_tflops": ceiling,
        "load_seconds": load_seconds,
        "total_memory": total_memory,
        "batches": batches,
    });
    println!("{result}");
    Ok(())
}

/// Teraflops of a square matrix product: the best of several.
fn matmul_tflops(device: &Device, dtype: DType) -> candle_core::Result<f64> {
    let size = if device.is_cpu() { CPU_PRODUCT } else { GPU_PRODUCT };
    let matrix = || Tensor::randn(0f32, 1.0, (size, size), device)?.to_dtype(dtype);
    let (a, b) = (matrix()?, matrix()?);
    let rounds = 10;
    let mut best = f64::INFINITY;
    for _ in 0..4 {
        device.synchronize()?;
        let start = Instant::now();
        for _ in 0..rounds {
            a.matmul(&b)?;
        }
        device.synchronize()?;
        best = best.min(start.elapsed().as_secs_f64() / f64::from(rounds));
    }
    Ok(2.0 * (size as f64).powi(3) / best / 1e12)
}

fn start(
    pipeline: &Pipeline,
    arguments: &Arguments,
    seed: u64,
    steps: usize,
) -> Result<Slot, DiffusionError> {
    let mut params = GenerationParams::for_model(pipeline.info(), PROMPT);
    params.seed = seed;
    params.steps = steps;
    params.guidance = 7.5;
    (params.width, params.height) = (arguments.size, arguments.size);
    pipeline.start(&params)
}

/// Seconds of all steps and of all decodings of one batch.
fn pictures(
    pipeline: &Pipeline,
    device: &Device,
    arguments: &Arguments,
    batch: usize,
    steps: usize,
) -> Result<(f64, f64), DiffusionError> {
    let begun = Instant::now();
    let mut slots = (0..batch)
        .map(|seed| start(pipeline, arguments, seed as u64, steps))
        .collect::<Result<Vec<_>, _>>()?;
    while slots.iter().any(|slot| !slot.is_finished()) {
        pipeline.step(&mut slots.iter_mut().collect::<Vec<_>>())?;
    }
    device.synchronize()?;
    let denoised = begun.elapsed().as_secs_f64();
    for slot in &slots {
        pipeline.decode(slot)?;
    }
    Ok((denoised, begun.elapsed().as_secs_f64() - denoised))
}

fn measure(
    pipeline: &Pipeline,
    device: &Device,
    arguments: &Arguments,
    batch: usize,
) -> Result<Value, DiffusionError> {
    // The first use of each kernel loads it, and libraries choose theirs for each shape.
    pictures(pipeline, device, arguments, batch, 2)?;
    report(device)?;
    let begun = Instant::now();
    let mut rounds = Vec::new();
    while rounds.is_empty() || (begun.elapsed() < PATIENCE && rounds.len() < MAX_ROUNDS) {
        rounds.push(pictures(pipeline, device, arguments, batch, arguments.steps)?);
    }
    rounds.sort_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1)));
    let (denoise, decode) = rounds[rounds.len() / 2];
    Ok(json!({
        "batch": batch,
        "images_per_second": batch as f64 / (denoise + decode),
        "step_seconds": denoise / arguments.steps as f64,
        "decode_seconds_per_image": decode / batch as f64,
        "rounds": rounds.len(),
        "peak_memory": report(device)?.peak_memory,
    }))
}
