//! Probes: what looks a picture's features speak of.
//!
//! A layer of hidden units and a softmax for each of the 18 factors of the renderer's styles (`training/renderer/`): palette,
//! light, medium, era and so on. The example `metric` learns them from rendered pictures with known styles.
//!
//! File: safetensors, all tensors f16 but the two of the features' scale, which are f32.
//!
//! | tensor | shape |
//! |---|---|
//! | `centre`, `spread` | (features,): mean and standard deviation over the pictures learned from |
//! | `hidden.weight`, `hidden.bias` | (hidden, features), (hidden,) |
//! | `looks.weight`, `looks.bias` | (looks, hidden), (looks,) |
//!
//! Metadata: `factors`, the number of looks of each factor, the plain one first, e.g. `3,9,8`.

use std::collections::HashMap;

use half::f16;
use safetensors::{Dtype, SafeTensors};
use thiserror::Error;

use super::Kernel;

/// The probes that are part of the program.
pub const PROBES: &[u8] = include_bytes!("probes.safetensors");
/// Metadata key of the looks of each factor.
pub const FACTORS: &str = "factors";
/// Features further from the mean than this many deviations count as this far: one odd number does not rule.
const FAR: f32 = 4.0;
/// Weight of the features themselves beside the looks: for what no factor names.
const ITSELF: f32 = 0.25;

/// How alike looks are. Set once and not tuned; `docs/metric.md` has what it reaches.
pub const KERNEL: Kernel = Kernel {
    scale: 4.0,
    length: 1.0,
    linear: 2.0,
    constant: 0.1,
};

/// Says why a file of probes was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProbesError {
    /// It is no safetensors file, or a tensor is missing.
    #[error("the probes cannot be read: {0}")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// A tensor has another type or shape than the others ask for.
    #[error("the probes' {tensor} is {found}, and should be {expected}")]
    Tensor {
        /// The tensor.
        tensor: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// The metadata do not say which looks belong together.
    #[error("the probes' metadata have factors \"{found}\", which do not make up {looks} looks")]
    Factors {
        /// What stands there.
        found: String,
        /// Looks that there are.
        looks: usize,
    },
}

/// Knows what looks a picture's features speak of.
#[derive(Debug, Clone)]
pub struct Probes {
    centre: Vec<f32>,
    spread: Vec<f32>,
    hidden: Layer,
    looks: Layer,
    factors: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Layer {
    /// Row by row: one row for each output.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    fn apply(&self, input: &[f32]) -> Vec<f32> {
        self.weight
            .chunks(input.len().max(1))
            .zip(&self.bias)
            .map(|(row, bias)| bias + row.iter().zip(input).map(|(a, b)| a * b).sum::<f32>())
            .collect()
    }
}

impl Probes {
    /// Reads a file of probes.
    ///
    /// # Errors
    ///
    /// [`ProbesError`], which names what is wrong with the file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Probes, ProbesError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let file = SafeTensors::deserialize(bytes)?;
        let length =
            |tensor: &'static str| Ok::<_, ProbesError>(file.tensor(tensor)?.shape().iter().product());
        let (features, hidden, looks): (usize, usize, usize) =
            (length("centre")?, length("hidden.bias")?, length("looks.bias")?);
        let listed = metadata
            .metadata()
            .as_ref()
            .and_then(|it: &HashMap<String, String>| it.get(FACTORS).cloned())
            .unwrap_or_default();
        let factors: Vec<usize> = listed.split(',').filter_map(|it| it.parse().ok()).collect();
        if factors.iter().sum::<usize>() != looks || factors.contains(&0) {
            return Err(ProbesError::Factors { found: listed, looks });
        }
        let layer = |weight, bias, outputs: usize, inputs: usize| {
            Ok::<_, ProbesError>(Layer {
                weight: read(&file, weight, Dtype::F16, &[outputs, inputs])?,
                bias: read(&file, bias, Dtype::F16, &[outputs])?,
            })
        };
        Ok(Probes {
            centre: read(&file, "centre", Dtype::F32, &[features])?,
            spread: read(&file, "spread", Dtype::F32, &[features])?,
            hidden: layer("hidden.weight", "hidden.bias", hidden, features)?,
            looks: layer("looks.weight", "looks.bias", looks, hidden)?,
            factors,
        })
    }

    /// Returns the features as the probes see them: in deviations from the mean, bounded.
    pub fn scaled(&self, features: &[f32]) -> Vec<f32> {
        features
            .iter()
            .zip(self.centre.iter().zip(&self.spread))
            .map(|(value, (centre, spread))| ((value - centre) / spread.max(1e-6)).clamp(-FAR, FAR))
            .collect()
    }

    /// Returns for each look how likely it is that a picture with these features has it: for each factor shares that make
    /// up 1, the plain look first.
    pub fn chances(&self, features: &[f32]) -> Vec<f32> {
        let hidden: Vec<f32> = self
            .hidden
            .apply(&self.scaled(features))
            .into_iter()
            .map(|it| it.max(0.0))
            .collect();
        let mut chances = self.looks.apply(&hidden);
        let mut start = 0;
        for count in &self.factors {
            softmax(&mut chances[start..start + count]);
            start += count;
        }
        chances
    }

    /// Returns how many looks each factor has, the plain one included.
    pub fn factors(&self) -> &[usize] {
        &self.factors
    }

    /// Returns the numbers in which a picture is like another: how likely each look is, against how likely it is among
    /// all pictures, and with less weight the features themselves.
    pub fn look(&self, features: &[f32]) -> Vec<f32> {
        let chances = self.chances(features);
        let scaled = self.scaled(features);
        // Both parts have the same length before their weights, whatever their number.
        let (looks, own) = (chances.len() as f32, scaled.len() as f32);
        let mut look: Vec<f32> = chances.iter().map(|chance| chance * looks.sqrt()).collect();
        look.extend(scaled.iter().map(|it| it * ITSELF * (looks / own).sqrt()));
        look
    }
}

fn softmax(values: &mut [f32]) {
    let most = values.iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = (*value - most).exp();
        sum += *value;
    }
    for value in values.iter_mut() {
        *value /= sum;
    }
}

fn read(
    file: &SafeTensors<'_>,
    name: &'static str,
    dtype: Dtype,
    shape: &[usize],
) -> Result<Vec<f32>, ProbesError> {
    let tensor = file.tensor(name)?;
    if tensor.dtype() != dtype || tensor.shape() != shape {
        return Err(ProbesError::Tensor {
            tensor: name,
            found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
            expected: format!("{dtype:?} {shape:?}"),
        });
    }
    Ok(match dtype {
        Dtype::F16 => tensor
            .data()
            .chunks_exact(2)
            .map(|it| f16::from_le_bytes([it[0], it[1]]).to_f32())
            .collect(),
        _ => tensor
            .data()
            .chunks_exact(4)
            .map(|it| f32::from_le_bytes([it[0], it[1], it[2], it[3]]))
            .collect(),
    })
}
