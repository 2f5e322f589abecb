//! Picture sizes: an aspect keeps the model's own number of pixels and what its layers can halve.

use tastemaker_commands::imagine::Aspect;

/// Long side over short side of portrait and landscape pictures, as in photography.
const RATIO: f64 = 1.5;

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
    fn a_model_that_is_not_square_can_be_asked_for_a_square() {
        assert_eq!(size(Aspect::Square, (768, 512), 64), (640, 640));
    }
}
