//! The fully connected layer.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::matmul::{Matrix, matmul, with_storage};
use super::{is_fast, with_values};
use crate::weights::{Parameter, Weights};

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

    /// Applies the layer to the last axis; the first axis counts pictures.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let weight = self.weight.tensor()?;
        #[cfg(feature = "cuda")]
        if super::cuda::takes(x) {
            return super::cuda::linear(x, &weight, self.bias.as_ref(), None);
        }
        if !is_fast(x) {
            return candle_nn::Module::forward(&candle_nn::Linear::new(weight, self.bias.clone()), x);
        }
        let (output, input) = weight.dims2()?;
        let pictures = x.dim(0)?;
        let rows = x.elem_count() / (pictures * input).max(1);
        let mut shape = x.dims().to_vec();
        if shape.pop() != Some(input) {
            candle_core::bail!("a layer from {input} values cannot take {:?}", x.dims());
        }
        shape.push(output);
        let mut y = Vec::with_capacity(pictures * rows * output);
        with_storage(x, |x, start| {
            with_storage(&weight, |w, weight_start| {
                let w = Matrix::dense(w, weight_start, output, input).transposed();
                for picture in 0..pictures {
                    let x = Matrix::dense(x, start + picture * rows * input, rows, input);
                    y.extend_from_slice(&matmul(x, w)?);
                }
                Ok(())
            })
        })?;
        if let Some(bias) = &self.bias {
            with_values(bias, |bias| {
                y.par_chunks_mut(output).with_min_len(32).for_each(|row| {
                    row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                });
            })?;
        }
        Tensor::from_vec(y, shape, x.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{bits, noise, relative_error};
    use candle_nn::Module;

    #[test]
    fn it_agrees_with_candle_and_ignores_the_batch() {
        for (pictures, rows, input, output) in
            [(1, 1, 3, 5), (3, 1, 40, 64), (2, 77, 33, 129), (4, 256, 64, 512)]
        {
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
}
