//! From what is asked for to the parameters of each picture.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use tastemaker_diffusion::{
    GenerationParams, Hires, ModelInfo, SourceImage, Tensor, Variation, latents, picture_hash,
};
use tastemaker_preference::Profile;

use super::ImagineArgs;
use crate::receipt::Receipt;

/// How far a picture moves away from the one that it starts from, unless that is said.
const STRENGTH: f64 = 0.6;

/// The parameters of each picture, checked. `plain` are the model's defaults, `receipt` that of the picture to draw again.
pub(super) fn requests(
    args: &ImagineArgs,
    plain: GenerationParams,
    receipt: Option<&Receipt>,
    info: &ModelInfo,
) -> anyhow::Result<Vec<GenerationParams>> {
    let mut first = match receipt {
        Some(receipt) => receipt.params(&plain)?,
        None => plain,
    };
    if let Some(prompt) = &args.prompt {
        first.prompt.clone_from(prompt);
    }
    if let Some((plus, minus)) = preferences(args)? {
        (first.vp_plus, first.vp_minus) = (plus, minus);
    }
    if let Some(negative) = &args.negative {
        first.negative.clone_from(negative);
    }
    first.beta = args.beta.unwrap_or(first.beta);
    first.conditioning = args.conditioning.unwrap_or(first.conditioning);
    first.seed = match (args.seed, receipt) {
        (Some(seed), _) => seed,
        (None, Some(_)) => first.seed,
        (None, None) => u64::from(rand::random::<u32>()),
    };
    first.noise = args.noise.unwrap_or(first.noise);
    first.steps = args.steps.unwrap_or(first.steps);
    first.guidance = args.guidance.unwrap_or(first.guidance);
    first.prompt_weights &= !args.plain_brackets;
    first.clip_skip = args.clip_skip.unwrap_or(first.clip_skip);
    first.scheduler = args.scheduler.unwrap_or(first.scheduler);
    let init = args.init_latents.as_deref().map(latents::load).transpose()?;
    if let Some(size) = args.size {
        (first.width, first.height) = (size.width, size.height);
    } else if let Some(latents) = &init {
        // The latents say the size better than a default does.
        (first.width, first.height) = size_of(latents, info)?;
    }
    let before = receipt.and_then(|receipt| receipt.source.as_ref());
    if let Some(path) = &args.image {
        let strength = args.strength.or(before.map(|before| before.strength));
        let source = source(path, first.width, first.height, strength.unwrap_or(STRENGTH))?;
        if before.is_some_and(|before| before.hash != picture_hash(&source.image)) {
            eprintln!(
                "Note: {} is not the picture that it started from.",
                path.display()
            );
        }
        first.source = Some(source);
    } else if before.is_some() {
        bail!("the picture started from another one, which is not in its file: give that with --image");
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
        let turned = |variation: &Variation| Variation {
            seed: variation.seed.wrapping_add(k),
            ..*variation
        };
        params.variations = match args.vary.is_empty() {
            true => first.variations.iter().map(turned).collect(),
            false => args.vary.iter().map(|vary| turned(&vary.0)).collect(),
        };
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

/// VP+ and VP−, if any are given.
fn preferences(args: &ImagineArgs) -> anyhow::Result<Option<(String, String)>> {
    let Some(path) = &args.profile else {
        let given = args.like.is_some() || args.dislike.is_some();
        let list = |list: &Option<String>| list.clone().unwrap_or_default();
        return Ok(given.then(|| (list(&args.like), list(&args.dislike))));
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let profile =
        Profile::from_json(&text).with_context(|| format!("{} is not a profile", path.display()))?;
    Ok(Some((profile.vp_plus(), profile.vp_minus())))
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
