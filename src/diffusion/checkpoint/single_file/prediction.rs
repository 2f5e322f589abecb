//! What a single file's denoiser predicts.

use candle_core::{DType, Device};

use super::family::{Family, Kind};
use crate::config::PredictionType;
use crate::error::Result;
use crate::weights::TensorFile;

/// Steps that SD 2.x's base model, which predicts noise, was trained for; some of its files say so.
const SD2_BASE_STEPS: f64 = 875_000.0;
/// A bias in the last block whose values spread wider than this belongs to a model that predicts velocity.
const V_SPREAD: f64 = 0.09;
const SPREADING: &str = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";

/// How a denoiser was trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prediction {
    pub kind: PredictionType,
    /// Whether its last timestep is pure noise (zero terminal SNR).
    pub zero_snr: bool,
}

/// Works out the prediction type.
///
/// In this order: empty tensors `v_pred` and `ztsnr`, which trainers put in as marks; `modelspec.prediction_type` in the
/// header; and for SD 2.x, which was published both ways under the same names, the number of training steps where the
/// file has it, else the spread of one bias, by which ComfyUI too tells them apart. Everything else predicts noise.
///
/// # Errors
/// If one of these tensors cannot be read.
pub(super) fn prediction(file: &TensorFile, family: &Family) -> Result<Prediction> {
    let zero_snr = file.entry("ztsnr").is_some();
    let v = if file.entry("v_pred").is_some() {
        true
    } else if let Some(named) = file.metadata().get("modelspec.prediction_type") {
        named.starts_with('v')
    } else if family.kind == Kind::Sd2 {
        sd2_predicts_velocity(file)?
    } else {
        false
    };
    let kind = if v {
        PredictionType::VPrediction
    } else {
        PredictionType::Epsilon
    };
    Ok(Prediction { kind, zero_snr })
}

fn sd2_predicts_velocity(file: &TensorFile) -> Result<bool> {
    let values = |name: &str| -> Result<Option<Vec<f64>>> {
        let Some(entry) = file.entry(name) else {
            return Ok(None);
        };
        let tensor = file.tensor(name, entry, &Device::Cpu)?.to_dtype(DType::F64)?;
        Ok(Some(tensor.flatten_all()?.to_vec1()?))
    };
    if values("global_step")?.is_some_and(|steps| steps == [SD2_BASE_STEPS]) {
        return Ok(false);
    }
    let Some(bias) = values(SPREADING)? else {
        return Ok(true);
    };
    let count = bias.len().max(1) as f64;
    let mean = bias.iter().sum::<f64>() / count;
    let variance = bias.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    Ok(variance.sqrt() > V_SPREAD)
}
