//! What draws on one device: the pool's [`Backend`], by a pipeline.

use image::RgbImage;
use image::imageops::{FilterType, resize};
use tastemaker_diffusion::{DiffusionError, GenerationParams, Pipeline, Slot};
use tastemaker_pool::{Backend, BackendError, ImageRequest, LongText, Picture, Progress, RequestText};

use super::params;
use crate::config::OnHit;

/// Pixels that the shorter side of a blurred picture keeps.
const BLURRED_SIDE: u32 = 6;

/// Draws with one pipeline on one device.
pub struct PipelineBackend {
    pipeline: Pipeline,
    /// What a warm-up draws: the manifest's defaults.
    plain: GenerationParams,
    /// What happens to a picture in which the safety checker finds something.
    on_hit: OnHit,
}

impl PipelineBackend {
    pub(super) fn new(pipeline: Pipeline, plain: GenerationParams, on_hit: OnHit) -> Self {
        Self {
            pipeline,
            plain,
            on_hit,
        }
    }

    fn params(&self, request: &ImageRequest, picture: u8) -> Result<GenerationParams, BackendError> {
        Ok(GenerationParams {
            clip_skip: self.plain.clip_skip,
            ..params(request, picture).map_err(failed)?
        })
    }
}

impl Backend for PipelineBackend {
    type Slot = Slot;

    /// Takes one step of a plain picture, which touches every weight and compiles a GPU's kernels.
    fn warm_up(&mut self) -> Result<(), BackendError> {
        let mut slot = self.pipeline.start(&self.plain).map_err(unusable)?;
        self.pipeline.step(&mut [&mut slot]).map_err(failed)?;
        let picture = self.pipeline.decode(&slot).map_err(failed)?;
        self.pipeline.check(&picture).map_err(failed)?;
        Ok(())
    }

    fn start(&mut self, request: &ImageRequest, picture: u8) -> Result<Slot, BackendError> {
        let params = self.params(request, picture)?;
        self.pipeline.start(&params).map_err(failed)
    }

    fn long_texts(&mut self, request: &ImageRequest) -> Result<Vec<LongText>, BackendError> {
        let notices = self.pipeline.notices(&self.params(request, 0)?);
        Ok(notices.map_err(failed)?.into_iter().map(long_text).collect())
    }

    fn step(&mut self, slots: &mut [&mut Slot]) -> Result<(), BackendError> {
        self.pipeline.step(slots).map_err(failed)
    }

    fn row_pixels(&self, slot: &Slot) -> u64 {
        slot.row_pixels() as u64
    }

    fn progress(&self, slot: &Slot) -> Progress {
        let count = |steps: usize| u32::try_from(steps).unwrap_or(u32::MAX);
        Progress {
            done: count(slot.step_index()),
            total: count(slot.steps()),
        }
    }

    fn preview(&mut self, slot: &Slot) -> Result<RgbImage, BackendError> {
        let preview = self.pipeline.preview(slot).map_err(failed)?;
        // Nothing has looked at it yet.
        Ok(match self.pipeline.has_safety_checker() {
            true => blurred(&preview),
            false => preview,
        })
    }

    fn finish(&mut self, slot: Slot) -> Result<Picture, BackendError> {
        let picture = self.pipeline.decode(&slot).map_err(failed)?;
        let report = self.pipeline.check(&picture).map_err(failed)?;
        Ok(match report.filter(|report| report.is_flagged()) {
            Some(report) => {
                tracing::debug!(scores = ?report.scores, "the safety checker found something");
                guarded(picture, self.on_hit)
            }
            None => Picture::Clear(picture),
        })
    }
}

fn long_text(notice: tastemaker_diffusion::LongText) -> LongText {
    let text = match notice.parameter {
        "prompt" => RequestText::Prompt,
        "negative" => RequestText::Negative,
        "vp_plus" => RequestText::VpPlus,
        _ => RequestText::VpMinus,
    };
    LongText {
        text,
        beyond: notice.beyond,
        unused: notice.unused,
    }
}

/// Does to a picture in which something was found what is configured.
fn guarded(picture: RgbImage, on_hit: OnHit) -> Picture {
    match on_hit {
        OnHit::Blur => Picture::Blurred(blurred(&picture)),
        OnHit::Spoiler => Picture::Spoiler(picture),
        OnHit::Refuse => Picture::Withheld,
    }
}

/// Leaves of a picture its colours and roughly where they are. What is gone cannot be sharpened back.
fn blurred(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let short = width.min(height).max(1);
    let side = |length: u32| (u64::from(length) * u64::from(BLURRED_SIDE) / u64::from(short)).max(1) as u32;
    let small = resize(picture, side(width), side(height), FilterType::Triangle);
    resize(&small, width, height, FilterType::CatmullRom)
}

/// Sorts an error by what the pool can do about it.
fn failed(error: DiffusionError) -> BackendError {
    let message = error.to_string();
    match error {
        DiffusionError::InvalidParameter { .. } => BackendError::invalid(message),
        DiffusionError::OutOfMemory { .. } => BackendError::out_of_memory(message),
        _ => BackendError::failed(message),
    }
}

/// An error before the first picture: only a lack of memory may pass, everything else is the configuration's.
pub(super) fn unusable(error: DiffusionError) -> BackendError {
    let message = error.to_string();
    match error {
        DiffusionError::OutOfMemory { .. } => BackendError::out_of_memory(message),
        _ => BackendError::invalid(message),
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::request;
    use super::*;

    #[test]
    fn what_was_found_is_blurred_hidden_or_withheld_as_configured() {
        let fine = RgbImage::from_fn(96, 64, |x, y| image::Rgb([((x ^ y) % 2 * 255) as u8; 3]));
        let Picture::Blurred(blurred) = guarded(fine.clone(), OnHit::Blur) else {
            panic!("not blurred")
        };
        assert_eq!(blurred.dimensions(), (96, 64));
        // Nothing of the pattern is left.
        assert!(blurred.pixels().all(|pixel| (100..156).contains(&pixel.0[0])));
        assert_eq!(
            guarded(fine.clone(), OnHit::Spoiler),
            Picture::Spoiler(fine.clone())
        );
        assert_eq!(guarded(fine, OnHit::Refuse), Picture::Withheld);
    }

    #[test]
    fn names_that_do_not_exist_are_the_requests_fault() {
        let unknown = ImageRequest {
            scheduler: "plms".into(),
            ..request()
        };
        let error = failed(params(&unknown, 0).unwrap_err());
        assert_eq!(error.kind, tastemaker_pool::BackendErrorKind::Invalid);
    }
}
