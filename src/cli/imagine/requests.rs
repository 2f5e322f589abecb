//! From what is asked for to the parameters of each picture.

use std::path::Path;

use anyhow::{Context, ensure};
use tastemaker_diffusion::{GenerationParams, Hires, ModelInfo, Pipeline, SourceImage, Tensor, latents};
use tastemaker_preference::Profile;

use super::ImagineArgs;
use crate::config::Config;
use crate::engine;

/// The parameters of each picture, checked.
pub(super) fn requests(
    args: &ImagineArgs,
    config: &Config,
    pipeline: &Pipeline,
) -> anyhow::Result<Vec<GenerationParams>> {
    let info = pipeline.info();
    let mut first = defaults(args, config)?;
    (first.vp_plus, first.vp_minus) = preferences(args)?;
    first.negative.clone_from(&args.negative);
    first.beta = args.beta.unwrap_or(first.beta);
    first.conditioning = args.conditioning.unwrap_or(first.conditioning);
    first.seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    first.noise = args.noise.unwrap_or(first.noise);
    first.steps = args.steps.unwrap_or(first.steps);
    first.guidance = args.guidance.unwrap_or(first.guidance);
    first.prompt_weights = !args.plain_brackets;
    first.clip_skip = args.clip_skip.unwrap_or(first.clip_skip);
    first.scheduler = args.scheduler.unwrap_or(first.scheduler);
    let init = args.init_latents.as_deref().map(latents::load).transpose()?;
    if let Some(size) = args.size {
        (first.width, first.height) = (size.width, size.height);
    } else if let Some(latents) = &init {
        // The latents say the size better than a default does.
        (first.width, first.height) = size_of(latents, info)?;
    }
    if let Some(path) = &args.image {
        first.source = Some(source(path, first.width, first.height, args.strength)?);
    }
    if let Some(larger) = args.hires {
        let size = larger.of(first.width, first.height, info.vae_scale);
        first.hires = Some(Hires {
            width: size.width,
            height: size.height,
            strength: args.hires_strength,
            steps: args.hires_steps.unwrap_or(first.steps),
            upscale: args.hires_upscale,
        });
    }
    let mut requests = Vec::new();
    for k in 0..args.count {
        let mut params = first.clone();
        params.seed = first.seed.wrapping_add(k);
        params.variations = args.vary.iter().map(|vary| vary.of(k)).collect();
        params.init_latents = init
            .as_ref()
            .map(|latents| row(latents, k, args.count))
            .transpose()?;
        params.validate(info)?;
        requests.push(params);
    }
    Ok(requests)
}

/// The middle of a picture, at the size of the one to make.
fn source(path: &Path, width: usize, height: usize, strength: f64) -> anyhow::Result<SourceImage> {
    let picture = image::ImageReader::open(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .with_guessed_format()?
        .decode()
        .with_context(|| format!("{} is no picture that can be read (PNG or JPEG)", path.display()))?;
    Ok(SourceImage::fitting(
        &picture.into_rgb8(),
        width,
        height,
        strength,
    ))
}

fn defaults(args: &ImagineArgs, config: &Config) -> anyhow::Result<GenerationParams> {
    let mut config = config.clone();
    if let Some(name) = &args.model {
        config.model.name.clone_from(name);
    }
    Ok(engine::manifest(&config)?.defaults(args.prompt.clone()))
}

/// VP+ and VP−.
fn preferences(args: &ImagineArgs) -> anyhow::Result<(String, String)> {
    let Some(path) = &args.profile else {
        return Ok((args.like.clone(), args.dislike.clone()));
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let profile =
        Profile::from_json(&text).with_context(|| format!("{} is not a profile", path.display()))?;
    Ok((profile.vp_plus(), profile.vp_minus()))
}

fn size_of(latents: &Tensor, info: &ModelInfo) -> anyhow::Result<(usize, usize)> {
    let (_, _, height, width) = latents.dims4()?;
    Ok((width * info.vae_scale, height * info.vae_scale))
}

/// Picture `k`'s noise: its own row, or the only one.
fn row(latents: &Tensor, k: u64, count: u64) -> anyhow::Result<Tensor> {
    let rows = latents.dim(0)?;
    ensure!(
        rows == 1 || rows as u64 == count,
        "the file has latents for {rows} pictures, {count} are asked for"
    );
    Ok(latents.narrow(0, if rows == 1 { 0 } else { k as usize }, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_are_one_for_all_or_one_for_each() {
        let latents = Tensor::new(&[[[[1f32]]], [[[2.0]]]], &tastemaker_diffusion::Device::Cpu).unwrap();
        let value = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(value(row(&latents, 1, 2).unwrap()), [2.0]);
        assert_eq!(
            value(row(&latents.narrow(0, 0, 1).unwrap(), 2, 3).unwrap()),
            [1.0]
        );
        assert!(row(&latents, 0, 3).is_err());
    }
}
