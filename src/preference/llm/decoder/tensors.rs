//! Tensors of a GGUF file, by name and shape.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::{GgmlDType, QMatMul, QTensor};
use candle_core::{Device, Tensor};

use super::layer::RmsNorm;
use crate::llm::LlmError;

/// Kinds of blocks for which candle has no vector code on processors. They are widened to eight bits when they are read: a
/// little more memory and next to no error, for an order of magnitude in time.
const SLOW: [GgmlDType; 3] = [GgmlDType::Q4_1, GgmlDType::Q5_0, GgmlDType::Q5_1];

/// Reads tensors, and names the one that is missing or of another shape.
pub(super) struct Tensors<'a> {
    pub(super) content: &'a Content,
    pub(super) reader: BufReader<File>,
    pub(super) path: &'a Path,
    pub(super) device: &'a Device,
    pub(super) eps: f32,
}

impl Tensors<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    pub(super) fn quantised(&mut self, name: &str, shape: &[usize]) -> Result<QTensor, LlmError> {
        let invalid = |problem: String| LlmError::Invalid {
            path: self.path.to_owned(),
            problem,
        };
        let info = self
            .content
            .tensor_infos
            .get(name)
            .ok_or_else(|| invalid(format!("the tensor `{name}` is missing")))?;
        if info.shape.dims() != shape {
            let found = info.shape.dims();
            return Err(invalid(format!(
                "`{name}` has the shape {found:?}, expected {shape:?}"
            )));
        }
        self.content
            .tensor(&mut self.reader, name, self.device)
            .map_err(|error| invalid(format!("`{name}` cannot be read: {error}")))
    }

    pub(super) fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<QMatMul, LlmError> {
        let mut matrix = self.quantised(name, &shape)?;
        if self.device.is_cpu() && SLOW.contains(&matrix.dtype()) {
            matrix = QTensor::quantize(&matrix.dequantize(self.device)?, GgmlDType::Q8_0)?;
        }
        Ok(QMatMul::from_qtensor(matrix)?)
    }

    pub(super) fn plain(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, LlmError> {
        Ok(self.quantised(name, shape)?.dequantize(self.device)?)
    }

    pub(super) fn norm(&mut self, name: &str, width: usize) -> Result<RmsNorm, LlmError> {
        Ok(RmsNorm {
            weight: self.plain(name, &[width])?,
            eps: self.eps,
        })
    }
}
