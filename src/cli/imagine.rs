//! `tastemaker imagine`: pictures on the command line, without Discord.

mod args;
mod output;
mod requests;

use std::time::Instant;

use anyhow::Context;
use tastemaker_diffusion::{GenerationParams, Pipeline, Slot, latents};

use crate::cli::receipt::receipt_of;
use crate::config::Config;
use crate::engine;
use crate::receipt::{Receipt, encode_png};
pub use args::ImagineArgs;
use output::{Line, progress_bar, report, write_new};
use requests::requests;

/// Makes the pictures and writes them as PNG files that carry their parameters.
///
/// # Errors
/// With a message for the person at the terminal: a model, profile, picture or latents that cannot be read, parameters out of
/// range, a folder that cannot be written.
pub fn run(args: ImagineArgs, config: &Config) -> anyhow::Result<()> {
    let receipt = args.from.as_deref().map(receipt_of).transpose()?;
    let (pipeline, plain) = load(&args, config, receipt.as_ref())?;
    let requests = requests(&args, plain, receipt.as_ref(), pipeline.info())?;
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
    if let Some(receipt) = receipt
        && receipt.model_hash != pipeline.info().hash.get()
    {
        eprintln!(
            "Note: other weights drew that picture ({} {}): this one is not the same.",
            receipt.model, receipt.model_hash
        );
    }
    if let Some(path) = &args.save_latents {
        latents::save(path, &finals)?;
    }
    Ok(())
}

/// The model that is asked for, that drew the picture to draw again, or that is configured, and its defaults.
fn load(
    args: &ImagineArgs,
    config: &Config,
    receipt: Option<&Receipt>,
) -> anyhow::Result<(Pipeline, GenerationParams)> {
    let mut config = config.clone();
    let mut manifest = match (&args.model, receipt) {
        (Some(name), _) => {
            config.model.name.clone_from(name);
            engine::manifest(&config)
        }
        (None, Some(receipt)) => {
            config.model.name.clone_from(&receipt.model);
            engine::manifest(&config).with_context(|| {
                format!(
                    "`{}` drew the picture: say with --model where it is",
                    receipt.model
                )
            })
        }
        (None, None) => engine::manifest(&config),
    }?;
    manifest.loras.extend(args.loras.iter().cloned().map(Into::into));
    let device = config.model.devices.first().map_or("auto", String::as_str);
    let pipeline = engine::ModelSource::of(&config, &manifest, device)?
        .load()
        .with_context(|| format!("cannot load the model `{}`", manifest.name))?;
    Ok((pipeline, manifest.defaults("")))
}

/// How many of these pictures, all of one size, are denoised together.
pub(super) fn joined(requests: &[GenerationParams], config: &Config) -> usize {
    let pixels = requests.first().map_or(1, |first| first.width * first.height);
    let fit = config.pool.max_pixels / (pixels as u64).max(1);
    usize::try_from(fit)
        .unwrap_or(usize::MAX)
        .clamp(1, config.pool.max_slots.max(1))
}

/// Takes all pictures to their last step, together.
pub(super) fn denoise(pipeline: &Pipeline, group: &[GenerationParams]) -> anyhow::Result<Vec<Slot>> {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::receipt::read_receipt;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ImagineArgs,
    }

    /// Draws into `folder` with the tiny checkpoint and returns the newest picture.
    fn draw(folder: &Path, words: &[&str]) -> anyhow::Result<Vec<u8>> {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion/sd");
        let mut config = Config::defaults()?;
        config.model.devices = vec!["cpu".to_owned()];
        config.model.name = model.display().to_string();
        let out = folder.join(format!("{}", std::fs::read_dir(folder)?.count()));
        let (model, out) = (config.model.name.clone(), out.display().to_string());
        let fixed = ["imagine", "--model", &model, "--out", &out];
        let line = Line::try_parse_from(fixed.iter().chain(words))?;
        run(line.args, &config)?;
        let entry = std::fs::read_dir(out)?.next().context("a picture")??;
        Ok(std::fs::read(entry.path())?)
    }

    #[test]
    fn a_picture_is_drawn_again_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let words = [
            "a (lighthouse:1.2)",
            "--steps",
            "3",
            "--seed",
            "7",
            "--like",
            "ink",
            "--beta",
            "0.4",
            "--size",
            "16x24",
            "--scheduler",
            "euler_a",
            "--negative",
            "fog",
            "--vary",
            "9:0.3",
            "--hires",
            "24x32",
            "--noise",
            "torch",
        ];
        let first = draw(folder.path(), &words).unwrap();
        let path = folder.path().join("first.png");
        std::fs::write(&path, &first).unwrap();
        let from = path.display().to_string();
        assert_eq!(draw(folder.path(), &["--from", &from]).unwrap(), first);
        // But for what is said otherwise.
        let other = draw(folder.path(), &["--from", &from, "--beta", "0"]).unwrap();
        let (first, other) = (
            read_receipt(&first).unwrap().unwrap(),
            read_receipt(&other).unwrap().unwrap(),
        );
        assert_eq!(other, Receipt { beta: 0.0, ..first });
    }

    #[test]
    fn a_picture_that_started_from_another_wants_that_too() {
        let folder = tempfile::tempdir().unwrap();
        let start = folder.path().join("start.png");
        image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([(x * 16) as u8, (y * 16) as u8, 90]))
            .save(&start)
            .unwrap();
        let start = start.display().to_string();
        let words = [
            "a cat",
            "--steps",
            "4",
            "--size",
            "16x16",
            "--image",
            &start,
            "--strength",
            "0.5",
        ];
        let first = draw(folder.path(), &words).unwrap();
        let path = folder.path().join("first.png");
        std::fs::write(&path, &first).unwrap();
        let from = path.display().to_string();
        let error = draw(folder.path(), &["--from", &from]).unwrap_err().to_string();
        assert!(error.contains("--image"), "{error}");
        assert_eq!(
            draw(folder.path(), &["--from", &from, "--image", &start]).unwrap(),
            first
        );
        let error = draw(folder.path(), &["--from", &start]).unwrap_err().to_string();
        assert!(error.contains("carries no receipt"), "{error}");
        assert!(draw(folder.path(), &[]).is_err(), "neither words nor a picture");
    }
}
