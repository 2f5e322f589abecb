//! How a picture was made, written inside its PNG file.
//!
//! A picture that leaves the machine keeps its parameters: one `iTXt` chunk for programs (`tastemaker`, JSON, which
//! [`read_receipt`] reads back) and one for people and picture viewers (`parameters`, one line each). `iTXt`, unlike
//! `tEXt`, takes any script. Nothing in it identifies a person.

use image::RgbImage;
use serde::{Deserialize, Serialize};
use tastemaker_diffusion::{
    DiffusionError, GenerationParams, Hires, ModelInfo, NoiseKind, Variation, picture_hash,
};
use tastemaker_pool::Safety;
use tastemaker_storage::JobRecord;
use thiserror::Error;

/// Keyword of the chunk for programs.
const KEYWORD: &str = "tastemaker";
/// Keyword of the chunk for people, the one that most viewers of generated pictures look for.
const READABLE: &str = "parameters";

/// Says how one picture was made; the same values give the same picture again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What to show.
    pub prompt: String,
    /// What to stay away from; empty for nothing.
    pub negative: String,
    /// Liked attributes, joined by ", ".
    pub vp_plus: String,
    /// Disliked attributes, joined by ", ".
    pub vp_minus: String,
    /// Degree of personalisation, 0 to 1.
    pub beta: f64,
    /// How preferences entered: `embedding`, `guidance` or `reference`.
    pub conditioning: String,
    /// This picture's own seed.
    pub seed: u64,
    /// Which generator made the seed's noise: `portable` or `torch`.
    #[serde(default = "portable")]
    pub noise: String,
    /// Steps aside from the seed's noise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variations: Vec<Variation>,
    /// The picture it started from, if it did not start from noise alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReceipt>,
    /// The second pass at a larger size, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hires: Option<Hires>,
    /// What a safety check made of it.
    #[serde(default, skip_serializing_if = "is_clear")]
    pub safety: Safety,
    /// Denoising steps.
    pub steps: u32,
    /// Guidance scale.
    pub guidance: f64,
    /// Share by which guided contrast was brought back.
    pub guidance_rescale: f64,
    /// Layers left out at the end of the text encoders; absent where it was left to the model's defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_skip: Option<u32>,
    /// Whether brackets in the texts were text, not attention weights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain_brackets: bool,
    /// Sampler.
    pub scheduler: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Name of the model.
    pub model: String,
    /// Hash of the model's weights.
    pub model_hash: String,
    /// The program and its version.
    pub software: String,
}

/// Says which picture another one started from, and how far it moved away from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceReceipt {
    /// Hash of its pixels at the size it was drawn at ([`tastemaker_diffusion::picture_hash`]).
    pub hash: String,
    /// Share of the denoising steps that were taken from there.
    pub strength: f64,
}

fn is_clear(safety: &Safety) -> bool {
    *safety == Safety::Clear
}

/// Says why a picture could not be written, or its receipt not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The PNG encoder refused.
    #[error("the picture cannot be encoded as PNG: {0}")]
    Encode(#[from] png::EncodingError),
    /// The file is not a PNG.
    #[error("not a PNG file: {0}")]
    Decode(#[from] png::DecodingError),
    /// The chunk is there, but not what this program writes.
    #[error("the receipt in the picture cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// What was asked for is not understood.
    #[error("the request cannot be described: {0}")]
    Request(#[from] DiffusionError),
}

impl Receipt {
    /// Describes a picture made from `params` by the model `info`.
    pub fn new(params: &GenerationParams, info: &ModelInfo) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            prompt: params.prompt.clone(),
            negative: params.negative.clone(),
            vp_plus: params.vp_plus.clone(),
            vp_minus: params.vp_minus.clone(),
            beta: params.beta,
            conditioning: params.conditioning.to_string(),
            seed: params.seed,
            noise: params.noise.to_string(),
            variations: params.variations.clone(),
            source: params.source.as_ref().map(|source| SourceReceipt {
                hash: picture_hash(&source.image),
                strength: source.strength,
            }),
            hires: params.hires.clone(),
            safety: Safety::Clear,
            steps: count(params.steps),
            guidance: params.guidance,
            guidance_rescale: params.guidance_rescale,
            clip_skip: Some(count(params.clip_skip)),
            plain_brackets: !params.prompt_weights,
            scheduler: params.scheduler.to_string(),
            width: count(params.width),
            height: count(params.height),
            model: info.name.clone(),
            model_hash: info.hash.get(),
            software: software(),
        }
    }

    /// Describes picture `index` (counted from 0) of a finished job.
    ///
    /// # Errors
    /// If the job asks for a second pass of a kind that there is not, so that it cannot have been drawn.
    pub fn of_job(record: &JobRecord, nth: u8) -> Result<Self, DiffusionError> {
        let request = &record.job.request;
        let made = record.receipt.as_ref();
        let variation = |it: &tastemaker_pool::Variation| Variation {
            seed: it.seed.wrapping_add(u64::from(nth)),
            strength: it.strength,
        };
        Ok(Self {
            prompt: request.prompt.clone(),
            negative: request.negative.clone(),
            vp_plus: request.vp_plus.clone(),
            vp_minus: request.vp_minus.clone(),
            beta: request.beta,
            conditioning: request.conditioning.clone(),
            seed: request.seed_of(nth),
            noise: request.noise.clone(),
            variations: request.variations.iter().map(variation).collect(),
            source: request.source.as_ref().map(|source| SourceReceipt {
                hash: source.hash_of(nth).unwrap_or_default().to_owned(),
                strength: source.strength,
            }),
            hires: request.hires.as_ref().map(crate::engine::hires).transpose()?,
            safety: made.map_or(Safety::Clear, |made| made.safety_of(nth)),
            steps: request.steps,
            guidance: request.guidance,
            guidance_rescale: request.guidance_rescale,
            clip_skip: None,
            plain_brackets: false,
            scheduler: request.scheduler.clone(),
            width: request.width,
            height: request.height,
            model: made.map(|made| made.model.clone()).unwrap_or_default(),
            model_hash: made.map(|made| made.model_hash.clone()).unwrap_or_default(),
            software: software(),
        })
    }

    /// The parameters that it describes. What it leaves to the model's defaults comes from `plain`.
    ///
    /// The picture that it started from is not among them: a receipt has its hash only.
    ///
    /// # Errors
    /// If it names a conditioning mode, a noise or a scheduler that this version does not have.
    pub fn params(&self, plain: &GenerationParams) -> Result<GenerationParams, DiffusionError> {
        Ok(GenerationParams {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            vp_plus: self.vp_plus.clone(),
            vp_minus: self.vp_minus.clone(),
            beta: self.beta,
            conditioning: self.conditioning.parse()?,
            seed: self.seed,
            noise: self.noise.parse()?,
            variations: self.variations.clone(),
            steps: self.steps as usize,
            guidance: self.guidance,
            guidance_rescale: self.guidance_rescale,
            clip_skip: self.clip_skip.map_or(plain.clip_skip, |layers| layers as usize),
            prompt_weights: !self.plain_brackets,
            scheduler: self.scheduler.parse()?,
            width: self.width as usize,
            height: self.height as usize,
            source: None,
            hires: self.hires.clone(),
            init_latents: None,
        })
    }

    /// The lines for people.
    pub fn readable(&self) -> String {
        let mut text = self.prompt.clone();
        for (name, value) in [
            ("Negative prompt", &self.negative),
            ("VP+", &self.vp_plus),
            ("VP-", &self.vp_minus),
        ] {
            if !value.is_empty() {
                text.push_str(&format!("\n{name}: {value}"));
            }
        }
        text.push_str(&format!(
            "\nSteps: {}, Sampler: {}, CFG scale: {}, Guidance rescale: {}, Seed: {}, Size: {}x{}, Model: {}, \
             Model hash: {}, Beta: {}, Conditioning: {}, Version: {}",
            self.steps,
            self.scheduler,
            self.guidance,
            self.guidance_rescale,
            self.seed,
            self.width,
            self.height,
            self.model,
            self.model_hash,
            self.beta,
            self.conditioning,
            self.software,
        ));
        if let Some(skip @ 1..) = self.clip_skip {
            // Other programs count from the last layer, which is 1.
            text.push_str(&format!(", Clip skip: {}", skip + 1));
        }
        if self.noise != portable() {
            text.push_str(&format!(", Noise: {}", self.noise));
        }
        if let Some(source) = &self.source {
            text.push_str(&format!(
                ", Denoising strength: {}, Source hash: {}",
                source.strength, source.hash
            ));
        }
        if let Some(hires) = &self.hires {
            text.push_str(&format!(
                ", Hires size: {}x{}, Hires strength: {}, Hires steps: {}, Hires upscale: {}",
                hires.width, hires.height, hires.strength, hires.steps, hires.upscale
            ));
        }
        text
    }
}

/// The noise of pictures from before there was another.
fn portable() -> String {
    NoiseKind::Portable.to_string()
}

fn software() -> String {
    concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Encodes a picture as PNG with its receipt inside.
///
/// # Errors
/// If the picture is empty or too large for the format.
pub fn encode_png(picture: &RgbImage, receipt: &Receipt) -> Result<Vec<u8>, ReceiptError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_itxt_chunk(READABLE.to_owned(), receipt.readable())?;
    encoder.add_itxt_chunk(KEYWORD.to_owned(), serde_json::to_string(receipt)?)?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.as_raw())?;
    writer.finish()?;
    Ok(file)
}

/// Encodes picture `index` (counted from 0) of a finished job as PNG with its receipt inside.
///
/// # Errors
/// As [`encode_png`].
pub fn encode(picture: &RgbImage, record: &JobRecord, index: u8) -> Result<Vec<u8>, ReceiptError> {
    encode_png(picture, &Receipt::of_job(record, index)?)
}

/// Reads the receipt inside a PNG file; `None` if it has none.
///
/// # Errors
/// If the file is not a PNG, or the receipt in it is damaged.
pub fn read_receipt(file: &[u8]) -> Result<Option<Receipt>, ReceiptError> {
    let reader = png::Decoder::new(std::io::Cursor::new(file)).read_info()?;
    match reader
        .info()
        .utf8_text
        .iter()
        .find(|chunk| chunk.keyword == KEYWORD)
    {
        Some(chunk) => Ok(Some(serde_json::from_str(&chunk.get_text()?)?)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
