//! Our side of the comparison.

use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use tastemaker_diffusion::{
    Device, DeviceChoice, GenerationParams, LoadOptions, Pipeline, Precision, Slot, Tensor,
};

/// As many as torch's side lays out.
const STEPS: usize = 20;
const PLUS: &str = "watercolor, soft light, muted colors";
const MINUS: &str = "neon, hard edges";

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    width: usize,
    #[serde(default)]
    height: usize,
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    negative: String,
    /// Unit noise, f32.
    #[serde(default)]
    latents: String,
    #[serde(default)]
    out: String,
    #[serde(default)]
    beta: f64,
}

/// Answers requests until there are no more.
pub fn serve(folder: &Path, bf16: bool) -> Result<()> {
    let options = LoadOptions {
        device: DeviceChoice::Cpu,
        dtype: bf16.then_some(Precision::Bf16),
        ..Default::default()
    };
    let pipeline = Pipeline::load(folder, &options)?;
    let mut latest = None;
    let mut out = std::io::stdout();
    writeln!(out, "{}", json!({"seconds": 0.0}))?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let answer = match request.what.as_str() {
            "peak" => json!({"seconds": 0.0, "peak": peak_memory()?}),
            _ => json!({"seconds": answer(&pipeline, &request, &mut latest)?}),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(pipeline: &Pipeline, request: &Request, latest: &mut Option<Slot>) -> Result<f64> {
    let params = GenerationParams {
        negative: request.negative.clone(),
        vp_plus: PLUS.to_owned(),
        vp_minus: MINUS.to_owned(),
        beta: request.beta,
        steps: STEPS,
        width: request.width.max(64),
        height: request.height.max(64),
        ..GenerationParams::for_model(pipeline.info(), request.prompt.clone())
    };
    match request.what.as_str() {
        "step" => {
            let params = GenerationParams {
                init_latents: Some(read_latents(request)?),
                ..params
            };
            let mut slot = pipeline.start(&params)?;
            let start = Instant::now();
            pipeline.step(&mut [&mut slot])?;
            let seconds = start.elapsed().as_secs_f64();
            let values = slot.latents().flatten_all()?.to_vec1::<f32>()?;
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(&request.out, bytes)?;
            *latest = Some(slot);
            Ok(seconds)
        }
        "decode" => {
            let slot = latest.as_ref().context("decoding follows a step")?;
            let start = Instant::now();
            let picture = pipeline.decode(slot)?;
            let seconds = start.elapsed().as_secs_f64();
            std::fs::write(&request.out, picture.as_raw())?;
            Ok(seconds)
        }
        // Encodes one text: the negative prompt is in the cache from the first time on.
        "text" => {
            let start = Instant::now();
            pipeline.start(&params)?;
            Ok(start.elapsed().as_secs_f64())
        }
        // A new β with everything else known, up to the first step; the count proves that nothing was encoded.
        "start" => {
            pipeline.start(&params)?;
            let before = pipeline.text_encodings();
            let start = Instant::now();
            pipeline.start(&GenerationParams {
                beta: params.beta / 2.0,
                ..params
            })?;
            let seconds = start.elapsed().as_secs_f64();
            anyhow::ensure!(
                pipeline.text_encodings() == before,
                "a change of β encoded texts again"
            );
            Ok(seconds)
        }
        // A whole picture of few steps, texts in the cache.
        "picture" => {
            let params = GenerationParams { steps: 4, ..params };
            pipeline.start(&params)?;
            let start = Instant::now();
            pipeline.generate(&params, |_| ControlFlow::Continue(()))?;
            Ok(start.elapsed().as_secs_f64())
        }
        other => anyhow::bail!("unknown request `{other}`"),
    }
}

fn read_latents(request: &Request) -> Result<Tensor> {
    let bytes = std::fs::read(&request.latents)?;
    let values: Vec<f32> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&b| f32::from_le_bytes(b))
        .collect();
    let shape = (1, 4, request.height / 8, request.width / 8);
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// The largest resident set of this process so far, in bytes. Pages of mapped weights count.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .context("the kernel tells no peak memory")?;
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .context("VmHWM has no value")?
        .parse()?;
    Ok(kib * 1024)
}
