//! The fully connected layer.

use candle_core::{Result, Tensor};

use super::gated::gated;
use super::product::{Dense, Finish, Size, Transposed, panel_width, product};
use super::projection::{to_pixels, to_tokens};
use super::{geglu, is_fast, with_values};
use crate::weights::{Parameter, Products, Weights};

/// `y = x · Wᵀ + b`, W of shape (out, in) as torch stores it.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weight: Parameter,
    bias: Option<Tensor>,
}

impl Linear {
    /// Reads `weight` and `bias`.
    pub fn new(input: usize, output: usize, weights: &Weights) -> crate::error::Result<Self> {
        let bias = Some(weights.get(output, "bias")?);
        Ok(Self {
            weight: weights.parameter((output, input), "weight")?,
            bias,
        })
    }

    /// Reads `weight` alone.
    pub fn without_bias(input: usize, output: usize, weights: &Weights) -> crate::error::Result<Self> {
        Ok(Self {
            weight: weights.parameter((output, input), "weight")?,
            bias: None,
        })
    }

    /// How it multiplies on a processor.
    pub fn products(&self) -> Products {
        self.weight.products()
    }

    /// Applies the layer to the last axis; the first axis counts pictures.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.apply(x, None)
    }

    /// Applies the layer and adds `shortcut`, shaped like the result.
    pub fn forward_add(&self, x: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
        self.apply(x, Some(shortcut))
    }

    /// Applies the layer, splits the result's last axis in two halves and multiplies the first with GELU of the second.
    pub fn forward_geglu(&self, x: &Tensor) -> Result<Tensor> {
        let &[output, input] = self.weight.dims() else {
            candle_core::bail!("a layer's weight has two axes, not {:?}", self.weight.dims());
        };
        let half = output / 2;
        let rows = x.elem_count() / input.max(1);
        if let Some(weight) = self.weight.values()
            && is_fast(x)
            && output % 2 == 0
            && x.dims().last() == Some(&input)
        {
            let bias = self.bias.as_ref().map(Tensor::to_vec1::<f32>).transpose()?;
            let y = with_values(x, |values| {
                let x = Dense { values, depth: input };
                let products = self.weight.products();
                gated(rows, products, &x, weight, bias.as_deref(), half, panel_width())
            })?;
            if let Some(y) = y {
                let mut shape = x.dims().to_vec();
                shape.pop();
                shape.push(half);
                return Tensor::from_vec(y, shape, x.device());
            }
        }
        geglu(&self.forward(x)?)
    }

    /// Applies the layer to the channels of (pictures, channels, height, width): (pictures, pixels, out).
    pub fn forward_to_tokens(&self, x: &Tensor) -> Result<Tensor> {
        to_tokens(&self.weight, self.bias.as_ref(), x)
    }

    /// Applies the layer to (pictures, pixels, features) and adds `shortcut`, (pictures, out, height, width), whose shape
    /// the result has.
    pub fn forward_to_pixels(&self, tokens: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
        to_pixels(&self.weight, self.bias.as_ref(), tokens, shortcut)
    }

    fn apply(&self, x: &Tensor, shortcut: Option<&Tensor>) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if super::cuda::takes(x) {
            return super::cuda::linear(x, &self.weight.tensor()?, self.bias.as_ref(), shortcut);
        }
        let &[output, input] = self.weight.dims() else {
            candle_core::bail!("a layer's weight has two axes, not {:?}", self.weight.dims());
        };
        let values = match self.weight.values() {
            Some(values) if is_fast(x) => values,
            _ => {
                let layer = candle_nn::Linear::new(self.weight.tensor()?, self.bias.clone());
                let y = candle_nn::Module::forward(&layer, x)?;
                return match shortcut {
                    Some(shortcut) => y + shortcut,
                    None => Ok(y),
                };
            }
        };
        let mut shape = x.dims().to_vec();
        if shape.pop() != Some(input) {
            candle_core::bail!("a layer from {input} values cannot take {:?}", x.dims());
        }
        shape.push(output);
        let rows = x.elem_count() / input.max(1);
        let bias = match &self.bias {
            Some(bias) => Some(bias.to_vec1::<f32>()?),
            None => None,
        };
        let run = |shortcut: Option<&[f32]>| {
            let panels = Transposed::matrix(values, output, input, rows);
            let finish = Finish {
                column_bias: bias.as_deref(),
                shortcut,
                ..Default::default()
            };
            with_values(x, |values| {
                let x = Dense { values, depth: input };
                let size = Size {
                    m: rows,
                    depth: input,
                    row_stride: output,
                    len: rows * output,
                };
                product(size, self.weight.products(), &x, &panels, finish)
            })
        };
        let y = match shortcut {
            Some(shortcut) if shortcut.dims() != shape => {
                candle_core::bail!("a shortcut of {:?} beside {shape:?}", shortcut.dims())
            }
            Some(shortcut) => with_values(shortcut, |values| run(Some(values)))??,
            None => run(None)?,
        };
        Tensor::from_vec(y, shape, x.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::multiplies_bf16;
    use crate::ops::testing::{bits, noise, relative_error};
    use candle_core::DType;
    use candle_nn::Module;
    use proptest::prelude::*;

    #[test]
    fn it_agrees_with_candle_and_ignores_the_batch() {
        for (pictures, rows, input, output) in [
            (1, 1, 3, 5),
            (3, 1, 40, 64),
            (2, 77, 33, 129),
            (4, 256, 64, 512),
            (2, 9, 1000, 40),
        ] {
            let layer = Linear {
                weight: Parameter::owned(&noise(1, (output, input))).unwrap(),
                bias: Some(noise(2, output)),
            };
            let x = noise(3, (pictures, rows, input));
            let y = layer.forward(&x).unwrap();
            let stock = candle_nn::Linear::new(layer.weight.tensor().unwrap(), layer.bias.clone());
            assert!(relative_error(&y, &stock.forward(&x).unwrap()) < 1e-5);
            for picture in 0..pictures {
                let alone = layer.forward(&x.narrow(0, picture, 1).unwrap()).unwrap();
                assert_eq!(bits(&alone), bits(&y.narrow(0, picture, 1).unwrap()));
            }
        }
    }

    #[test]
    fn the_gated_layer_is_the_layer_and_the_gate() {
        for (pictures, rows, input, half) in
            [(1, 1, 8, 32), (2, 100, 40, 64), (2, 130, 500, 96), (1, 7, 9, 20)]
        {
            let layer = Linear {
                weight: Parameter::owned(&noise(1, (2 * half, input))).unwrap(),
                bias: Some(noise(2, 2 * half)),
            };
            let x = noise(3, (pictures, rows, input));
            let expected = geglu(&layer.forward(&x).unwrap()).unwrap();
            assert_eq!(bits(&layer.forward_geglu(&x).unwrap()), bits(&expected));
        }
    }

    #[test]
    fn products_of_bf16_are_those_of_rounded_factors() {
        if !multiplies_bf16() {
            return;
        }
        let round = |x: &Tensor| x.to_dtype(DType::BF16).unwrap().to_dtype(DType::F32).unwrap();
        for (rows, input, output) in [(1, 1, 1), (7, 33, 40), (77, 768, 129), (100, 1001, 64)] {
            let (weight, x) = (noise(1, (output, input)), noise(2, (2, rows, input)));
            let layer = |weight: &Tensor, products| Linear {
                weight: Parameter::owned(weight).unwrap().with_products(products),
                bias: Some(noise(3, output)),
            };
            let halves = layer(&weight, Products::Bf16);
            let (rounded, x_rounded) = (layer(&round(&weight), Products::F32), round(&x));
            let y = halves.forward(&x).unwrap();
            // Products of two bf16 are exact in f32; only the order of sums differs.
            assert!(relative_error(&y, &rounded.forward(&x_rounded).unwrap()) < 1e-5);
            for picture in 0..2 {
                let alone = halves.forward(&x.narrow(0, picture, 1).unwrap()).unwrap();
                assert_eq!(bits(&alone), bits(&y.narrow(0, picture, 1).unwrap()));
            }
            let pixels = x
                .transpose(1, 2)
                .unwrap()
                .contiguous()
                .unwrap()
                .reshape((2, input, rows, 1))
                .unwrap();
            assert_eq!(bits(&halves.forward_to_tokens(&pixels).unwrap()), bits(&y));
            let zeros = Tensor::zeros((2, output, rows, 1), DType::F32, x.device()).unwrap();
            let turned = halves.forward_to_pixels(&x, &zeros).unwrap();
            let turned = turned.flatten_from(2).unwrap().transpose(1, 2).unwrap();
            assert!(relative_error(&turned, &y) < 1e-5);
        }
        let gate = Linear {
            weight: Parameter::owned(&noise(1, (2 * 96, 50)))
                .unwrap()
                .with_products(Products::Bf16),
            bias: None,
        };
        let x = noise(2, (1, 30, 50));
        let expected = geglu(&gate.forward(&x).unwrap()).unwrap();
        assert_eq!(bits(&gate.forward_geglu(&x).unwrap()), bits(&expected));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_shape_precision_and_shortcut_agrees_with_candle(
            rows in 1..40usize, input in 1..450usize, output in 1..70usize, format in 0..3usize, shortcut: bool,
        ) {
            let dtype = [DType::F32, DType::F16, DType::BF16][format];
            let weight = noise(1, (output, input)).to_dtype(dtype).unwrap();
            let layer = Linear { weight: Parameter::owned(&weight).unwrap(), bias: None };
            let x = noise(2, (1, rows, input));
            let stock = candle_nn::Linear::new(weight.to_dtype(DType::F32).unwrap(), None);
            let mut expected = stock.forward(&x).unwrap();
            let y = if shortcut {
                let shortcut = noise(3, (1, rows, output));
                expected = (expected + &shortcut).unwrap();
                layer.forward_add(&x, &shortcut).unwrap()
            } else {
                layer.forward(&x).unwrap()
            };
            // Few values may cancel to almost nothing, where rounding weighs more.
            prop_assert!(relative_error(&y, &expected) < 5e-5);
        }
    }
}
