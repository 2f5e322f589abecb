//! Layers between pixels and tokens: a matrix (stored as a layer's or as a 1×1 convolution's) applied to the channels, with
//! the change from (channels, pixels) to (pixels, channels) or back in the same pass.

use candle_core::{Result, Tensor};

use super::product::{Finish, Pixels, Size, Transposed, Weight, panel_width, product};
use super::{is_fast, with_values};
use crate::weights::{Parameter, Values};

/// (out, in), whatever axes of length one follow.
fn sizes(weight: &Parameter) -> Result<(usize, usize)> {
    match *weight.dims() {
        [output, input] | [output, input, 1, 1] => Ok((output, input)),
        _ => candle_core::bail!("{:?} is not a matrix", weight.dims()),
    }
}

/// The layer with candle's operations, for other devices and precisions.
fn plain(matrix: &Tensor, bias: Option<&Tensor>, tokens: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    if super::cuda::takes(tokens) {
        return super::cuda::linear(tokens, matrix, bias, None);
    }
    candle_nn::Module::forward(&candle_nn::Linear::new(matrix.clone(), bias.cloned()), tokens)
}

/// `W · x + b` for each pixel of `x`, (pictures, in, height, width): (pictures, pixels, out).
pub(super) fn to_tokens(weight: &Parameter, bias: Option<&Tensor>, x: &Tensor) -> Result<Tensor> {
    let (output, input) = sizes(weight)?;
    let (pictures, channels, height, width) = x.dims4()?;
    if channels != input {
        candle_core::bail!("a layer from {input} channels cannot take {:?}", x.dims());
    }
    let pixels = height * width;
    let values = match weight.values() {
        Some(values) if is_fast(x) => values,
        _ => {
            let tokens = x
                .reshape((pictures, channels, pixels))?
                .transpose(1, 2)?
                .contiguous()?;
            let matrix = weight.tensor()?.reshape((output, input))?;
            return plain(&matrix, bias, &tokens);
        }
    };
    let bias = bias.map(Tensor::to_vec1::<f32>).transpose()?;
    let rows = pictures * pixels;
    let panels = Transposed::matrix(values, output, input, rows);
    let finish = Finish {
        column_bias: bias.as_deref(),
        ..Default::default()
    };
    let y = with_values(x, |values| {
        let x = Pixels {
            values,
            depth: input,
            pixels,
        };
        let size = Size {
            m: rows,
            depth: input,
            row_stride: output,
            len: rows * output,
        };
        product(size, weight.products(), &x, &panels, finish)
    })?;
    Tensor::from_vec(y, (pictures, pixels, output), x.device())
}

/// `W · x + b` for each token of (pictures, pixels, in), plus `shortcut`, (pictures, out, height, width).
pub(super) fn to_pixels(
    weight: &Parameter,
    bias: Option<&Tensor>,
    tokens: &Tensor,
    shortcut: &Tensor,
) -> Result<Tensor> {
    let (output, input) = sizes(weight)?;
    let (pictures, channels, height, width) = shortcut.dims4()?;
    let pixels = height * width;
    if tokens.dims3()? != (pictures, pixels, input) || channels != output {
        candle_core::bail!(
            "a layer from {input} to {output} channels cannot take {:?} to {:?}",
            tokens.dims(),
            shortcut.dims()
        );
    }
    let values = match weight.values() {
        Some(values) if is_fast(tokens) => values,
        _ => {
            let matrix = weight.tensor()?.reshape((output, input))?;
            let y = plain(&matrix, bias, tokens)?;
            return y.transpose(1, 2)?.reshape(shortcut.dims())? + shortcut;
        }
    };
    // The product takes one bias a row for each picture.
    let bias = bias.map(Tensor::to_vec1::<f32>).transpose()?;
    let rows = Weight { values, depth: input };
    let y = with_values(tokens, |tokens| {
        with_values(shortcut, |shortcut| {
            let panels = Transposed {
                values: Values::F32(tokens),
                pictures,
                out: pixels,
                depth: input,
                width: panel_width(),
                m: output,
            };
            let finish = Finish {
                row_bias: bias.as_deref(),
                column_bias: None,
                shortcut: Some(shortcut),
            };
            let size = Size {
                m: output,
                depth: input,
                row_stride: pixels,
                len: pictures * output * pixels,
            };
            product(size, weight.products(), &rows, &panels, finish)
        })
    })??;
    Tensor::from_vec(y, shortcut.dims(), tokens.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{bits, noise, relative_error};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn both_ways_agree_with_transposition_and_ignore_the_batch(
            pictures in 1..4usize, input in 1..450usize, output in 1..50usize, height in 1..12usize, width in 1..12usize,
        ) {
            let matrix = noise(1, (output, input));
            let weight = Parameter::owned(&matrix).unwrap();
            let bias = noise(2, output);
            let layer = candle_nn::Linear::new(matrix, Some(bias.clone()));
            let x = noise(3, (pictures, input, height, width));
            let rows = x.reshape((pictures, input, height * width)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap();
            let expected = candle_nn::Module::forward(&layer, &rows).unwrap();
            let tokens = to_tokens(&weight, Some(&bias), &x).unwrap();
            prop_assert!(relative_error(&tokens, &expected) < 5e-5);

            let shortcut = noise(4, (pictures, output, height, width));
            let expected = (expected.transpose(1, 2).unwrap().reshape(shortcut.dims()).unwrap() + &shortcut).unwrap();
            let pixels = to_pixels(&weight, Some(&bias), &rows, &shortcut).unwrap();
            prop_assert!(relative_error(&pixels, &expected) < 5e-5);

            let last = |x: &Tensor| x.narrow(0, pictures - 1, 1).unwrap();
            let alone = to_tokens(&weight, Some(&bias), &last(&x)).unwrap();
            prop_assert_eq!(bits(&alone), bits(&last(&tokens)));
            let alone = to_pixels(&weight, Some(&bias), &last(&rows), &last(&shortcut)).unwrap();
            prop_assert_eq!(bits(&alone), bits(&last(&pixels)));
        }
    }
}
