//! Picture sizes: an aspect keeps the model's own number of pixels and what its layers can halve.

use tastemaker_commands::imagine::Aspect;
use tastemaker_diffusion::params::MAX_SIDE;
use tastemaker_pool::ImageRequest;

/// Long side over short side of portrait and landscape pictures, as in photography.
const RATIO: f64 = 1.5;

/// How many times as wide and as high *upscale* makes a picture.
const UPSCALE: u32 = 2;

/// Returns the size of a request's finished pictures.
pub(super) fn of(request: &ImageRequest) -> (u32, u32) {
    match &request.hires {
        Some(hires) => (hires.width, hires.height),
        None => (request.width, request.height),
    }
}

/// Returns the size that *upscale* makes of a request's pictures; `None` if they were made larger before, or would be
/// too large.
pub(super) fn larger(request: &ImageRequest) -> Option<(u32, u32)> {
    let (width, height) = (request.width * UPSCALE, request.height * UPSCALE);
    (request.hires.is_none() && width.max(height) as usize <= MAX_SIDE).then_some((width, height))
}

/// Returns the shape that is nearest to that of a picture of this size.
pub(super) fn nearest(width: u32, height: u32) -> Aspect {
    let ratio = f64::from(width.max(1)) / f64::from(height.max(1));
    // Half-way between the shapes, as ratios go.
    let limit = RATIO.sqrt();
    if ratio > limit {
        Aspect::Landscape
    } else if ratio < 1.0 / limit {
        Aspect::Portrait
    } else {
        Aspect::Square
    }
}

/// Returns width and height in pixels for an aspect, near the area that the model was trained on.
///
/// `multiple` is what both sides must be divisible by: the VAE's scale times what the UNet halves.
pub(super) fn size(aspect: Aspect, native: (u32, u32), multiple: u32) -> (u32, u32) {
    let area = f64::from(native.0) * f64::from(native.1);
    let multiple = multiple.max(1);
    let side = |length: f64| ((length / f64::from(multiple)).round() as u32).max(1) * multiple;
    let (short, long) = (side((area / RATIO).sqrt()), side((area * RATIO).sqrt()));
    match aspect {
        Aspect::Square if native.0 == native.1 => native,
        Aspect::Square => (side(area.sqrt()), side(area.sqrt())),
        Aspect::Portrait => (short, long),
        Aspect::Landscape => (long, short),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aspects_keep_the_area_and_the_multiple() {
        for (native, multiple) in [(128, 16), (256, 32), (512, 64), (768, 64), (1024, 64)] {
            for aspect in [Aspect::Square, Aspect::Portrait, Aspect::Landscape] {
                let (width, height) = size(aspect, (native, native), multiple);
                assert_eq!((width % multiple, height % multiple), (0, 0));
                let area = f64::from(width * height) / f64::from(native * native);
                assert!(
                    (0.75..1.25).contains(&area),
                    "{native} {aspect:?}: {width}×{height}"
                );
            }
        }
    }

    #[test]
    fn the_usual_sizes() {
        assert_eq!(size(Aspect::Square, (512, 512), 64), (512, 512));
        assert_eq!(size(Aspect::Portrait, (512, 512), 64), (448, 640));
        assert_eq!(size(Aspect::Landscape, (512, 512), 64), (640, 448));
    }

    #[test]
    fn a_picture_has_the_nearest_shape() {
        assert_eq!(nearest(1000, 900), Aspect::Square);
        assert_eq!(nearest(1920, 1080), Aspect::Landscape);
        assert_eq!(nearest(600, 800), Aspect::Portrait);
    }

    #[test]
    fn a_picture_grows_once_and_not_beyond_the_limit() {
        let mut request = super::super::render::tests::task(0.6).record.job.request;
        assert_eq!(larger(&request), Some((256, 256)));
        (request.width, request.height) = (1536, 1024);
        assert_eq!(larger(&request), None);
    }

    #[test]
    fn a_model_that_is_not_square_can_be_asked_for_a_square() {
        assert_eq!(size(Aspect::Square, (768, 512), 64), (640, 640));
    }
}
