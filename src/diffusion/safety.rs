//! The safety checker: does a finished picture resemble what should not be shown unasked?
//!
//! As diffusers' StableDiffusionSafetyChecker: CLIP's features of the picture are compared with those of 17 concepts, each
//! with its own threshold, and of 3 that call for more care, which lower the others' thresholds by 0.01. It errs in both
//! directions and says nothing about why.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use image::RgbImage;

use crate::config::{ClipVisionConfig, ImageProcessorConfig};
use crate::error::{DiffusionError, Result};
use crate::models::ClipVisionModel;
use crate::resample::{Filter, resize};
use crate::weights::Weights;

/// Concepts compared with.
const CONCEPTS: usize = 17;
/// Concepts that call for more care.
const SPECIAL: usize = 3;
/// What each hit among the latter takes off the thresholds after it.
const ADJUSTMENT: f32 = 0.01;

/// A loaded checker.
pub struct SafetyChecker {
    processor: ImageProcessorConfig,
    vision: ClipVisionModel,
    concepts: Concepts,
    special: Concepts,
    device: Device,
}

/// Normalised features and thresholds.
struct Concepts {
    features: Vec<Vec<f32>>,
    thresholds: Vec<f32>,
}

/// What the checker found in a picture.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SafetyReport {
    /// For each concept: by how much the picture is closer than the threshold, rounded to three places.
    pub scores: Vec<f32>,
    /// The same for those that call for more care.
    pub special_scores: Vec<f32>,
}

impl SafetyReport {
    /// Whether any concept is closer than its threshold.
    pub fn is_flagged(&self) -> bool {
        self.scores.iter().any(|score| *score > 0.0)
    }
}

impl SafetyChecker {
    /// Loads a checker: a folder with `config.json`, `model.safetensors` and `preprocessor_config.json` (the last also in
    /// `feature_extractor` beside the folder, as in a diffusers checkpoint). It computes in f32.
    ///
    /// # Errors
    /// If a file is missing, damaged or a pickle, asks for what is not implemented, or a tensor is missing or misshapen.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        if !folder.is_dir() {
            return Err(DiffusionError::MissingFile {
                path: folder.to_owned(),
                hint: "a safety checker is a folder with config.json, model.safetensors and preprocessor_config.json"
                    .to_owned(),
            });
        }
        let path = folder.join("config.json");
        let config = ClipVisionConfig::read(&path)?;
        let processor = ImageProcessorConfig::find(folder)?;
        if processor.crop as usize != config.image_size {
            let reason = format!(
                "`image_size` is {}, the preprocessor cuts out {} pixels",
                config.image_size, processor.crop
            );
            return Err(DiffusionError::malformed(&path, reason));
        }
        let weights = Weights::open(folder, "model", DType::F32, device)?;
        let concepts = |count, name: &str| Concepts::read(&weights, count, config.projection, name);
        Ok(Self {
            vision: ClipVisionModel::new(&config, &weights)?,
            concepts: concepts(CONCEPTS, "concept_embeds")?,
            special: concepts(SPECIAL, "special_care_embeds")?,
            processor,
            device: device.clone(),
        })
    }

    /// Looks at a picture.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn check(&self, picture: &RgbImage) -> Result<SafetyReport> {
        let features = self.vision.forward(&self.pixels(picture)?)?;
        let features = normalised(features.flatten_all()?.to_vec1()?);
        // The order counts: a special hit makes those after it likelier.
        let mut adjustment = 0.0;
        let mut special_scores = Vec::with_capacity(SPECIAL);
        for excess in self.special.excess(&features) {
            let score = rounded(excess + adjustment);
            if score > 0.0 {
                adjustment = ADJUSTMENT;
            }
            special_scores.push(score);
        }
        let scores = self.concepts.excess(&features);
        Ok(SafetyReport {
            scores: scores.map(|excess| rounded(excess + adjustment)).collect(),
            special_scores,
        })
    }

    /// The picture as the model wants to see it, (1, 3, side, side).
    pub(crate) fn pixels(&self, picture: &RgbImage) -> Result<Tensor> {
        let ImageProcessorConfig {
            shortest_edge: short,
            crop,
            rescale,
            mean,
            std,
        } = self.processor;
        let (width, height) = picture.dimensions();
        let long = |long: u32, over: u32| {
            u32::try_from(u64::from(short) * u64::from(long) / u64::from(over.max(1))).unwrap_or(u32::MAX)
        };
        let (width, height) = match width <= height {
            true => (short, long(height, width)),
            false => (long(width, height), short),
        };
        let picture = resize(picture, width, height, Filter::Bicubic);
        let (left, top) = ((width - crop) / 2, (height - crop) / 2);
        let mut values = Vec::with_capacity(3 * (crop * crop) as usize);
        for channel in 0..3 {
            for y in top..top + crop {
                for x in left..left + crop {
                    let value = f32::from(picture.get_pixel(x, y).0[channel]) * rescale;
                    values.push((value - mean[channel]) / std[channel]);
                }
            }
        }
        let side = crop as usize;
        Ok(Tensor::from_vec(values, (1, 3, side, side), &self.device)?)
    }
}

impl Concepts {
    fn read(weights: &Weights, count: usize, size: usize, name: &str) -> Result<Self> {
        let features: Vec<Vec<f32>> = weights.get((count, size), name)?.to_vec2()?;
        Ok(Self {
            features: features.into_iter().map(normalised).collect(),
            thresholds: weights.get(count, &format!("{name}_weights"))?.to_vec1()?,
        })
    }

    /// By how much each concept is closer to `features` than its threshold (cosine of the angle).
    fn excess<'a>(&'a self, features: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        self.features
            .iter()
            .zip(&self.thresholds)
            .map(move |(concept, threshold)| {
                let cosine: f64 = concept
                    .iter()
                    .zip(features)
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum();
                cosine as f32 - threshold
            })
    }
}

fn normalised(mut values: Vec<f32>) -> Vec<f32> {
    let norm = values
        .iter()
        .map(|v| f64::from(*v) * f64::from(*v))
        .sum::<f64>()
        .sqrt();
    values
        .iter_mut()
        .for_each(|v| *v = (f64::from(*v) / norm.max(1e-12)) as f32);
    values
}

/// Rounds to three places, as the original does before it compares with 0.
fn rounded(score: f32) -> f32 {
    (score * 1000.0).round_ties_even() / 1000.0
}
