use super::*;
use crate::ops::testing::{bits, noise, relative_error};
use candle_core::DType;
use proptest::prelude::*;

fn layer(input: usize, output: usize, kernel: usize, stride: usize, padding: usize) -> Conv2d {
    let weight = Parameter::owned(&noise(1, (output, input, kernel, kernel))).unwrap();
    Conv2d {
        weight,
        bias: Some(noise(2, output)),
        stride,
        padding,
    }
}

#[test]
fn it_agrees_with_candle_on_odd_sizes() {
    for (input, output, kernel, stride, padding, height, width) in [
        (3, 5, 3, 1, 1, 7, 9),
        (4, 8, 1, 1, 0, 5, 6),
        (2, 3, 3, 2, 1, 9, 8),
        (2, 3, 3, 2, 0, 9, 8),
        (1, 1, 3, 1, 1, 1, 1),
        (2, 2, 5, 1, 2, 3, 4),
        (3, 4, 3, 1, 1, 70, 40),
        (3, 4, 1, 2, 0, 5, 5),
        (2, 2, 3, 1, 3, 2, 2),
    ] {
        let layer = layer(input, output, kernel, stride, padding);
        let x = noise(3, (2, input, height, width));
        let y = layer.forward(&x).unwrap();
        let error = relative_error(&y, &layer.plain(&x, Added::default()).unwrap());
        assert!(
            error < 1e-5,
            "kernel {kernel}, stride {stride}, padding {padding}: {error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Many channels, so that 3×3 kernels take Winograd's way; more channels than one cut, more tiles than one block.
    #[test]
    fn any_shape_precision_and_addition_agrees_with_candle(
        pictures in 1..4usize, input in 1..400usize, output in 1..60usize, height in 1..40usize, width in 1..40usize,
        kernel in prop::sample::select(vec![1usize, 3]), format in 0..3usize, added: bool,
    ) {
        // Candle's own convolution is slow.
        let height = if input > 100 { height.min(12) } else { height };
        let dtype = [DType::F32, DType::F16, DType::BF16][format];
        let weight = noise(1, (output, input, kernel, kernel)).to_dtype(dtype).unwrap();
        let layer = Conv2d {
            weight: Parameter::owned(&weight).unwrap(), bias: Some(noise(2, output)), stride: 1, padding: kernel / 2,
        };
        let x = noise(3, (pictures, input, height, width));
        let (channels, shortcut) = (noise(4, (pictures, output)), noise(5, (pictures, output, height, width)));
        let added = if added {
            Added { channels: Some(&channels), shortcut: Some(&shortcut) }
        } else {
            Added::default()
        };
        let error = relative_error(&layer.forward_add(&x, added).unwrap(), &layer.plain(&x, added).unwrap());
        // The largest of thousands of differences; their mean is a tenth of it.
        prop_assert!(error < 5e-5, "{error}");
    }
}

#[test]
fn a_picture_is_the_same_alone_and_in_a_batch() {
    for (input, kernel, size) in [(16, 3, 16), (700, 3, 8), (16, 3, 5), (16, 1, 9), (3, 3, 20)] {
        let layer = layer(input, 32, kernel, 1, kernel / 2);
        let x = noise(5, (3, input, size, size));
        let together = layer.forward(&x).unwrap();
        for picture in 0..3 {
            let alone = layer.forward(&x.narrow(0, picture, 1).unwrap()).unwrap();
            assert_eq!(bits(&alone), bits(&together.narrow(0, picture, 1).unwrap()));
        }
    }
}

#[test]
fn doubling_beforehand_is_the_same() {
    for (input, size) in [(16, 8), (16, 20), (5, 9), (33, 18)] {
        let layer = layer(input, 12, 3, 1, 1);
        let x = noise(5, (2, input, size, size + 2));
        let expected = layer
            .forward(&x.upsample_nearest2d(2 * size, 2 * size + 4).unwrap())
            .unwrap();
        assert_eq!(bits(&layer.forward_doubled(&x).unwrap()), bits(&expected));
    }
}

#[test]
fn a_picture_smaller_than_the_kernel_is_an_error() {
    assert!(layer(1, 1, 3, 1, 0).forward(&noise(1, (1, 1, 2, 2))).is_err());
}
