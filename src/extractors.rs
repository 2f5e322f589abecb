//! The extractors by name: the one place that knows how each is made from the configuration.
//!
//! The bot opens its extractor when it starts ([`perception`](crate::perception)), so that a missing file stops it there and not at somebody's first comment;
//! `tastemaker extract` and `tastemaker eval extract` open theirs when they run.

use std::sync::Arc;

use anyhow::Context;
use tastemaker_preference::vpe::VpeExtractor;
use tastemaker_preference::{Extractor, LexiconExtractor, LlmExtractor, LlmOptions};

use crate::config::{ExtractorKind, Llm, Preference, SeeingModel};
use crate::engine;
use crate::seeing::{self, Seeing};

/// Said where no model is named.
const NO_LLM: &str = "the extractor `llm` needs a model: name a GGUF file of a chat model in `preference.llm.model` \
     (docs/extraction.md says which are read and where a small one is)";

/// Said where no IDEFICS2 is named.
pub(crate) const NO_VPE: &str = "the extractor `vpe` needs a model: name the folder of IDEFICS2 in `preference.vpe.model`, or give --model \
                      to `extract`, and that of its adapter likewise (docs/extraction.md says where to get them)";

/// Makes an extractor. Loads its model, if it has one, which may take a while; blocks.
///
/// # Errors
///
/// When a model's files are not named, missing or broken; the message says which key or file, and how to mend it.
pub fn open(kind: ExtractorKind, settings: &Preference) -> anyhow::Result<Arc<dyn Extractor>> {
    Ok(match kind {
        ExtractorKind::Lexicon => Arc::new(LexiconExtractor::embedded()),
        ExtractorKind::Llm => Arc::new(llm(&settings.llm)?),
        ExtractorKind::Vpe => Arc::new(vpe(&settings.vpe)?.0),
    })
}

fn llm(settings: &Llm) -> anyhow::Result<LlmExtractor> {
    let model = settings.model.clone().context(NO_LLM)?;
    let options = LlmOptions {
        model,
        device: engine::device(&settings.device)
            .and_then(|device| Ok(device.open()?))
            .context("`preference.llm.device` cannot be used")?,
        mode: settings.mode,
        max_tokens: settings.max_tokens,
    };
    LlmExtractor::load(&options).context("the extractor `llm` cannot be opened")
}

/// Opens the extractor `vpe`; tells whether it is on the processor.
///
/// # Errors
///
/// As for [`open`].
pub(crate) fn vpe(settings: &SeeingModel) -> anyhow::Result<(VpeExtractor, bool)> {
    let seeing = Seeing::of(settings).context(NO_VPE)?;
    let model = seeing::open(&seeing).context("the extractor `vpe` cannot be opened")?;
    let on_processor = model.device().is_cpu();
    let extractor = VpeExtractor::new(model, &seeing.model);
    Ok((
        extractor.context("the extractor `vpe` cannot be opened")?,
        on_processor,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn an_extractor_without_its_model_says_what_to_configure() {
        let settings = Config::defaults().unwrap().preference;
        assert_eq!(open(settings.extractor, &settings).unwrap().name(), "lexicon");
        let message = |settings: &Preference| {
            let error = open(ExtractorKind::Llm, settings).err().unwrap();
            format!("{error:#}")
        };
        assert!(message(&settings).contains("`preference.llm.model`"));
        let mut named = settings;
        named.llm.model = Some("no/such.gguf".into());
        assert!(message(&named).contains("no/such.gguf"));
    }

    #[test]
    fn the_extractor_that_sees_pictures_is_opened_with_the_tiny_checkpoint() {
        let mut settings = Config::defaults().unwrap().preference;
        let message =
            |settings: &Preference| format!("{:#}", open(ExtractorKind::Vpe, settings).err().unwrap());
        assert!(message(&settings).contains("`preference.vpe.model`"));
        settings.vpe.model = Some("no/such/model".into());
        assert!(message(&settings).contains("no/such/model"));
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/preference/idefics2");
        settings.vpe.adapter = Some(folder.join("adapters/regex"));
        settings.vpe.model = Some(folder);
        settings.vpe.precision = tastemaker_preference::idefics2::Precision::F32;
        let extractor = open(ExtractorKind::Vpe, &settings).unwrap();
        assert!(extractor.name() == "vpe" && extractor.sees_images());
    }
}
