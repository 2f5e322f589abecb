//! What the bot understands people with: the extractor that reads comments and the metric that rates pictures, opened
//! together, because `vpe` and `viper` can share one model.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tastemaker_preference::metric::embedded::EmbeddedMetric;
use tastemaker_preference::metric::viper::ViperMetric;
use tastemaker_preference::vpe::VpeExtractor;
use tastemaker_preference::{Extractor, Metric};

use crate::bot::ReadingTimes;
use crate::config::{ExtractorKind, MetricKind, Preference, SeeingModel};
use crate::extractors::{self, NO_VPE};
use crate::seeing::{self, Seeing};

/// Said where no IDEFICS2 is named.
const NO_VIPER: &str = "the metric `viper` needs a model: name the folder of IDEFICS2 in `preference.viper.model` or \
     `preference.vpe.model`, and that of the adapter Metric-ViPer in `preference.viper.adapter` (docs/metric.md)";

/// Said where one model is to serve both without both adapters.
const BOTH_ADAPTERS: &str = "the extractor `vpe` and the metric `viper` share one model, so that neither adapter can be merged into it: \
     name the plain IDEFICS2 in `preference.vpe.model`, and both adapters in `preference.vpe.adapter` and `preference.viper.adapter`; \
     or name another model in `preference.viper.model`";

/// Logged where the metric has no GPU.
const SLOW_RATING: &str = "the metric `viper` runs on the processor: expect pictures to be shown unranked after `preference.rating_timeout_s`";

/// Times for reading, where the configuration gives none: on a GPU and for small models, and for `vpe` on a processor.
const QUICK: ReadingTimes = ReadingTimes {
    one: Duration::from_secs(120),
    together: Duration::from_secs(300),
};
const SLOW: ReadingTimes = ReadingTimes {
    one: Duration::from_secs(900),
    together: Duration::from_secs(2400),
};

/// What the bot understands people with.
pub struct Perception {
    /// Reads comments.
    pub extractor: Arc<dyn Extractor>,
    /// What reading may take.
    pub times: ReadingTimes,
    /// Rates pictures; `None` where nothing does.
    pub metric: Option<Arc<dyn Metric>>,
}

/// Opens what the configuration names. Loads its models, which may take a while; the log says before which, and how much
/// memory each will need. Blocks.
///
/// # Errors
///
/// When a model's files are not named, missing or broken; the message says which key or file, and how to mend it.
pub fn open(settings: &Preference) -> anyhow::Result<Perception> {
    let (vpe, viper) = (&settings.vpe, viper(settings));
    let sees = settings.extractor == ExtractorKind::Vpe;
    let rates = settings.metric == MetricKind::Viper;
    let shared = sees && rates && one_model(vpe, &viper);
    let mut slow = false;
    let mut metric: Option<Arc<dyn Metric>> = match settings.metric {
        MetricKind::Off => None,
        MetricKind::Embedded => Some(Arc::new(EmbeddedMetric::embedded()?)),
        MetricKind::Viper if shared => None,
        MetricKind::Viper => Some(Arc::new(
            alone(&viper).context("the metric `viper` cannot be opened")?,
        )),
    };
    let extractor: Arc<dyn Extractor> = if shared {
        let (extractor, rating, on_processor) = both(vpe, &viper)?;
        metric = Some(Arc::new(rating));
        slow = on_processor;
        Arc::new(extractor)
    } else if sees {
        let (extractor, on_processor) = extractors::vpe(vpe)?;
        slow = on_processor;
        Arc::new(extractor)
    } else {
        extractors::open(settings.extractor, settings)?
    };
    let usual = if slow { SLOW } else { QUICK };
    Ok(Perception {
        extractor,
        times: ReadingTimes {
            one: settings.reading_timeout.unwrap_or(usual.one),
            together: settings.together_timeout.unwrap_or(usual.together),
        },
        metric,
    })
}

/// The model of the metric `viper`: its own, or that of `vpe` with its own adapter.
fn viper(settings: &Preference) -> SeeingModel {
    match settings.viper.model {
        Some(_) => settings.viper.clone(),
        None => SeeingModel {
            adapter: settings.viper.adapter.clone(),
            ..settings.vpe.clone()
        },
    }
}

/// Tells whether two differ in nothing but their adapters.
fn one_model(a: &SeeingModel, b: &SeeingModel) -> bool {
    (&a.model, &a.device, a.precision) == (&b.model, &b.device, b.precision)
}

fn alone(viper: &SeeingModel) -> anyhow::Result<ViperMetric> {
    let seeing = Seeing::of(viper).context(NO_VIPER)?;
    let model = seeing::open(&seeing)?;
    if model.device().is_cpu() {
        tracing::warn!("{SLOW_RATING}");
    }
    Ok(ViperMetric::new(model, &seeing.model)?)
}

/// Opens both on one model, each with its adapter beside the weights; tells whether they are on the processor.
fn both(vpe: &SeeingModel, viper: &SeeingModel) -> anyhow::Result<(VpeExtractor, ViperMetric, bool)> {
    let plain = Seeing::of(vpe).context(NO_VPE)?;
    let adapters = vpe.adapter.as_deref().zip(viper.adapter.as_deref());
    ensure!(
        adapters.is_none_or(|(reads, rates)| reads != rates),
        "`preference.vpe.adapter` and `preference.viper.adapter` name one folder; they are two adapters, VPE-ViPer and Metric-ViPer"
    );
    let (reads, rates) = adapters.context(BOTH_ADAPTERS)?;
    tracing::info!("the extractor `vpe` and the metric `viper` share one model, each with its own adapter");
    let base = seeing::open(&Seeing {
        adapter: None,
        ..plain.clone()
    });
    let base = base.context("the model of `vpe` and `viper` cannot be opened")?;
    let slow = base.device().is_cpu();
    if slow {
        tracing::warn!("{SLOW_RATING}");
    }
    let extractor = VpeExtractor::new(base.with_adapter(reads)?, &plain.model)
        .context("the extractor `vpe` cannot be opened")?;
    let metric = ViperMetric::new(base.with_adapter(rates)?, &plain.model)
        .context("the metric `viper` cannot be opened")?;
    Ok((extractor, metric, slow))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use tastemaker_preference::idefics2::Precision;

    use super::*;
    use crate::config::Config;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/preference/idefics2")
    }

    fn tiny(adapter: &str) -> SeeingModel {
        SeeingModel {
            model: Some(folder()),
            adapter: Some(folder().join("adapters").join(adapter)),
            device: "cpu".to_owned(),
            precision: Precision::F32,
        }
    }

    fn settings(extractor: ExtractorKind, metric: MetricKind) -> Preference {
        Preference {
            extractor,
            metric,
            ..Config::defaults().unwrap().preference
        }
    }

    fn refused(settings: &Preference) -> String {
        format!("{:#}", open(settings).err().unwrap())
    }

    #[test]
    fn the_defaults_need_no_model() {
        let opened = open(&Config::defaults().unwrap().preference).unwrap();
        assert_eq!(opened.extractor.name(), "lexicon");
        assert_eq!(opened.metric.unwrap().name(), "embedded");
        assert_eq!(opened.times, QUICK);
        let off = open(&settings(ExtractorKind::Lexicon, MetricKind::Off)).unwrap();
        assert!(off.metric.is_none());
    }

    #[test]
    fn extractor_and_metric_share_a_model_or_have_their_own() {
        let mut settings = settings(ExtractorKind::Vpe, MetricKind::Viper);
        settings.vpe = tiny("answering");
        settings.viper.adapter = tiny("list").adapter;
        assert!(one_model(&settings.vpe, &viper(&settings)));
        let opened = open(&settings).unwrap();
        assert_eq!(opened.extractor.name(), "vpe");
        assert_eq!(opened.metric.unwrap().name(), "viper");
        assert_eq!(opened.times, SLOW, "on a processor");

        settings.viper = SeeingModel {
            precision: Precision::Q8_0,
            ..tiny("list")
        };
        assert!(!one_model(&settings.vpe, &viper(&settings)));
        settings.reading_timeout = Some(Duration::from_secs(7));
        let opened = open(&settings).unwrap();
        assert_eq!(opened.metric.unwrap().name(), "viper");
        assert_eq!(opened.times.one, Duration::from_secs(7));
    }

    #[test]
    fn the_metric_is_opened_without_the_extractor() {
        let mut settings = settings(ExtractorKind::Lexicon, MetricKind::Viper);
        assert!(refused(&settings).contains("`preference.viper.adapter`"));
        settings.viper = tiny("list");
        let opened = open(&settings).unwrap();
        assert_eq!((opened.extractor.name(), opened.times), ("lexicon", QUICK));
    }

    #[test]
    fn one_model_needs_both_adapters() {
        let mut settings = settings(ExtractorKind::Vpe, MetricKind::Viper);
        settings.vpe = tiny("answering");
        assert!(refused(&settings).contains("neither adapter can be merged"));
        settings.viper.adapter = settings.vpe.adapter.clone();
        assert!(refused(&settings).contains("name one folder"));
        settings.viper.adapter = Some("no/such/adapter".into());
        assert!(refused(&settings).contains("no/such/adapter"));
    }
}
