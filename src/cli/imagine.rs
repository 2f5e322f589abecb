//! `tastemaker imagine`: pictures on the command line, without Discord.

mod args;
mod output;
mod requests;

use std::time::Instant;

use anyhow::Context;
use tastemaker_diffusion::{GenerationParams, Pipeline, Slot, latents};

use crate::config::Config;
use crate::engine;
use crate::receipt::{Receipt, encode_png};
pub use args::ImagineArgs;
use output::{Line, progress_bar, report, write_new};
use requests::requests;

/// Makes the pictures and writes them as PNG files that carry their parameters.
///
/// # Errors
/// With a message for the person at the terminal: a model, profile or latents that cannot be read, parameters out of
/// range, a folder that cannot be written.
pub fn run(args: ImagineArgs, config: &Config) -> anyhow::Result<()> {
    let pipeline = load(&args, config)?;
    let requests = requests(&args, config, &pipeline)?;
    // The pictures differ in their noise only, so that what holds for one holds for all.
    for notice in requests
        .first()
        .map_or(Ok(Vec::new()), |first| pipeline.notices(first))?
    {
        eprintln!("Note: {notice}.");
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let mut finals = Vec::new();
    for group in requests.chunks(joined(&requests, config)) {
        let started = Instant::now();
        let slots = denoise(&pipeline, group)?;
        for (params, slot) in group.iter().zip(&slots) {
            let receipt = Receipt::new(params, pipeline.info());
            let picture = pipeline.decode(slot)?;
            if pipeline
                .check(&picture)?
                .is_some_and(|report| report.is_flagged())
            {
                tracing::warn!(
                    seed = params.seed,
                    "the safety checker found something in this picture"
                );
            }
            let file = encode_png(&picture, &receipt)?;
            let path = write_new(&args.out, &format!("seed-{}", params.seed), &file)?;
            let seconds = started.elapsed().as_secs_f64();
            let line = Line {
                path: &path,
                seconds,
                latents: args.save_latents.as_deref(),
                receipt: &receipt,
            };
            report(&line, args.json)?;
            finals.push(slot.latents().clone());
        }
    }
    if let Some(path) = &args.save_latents {
        latents::save(path, &finals)?;
    }
    Ok(())
}

fn load(args: &ImagineArgs, config: &Config) -> anyhow::Result<Pipeline> {
    let mut config = config.clone();
    if let Some(name) = &args.model {
        config.model.name.clone_from(name);
    }
    let mut manifest = engine::manifest(&config)?;
    manifest.loras.extend(args.loras.iter().cloned());
    let device = config.model.devices.first().map_or("auto", String::as_str);
    engine::ModelSource::of(&config, &manifest, device)?
        .load()
        .with_context(|| format!("cannot load the model `{}`", manifest.name))
}

/// How many of these pictures, all of one size, are denoised together.
fn joined(requests: &[GenerationParams], config: &Config) -> usize {
    let pixels = requests.first().map_or(1, |first| first.width * first.height);
    let fit = config.pool.max_pixels / (pixels as u64).max(1);
    usize::try_from(fit)
        .unwrap_or(usize::MAX)
        .clamp(1, config.pool.max_slots.max(1))
}

/// Takes all pictures to their last step, together.
fn denoise(pipeline: &Pipeline, group: &[GenerationParams]) -> anyhow::Result<Vec<Slot>> {
    let mut slots = group
        .iter()
        .map(|params| pipeline.start(params))
        .collect::<Result<Vec<_>, _>>()?;
    let total = slots.iter().map(Slot::steps).max().unwrap_or_default();
    let bar = progress_bar(total as u64)?;
    for _ in 0..total {
        pipeline.step(&mut slots.iter_mut().collect::<Vec<_>>())?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(slots)
}
