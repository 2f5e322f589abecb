//! Opens IDEFICS2, the model that sees pictures: for the extractor `vpe` and the metric `viper`.

use std::path::PathBuf;

use anyhow::Context;
use tastemaker_preference::idefics2::{Idefics2, LoadOptions, MemoryNeed, Precision};

use crate::config::SeeingModel;
use crate::engine;

/// Tokens of a full turn, for which the memory needed is said: the model's sliding window.
const TOKENS: usize = 4_096;

/// Which model to open, and how.
#[derive(Debug, Clone)]
pub struct Seeing {
    /// The checkpoint's folder, or a GGUF file with its tokenizer beside it.
    pub model: PathBuf,
    /// Folder of a PEFT adapter that is merged into the weights; `None` where they have it already.
    pub adapter: Option<PathBuf>,
    /// `cpu`, `cuda:N`, `metal:N` or `auto`.
    pub device: String,
    /// What its matrices are kept in.
    pub precision: Precision,
}

impl Seeing {
    /// Takes what the configuration says; `None` where it names no model.
    pub fn of(settings: &SeeingModel) -> Option<Seeing> {
        Some(Seeing {
            model: settings.model.clone()?,
            adapter: settings.adapter.clone(),
            device: settings.device.clone(),
            precision: settings.precision,
        })
    }
}

/// Loads the model, which takes a while; the log says before how much memory it will need.
///
/// # Errors
/// When its files are missing or broken, by file, or there is no such device.
pub fn open(seeing: &Seeing) -> anyhow::Result<Idefics2> {
    let Seeing {
        model,
        adapter,
        device,
        precision,
    } = seeing;
    let need = Idefics2::memory_need(model, *precision)
        .with_context(|| format!("{} cannot be loaded", model.display()))?;
    tracing::info!(model = %model.display(), %precision, "{}", said(&need));
    let device = engine::device(device)?.open()?;
    let mut options = LoadOptions::new(device, *precision);
    options.adapters.extend(adapter.clone());
    Ok(Idefics2::load(model, &options)?)
}

fn said(need: &MemoryNeed) -> String {
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    format!(
        "loading takes about {:.1} GB of memory, {:.1} GB of it for weights",
        gigabytes(need.total(TOKENS)),
        gigabytes(need.weights + need.repacked)
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn tiny() -> Seeing {
        Seeing {
            model: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/preference/idefics2"),
            adapter: None,
            device: "cpu".to_owned(),
            precision: Precision::F32,
        }
    }

    #[test]
    fn a_model_is_opened_with_an_adapter_and_without() {
        let plain = tiny();
        assert!(open(&plain).is_ok());
        let adapter = Some(plain.model.join("adapters/list"));
        assert!(open(&Seeing { adapter, ..plain }).is_ok());
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |seeing: &Seeing| format!("{:#}", open(seeing).err().unwrap());
        let mut missing = tiny();
        missing.model = "no/such/model".into();
        assert!(message(&missing).contains("no/such/model"));
        let mut wrong = tiny();
        wrong.device = "gpu".to_owned();
        assert!(message(&wrong).contains("gpu"));
        let mut wrong = tiny();
        wrong.adapter = Some("no/such/adapter".into());
        assert!(message(&wrong).contains("no/such/adapter"));
    }
}
