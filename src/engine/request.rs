//! What a request of the pool means to the pipeline.

use std::sync::Arc;

use tastemaker_diffusion::{DiffusionError, GenerationParams, Hires, SourceImage, Variation};
use tastemaker_pool::ImageRequest;

/// Reads what a request says of a second pass.
///
/// # Errors
/// When it names something to enlarge that there is not.
pub fn hires(asked: &tastemaker_pool::Hires) -> Result<Hires, DiffusionError> {
    Ok(Hires {
        width: asked.width as usize,
        height: asked.height as usize,
        strength: asked.strength,
        steps: asked.steps as usize,
        upscale: asked.upscale.parse()?,
    })
}

/// Reads the picture that one of a request's pictures starts from.
///
/// # Errors
/// When its pixels were not filled in.
fn source(request: &ImageRequest, picture: u8) -> Result<Option<SourceImage>, DiffusionError> {
    let Some(source) = &request.source else {
        return Ok(None);
    };
    let image = source
        .pixels_of(picture)
        .ok_or_else(|| DiffusionError::InvalidParameter {
            parameter: "source",
            problem: "has no pixels".to_owned(),
        })?;
    Ok(Some(SourceImage {
        image: Arc::clone(image),
        strength: source.strength,
    }))
}

/// Reads a request into the parameters of one of its pictures.
///
/// # Errors
/// When it names a conditioning mode, a noise, a scheduler or a kind of enlarging that there is not, or lacks the pixels
/// that it starts from.
pub fn params(request: &ImageRequest, picture: u8) -> Result<GenerationParams, DiffusionError> {
    let nth = u64::from(picture);
    let variation = |it: &tastemaker_pool::Variation| Variation {
        seed: it.seed.wrapping_add(nth),
        strength: it.strength,
    };
    Ok(GenerationParams {
        prompt: request.prompt.clone(),
        negative: request.negative.clone(),
        vp_plus: request.vp_plus.clone(),
        vp_minus: request.vp_minus.clone(),
        beta: request.beta,
        conditioning: request.conditioning.parse()?,
        seed: request.seed_of(picture),
        noise: request.noise.parse()?,
        variations: request.variations.iter().map(variation).collect(),
        steps: request.steps as usize,
        guidance: request.guidance,
        guidance_rescale: request.guidance_rescale,
        clip_skip: 0,
        prompt_weights: true,
        scheduler: request.scheduler.parse()?,
        width: request.width as usize,
        height: request.height as usize,
        source: source(request, picture)?,
        hires: request.hires.as_ref().map(hires).transpose()?,
        init_latents: None,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use image::RgbImage;

    use super::*;

    pub(in crate::engine) fn request() -> ImageRequest {
        ImageRequest {
            prompt: "a lighthouse".into(),
            negative: String::new(),
            vp_plus: "ink".into(),
            vp_minus: String::new(),
            beta: 0.4,
            conditioning: "guidance".into(),
            seed: u64::MAX,
            picks: Vec::new(),
            noise: "portable".into(),
            steps: 3,
            guidance: 5.0,
            guidance_rescale: 0.0,
            scheduler: "euler_a_karras".into(),
            width: 64,
            height: 96,
            count: 2,
            variations: vec![tastemaker_pool::Variation {
                seed: 5,
                strength: 0.35,
            }],
            source: None,
            hires: None,
        }
    }

    #[test]
    fn each_picture_starts_from_its_own_source() {
        let picture = |value| Arc::new(RgbImage::from_pixel(2, 2, image::Rgb([value; 3])));
        let with = |pixels: Vec<Arc<RgbImage>>| ImageRequest {
            source: Some(tastemaker_pool::Source {
                of: tastemaker_pool::SourceOf::Pictures(1),
                strength: 0.5,
                hashes: Vec::new(),
                pixels: tastemaker_pool::Pixels(pixels),
            }),
            ..request()
        };
        let two = with(vec![picture(1), picture(2)]);
        assert_eq!(params(&two, 1).unwrap().source.unwrap().image, picture(2));
        let one = with(vec![picture(1)]);
        assert_eq!(params(&one, 1).unwrap().source.unwrap().image, picture(1));
        assert!(
            params(&with(Vec::new()), 0)
                .unwrap_err()
                .to_string()
                .contains("source")
        );
    }

    #[test]
    fn the_second_picture_has_the_next_seed_and_the_next_variation() {
        let params = params(&request(), 1).unwrap();
        assert_eq!((params.seed, params.variations[0].seed), (0, 6));
        assert_eq!((params.width, params.height, params.steps), (64, 96, 3));
    }

    #[test]
    fn a_request_from_before_there_was_a_choice_of_noise_reads() {
        let mut old = serde_json::to_value(request()).unwrap();
        old.as_object_mut().unwrap().remove("noise");
        let old: ImageRequest = serde_json::from_value(old).unwrap();
        assert_eq!(
            params(&old, 0).unwrap().noise,
            tastemaker_diffusion::NoiseKind::Portable
        );
    }
}
